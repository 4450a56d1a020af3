"""Accuracy against alignment: by hand, against scipy, and what is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from sightline.report.accuracy import accuracy_alignment
from sightline.study.files import write_json

NAN = float("nan")


def ends(**values: float) -> dict[str, tuple[float, float, float]]:
    return {model: (value, value - 0.1, value + 0.1) for model, value in values.items()}


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_three_models_by_hand():
    # b beats c on both axes; a and b trade accuracy for alignment
    result = accuracy_alignment(ends(a=0.9, b=0.8, c=0.7), ends(a=0.2, b=0.4, c=0.3), rng())
    assert result["pareto"] == ["a", "b"]
    assert [point["is_pareto"] for point in result["points"]] == [True, True, False]
    assert result["points"][2] == pytest.approx(
        {
            "model": "c", "accuracy": 0.7, "accuracy_low": 0.6, "accuracy_high": 0.8,
            "alignment": 0.3, "alignment_low": 0.2, "alignment_high": 0.4, "is_pareto": False,
        }
    )  # fmt: skip
    # ranks 3 2 1 against 1 3 2: rho -0.5, which all six orders reach
    assert result["spearman"] == pytest.approx({"rho": -0.5, "p": 1.0, "smallest_p": 1 / 3, "n": 3})
    assert result["left_out"] == []


def test_the_order_and_monotone_scales_change_nothing():
    x, y = np.random.default_rng(1).random((2, 6))
    names = [f"m{number}" for number in range(6)]
    accuracy, alignment = ends(**dict(zip(names, x, strict=True))), ends(**dict(zip(names, y, strict=True)))
    result = accuracy_alignment(accuracy, alignment, rng())
    assert result["spearman"]["rho"] == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    turned = accuracy_alignment(dict(reversed(accuracy.items())), alignment, rng())
    assert turned["points"] == result["points"][::-1]
    assert turned["spearman"] == result["spearman"]
    scaled = accuracy_alignment(ends(**dict(zip(names, np.exp(x), strict=True))), alignment, rng())
    assert (scaled["pareto"], scaled["spearman"]) == (result["pareto"], result["spearman"])


def test_models_without_a_value_are_left_out():
    accuracy = ends(a=0.9, b=0.8, only_accurate=0.99, nan=NAN)
    alignment = ends(b=0.4, a=0.5, only_aligned=0.9, nan=0.9)
    result = accuracy_alignment(accuracy, alignment, rng())
    assert [point["model"] for point in result["points"]] == ["a", "b"]
    assert result["pareto"] == ["a"]
    assert result["left_out"] == ["only_accurate", "nan", "only_aligned"]
    assert result["spearman"] == pytest.approx({"rho": 1.0, "p": 1.0, "smallest_p": 1.0, "n": 2})


def test_ties_share_the_front():
    result = accuracy_alignment(ends(a=0.9, b=0.9, c=0.9), ends(a=0.5, b=0.5, c=0.4), rng())
    assert result["pareto"] == ["a", "b"]
    assert np.isnan(result["spearman"]["rho"])  # accuracy is constant


@pytest.mark.parametrize("models", [{}, {"a": 0.5}])
def test_too_few_models(models, tmp_path):
    result = accuracy_alignment(ends(**models), ends(**models), rng())
    assert result["spearman"]["n"] == len(models)
    assert np.isnan(result["spearman"]["p"])
    write_json(tmp_path / "a.json", result)
    assert json.loads((tmp_path / "a.json").read_text())["spearman"]["rho"] is None


def test_twelve_models_draw_orders():
    names = [f"m{number}" for number in range(12)]
    values = ends(**dict(zip(names, np.linspace(0, 1, 12), strict=True)))
    result = accuracy_alignment(values, values, rng(), draws=999)
    assert result["spearman"] == pytest.approx({"rho": 1.0, "p": 1 / 1000, "smallest_p": 1 / 1000, "n": 12})
    assert result == accuracy_alignment(values, values, rng(), draws=999)
