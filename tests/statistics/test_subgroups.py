"""Subgroups: levels and their order, and values that can be computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.statistics.classification import six_metrics
from sightline.statistics.contrast import contrast
from sightline.statistics.proportions import clopper_pearson
from sightline.statistics.subgroups import age_band, classified, contrasted, counts, levels_of


def test_bands_of_age() -> None:
    ages = ["0", "17.9", "18", "39", "40", "64.5", "65", "110", "111", "-1", "", "old", "nan"]
    assert [age_band(age) for age in ages] == [
        "under 18", "under 18", "18 to 39", "18 to 39", "40 to 64", "40 to 64", "65 or more", "65 or more",
        *["not stated"] * 5,
    ]  # fmt: skip


def test_levels_are_in_order_and_the_unknown_comes_last() -> None:
    assert levels_of("view", ["PA", "", "AP", "PA"]) == (["PA", "not stated", "AP", "PA"], ["AP", "PA", "not stated"])
    assert levels_of("age", ["70", "8", "", "30"])[1] == ["under 18", "18 to 39", "65 or more", "not stated"]
    assert levels_of("scanner", ["007", "7"])[1] == ["007", "7"]
    assert levels_of("site", []) == ([], [])


def test_classification_by_hand() -> None:
    label_n = np.array([1, 1, 1, 1, 0, 0])
    probability_n = np.array([0.9, 0.5, 0.4, 0.8, 0.1, 0.6])
    patients_n = np.array(list("abcdef"))
    found = classified(label_n, probability_n, patients_n, 500, 0.95, np.random.default_rng(0))
    assert {name: own["value"] for name, own in found.items()} == pytest.approx(
        {"accuracy": 4 / 6, "sensitivity": 3 / 4, "specificity": 1 / 2, "auroc": 6 / 8}
    )
    for name, share, trials in (("accuracy", 4 / 6, 6), ("sensitivity", 3 / 4, 4), ("specificity", 1 / 2, 2)):
        assert (found[name]["low"], found[name]["high"]) == pytest.approx(clopper_pearson(share, trials, 0.95))
    assert found["auroc"]["low"] < 6 / 8 < found["auroc"]["high"]
    ones = six_metrics(np.ones((1, 6)), label_n, probability_n)[0]
    assert [found[name]["value"] for name in ("accuracy", "sensitivity", "auroc", "specificity")] == pytest.approx(
        ones[[0, 2, 4, 5]].tolist()
    )


def test_one_class_alone_and_a_perfect_order() -> None:
    found = classified(np.ones(3), np.array([0.9, 0.2, 0.7]), np.arange(3), 50, 0.95, np.random.default_rng(0))
    assert found["accuracy"]["value"] == found["sensitivity"]["value"] == pytest.approx(2 / 3)
    assert all(math.isnan(value) for value in (*found["specificity"].values(), *found["auroc"].values()))
    label_n = np.array([0, 1] * 5)
    found = classified(label_n, label_n * 0.9, np.arange(10), 50, 0.95, np.random.default_rng(0))
    assert found["auroc"]["value"] == 1
    assert math.isnan(found["auroc"]["low"])  # all resamples agree: no claim of certainty
    assert found["sensitivity"] == {"value": 1, "low": pytest.approx(0.025 ** (1 / 5)), "high": 1}


def test_the_contrast_of_all_images_is_the_verdicts() -> None:
    """Weighed as there, by patients or by images; two subgroups of patients average to the whole."""
    rng = np.random.default_rng(3)
    patients_M = np.array([f"p{number}" for number in rng.integers(0, 12, 30)])
    scores = rng.random((30, 30)) + np.eye(30)
    for weigh in ("patients", "images"):
        whole = contrast([np.arange(30)], [scores], patients_M, weigh)
        found = contrasted(whole.d_M, patients_M, weigh, 400, 0.95, np.random.default_rng(0))
        assert found["value"] == pytest.approx(whole.value)
        assert found["low"] < found["value"] < found["high"]
    part = np.isin(patients_M, [f"p{number}" for number in range(6)])
    halves = [contrasted(whole.d_M[own], patients_M[own], "images", 9, 0.95, rng)["value"] for own in (part, ~part)]
    assert np.average(halves, weights=[part.sum(), (~part).sum()]) == pytest.approx(whole.value)


def test_contrasts_of_few() -> None:
    nan = float("nan")
    found = contrasted(
        np.array([0.2, 0.4, nan]), np.array(["a", "a", "b"]), "patients", 99, 0.95, np.random.default_rng(0)
    )
    assert found["value"] == pytest.approx(0.3)
    assert math.isnan(found["low"])  # one patient
    assert all(
        map(
            math.isnan,
            contrasted(np.array([nan]), np.array(["a"]), "images", 9, 0.95, np.random.default_rng(0)).values(),
        )
    )
    assert counts(np.array([1, 0, 1]), np.array(["a", "a", "b"])) == {"images": 3, "patients": 2, "positives": 2}


@pytest.mark.slow  # 2,000 simulated subgroups
def test_intervals_of_contrasts_cover() -> None:
    """95% intervals of 12 patients with one or two images each hold the mean in 92 to 98% of simulations."""
    rng, covered, runs = np.random.default_rng(1), 0, 2000
    patients_n = np.repeat(np.arange(12), [1, 2] * 6)
    for _ in range(runs):
        d_n = 0.3 + rng.normal(0, 0.2, 12)[patients_n] + rng.normal(0, 0.1, len(patients_n))
        found = contrasted(d_n, patients_n, "patients", 400, 0.95, rng)
        covered += found["low"] <= 0.3 <= found["high"]
    assert 0.92 <= covered / runs <= 0.98
