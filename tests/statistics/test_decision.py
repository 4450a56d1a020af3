"""Thresholds chosen on validation images, and what they give: by hand, by a plain loop, and against scikit-learn."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as sklearn_metrics

from sightline.statistics.decision import (
    RATES,
    RULES,
    Validation,
    candidate_thresholds,
    chosen_threshold,
    decisions,
    rates,
)
from sightline.statistics.resampling import resample_counts


def cases(num_images: int, seed: int, digits: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, num_images)
    return label, np.round(np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1), digits)


def chosen(rule, label, probability, sensitivity=0.95, weights=None) -> float:
    weights = np.ones((1, len(label))) if weights is None else weights
    return float(chosen_threshold(rule, weights, np.array(label), np.array(probability), sensitivity)[0])


def test_candidates_lie_between_the_images():
    np.testing.assert_allclose(candidate_thresholds(np.array([0.4, 0.2, 0.4, 0.9])), [0, 0.3, 0.65])
    np.testing.assert_array_equal(candidate_thresholds(np.array([0.7, 0.7])), [0])


def test_thresholds_by_hand():
    label = [0, 0, 0, 1, 0, 1, 1, 1, 1]
    probability = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    # J: at 0.35 1 + 3/4, at 0.55 4/5 + 1; the latter is larger
    assert chosen("youden", label, probability) == pytest.approx(0.55)
    assert chosen("half", label, probability) == 0.5
    # all 5 positives are needed for 0.95; 4 of 5 do for 0.8, and of those with specificity 1 the lowest keeps most
    assert chosen("fixed_sensitivity", label, probability, 0.95) == pytest.approx(0.35)
    assert chosen("fixed_sensitivity", label, probability, 0.8) == pytest.approx(0.55)
    assert chosen("fixed_sensitivity", label, probability, 0.2) == pytest.approx(0.55)


def test_of_equal_sums_the_largest_specificity():
    # J = 1/2 at 0.15 (sensitivity 1, specificity 1/2) and at 0.35 (1/2, 1)
    assert chosen("youden", [0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]) == pytest.approx(0.35)


def test_a_classifier_that_is_wrong_throughout_or_constant():
    # J is at most 0: at 0 everything is positive; no threshold lies above all images
    assert chosen("youden", [1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9]) == 0
    assert chosen("youden", [1, 0, 1, 0], [0.6] * 4) == 0
    assert chosen("fixed_sensitivity", [1, 0, 1, 0], [0.6] * 4) == 0


def plain_loop(rule: str, label: np.ndarray, probability: np.ndarray, sensitivity: float) -> float:
    """The rules again, one threshold after the other."""
    best, best_key = None, None
    for threshold in [0, *((low + high) / 2 for low, high in pairwise(sorted(set(probability))))]:
        called = [p >= threshold for p in probability]
        hit = sum(c for c, y in zip(called, label, strict=True) if y) / sum(label)
        clear = sum(not c for c, y in zip(called, label, strict=True) if not y) / (len(label) - sum(label))
        key = (round(hit + clear, 9), round(clear, 9)) if rule == "youden" else (round(clear, 9), round(hit, 9))
        if (rule == "youden" or hit >= sensitivity - 1e-12) and (best_key is None or key > best_key):
            best, best_key = threshold, key
    assert best is not None
    return float(best)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("digits", [1, 2, 9])
def test_thresholds_are_those_of_a_plain_loop(seed, digits):
    label, probability = cases(40, seed, digits)
    for rule in ("youden", "fixed_sensitivity"):
        for sensitivity in (0.5, 0.9, 1.0):
            expected = plain_loop(rule, label, probability, sensitivity)
            assert chosen(rule, label, probability, sensitivity) == pytest.approx(expected, abs=1e-15)
    threshold = chosen("youden", label, probability)
    false, true, _ = sklearn_metrics.roc_curve(label, probability)
    called = probability >= threshold
    ours = called[label == 1].mean() - called[label == 0].mean()
    assert ours == pytest.approx((true - false).max())


def test_weights_are_repeated_images():
    label, probability = cases(30, 9, 2)
    weights = resample_counts(30, 40, np.random.default_rng(0))
    for rule in ("youden", "fixed_sensitivity"):
        together = chosen_threshold(rule, weights, label, probability, 0.9)
        candidates = candidate_thresholds(probability)
        for row, threshold in zip(weights, together, strict=True):
            repeated = np.repeat(np.arange(30), row)
            alone = plain_loop(rule, label[repeated], probability[repeated], 0.9)
            # drawn images decide alike on both sides; the midpoint may be that of an image that was not drawn
            np.testing.assert_array_equal(probability[repeated] >= threshold, probability[repeated] >= alone)
            assert threshold in candidates
    order = np.random.default_rng(1).permutation(30)
    np.testing.assert_array_equal(
        chosen_threshold("youden", weights[:, order], label[order], probability[order], 0.9),
        chosen_threshold("youden", weights, label, probability, 0.9),
    )


def test_one_class_or_no_image_has_no_threshold():
    weights = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]])
    for rule in ("youden", "fixed_sensitivity"):
        values = chosen_threshold(rule, weights, np.array([1, 1, 0]), np.array([0.6, 0.7, 0.2]), 0.95)
        assert np.isnan(values).tolist() == [True, False, False, True]
        assert np.isnan(chosen(rule, [], []))
        assert np.isnan(chosen(rule, [1, 1], [0.2, 0.3]))
    assert chosen("half", [], []) == 0.5


@pytest.mark.parametrize("threshold", [0.2, 0.45, 0.5, 0.7])
def test_rates_are_scikit_learns(threshold):
    label, probability = cases(90, 3, 2)
    ours = rates(label, probability, np.arange(90), threshold, 0.9)
    called = probability >= threshold
    expected = {
        "sensitivity": sklearn_metrics.recall_score(label, called),
        "specificity": sklearn_metrics.recall_score(label, called, pos_label=0),
        "accuracy": sklearn_metrics.accuracy_score(label, called),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(label, called),
        "ppv": sklearn_metrics.precision_score(label, called),
        "npv": sklearn_metrics.precision_score(label, called, pos_label=0),
    }
    assert {rate: ours[rate]["value"] for rate in RATES} == pytest.approx(expected)
    tn, fp, fn, tp = sklearn_metrics.confusion_matrix(label, called).ravel()
    assert (ours["tp"], ours["fp"], ours["fn"], ours["tn"]) == (tp, fp, fn, tn)
    exact = binomtest(int(tp), int(tp + fp)).proportion_ci(0.9, method="exact")
    assert (ours["ppv"]["low"], ours["ppv"]["high"]) == pytest.approx((exact.low, exact.high))
    assert all(ours[rate]["low"] <= ours[rate]["value"] <= ours[rate]["high"] for rate in RATES)


def test_rates_without_images_to_count_are_nan():
    label, probability, patients = np.array([1, 1]), np.array([0.1, 0.2]), np.arange(2)
    ours = rates(label, probability, patients, 0.5, 0.95)
    assert ours["sensitivity"]["value"] == 0
    assert ours["npv"]["value"] == 0
    for rate in ("specificity", "ppv", "balanced_accuracy"):
        assert np.isnan(list(ours[rate].values())).all()
    nothing = rates(label, probability, patients, np.nan, 0.95)
    assert all(np.isnan(nothing[rate]["value"]) for rate in RATES)
    assert np.isnan(nothing["tp"])
    assert nothing.keys() == ours.keys()


def test_the_threshold_comes_from_validation_and_the_rates_from_test_images():
    label, probability = cases(60, 5, 3)
    test_label, test_probability = cases(80, 6, 3)
    weights = resample_counts(60, 200, np.random.default_rng(2))
    result = decisions(Validation(label, probability, weights), test_label, test_probability, np.arange(80), 0.9, 0.95)
    assert tuple(result) == RULES
    for rule in RULES:
        threshold = result[rule]["threshold"]
        assert threshold["value"] == chosen(rule, label, probability, 0.9)
        assert threshold["low"] <= threshold["value"] <= threshold["high"]
        assert result[rule]["validation"]["positives"] == label.sum()
        assert result[rule]["validation"]["negatives"] == 60 - label.sum()
        again = rates(test_label, test_probability, np.arange(80), threshold["value"], 0.95)
        assert {name: result[rule][name] for name in again} == again
    assert result["half"]["threshold"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert result["fixed_sensitivity"]["validation"]["sensitivity"] >= 0.9
    youden, half = (sum(result[rule]["validation"][name] for name in ("sensitivity", "specificity"))
                    for rule in ("youden", "half"))  # fmt: skip
    assert youden >= half


def test_without_validation_images_only_half_is_left():
    label, probability = cases(20, 7, 2)
    nobody = Validation(np.zeros(0, int), np.zeros(0), np.zeros((50, 0), int))
    result = decisions(nobody, label, probability, np.arange(20), 0.95, 0.95)
    assert result["half"]["accuracy"]["value"] == ((probability >= 0.5) == label).mean()
    for rule in ("youden", "fixed_sensitivity"):
        assert np.isnan(result[rule]["threshold"]["value"])
        assert np.isnan(result[rule]["accuracy"]["value"])
        assert result[rule]["validation"]["positives"] == 0


def test_validation_images_of_one_class_have_no_rates_without_a_threshold():
    label, probability = cases(20, 7, 2)
    diseased = Validation(np.ones(4, int), np.array([0.3, 0.4, 0.6, 0.9]), np.ones((50, 4), int))
    result = decisions(diseased, label, probability, np.arange(20), 0.95, 0.95)
    assert result["half"]["validation"]["sensitivity"] == 0.5
    for rule in ("youden", "fixed_sensitivity"):
        assert np.isnan(result[rule]["threshold"]["value"])
        assert np.isnan(result[rule]["validation"]["sensitivity"])  # not 0: nothing was decided
        assert np.isnan(result[rule]["validation"]["specificity"])
