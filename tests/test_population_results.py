"""docs/results.md on accuracy and alignment, against the results file of the run that it tells of."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

ROOT = Path(__file__).parents[1]
FILE = ROOT / "benchmarks" / "study" / "population-intel-xeon-2-cores-amx-bf16.json"
SAYS = {"looks": "looks", "prior": "disease in general", "elsewhere": "elsewhere", "undecided": "undecided"}


def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def runs_by_family() -> dict[str, list[dict[str, Any]]]:
    runs = defaultdict(list)
    for point in results()["points"]:
        runs[point["family"]].append(point)
    return runs


def signed(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def rows() -> list[str]:
    """The table's rows, the largest contrast first."""
    lines = []
    by_family = runs_by_family()
    for family in sorted(results()["families"], key=lambda row: -row["contrast"]["value"]):
        runs, contrast = by_family[family["family"]], family["contrast"]
        cells = [
            family["family"],
            ", ".join(f"{100 * run['accuracy']:.1f}" for run in runs),
            ", ".join(f"{100 * run['auroc']:.1f}" for run in runs),
            f"{signed(contrast['value'])} [{signed(contrast['low'])}, {signed(contrast['high'])}]",
            ", ".join(signed(run["contrast"]) for run in runs),
            f"{family['ceiling']:.2f}",
            family["grid"].replace("x", " x "),
            f"{SAYS[family['verdict']]} ({', '.join(SAYS[run['verdict']] for run in runs)})",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def section() -> str:
    text = (ROOT / "docs" / "results.md").read_text()
    return text.split("## Is accuracy related to alignment?")[1].split("\n## ")[0]


def test_the_table_is_the_results_files() -> None:
    assert [line for line in section().splitlines() if line.startswith("| ")][2:] == rows()


def test_the_relations_are_told_as_they_were_computed() -> None:
    relations = results()["relations"]
    text = " ".join(section().split())
    for name, group in (("accuracy", "between"), ("auroc", "between"), ("accuracy", "within"), ("auroc", "within")):
        found = relations[name][group]
        rho = f"{signed(found['rho'], 2)} [{signed(found['low'], 2)}, {signed(found['high'], 2)}]"
        assert rho in text
        assert f"p = {found['p']:.{3 if group == 'between' else 2}f}" in text
    slope = relations["accuracy"]["between"]
    ends = [f"{slope[end] / 10:.3f}" for end in ("slope", "slope_low", "slope_high")]
    assert f"{ends[0]} [{ends[1]}, {ends[2]}] more of D" in text


def test_the_correlation_between_architectures_is_scipys_of_their_means() -> None:
    families = {row["family"]: row["contrast"]["value"] for row in results()["families"]}
    runs = runs_by_family()
    accuracy = [np.mean([run["accuracy"] for run in runs[name]]) for name in families]
    contrast = [np.mean([run["contrast"] for run in runs[name]]) for name in families]
    np.testing.assert_allclose(contrast, list(families.values()), atol=1e-5)
    rho = spearmanr(accuracy, contrast).statistic
    np.testing.assert_allclose(rho, results()["relations"]["accuracy"]["between"]["rho"], atol=1e-5)


def test_counts_in_the_text() -> None:
    points = results()["points"]
    assert len(points) == 24
    assert sum(point["verdict"] == "looks" for point in points) == 15
    assert max(points, key=lambda point: point["accuracy"])["contrast"] < 0
