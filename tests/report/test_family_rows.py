"""Rows of means over seeds in the paper's tables: where they stand and what they print."""

from __future__ import annotations

from typing import Any

import pytest

from sightline.report.families import families, with_alignment_rows, with_classification_rows
from sightline.study.models import Network

SUMMARY = {"value": 0.9, "low": 0.812, "high": 0.988, "sd": 0.05, "smallest": 0.85, "largest": 0.95, "seeds": 2}
UNVARIED = {"value": 0.0, "low": None, "high": None, "sd": 0.0, "smallest": 0.0, "largest": 0.0, "seeds": 2}
UNDEFINED = {"value": None, "low": None, "high": None, "sd": None, "smallest": None, "largest": None, "seeds": 0}
FAMILIES: dict[str, Any] = {
    "net": {
        "runs": ["net", "net-seed2"],
        "classification": {"accuracy": SUMMARY, "auroc": UNDEFINED},
        "alignment": {"cam": {"iou": UNVARIED, "pointing": SUMMARY}, "gradcam": {"iou": SUMMARY, "pointing": UNVARIED}},
        "ladder": {"gradcam": {"nss": SUMMARY}},
    }
}


def test_table_2_has_the_mean_below_the_last_seed() -> None:
    header = ["Model", "Init", "Accuracy", "AUROC"]
    rows = [["net", "scratch", "85.0", "–"], ["net-seed2", "scratch", "95.0", "–"], ["net-seed20", "scratch", "1", "2"]]
    words = {"accuracy": "Accuracy", "auroc": "AUROC"}
    mean = ["net, mean of 2 seeds", "scratch", "90.0\n[81.2, 98.8]\nSD 5.0, 85.0 to 95.0", "–"]
    assert with_classification_rows(header, rows, FAMILIES, words) == [*rows[:2], mean, rows[2]]
    assert with_classification_rows(header, rows, {}, words) == rows
    assert with_classification_rows(header, rows[2:], FAMILIES, words) == rows[2:]  # a family without rows


def test_table_3_has_a_mean_per_method_and_dashes_where_only_runs_have_a_value() -> None:
    header = ["Model", "Method", "IoU", "chance", "PG", "p"]
    rows = [[model, method, "1", "2", "3", "4"] for model in ("net", "net-seed2") for method in ("CAM", "Grad-CAM")]
    rows.append(["theirs", "lime", "1", "2", "3", "4"])
    result = with_alignment_rows(header, rows, FAMILIES, {"iou": "IoU", "pointing": "PG"})
    name, mean, none = "net, mean of 2 seeds", "90.0\n[81.2, 98.8]\nSD 5.0, 85.0 to 95.0", "0.0\nSD 0.0, 0.0 to 0.0"
    means = [[name, "CAM", none, "–", mean, "–"], [name, "Grad-CAM", mean, "–", none, "–"]]
    assert result == [*rows[:4], *means, rows[4]]
    assert with_alignment_rows(header, rows, {}, {"iou": "IoU"}) == rows


@pytest.mark.parametrize(
    ("text", "count"),
    [("90%<br><small>[81, 99]</small>", 3), ("0.90<br><small>[0.81, 0.99]</small>", 1), ("85% to 95%", 3)],
)
def test_the_section_prints_each_measure_in_its_unit(text: str, count: int) -> None:
    """Accuracy, IoU by Grad-CAM and PG by CAM in percent; the ladder's measure, here NSS, as a number."""
    models = {"net": Network(arch="alexnet", init="scratch", head="fc", seeds=2)}
    assert "".join(families(FAMILIES, "nss", models)).count(text) == count
