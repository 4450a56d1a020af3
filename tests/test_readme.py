"""The numbers in README.md or docs/results.md are those of the metrics committed with them.

Both are read from the last commit: after `make repro` metrics/ holds what this machine computed, which may differ.
"""

from __future__ import annotations

import json
from itertools import takewhile
from typing import Any

from sightline.report.verdict import WORDS
from studies import committed

PLACES = ("README.md", "docs/results.md")
HEAD = "| model | accuracy | AUROC | IoU at 0.5 (Grad-CAM) |"
VERDICTS = "| model | it looks ... | contrast |"


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
    assert table(HEAD) == expected


def test_the_table_of_verdicts() -> None:
    verdicts, classification = (json.loads(committed(f"metrics/{name}.json")) for name in ("verdict", "classification"))
    expected = []
    for key, metrics in classification.items():
        entry = verdicts["models"][key]["gradcam"]
        expected.append([
            key,
            WORDS[entry["verdict"]],
            percent(entry["contrast"][verdicts["primary"]]),
            percent(entry["expert"]),
            f"{entry['place']:.2f}",
            percent(metrics["accuracy"], with_interval=False),
        ])  # fmt: skip
    assert table(VERDICTS) == expected


def table(head: str) -> list[list[str]]:
    """The cells of the first table below this header, in README.md or else in docs/results.md."""
    lines = [line for path in PLACES for line in committed(path).splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith(head)) + 2
    rows = takewhile(lambda line: line.startswith("| "), lines[start:])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
