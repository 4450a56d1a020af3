"""Stages ladder, shortcut and reliability on a phantom, where the right answers are known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from studies import change, run, study

SIDE = 96


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom with a token in a corner, and four models' maps made by hand: none is trained.

    On normal images, which carry no token, the map of the token is noise.
    """
    folder = study(
        tmp_path_factory.mktemp("ladder"),
        data__height=SIDE, data__width=SIDE, phantom__test_images=100, phantom__annotated_images=50,
        phantom__shortcut=1.0, ladder__draws=6, ladder__resamples=1000, shortcut__draws=500,
    )  # fmt: skip
    run(folder, "prepare")
    truth, fields = (np.load(folder / f"data/prepared/{name}.npz") for name in ("truth", "lungs"))
    lungs_of = dict(zip(fields["images"].tolist(), fields["lungs"], strict=True))
    token = np.zeros((SIDE, SIDE))
    token[3:12, 3:12] = 1
    rng = np.random.default_rng(0)
    made = {
        "oracle": lambda lesions, _: lesions,
        "anatomy": lambda _, lungs: lungs,
        "token": lambda *_: token,
        "noise": lambda *_: rng.random((6, 6)),
    }
    for name, map_of in made.items():
        (folder / name).mkdir()
        for image, lesions in zip(truth["images"].tolist(), truth["lesions"], strict=True):
            is_blank = name == "token" and not lesions.any()
            map_HW = rng.random((6, 6)) if is_blank else map_of(lesions, lungs_of[image])
            np.save(folder / name / f"{image}.npy", np.asarray(map_HW, float))
    change(folder, models={name: {"maps": name, "method": "made"} for name in made})
    run(folder, *(f"import_maps {name}" for name in made), "lungs", "consensus", "reliability", "ladder", "shortcut")
    return folder


def metrics(folder: Path, name: str) -> dict:
    return json.loads((folder / f"metrics/{name}.json").read_text())


def test_the_oracle_beats_every_baseline_and_reaches_the_experts(folder: Path) -> None:
    # Not AUROC: the annotators' consensus is not the lesion, and a mask ties all that lies outside it, where the graded
    # atlas still knows what is likelier; there the oracle comes second (0.83 against 0.92).
    ladder = metrics(folder, "ladder")
    for metric in ("ap", "mass", "rank", "nss", "pointing", "cc"):
        row = ladder["models"]["oracle"]["made"][metric]
        assert min(gap["low"] for gap in row["over"].values()) > 0, (metric, row)
    for metric in ("mass", "rank", "pointing"):
        place = ladder["human_scale"][metric]["models"]["oracle"]["made"]
        assert place["high"] >= 1, (metric, place)  # even above 1: simulated experts err, the oracle does not
    assert min(gap["family_low"] for gap in ladder["models"]["oracle"]["made"]["ap"]["over"].values()) > 0
    assert ladder["lungs"] == "the phantom's own lungs"


def test_the_lungs_alone_score_their_closed_form(folder: Path) -> None:
    """Mass and pointing are the share of the lungs that the region takes, on each image."""
    consensus = np.load(folder / "data/consensus.npz")
    lungs = np.load(folder / "data/lungs.npz")
    lung_of = dict(zip(lungs["images"].tolist(), lungs["lungs"], strict=True))
    marked = consensus["consensus"].any(axis=(1, 2))
    expected = {
        image: (mask & lung_of[image]).sum() / lung_of[image].sum()
        for image, mask in zip(consensus["images"][marked].tolist(), consensus["consensus"][marked], strict=True)
    }
    table = pd.read_csv(folder / "data/ladder.csv").set_index(["candidate", "image"])
    for image, share in expected.items():
        for candidate in ("anatomy.made", "lungs"):
            row = table.loc[(candidate, image)]
            assert row["mass"] == pytest.approx(share, abs=1e-5)
            assert row["pointing"] == pytest.approx(share, abs=1e-5)
    ladder = metrics(folder, "ladder")
    row = ladder["models"]["anatomy"]["made"]["mass"]
    assert row["value"] == pytest.approx(np.mean(list(expected.values())), abs=1e-5)
    assert row["lift"] <= 1e-6  # no better than itself, which is among the baselines
    assert row["over"]["lungs"] == {"value": 0.0, "low": None, "high": None}  # no spread, so no interval


