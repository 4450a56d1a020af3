"""scores.csv, verdict.csv and scores.json: every column and key is in docs/scores.md, none is another's copy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foreign_maps import IMAGES, MAPS, annotation_rows, box, map_folder, mask_folder, png, score
from sightline.alignment.metrics import METRICS
from sightline.alignment.region_scores import SCORES
from sightline.experts.annotation_writer import write_folder
from sightline.scoring.results import RULES, SAME
from studies import ROOT

PAGE = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
IN_PIXELS = {"distance", "hd95", "assd"}
ROUNDING = 1e-9
UNBOUNDED = {"nss", "kl", "cc"}  # standard deviations, nats, from -1 to 1


def documented(section: str) -> set[str]:
    """The names in the first column of a section's tables; `a`, `b` in one cell are two."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """Two models, three readers, films and lungs, an image left out."""
    folder = tmp_path_factory.mktemp("full")
    write_folder(folder / "drawn", annotation_rows())
    cam = map_folder(folder / "cam")
    np.save(cam / "lonely.npy", MAPS["a1"])
    lime = map_folder(folder / "lime", {image: values[:, ::-1] for image, values in MAPS.items()})
    rng = np.random.default_rng(0)
    for image in IMAGES:
        png(folder / "films" / f"{image}.png", rng.integers(0, 255, (8, 12)))
        png(folder / "lungs" / f"{image}.png", 255 * box(0, 8, 0, 6))
    words = ["--also", lime, "--cleanup", "none", "--images", folder / "films", "--lungs", folder / "lungs"]
    results, table, _ = score(folder, cam, folder / "drawn", *words, "--patients", "^([a-z])")
    return results, table, pd.read_csv(folder / "out" / "verdict.csv")


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """One model and finished masks, and nothing else."""
    folder = tmp_path_factory.mktemp("least")
    results, table, _ = score(
        folder, map_folder(folder / "cam"), mask_folder(folder / "masks"), "--primary", "pointing"
    )
    return results, table, pd.read_csv(folder / "out" / "verdict.csv")


def paths(results: Mapping[str, Any]) -> set[str]:
    """The keys down to numbers, words and lists, with what differs between studies as `<candidate>`, `<metric>`, ..."""
    kinds: dict[str, set[str]] = {
        "candidate": set(results["candidates"]),
        "metric": set(METRICS) - {SAME},
        "score": set(SCORES),
        "overlap": {"iou", "dice", "nsd", "hd95", "assd"},
        "baseline": set(results["baselines"]),
        "rule": set(RULES),
        "grid": set(results["controls"]),
        "control": {name for grid in results["controls"].values() for name in grid if isinstance(grid[name], dict)},
        "reason": set(results["left_out"]),
    }
    below = {
        "candidates": "candidate", "baselines": "baseline", "over": "baseline", "contrast": "score",
        "human_scale": "metric", "binary": "rule", "controls": "grid", "left_out": "reason",
    }  # fmt: skip

    def walk(found: Mapping[str, Any], way: tuple[str, ...]) -> Iterator[str]:
        for key, value in found.items():
            kind = below.get(way[-1]) if way else None
            for above, own in (
                ("<candidate>", "metric"), ("<baseline>", "metric"), ("<rule>", "overlap"), ("<grid>", "control"),
            ):  # fmt: skip
                if way[-1:] == (above,) and len(way) > 1 and key in kinds[own]:
                    kind = own
            name = f"<{kind}>" if kind else key
            assert kind is None or key in kinds[kind], (*way, key)
            if isinstance(value, Mapping) and value:
                yield from walk(value, (*way, name))
            elif isinstance(value, list) and value and isinstance(value[0], Mapping):
                for one in value:
                    yield from walk(one, (*way, name))
            else:
                yield ".".join((*way, name))

    return set(walk(results, ()))


