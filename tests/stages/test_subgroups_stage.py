"""The stage subgroups: which columns it takes, which films it counts, and where it estimates nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sightline.study.files import write_csv, write_json
from studies import change, stage, study

MODELS = {
    "net": {"arch": "alexnet", "init": "scratch", "head": "gap"},
    "peer": {"maps": "maps", "method": "lime"},
}


def written(folder: Path, **columns: list[str]) -> Path:
    """24 test and 12 external films, classes in turn, `net` right on all but the first; 12 films with a contrast."""
    study(folder)
    change(folder, models=MODELS, subgroups={"columns": "view sex age site", "least": 6})
    images = [f"t{number:02}" for number in range(24)] + [f"x{number:02}" for number in range(12)]
    index = pd.DataFrame({"image": images, "split": ["test"] * 24 + ["external"] * 12, "label": [0, 1] * 18})
    index = index.assign(patient=images, source="", sha256="", **columns)
    write_csv(folder / "data/prepared/index.csv", index.sample(frac=1, random_state=1))
    right = np.where(index.label == 1, 0.9, 0.1)
    right[0] = 0.8
    predictions = index[["image", "split", "label"]].assign(probability=right)
    write_csv(folder / "data/models/net.predictions.csv", predictions)
    scored = [image for image, label in zip(images[:24], index.label, strict=False) if label]
    rows = [
        (image, image, candidate, score, value + place / 100)
        for candidate, value in (("net.cam", 9.0), ("net.gradcam", 0.2), ("peer.lime", -0.1))
        for score in ("rank", "ap")
        for place, image in enumerate(scored)
    ]
    table = pd.DataFrame(rows, columns=["image", "patient", "candidate", "score", "d"])
    table.loc[table.score == "ap", "d"] = 5
    write_csv(folder / "data/verdict.csv", table.assign(own=0, row=0, col=0))
    models = {"net": {"cam": {}, "gradcam": {}}, "peer": {"lime": {}}}
    write_json(folder / "metrics/verdict.json", {"primary": "rank", "weigh": "patients", "models": models})
    return folder


def found(folder: Path) -> dict[str, Any]:
    done = stage("subgroups", folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "metrics/subgroups.json").read_text())


def test_levels_of_each_column_by_hand(tmp_path: Path) -> None:
    view = ["PA"] * 8 + ["AP"] * 12 + [""] * 4 + ["PA"] * 12
    results = found(written(tmp_path, view=view, site=["here"] * 24 + ["there"] * 12))
    assert list(results["columns"]) == ["site", "view"]
    assert (results["least"], results["level"], results["primary"]) == (6, 0.95, "rank")
    ap, pa, unknown = results["columns"]["view"]
    assert [level["level"] for level in (ap, pa, unknown)] == ["AP", "PA", "not stated"]
    assert {name: pa["test"][name] for name in ("images", "patients", "positives")} == {
        "images": 8, "patients": 8, "positives": 4,
    }  # fmt: skip
    net = pa["test"]["models"]["net"]
    assert {name: own["value"] for name, own in net.items()} == {
        "accuracy": 0.875, "sensitivity": 1, "specificity": 0.75, "auroc": pytest.approx(1, abs=1e-6),
    }  # fmt: skip
    assert list(pa["test"]["models"]) == ["net"]  # maps made elsewhere come without predictions
    assert pa["external"]["models"]["net"]["accuracy"]["value"] == 1
    assert unknown["test"] == {"images": 4, "patients": 4, "positives": 2}  # fewer than `least`: counted alone
    assert unknown["external"] == {"images": 0, "patients": 0, "positives": 0}
    assert pa["scored"] == {"images": 4, "patients": 4}
    scored = ap["scored"]
    assert (scored["images"], scored["patients"], list(scored["models"])) == (6, 6, ["net", "peer"])
    assert scored["models"]["net"]["value"] == pytest.approx(0.2 + np.mean(range(4, 10)) / 100)  # Grad-CAM, by rank
    assert scored["models"]["peer"]["low"] < scored["models"]["peer"]["value"] < scored["models"]["peer"]["high"]
    here, there = results["columns"]["site"]
    assert (here["test"]["images"], here["external"]["images"]) == (24, 0)
    assert (there["test"]["images"], there["external"]["images"], there["scored"]["images"]) == (0, 12, 0)
    assert here["scored"]["models"]["net"]["value"] == pytest.approx(0.2 + np.mean(range(12)) / 100)
    assert "p" not in json.dumps(results).replace('"peer"', "").split('"')  # no tests


def test_without_a_column_nothing_is_written_but_that(tmp_path: Path) -> None:
    folder = written(tmp_path)
    assert found(folder) == {}
    change(folder, subgroups={"columns": "", "least": 6})
    assert found(folder) == {}


def test_any_further_column_by_name_and_a_misspelt_one(tmp_path: Path) -> None:
    folder = written(tmp_path, scanner=["007", "7"] * 18)
    change(folder, subgroups={"columns": "scaner view", "least": 6})
    done = stage("subgroups", folder)
    assert done.returncode == 1
    assert "subgroups.columns: data/prepared/index.csv lacks these; it has scanner" in done.stderr
    assert "scaner; did you mean scanner?" in done.stderr
    change(folder, subgroups={"columns": "scanner view", "least": 6})
    assert [level["level"] for level in found(folder)["columns"]["scanner"]] == ["007", "7"]
    change(folder, subgroups={"columns": "scanner", "least": 1})
    assert "subgroups.least: expected at least 2, got 1" in stage("subgroups", folder).stderr


def test_a_study_without_a_consensus_or_a_network(tmp_path: Path) -> None:
    folder = written(tmp_path, sex=["M", "F"] * 18)
    write_csv(folder / "data/verdict.csv", pd.DataFrame(columns=["image", "patient", "candidate", "score", "d"]))
    write_json(folder / "metrics/verdict.json", {})
    results = found(folder)
    assert results["columns"]["sex"][0]["scored"] == {"images": 0, "patients": 0}
    assert "primary" not in results
    change(folder, models={"peer": MODELS["peer"]})
    assert results["columns"]["sex"][0]["test"]["models"]
    assert found(folder)["columns"]["sex"][0]["test"]["models"] == {}


def test_the_order_of_the_index_changes_nothing(tmp_path: Path) -> None:
    first = found(written(tmp_path, age=[str(number * 3) for number in range(36)]))
    index = pd.read_csv(tmp_path / "data/prepared/index.csv", dtype=str)
    write_csv(tmp_path / "data/prepared/index.csv", index[::-1])
    assert found(tmp_path) == first
    assert [level["level"] for level in first["columns"]["age"]] == ["under 18", "18 to 39", "40 to 64", "65 or more"]