def test_chance_is_chance_and_anatomy_zero(folder: Path) -> None:
    ladder = metrics(folder, "ladder")
    areas = pd.read_csv(folder / "data/ladder.csv").query("candidate == 'uniform'").set_index("image")["mass"]
    consensus = np.load(folder / "data/consensus.npz")
    for image, mask in zip(consensus["images"].tolist(), consensus["consensus"], strict=True):
        if mask.any():
            assert areas[image] == pytest.approx(mask.mean(), abs=1e-5)
    assert ladder["baselines"]["uniform"]["auroc"] == 0.5
    assert ladder["models"]["token"]["made"]["ap"]["over"]["atlas"]["high"] < 0
    assert ladder["human_scale"]["mass"]["models"]["token"]["made"]["high"] < 0
    assert ladder["human_scale"]["mass"]["human"] > ladder["human_scale"]["mass"]["anatomy"]


def test_the_meter_flags_the_token_and_nothing_else(folder: Path) -> None:
    rows = {name: methods["made"] for name, methods in metrics(folder, "shortcut")["models"].items()}
    found = {name: row["suspicion"] for name, row in rows.items()}
    assert {row["called_by"] for row in rows.values()} == {"label"}  # no network, no answers
    assert {name: row["can_tell"] for name, row in found.items()} == {
        "oracle": False, "anatomy": True, "token": True, "noise": True,
    }  # fmt: skip
    assert {name: row["is_flagged"] for name, row in found.items()} == {
        "oracle": False, "anatomy": False, "token": True, "noise": False,
    }  # fmt: skip
    assert found["token"]["row"] < 0.2
    assert found["token"]["col"] < 0.2


def test_without_lungs_the_meter_judges_no_model(folder: Path, tmp_path: Path) -> None:
    """The same masks called a body: the numbers stay, and no model is flagged or cleared."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    with np.load(copy / "data/lungs.npz") as stored:
        np.savez(copy / "data/lungs.npz", **{**stored, "kind": np.array("body")})
    run(copy, "shortcut")
    found, before = metrics(copy, "shortcut"), metrics(folder, "shortcut")
    share = found["lungs_share"]
    assert found["lungs"] == f"the estimated body ({share:.0%} of the film), as there are no lung masks"
    assert (found["lungs_kind"], before["lungs_kind"]) == ("body", "phantom")
    for model, methods in found["models"].items():
        sign, known = methods["made"]["suspicion"], before["models"][model]["made"]["suspicion"]
        verdicts = ("can_tell", "by_excess", "by_concentration", "is_flagged")
        assert not any(sign[name] for name in verdicts), model
        assert {**sign, **dict.fromkeys(verdicts)} == {**known, **dict.fromkeys(verdicts)}


def test_experts_agree_beyond_anatomy(folder: Path) -> None:
    found = metrics(folder, "reliability")
    assert found["beyond_anatomy"]["p"] < 0.01
    assert found["beyond_anatomy"]["iou"] > found["beyond_anatomy"]["shuffled_iou"]
    assert found["alpha_iou"]["low"] < found["alpha_iou"]["value"] < found["alpha_iou"]["high"]
    assert "physician - student" in found["comparisons"]


def test_another_image_order_changes_nothing(folder: Path) -> None:
    before = {name: (folder / name).read_bytes() for name in ("data/ladder.csv", "metrics/ladder.json")}
    path = folder / "data/prepared/annotations/annotations.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], *rows[:0:-1]]) + "\n")
    run(folder, "consensus", "ladder")
    assert before == {name: (folder / name).read_bytes() for name in before}


def test_without_a_consensus_it_says_so_and_writes_empty_tables(tmp_path: Path) -> None:
    folder = study(tmp_path, phantom__annotated_images=0, consensus__source="none")
    run(folder, "prepare", "lungs", "consensus", "reliability")
    change(folder, models={})
    run(folder, "ladder")
    assert metrics(folder, "ladder") == {}
    assert metrics(folder, "reliability") == {}
    assert pd.read_csv(folder / "data/ladder.csv").empty
