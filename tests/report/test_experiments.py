"""Experiments side by side, from what `dvc exp show --json` prints."""

from __future__ import annotations

from typing import Any

from sightline.report.experiments import table

HONEST = {"verdict": "looks", "contrast": 0.1134, "place": 0.42, "accuracy": 0.983, "auroc": 0.99}
CHEAT = {"verdict": "elsewhere", "contrast": 0.0, "place": -0.01, "accuracy": 1, "auroc": 1}


def state(rev: str, name: str | None, params: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    data = {
        "params": {"params.yaml": {"data": params}},
        "metrics": {"metrics/summary.json": {"data": metrics}},
        "deps": {"src/align.py": {"hash": "0"}},
    }
    return {"rev": rev, "name": name, "data": data, "experiments": None}


def states() -> list[dict[str, Any]]:
    shipped = {"seed": 0, "threshold": 0.5, "train": {"learning_rate": 0.001, "epochs": 5}}
    both = {"honest": HONEST, "cheat": CHEAT, "study": {"images": 49}}
    tried = {**shipped, "threshold": 0.4, "train": {"learning_rate": 0.0001, "epochs": 5}}
    experiment = state("f" * 40, "puffy-hens", tried, {"honest": {**HONEST, "place": 0.5}, "study": {"images": 49}})
    commit = state("a" * 40, None, shipped, both)
    commit["experiments"] = [{"revs": [experiment], "name": "puffy-hens"}]
    return [state("workspace", None, shipped, both), commit]


def test_each_model_has_a_line_and_each_state_what_it_changed() -> None:
    assert table(states()).splitlines() == [
        "experiment                    model   verdict    contrast   place  accuracy  auroc",
        "workspace                     honest  looks         0.113   0.420     0.983  0.990",
        "  threshold 0.5               cheat   elsewhere     0.000  -0.010     1.000  1.000",
        "  train.learning_rate 0.001",
        "aaaaaaaaa                     honest  looks         0.113   0.420     0.983  0.990",
        "  threshold 0.5               cheat   elsewhere     0.000  -0.010     1.000  1.000",
        "  train.learning_rate 0.001",
        "puffy-hens                    honest  looks         0.113   0.500     0.983  0.990",
        "  threshold 0.4",
        "  train.learning_rate 0.0001",
    ]


def test_a_state_that_failed_or_came_before_the_summary_has_its_name_alone() -> None:
    failed = {"rev": "b" * 40, "name": "main", "data": None, "error": {"msg": "x"}, "experiments": None}
    lines = table([states()[0], failed]).splitlines()
    assert lines[-1] == "main"
    assert table([failed]).splitlines() == ["experiment", "main"]


def test_it_fits_a_terminal_of_160_columns() -> None:
    """Six models with long names, a film of another hospital, and a parameter that is a long text."""
    summary = {f"densenet121-imagenet-gap-on-lungs-{'x' * 14}{n}": {**HONEST, "verdict": "cannot_tell", "external": 0.5}
               for n in range(6)}  # fmt: skip
    shown = [
        state("workspace", None, {"saliency": {"methods": "gradcam_plus_plus " * 9}}, summary),
        state("c" * 40, "main", {"saliency": {"methods": ""}}, summary),
    ]
    lines = table(shown).splitlines()
    assert len(lines) == 1 + 2 * 6
    assert max(map(len, lines)) <= 160
    assert any(
        line.startswith("  saliency.methods gradcam_plus_plus") and "\N{HORIZONTAL ELLIPSIS}" in line for line in lines
    )
