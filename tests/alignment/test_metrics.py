"""One record per metric: every list derives from it, and a metric added in one place appears in all results."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.alignment.formulas import FAMILIES, Family
from sightline.alignment.metrics import METRICS, Metric, table_order
from sightline.alignment.region_scores import sorted_map
from sightline.alignment.settings import Ladder
from sightline.alignment.targets import targets_of
from sightline.report import ladder as ladder_section
from sightline.report import ladder_answer, words
from sightline.scoring import command
from sightline.stages import ladder
from sightline.study.errors import StudyError
from sightline.study.files import write_csv, write_npz
from sightline.study.models import ExternalMaps
from sightline.study.parameters import read_params

ROOT = Path(__file__).parents[2]
PARAMS = """
seed: 0
ladder: {draws: 2, tolerance: 0.1, primary: ap, resamples: 20, level: 0.9, permutations: 20}
models:
  theirs: {maps: elsewhere, method: lime}
"""
ADDED = Metric(name="inside", words="share inside", meaning="how much of the map is bright inside", source="a test")
IMAGES = ["a", "b", "c"]
SIDE = 12


def test_every_record_is_computed_and_nothing_else() -> None:
    mask = np.zeros((1, SIDE, SIDE), bool)
    mask[0, :4, :5] = True
    targets = targets_of(mask, mask.astype(float), ~mask[0])
    ramp = np.linspace(0, 1, SIDE**2)
    computed = [name for family in FAMILIES for name in family.of_map(sorted_map(ramp), targets, 2.0)]
    flat = [name for family in FAMILIES for name in family.of_flat(targets, 2.0)]
    assert sorted(computed) == sorted(flat) == sorted(METRICS)
    assert all(name == metric.name for name, metric in METRICS.items())


def test_rows_of_the_reports_tables_are_taken_once() -> None:
    assert [METRICS[name].row for name in table_order()] == list(range(1, len(METRICS) + 1))


def test_the_lists_that_users_see() -> None:
    """Columns, primary metrics and the columns of the human scale's table are public: a change is stated."""
    assert list(METRICS) == [
        "area_iou", "dice_area", "rank", "auroc", "shuffled_auroc", "ap", "pointing", "pointing_near", "distance",
        "mass", "nss", "cc", "sim", "kl", "vote",
    ]  # fmt: skip
    assert [name for name in table_order() if METRICS[name].may_be_primary] == [
        "mass", "rank", "area_iou", "ap", "auroc", "shuffled_auroc", "pointing", "nss", "cc", "sim",
    ]  # fmt: skip
    assert [name for name in table_order() if METRICS[name].has_scale_column] == ["mass", "rank", "pointing"]
    assert {name for name, metric in METRICS.items() if metric.is_graded} == {
        "ap", "auroc", "shuffled_auroc", "nss", "cc", "sim", "kl",
    }  # fmt: skip


def test_the_documentation_has_every_metric_and_its_direction() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (?:higher|\*\*(lower)\*\*) \|", (ROOT / "docs/metrics.md").read_text(), re.M)
    assert {name: direction == "lower" for name, direction in rows} == {
        name: metric.is_lower_better for name, metric in METRICS.items()
    }


