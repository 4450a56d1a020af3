"""Two families of networks compared training by training: values by hand, and what the intervals rest on."""

from __future__ import annotations

import numpy as np
import pytest

from paired_families import classification_differences, delong_difference, score_differences
from sightline.statistics.delong import delong_clustered

LABELS = np.array([1, 1, 1, 1, 0, 0, 0, 0])
PATIENTS = np.array(list("aabcdefg"))
RIGHT = np.where(LABELS == 1, 0.9, 0.1)
WRONG_ON_ONE = np.where(np.arange(8) == 4, 0.8, RIGHT)  # a false positive, still ranked below all positives


def differences(first: list[np.ndarray], second: list[np.ndarray]) -> dict:
    rng = np.random.default_rng(0)
    return classification_differences(np.array(first), np.array(second), LABELS, PATIENTS, 200, 0.95, rng)


def test_differences_of_two_seeds_by_hand() -> None:
    found = differences([RIGHT, RIGHT], [WRONG_ON_ONE, RIGHT])
    assert found["accuracy"]["by_seed"] == pytest.approx([1 / 8, 0])
    assert found["accuracy"]["mean"] == pytest.approx(1 / 16)
    assert found["specificity"]["by_seed"] == pytest.approx([1 / 4, 0])
    assert found["recall"]["by_seed"] == pytest.approx([0, 0])
    assert found["auroc"]["by_seed"] == pytest.approx([0, 0])
    assert found["brier"]["by_seed"] == pytest.approx([(0.1**2 - 0.8**2) / 8, 0])  # lower is better
    assert found["f1"]["by_seed"] == pytest.approx([1 - 8 / 9, 0])


def test_other_trainings_widen_the_interval_and_one_training_says_nothing_of_them() -> None:
    found = differences([RIGHT, RIGHT], [WRONG_ON_ONE, RIGHT])["accuracy"]
    own, trainings = found["these_networks"], found["all_trainings"]
    assert 0 <= own["low"] <= found["mean"] <= own["high"]
    assert trainings["low"] < own["low"]
    assert trainings["high"] > own["high"]
    single = differences([RIGHT], [WRONG_ON_ONE])["accuracy"]
    assert single["mean"] == pytest.approx(1 / 8)
    assert single["these_networks"]["high"] > 1 / 8
    assert np.isnan(single["all_trainings"]["low"])
    assert np.isnan(single["all_trainings"]["high"])


def test_swapping_the_families_turns_the_sign() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 2, 8))
    there, back = differences([*first], [*second]), differences([*second], [*first])
    for metric in ("accuracy", "auroc", "brier"):
        assert back[metric]["mean"] == pytest.approx(-there[metric]["mean"])
        own, turned = there[metric]["these_networks"], back[metric]["these_networks"]
        assert (turned["low"], turned["high"]) == pytest.approx((-own["high"], -own["low"]))


def test_delong_of_single_networks_is_that_of_the_pair() -> None:
    rng = np.random.default_rng(2)
    label_N = np.repeat([0, 1], 40)
    probability_AN = 1 / (1 + np.exp(-rng.normal(label_N, 1, (2, 80))))
    patients_N = np.arange(80) // 2
    auroc_A, covariance_AA = delong_clustered(label_N, probability_AN, patients_N)
    found = delong_difference(probability_AN[:1], probability_AN[1:], label_N, patients_N, 0.95)
    error = np.sqrt(covariance_AA[0, 0] + covariance_AA[1, 1] - 2 * covariance_AA[0, 1])
    assert found["value"] == pytest.approx(auroc_A[0] - auroc_A[1])
    assert found["high"] - found["value"] == pytest.approx(1.959964 * error, rel=1e-6)
    same = delong_difference(probability_AN[:1], probability_AN[:1], label_N, patients_N, 0.95)
    assert same == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_scores_of_maps_are_paired_by_image() -> None:
    first = np.array([[0.5, 0.25, 0.0, 0.5], [0.5, 0.5, 0.0, 0.5]])
    second = np.array([[0.25, 0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    found = score_differences(first, second, np.array(list("abcd")), 200, 0.95, np.random.default_rng(0))
    assert found["by_seed"] == pytest.approx([0.1875, 0.375])
    assert found["mean"] == pytest.approx(0.28125)
    assert found["these_networks"]["low"] < 0.28125 < found["these_networks"]["high"]
    assert found["all_trainings"]["sd"] == pytest.approx(0.1875 / np.sqrt(2))
