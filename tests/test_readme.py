"""The README's numbers are those of the committed metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
METRICS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "metrics").glob("*.json")}


def percent(row: dict[str, Any], with_interval: bool = True) -> str:
    value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if with_interval else value


@pytest.mark.skipif("classification" not in METRICS, reason="no committed metrics")
def test_the_phantom_table() -> None:
    classification, alignment, intervals = (METRICS[name] for name in ("classification", "alignment", "intervals"))
    expected = [
        [
            key,
            percent(metrics["accuracy"], with_interval=False),
            percent(metrics["auroc"]),
            percent(intervals[key]["gradcam"]["iou"]),
            f"{100 * alignment[key]['gradcam']['random_iou']:.1f}",
            percent(intervals[key]["gradcam"]["pointing"]),
            f"{100 * alignment[key]['gradcam']['chance_pointing']:.1f}",
        ]
        for key, metrics in classification.items()
    ]
    lines = (ROOT / "README.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    assert [row for row in cells if row[0] in classification] == expected
