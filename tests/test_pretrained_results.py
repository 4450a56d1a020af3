"""docs/results.md tells of pretrained and scratch what the committed results file holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = json.loads((ROOT / "benchmarks/study/pretrained-intel-xeon-2-cores-amx-bf16.json").read_text())
SECTION = (ROOT / "docs/results.md").read_text().split("## Does pretrained beat scratch?")[1].split("\n## ")[0]


def rows(first: str) -> list[list[str]]:
    """The cells after the first of the section's table rows that begin with `first`."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in SECTION.splitlines() if line[:1] == "|"]
    return [row[1:] for row in cells if row[0].startswith(first)]


def percent(entry: dict[str, Any]) -> str:
    value, low, high = (f"{100 * entry[end] + 0:.1f}".replace("-", "−") for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


@pytest.mark.parametrize("run", ["lite0-imagenet-gap", "lite0-scratch-gap"])
def test_each_networks_rows_are_those_of_the_file(run: str) -> None:
    own = RESULTS["runs"][run]
    classified, calibrated, mapped = rows(f"{run}, seed 0")
    names = ("accuracy", "f1", "auroc", "specificity", "recall")
    assert classified[:5] == [percent(own["classification"][name]) for name in names]
    assert classified[5] == f"{own['epochs']} ({own['best_epoch']})"
    assert calibrated[1] == percent(own["classification"]["calibration"]["ece"])
    assert mapped[1] == percent(own["verdict"]["contrast"]["rank"])
    assert mapped[0] == own["verdict"]["verdict"]
    assert mapped[3] == percent(own["maps"]["rank"])
    assert [mapped[4], mapped[6]] == [percent(own["alignment"]["intervals"][score]) for score in ("iou", "pointing")]


def test_the_differences_are_those_of_the_file() -> None:
    classified, mapped = rows("pretrained minus scratch")
    found = RESULTS["pretrained_minus_scratch"]
    for cell, name in zip(classified, ("accuracy", "f1", "auroc", "specificity", "recall"), strict=False):
        own = found["classification"][name]
        entry = own.get("delong") or {"value": own["mean"], **own["these_networks"]}
        assert cell == f"+{percent(entry)}", name
    own = found["maps"]["contrast_rank"]
    assert mapped[1] == "+" + percent({"value": own["mean"], **own["these_networks"]})