def test_a_metric_that_may_not_be_primary_is_refused_and_the_others_are_named(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(PARAMS.replace("primary: ap", "primary: distance"))
    with pytest.raises(StudyError, match=r"ladder\.primary: expected one of .*shuffled_auroc.*, got 'distance'"):
        read_params(ladder.Params, tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text(PARAMS)
    assert read_params(ladder.Params, tmp_path / "params.yaml").ladder == Ladder(
        draws=2, tolerance=0.1, primary="ap", resamples=20, level=0.9, permutations=20
    )


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> str:
    """One record and its formula: the mean of the map inside the region, 0 for a flat map."""
    family = Family(
        of_map=lambda of_map, targets, _: {ADDED.name: targets.masks_RP @ of_map.values_P / targets.size_R},
        of_flat=lambda targets, _: {ADDED.name: np.zeros(len(targets.size_R))},
    )
    monkeypatch.setitem(METRICS, ADDED.name, ADDED)
    monkeypatch.setattr("sightline.alignment.threshold_free.FAMILIES", [*FAMILIES, family])
    return ADDED.name


def masks_and_maps() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two readers' masks of each image, bool M x 2 x H x W; their consensus; maps that are bright inside it."""
    masks = np.zeros((len(IMAGES), 2, SIDE, SIDE), bool)
    for row in range(len(IMAGES)):
        masks[row, 0, 2 * row : 2 * row + 4, 3:8] = masks[row, 1, 2 * row : 2 * row + 5, 3:8] = True
    union = masks.any(axis=1)
    return masks, union, union + np.random.default_rng(0).random(union.shape)


def test_a_metric_added_in_one_place_is_in_ladder_json_and_in_the_report(
    added: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    masks, union, maps = masks_and_maps()
    Path("params.yaml").write_text(PARAMS)
    names = np.array(IMAGES)
    share = masks.mean(axis=1).astype(np.float32)
    write_npz("data/consensus.npz", images=names, consensus=union, share=share)
    write_npz(
        "data/annotations.npz", images=names.repeat(2), masks=masks.reshape(-1, SIDE, SIDE),
        others=masks[:, ::-1].reshape(-1, SIDE, SIDE), annotators=np.array(["a", "b"] * len(IMAGES)),
    )  # fmt: skip
    write_npz("data/lungs.npz", images=names, lungs=np.ones_like(union), kind=np.array("masks"))
    write_npz("data/saliency/theirs.npz", images=names, lime=maps.astype(np.float32))
    write_csv("data/prepared/index.csv", pd.DataFrame({"image": IMAGES, "patient": IMAGES}))
    np.save("data/prepared/images.npy", np.zeros((len(IMAGES), SIDE, SIDE), np.uint8))
    ladder.main()
    results = json.loads(Path("metrics/ladder.json").read_text())
    value = results["models"]["theirs"]["lime"][added]
    scaled = (maps - maps.min(axis=(1, 2), keepdims=True)) / np.ptp(maps, axis=(1, 2), keepdims=True)
    expected = np.mean([scaled[row][union[row]].mean() for row in range(len(IMAGES))])
    assert value["value"] == pytest.approx(expected, abs=1e-5)
    assert value["lift"] == pytest.approx(
        value["value"] - max(by_metric[added] for by_metric in results["baselines"].values()), abs=2e-6
    )
    hits = results["models"]["theirs"]["lime"]["pointing"]  # all are hit: Clopper and Pearson's lower end, not 1
    assert [hits[key] for key in ("value", "low", "high")] == pytest.approx([1, 0.05 ** (1 / len(IMAGES)), 1], abs=2e-6)
    assert added in results["human_scale"]
    assert added in pd.read_csv("data/ladder.csv").columns
    assert added in set(pd.read_csv("plots/ladder.csv")["metric"])

    models = {"theirs": ExternalMaps(maps="elsewhere", method="lime")}
    standings = ladder_answer.standings(results, {}, models)
    study = SimpleNamespace(ladder=results, models=models, experts="experts", alignment={"theirs": {}}, params={})
    section = "".join(ladder_section.ladder(study, standings))  # type: ignore[arg-type]
    assert words.measure(added) is ADDED
    assert f"<th>{ADDED.words}</th>" in section or f">{ADDED.words}<" in section
    assert f"{ADDED.words}: {ADDED.meaning}." in section
    assert words.in_units(value["value"], added) in section


def test_a_metric_added_in_one_place_is_in_the_score_table_and_its_report(added: str, tmp_path: Path) -> None:
    _, union, maps = masks_and_maps()
    for folder in ("maps", "masks"):
        (tmp_path / folder).mkdir()
    for image, mask, values in zip(IMAGES, union, maps, strict=True):
        np.save(tmp_path / "maps" / f"{image}.npy", values)
        Image.fromarray((255 * mask).astype(np.uint8)).save(tmp_path / "masks" / f"{image}.png")
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = tmp_path / "out"
    named = [str(tmp_path / "maps"), str(tmp_path / "masks"), "--out", str(out)]
    command.run(parser.parse_args(named))
    results = json.loads((out / "scores.json").read_text())
    assert 0 < results["candidates"]["maps"][added]["value"] < 1
    assert results["candidates"]["maps"][added]["over"].keys() == results["baselines"].keys()
    table = pd.read_csv(out / "scores.csv")
    assert table[table["candidate"] == "maps"][added].mean() == pytest.approx(
        results["candidates"]["maps"][added]["value"], abs=1e-5
    )
    page = (out / "report.html").read_text()
    assert ADDED.words in page[page.index('id="metrics"') :]
