"""Weighted classification metrics: against scikit-learn on the same resamples, by hand, and their intervals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import binom, bootstrap
from sklearn import metrics as sklearn_metrics

from sightline.statistics.classification import METRICS, six_metrics
from sightline.statistics.resampling import percentile_interval, resample_counts, resample_patient_counts


def cases(num_images: int, seed: int, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and informative probabilities, rounded to `digits` so that many are tied."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, num_images)
    return label, np.round(np.clip(rng.normal(0.4 + 0.2 * label, 0.25), 0, 1), digits)


def sklearns(label: np.ndarray, probability: np.ndarray) -> list[float]:
    decision = probability >= 0.5
    return [
        sklearn_metrics.accuracy_score(label, decision),
        sklearn_metrics.precision_score(label, decision),
        sklearn_metrics.recall_score(label, decision),
        sklearn_metrics.f1_score(label, decision),
        sklearn_metrics.roc_auc_score(label, probability),
        sklearn_metrics.recall_score(label, decision, pos_label=0),
    ]


@pytest.mark.parametrize("digits", [1, 2, 12])
def test_metrics_are_scikit_learns_on_the_same_resamples(digits):
    label, probability = cases(120, digits, digits)
    counts = resample_counts(120, 50, np.random.default_rng(0))
    values = six_metrics(counts, label, probability)
    for row, drawn in zip(values, counts, strict=True):
        images = np.repeat(np.arange(120), drawn)
        np.testing.assert_allclose(row, sklearns(label[images], probability[images]), atol=1e-12, rtol=0)


def test_weights_of_1_give_the_point_estimate():
    label, probability = cases(300, 4, 1)
    np.testing.assert_allclose(
        six_metrics(np.ones((1, 300)), label, probability)[0], sklearns(label, probability), atol=1e-12, rtol=0
    )


def test_metrics_by_hand():
    label = np.array([1, 1, 1, 0, 0])
    probability = np.array([0.9, 0.5, 0.2, 0.5, 0.1])  # decisions 1 1 0 1 0
    # pairs: 0.9 beats both; 0.5 ties one and beats one; 0.2 loses one and beats one: 4.5 of 6
    expected = [3 / 5, 2 / 3, 2 / 3, 2 / 3, 4.5 / 6, 1 / 2]
    np.testing.assert_allclose(six_metrics(np.ones((1, 5)), label, probability)[0], expected, rtol=1e-15)
    # the third positive twice, the first negative not at all
    expected = [3 / 5, 1, 2 / 4, 2 / 3, 1, 1]
    weights = np.array([[1, 1, 2, 0, 1]])
    np.testing.assert_allclose(six_metrics(weights, label, probability)[0], expected, rtol=1e-15)


def test_undefined_metrics_are_nan():
    label, probability = np.array([1, 1, 0, 0]), np.array([0.1, 0.9, 0.2, 0.8])
    weights = np.array([[1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]])
    nan = np.nan
    expected = [
        [1 / 2, nan, 0, 0, 0, 1],  # no positive decision
        [1 / 2, 1, 1 / 2, 2 / 3, nan, nan],  # no negatives
        [1, nan, nan, nan, nan, 1],  # a negative only, rejected
        [nan] * 6,
        [0, 0, 0, 0, 0, 0],
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(six_metrics(weights, label, probability), expected)
    with pytest.raises(ValueError, match="a probability is NaN"):
        six_metrics(weights, label, np.array([0.1, nan, 0.2, 0.3]))


def test_all_probabilities_equal_give_an_auroc_of_one_half():
    label = np.array([1, 0, 0])
    assert six_metrics(np.ones((1, 3)), label, np.full(3, 0.3))[0, METRICS.index("auroc")] == 0.5


def test_metrics_depend_neither_on_the_order_of_images_nor_on_the_batch():
    label, probability = cases(90, 5, 1)
    counts = resample_counts(90, 40, np.random.default_rng(6))
    values = six_metrics(counts, label, probability)
    order = np.random.default_rng(7).permutation(90)
    np.testing.assert_array_equal(six_metrics(counts[:, order], label[order], probability[order]), values)
    np.testing.assert_array_equal(six_metrics(counts[10:17], label, probability), values[10:17])


def test_resamples_draw_with_replacement():
    counts = resample_counts(50, 20_000, np.random.default_rng(8))
    np.testing.assert_array_equal(counts.sum(axis=1), 50)
    # an image stands in none of the 50 draws with probability (1 - 1/50) ** 50
    for absent in (counts == 0).sum(axis=0):
        low, high = binom.interval(1 - 1e-6, 20_000, (1 - 1 / 50) ** 50)
        assert low <= absent <= high


def test_whole_patients_are_drawn():
    patients = np.array(["b", "a", "b", "c", "a", "b"])
    counts = resample_patient_counts(patients, 500, np.random.default_rng(9))
    by_patient = resample_counts(3, 500, np.random.default_rng(9))  # of a, b, c
    np.testing.assert_array_equal(counts, by_patient[:, [1, 0, 1, 2, 0, 1]])
    order = np.array([5, 3, 1, 0, 2, 4])
    again = resample_patient_counts(patients[order], 500, np.random.default_rng(9))
    np.testing.assert_array_equal(again, counts[:, order])
    single = resample_patient_counts(np.arange(7), 30, np.random.default_rng(10))
    np.testing.assert_array_equal(single, resample_counts(7, 30, np.random.default_rng(10)))


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_interval_is_scipys_percentile_bootstrap(level):
    """scipy draws its indices as we do, so from one generator state the ends agree to rounding."""
    label, probability = cases(80, 11, 2)
    right = ((probability >= 0.5) == label).astype(float)
    expected = bootstrap(
        (right,),
        np.mean,
        n_resamples=2000,
        confidence_level=level,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(12),
    ).confidence_interval
    values = six_metrics(resample_counts(80, 2000, np.random.default_rng(12)), label, probability)
    np.testing.assert_allclose(percentile_interval(values[:, 0], level), expected, atol=1e-12)


def test_interval_of_auroc_is_scipys_up_to_the_draws():
    label, probability = cases(60, 13, 1)
    expected = bootstrap(
        (label, probability),
        lambda label, probability: sklearn_metrics.roc_auc_score(label, probability),
        n_resamples=600,
        method="percentile",
        paired=True,
        vectorized=False,
        rng=np.random.default_rng(14),
    )
    values = six_metrics(resample_counts(60, 20_000, np.random.default_rng(15)), label, probability)[:, 4]
    low, high = percentile_interval(values, 0.95)
    # an end is right if scipy's draws fall beyond it with probability 0.025, by binomial bounds
    for beyond in (expected.bootstrap_distribution < low, expected.bootstrap_distribution > high):
        assert binom.ppf(1e-5, 600, 0.025) <= beyond.sum() <= binom.isf(1e-5, 600, 0.025)


def test_interval_leaves_undefined_resamples_out():
    values = np.array([np.nan, *range(101), np.nan])
    assert percentile_interval(values, 0.9) == pytest.approx((5, 95))
    assert np.isnan(percentile_interval(np.full(3, np.nan), 0.9)).all()


@pytest.mark.slow
def test_patient_intervals_hold_the_truth_where_image_intervals_do_not():
    """Coverage at 80% when the images of a patient share their fate: binomial bounds over 400 studies."""
    rng = np.random.default_rng(16)
    studies, patients, each = 400, 60, 8
    patient_of = np.repeat(np.arange(patients), each)
    label = np.ones(patients * each, dtype=int)
    held = {"image": 0, "patient": 0}
    for _ in range(studies):
        probability = np.repeat(rng.random(patients), each)  # recall is 1/2 in the population
        for kind, counts in (
            ("image", resample_counts(len(label), 300, rng)),
            ("patient", resample_patient_counts(patient_of, 300, rng)),
        ):
            low, high = percentile_interval(six_metrics(counts, label, probability)[:, 2], 0.8)
            held[kind] += low <= 0.5 <= high
    assert binom.ppf(1e-4, studies, 0.8) <= held["patient"] <= binom.isf(1e-4, studies, 0.8)
    assert held["image"] < binom.ppf(1e-4, studies, 0.6)