def collapsed(found: set[str]) -> set[str]:
    """`x` for `x.value`, `x.low` and `x.high`, which are an estimate."""
    ends = {"value", "low", "high"}
    return {path.rpartition(".")[0] if path.rpartition(".")[2] in ends else path for path in found}


def test_every_key_of_scores_json_is_documented_and_no_other(full, least):
    assert collapsed(paths(full[0]) | paths(least[0])) == documented("scores.json")


def test_every_column_is_documented_and_no_other(full, least):
    for _, table, verdict in (full, least):
        assert set(table.columns) == documented("scores.csv") - {"model", "baseline", "--threshold", "--patients"}
        assert set(verdict.columns) == documented("verdict.csv")


def test_the_metrics_of_the_page_are_those_of_the_code():
    names = documented("scores.csv")
    assert set(METRICS) - {SAME} <= names
    assert SAME not in names
    assert {name.rpartition("_")[0] for name in names if name.endswith("_iou")} - {"area"} == set(RULES)


def test_the_number_that_is_left_out_is_that_of_relevance_rank(full, least):
    """On every map and baseline, ties and all; so nothing is lost."""
    for results, _, _ in (full, least):
        assert SAME not in results["human_scale"]
        for entry in [*results["candidates"].values(), *results["baselines"].values()]:
            assert SAME not in entry
            assert "rank" in entry


def test_no_two_columns_are_equal(full):
    results, table, verdict = full
    assert results["tolerance_pixels"] < 1  # on this small grid, near is on the pixel itself
    table = table.drop(columns="pointing_near")
    for frame in (table[table["kind"] == "model"], verdict):
        numbers = frame.select_dtypes("number")
        equal = [
            (one, other)
            for one, other in combinations(numbers, 2)
            if np.allclose(numbers[one], numbers[other], atol=1e-6, equal_nan=True)
        ]
        assert equal == []


def test_values_are_fractions(full, least):
    for _, table, verdict in (full, least):
        for column in table.select_dtypes("number"):
            if column.rpartition("_")[2] not in IN_PIXELS and column not in UNBOUNDED:
                assert table[column].dropna().between(-ROUNDING, 1 + ROUNDING).all(), column
        assert verdict[["own", "row", "col"]].stack().between(0, 1).all()
        assert verdict["d"].between(-1, 1).all()
        assert table["cc"].dropna().between(-1, 1).all()


def test_means_of_the_tables_are_those_of_the_json(full):
    results, table, verdict = full
    for name, entry in results["candidates"].items():
        rows = table[table["candidate"] == name]
        for metric in set(METRICS) - {SAME}:
            assert rows[metric].mean() == pytest.approx(entry[metric]["value"], abs=1e-5)
        for rule in RULES:
            assert rows[f"{rule}_dice"].mean() == pytest.approx(entry["binary"][rule]["dice"]["value"], abs=1e-5)
        own = verdict[(verdict["candidate"] == name) & (verdict["score"] == "rank")]
        by_patient = own.groupby("patient")[["own", "row", "col", "d"]].mean()
        assert by_patient["own"].mean() == pytest.approx(entry["contrast"]["rank"]["own"], abs=1e-5)
        assert own["d"].to_numpy() == pytest.approx((own["own"] - (own["row"] + own["col"]) / 2).to_numpy(), abs=1e-5)
    (gap,) = results["differences"]
    by_name = {name: entry["mass"]["value"] for name, entry in results["candidates"].items()}
    assert gap["value"] == pytest.approx(by_name[gap["candidate"]] - by_name[gap["minus"]], abs=2e-6)


def test_the_example_of_the_page_runs(full, tmp_path, monkeypatch):
    results, table, _ = full
    (tmp_path / "scores").mkdir()
    table.to_csv(tmp_path / "scores" / "scores.csv", index=False)
    (tmp_path / "scores" / "scores.json").write_text(json.dumps(results))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(PAGE.split("```python\n")[1].split("```")[0], "docs/scores.md", "exec"), names)
    assert names["results"]["differences"] == results["differences"]
