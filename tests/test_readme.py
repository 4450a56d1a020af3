"""The numbers in README.md or docs/results.md are those of the metrics committed with them.

Both are read from the last commit: after `make repro` metrics/ holds what this machine computed, which may differ.
"""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

from studies import committed

PLACES = ("README.md", "docs/results.md")
HEAD = "| model | accuracy | AUROC | IoU at 0.5 (Grad-CAM) |"


def percent(row: dict[str, Any], with_interval: bool = True) -> str:
    value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]" if with_interval else value


def test_the_phantom_table() -> None:
    classification, alignment, intervals = (
        json.loads(committed(f"metrics/{name}.json")) for name in ("classification", "alignment", "intervals")
    )
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
    lines = [line for path in PLACES for line in committed(path).splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith(HEAD)) + 2
    rows = list(takewhile(lambda line: line.startswith("| "), lines[start:]))
    assert [[cell.strip() for cell in row.strip("|").split("|")] for row in rows] == expected
