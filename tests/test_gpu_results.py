"""docs/results.md tells of the 30 networks trained on a GPU what the committed results file holds."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.statistics.holm import holm

ROOT = Path(__file__).parents[1]
NETWORKS = json.loads((ROOT / "benchmarks/study/intel-xeon-16-cores-nvidia-h200.json").read_text())["models"]
MODELS = sorted({key.split(", seed ")[0] for key in NETWORKS})
TEXT = (ROOT / "docs/results.md").read_text().split("### Again with five seeds, and with verdicts")[1].split("\n## ")[0]
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line[:1] == "|"]


def percents(values: list[float]) -> str:
    return ", ".join(f"{100 * value + 0:.1f}".replace("-0.0", "0.0").replace("-", "−") for value in values)


@pytest.mark.parametrize("model", MODELS)
def test_each_models_rows_are_those_of_the_file(model: str) -> None:
    runs: list[dict[str, Any]] = [NETWORKS[f"{model}, seed {seed}"] for seed in range(5)]
    classified, mapped = (row[1:] for row in ROWS if row[0] == model)
    scores = ("accuracy", "auroc", "specificity")
    assert classified[:3] == [percents([run["classification"][score]["value"] for run in runs]) for score in scores]
    assert classified[3] == ", ".join(str(run["epochs"]) for run in runs)
    assert mapped[:2] == [
        percents([run["alignment"]["gradcam"][score] for run in runs]) for score in ("iou", "pointing")
    ]
    assert mapped[2:] == [
        percents([run["contrast"]["value"] for run in runs]),
        ", ".join(run["verdict"] for run in runs),
    ]


def test_the_verdicts_and_the_p_value_over_all_networks_are_those_of_the_file() -> None:
    assert Counter(run["verdict"] for run in NETWORKS.values()) == {"elsewhere": 26, "undecided": 3, "looks": 1}
    corrected = holm(np.array([run["contrast"]["p"] for run in NETWORKS.values()]))
    assert f"after Holm over the 30 it is {min(corrected):.3f}" in " ".join(TEXT.split())


def test_all_seven_good_classifiers_look_elsewhere() -> None:
    good = [run for run in NETWORKS.values() if run["classification"]["accuracy"]["value"] > 0.85]
    assert [run["verdict"] for run in good] == ["elsewhere"] * 7
