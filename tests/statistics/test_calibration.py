"""Calibration: against scikit-learn and statsmodels, by hand, and by simulating models of known calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit, logit
from scipy.stats import binom
from sklearn.calibration import calibration_curve as sklearns_curve
from sklearn.metrics import brier_score_loss

from sightline.statistics.calibration import (
    ALL_EQUAL,
    CURVE_COLUMNS,
    FLAT,
    NO_SHIFT,
    ONE_CLASS,
    SEPARATED,
    brier,
    calibrated_errors,
    calibration,
    calibration_curve,
    calibration_error,
    equal_mass_bins,
    error_interval,
    recalibration,
)
from sightline.statistics.resampling import resample_counts


def cases(num_images: int, seed: int, slope: float = 1.0, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities whose true logit is `slope` times the probability's, plus `shift`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, num_images)
    return (rng.random(num_images) < expit(slope * logits + shift)).astype(int), expit(logits)


def error(label: np.ndarray, probability: np.ndarray, num_bins: int) -> float:
    bins = equal_mass_bins(probability, num_bins)
    return float(calibration_error(np.ones((1, len(label))), label - probability, bins)[0])


def test_bins_hold_equally_many_images_in_order():
    probability = np.random.default_rng(0).random(103)
    bins = equal_mass_bins(probability, 10)
    assert set(np.bincount(bins)) == {10, 11}
    assert (np.diff(bins[np.argsort(probability)]) >= 0).all()
    np.testing.assert_array_equal(equal_mass_bins(probability[::-1], 10), bins[::-1])
    np.testing.assert_array_equal(equal_mass_bins(np.array([0.2, 0.1, 0.3]), 10), [3, 0, 6])  # each its own


def test_equal_probabilities_share_a_bin():
    # 4 bins of 8 images; 0.5 begins with the third image, in the second bin, and stays there
    probability = np.array([0.1, 0.2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9])
    np.testing.assert_array_equal(equal_mass_bins(probability, 4), [0, 0, 1, 1, 1, 1, 1, 3])
    np.testing.assert_array_equal(equal_mass_bins(np.full(5, 0.3), 4), np.zeros(5))
    assert len(equal_mass_bins(np.zeros(0), 4)) == 0


def test_error_by_hand():
    label, probability = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.6, 0.8])
    # two bins: |1 - 0.3| and |2 - 1.4|, over 4 images; one bin: |3 - 1.7|
    assert error(label, probability, 2) == pytest.approx((0.7 + 0.6) / 4)
    assert error(label, probability, 1) == pytest.approx(1.3 / 4)
    assert error(label, np.full(4, 0.75), 3) == 0
    weighted = calibration_error(np.array([[2, 0, 1, 0]]), label - probability, np.array([0, 0, 1, 1]))
    assert weighted[0] == pytest.approx((0.2 + 0.4) / 3)


@pytest.mark.parametrize("num_bins", [1, 5, 10])
def test_error_and_curve_are_scikit_learns(num_bins):
    label, probability = cases(200, 1, slope=0.5)
    share, mean = sklearns_curve(label, probability, n_bins=num_bins, strategy="quantile")
    bins = equal_mass_bins(probability, num_bins)
    curve = pd.DataFrame(calibration_curve(label, probability, np.arange(200), bins, 0.95))
    assert list(curve.columns) == list(CURVE_COLUMNS)
    np.testing.assert_allclose(curve["share"], share)
    np.testing.assert_allclose(curve["probability"], mean)
    assert set(curve["images"]) == {200 // num_bins}
    assert error(label, probability, num_bins) == pytest.approx(np.abs(share - mean).mean())
    assert ((curve["low"] <= curve["share"]) & (curve["share"] <= curve["high"])).all()
    assert curve["positives"].sum() == label.sum()


def test_weights_are_repeated_images():
    label, probability = cases(50, 2)
    weights = resample_counts(50, 30, np.random.default_rng(3))
    bins = equal_mass_bins(probability, 6)
    scores, errors = brier(weights, label, probability), calibration_error(weights, label - probability, bins)
    for row, score, value in zip(weights, scores, errors, strict=True):
        drawn = np.repeat(np.arange(50), row)
        assert score == pytest.approx(brier_score_loss(label[drawn], probability[drawn]))
        gaps = [(label - probability)[drawn[bins[drawn] == number]].sum() for number in range(6)]
        assert value == pytest.approx(np.abs(gaps).sum() / 50)


def expected_error(probability: np.ndarray, bins: np.ndarray) -> float:
    """The expected ECE of a calibrated model in closed form: mean absolute deviation of a Poisson-binomial per bin."""
    total = 0.0
    for number in np.unique(bins):
        own = probability[bins == number]
        exactly = np.ones(1)
        for chance in own:
            exactly = np.convolve(exactly, [1 - chance, chance])
        total += float((exactly * np.abs(np.arange(len(exactly)) - own.sum())).sum())
    return total / len(probability)


@pytest.mark.parametrize("num_images", [12, 60, 300])
def test_the_expected_error_of_a_calibrated_model(num_images):
    _, probability = cases(num_images, 4)
    bins = equal_mass_bins(probability, 10)
    errors = calibrated_errors(probability, bins, 4000, np.random.default_rng(5))
    assert errors.mean() == pytest.approx(expected_error(probability, bins), abs=5 * errors.std() / np.sqrt(4000))
    assert errors.mean() > 0.02  # with few images it is far from 0


def test_a_calibrated_models_error_lies_in_its_band():
    """p is uniform: binomial bounds over 300 studies, on either side of the 95% band and at p of one half."""
    below = above = low_p = 0
    for study in range(300):
        label, probability = cases(60, 1000 + study)
        bins = equal_mass_bins(probability, 10)
        errors = calibrated_errors(probability, bins, 400, np.random.default_rng(study))
        value = error(label, probability, 10)
        below, above = below + (value < np.quantile(errors, 0.025)), above + (value > np.quantile(errors, 0.975))
        low_p += (1 + (errors >= value).sum()) / 401 <= 0.5
    assert max(below, above) <= binom.isf(1e-5, 300, 0.025)
    assert binom.ppf(1e-5, 300, 0.5) <= low_p <= binom.isf(1e-5, 300, 0.5)


LOGITS = np.random.default_rng(6).normal(0, 2, 20_000)  # the population of `cases`


def held(num_images: int, slope: float, shift: float, studies: int) -> int:
    """Studies whose 95% interval holds the true ECE: that of the population in the study's bins."""
    count = 0
    for study in range(studies):
        label, probability = cases(num_images, study, slope, shift)
        bins = equal_mass_bins(probability, 10)
        edges = [probability[bins == number].min() for number in np.unique(bins)]
        place = np.maximum(np.searchsorted(edges, expit(LOGITS), side="right") - 1, 0)
        gaps = np.bincount(place, expit(slope * LOGITS + shift) - expit(LOGITS))
        weights = resample_counts(num_images, 300, np.random.default_rng(study))
        low, high = error_interval(
            error(label, probability, 10), calibration_error(weights, label - probability, bins),
            calibrated_errors(probability, bins, 300, np.random.default_rng(study)), 0.95,
        )  # fmt: skip
        count += low <= np.abs(gaps).sum() / len(LOGITS) <= high
    return count


def test_the_interval_holds_the_true_error_of_a_calibrated_model():
    """The plain percentile interval never does."""
    assert held(60, 1.0, 0.0, 100) >= binom.ppf(1e-4, 100, 0.95)
    assert held(300, 0.6, 0.0, 60) >= binom.ppf(1e-4, 60, 0.95)


@pytest.mark.slow  # 1,000 studies each
@pytest.mark.parametrize("num_images", [60, 150, 300, 624])
@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (1.0, 0.3), (0.7, 0.0), (0.6, 0.0), (0.5, 1.0)])
def test_coverage_of_the_interval(num_images, slope, shift):
    """93% or more: least for the smallest studies with a small true error, where it is 93.8%."""
    assert held(num_images, slope, shift, 1000) >= binom.ppf(1e-3, 1000, 0.938)


def test_the_interval_by_hand():
    resampled, calibrated = np.linspace(0.1, 0.3, 101), np.linspace(0, 0.1, 101)
    # quantiles 0.025 and 0.975: 0.105 and 0.295; mean resampled 0.2, so the bias is 0.02
    assert error_interval(0.18, resampled, calibrated, 0.95) == pytest.approx((2 * 0.18 - 0.295 - 0.02, 0.295))
    assert error_interval(0.09, resampled, calibrated, 0.95) == pytest.approx((0, 0.295))
    assert np.isnan(error_interval(np.nan, resampled, calibrated, 0.95)).all()


@pytest.mark.parametrize("seed", range(3))
def test_intercept_and_slope_are_statsmodels(seed):
    label, probability = cases(150, 10 + seed, slope=0.6, shift=0.4)
    patients = np.random.default_rng(seed).integers(0, 60, 150)
    ours = recalibration(label, probability, patients, 0.95)
    num_patients = len(np.unique(patients))
    for name, design, offset in (
        ("intercept", np.ones((150, 1)), logit(probability)),
        ("slope", sm.add_constant(logit(probability)), None),
    ):
        fit = sm.GLM(label, design, family=sm.families.Binomial(), offset=offset).fit(
            tol=1e-12, cov_type="cluster", cov_kwds={"groups": patients, "use_correction": False}
        )
        half = 1.959964 * fit.bse[-1] * np.sqrt(num_patients / (num_patients - 1))
        expected = (fit.params[-1], fit.params[-1] - half, fit.params[-1] + half)
        assert tuple(ours[name].values()) == pytest.approx(expected, rel=1e-5)


def test_intercept_and_slope_find_the_truth():
    label, probability = cases(20_000, 20, slope=0.6)
    ours = recalibration(label, probability, np.arange(20_000), 0.999)
    assert ours["slope"]["low"] < 0.6 < ours["slope"]["high"]
    assert ours["slope"]["high"] - ours["slope"]["low"] < 0.15
    label, probability = cases(20_000, 21, shift=0.5)
    ours = recalibration(label, probability, np.arange(20_000), 0.999)
    assert ours["intercept"]["low"] < 0.5 < ours["intercept"]["high"]


def test_what_has_no_slope():
    separated = recalibration(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4]), np.arange(4), 0.95)
    assert np.isnan(separated["slope"]["value"])
    # the sum of the labels equals that of the recalibrated probabilities
    logits = logit(np.array([0.1, 0.2, 0.3, 0.4])) + separated["intercept"]["value"]
    assert expit(logits).sum() == pytest.approx(2)
    constant = recalibration(np.array([0, 1, 1, 1]), np.full(4, 0.5), np.arange(4), 0.95)
    assert np.isnan(constant["slope"]["value"])
    assert constant["intercept"]["value"] == pytest.approx(np.log(3))
    for label in (np.ones(3), np.zeros(3), np.zeros(0)):
        one_class = recalibration(label, np.full(len(label), 0.3), np.arange(len(label)), 0.95)
        assert np.isnan(one_class["intercept"]["value"])
    extreme = recalibration(np.array([0, 1, 0, 1, 1]), np.array([0.0, 0.0, 1.0, 1.0, 0.7]), np.arange(5), 0.95)
    assert np.isfinite(list(extreme["slope"].values())).all()
    one_patient = recalibration(np.array([0, 1, 0, 1]), np.array([0.2, 0.3, 0.4, 0.5]), np.zeros(4), 0.95)
    assert np.isfinite(one_patient["slope"]["value"])
    assert np.isnan(one_patient["slope"]["low"])


@pytest.mark.parametrize("wrong", [(0, 0), (0, 5), (5, 5), (30, 1)])
def test_probabilities_of_0_and_1_alone_give_neither_intercept_nor_slope(wrong):
    """Their logits are infinite. With 1e-6 in place of 0 the interval was +-62,292."""
    probability, label = np.repeat([0.0, 1.0], 50), np.repeat([0, 1], 50)
    label[: wrong[0]], label[50 : 50 + wrong[1]] = 1, 0
    ours = recalibration(label, probability, np.arange(100), 0.95)
    for name in ("intercept", "slope"):
        assert np.isnan([ours[name][end] for end in ("value", "low", "high")]).all()
        assert "0 or 1" in ours[name]["reason"]


def test_the_intercept_needs_images_that_a_shift_can_move():
    """Of 12 images two have a logit: with three false alarms of probability 1 they would have to sum to -2."""
    probability = np.array([0.0] * 5 + [1.0] * 5 + [0.4, 0.6])
    label = np.array([0] * 5 + [0, 0, 0, 1, 1] + [0, 1])
    assert recalibration(label, probability, np.arange(12), 0.95)["intercept"]["reason"] == NO_SHIFT
    label[:3] = 1  # three misses make up for them: the two sum to one positive
    found = recalibration(label, probability, np.arange(12), 0.95)["intercept"]
    assert found["value"] == pytest.approx(0, abs=1e-4)
    assert found["low"] < -5 < 5 < found["high"]


@pytest.mark.parametrize("least", [1e-4, 1e-5, 2e-6])
def test_a_likelihood_that_is_flat_bounds_no_intercept(least):
    """A normal interval would be +-623 and more, but a shift of 14 makes almost every image of one class."""
    probability, label = np.repeat([least, 1 - least], 50), np.repeat([0, 1], 50)
    label[:5], label[50:55] = 1, 0
    ours = recalibration(label, probability, np.arange(100), 0.95)
    assert ours["intercept"]["reason"] == FLAT
    assert np.isnan(ours["intercept"]["value"])
    assert 0 < ours["slope"]["low"] < ours["slope"]["high"] < 1


def test_reasons_are_given_where_nothing_is_estimated():
    patients = np.arange(4)
    assert recalibration(np.ones(4), np.full(4, 0.3), patients, 0.95)["slope"]["reason"] == ONE_CLASS
    label = np.array([0, 0, 1, 1])
    assert recalibration(label, np.full(4, 0.5), patients, 0.95)["slope"]["reason"] == ALL_EQUAL
    assert recalibration(label, np.array([0.1, 0.2, 0.3, 0.4]), patients, 0.95)["slope"]["reason"] == SEPARATED
    assert "reason" not in recalibration(label, np.array([0.1, 0.3, 0.2, 0.4]), patients, 0.95)["slope"]


def test_the_whole_summary():
    label, probability = cases(80, 30, slope=0.3)
    patients = np.arange(80)
    weights = resample_counts(80, 200, np.random.default_rng(0))
    summary, curve = calibration(label, probability, patients, weights, 8, 0.9, np.random.default_rng(1))
    assert summary["ece"]["value"] == pytest.approx(error(label, probability, 8))
    assert summary["brier"]["value"] == pytest.approx(brier_score_loss(label, probability))
    assert summary["brier_prevalence"] == pytest.approx(label.mean() * (1 - label.mean()))
    assert summary["bins"] == len(curve) == 8
    assert summary["p_calibrated"] == 1 / 201  # this model is far from calibrated
    for name in ("brier", "ece", "ece_if_calibrated", "intercept", "slope"):
        assert summary[name]["low"] <= summary[name]["value"] <= summary[name]["high"], name
    order = np.random.default_rng(2).permutation(80)
    again, _ = calibration(
        label[order], probability[order], patients[order], weights[:, order], 8, 0.9, np.random.default_rng(1)
    )
    for name in ("brier", "ece", "intercept", "slope"):
        assert again[name]["value"] == pytest.approx(summary[name]["value"])
    assert again["brier"] == pytest.approx(summary["brier"])


@pytest.mark.parametrize("seed", range(6))
def test_draws_that_tie_with_the_error_count_in_whole_numbers(seed):
    """A sure model's draws often repeat its labels by bin; sums in floating point must not put them below it."""
    rng = np.random.default_rng(seed)
    hundredths = rng.permutation(np.concatenate([rng.integers(1, 6, 18), rng.integers(95, 100, 22)]))
    probability = hundredths / 100
    label = (rng.random(40) < probability).astype(int)
    summary, _ = calibration(label, probability, np.arange(40), np.ones((900, 40)), 10, 0.95, np.random.default_rng(7))

    bins = equal_mass_bins(probability, 10)
    drawn = np.random.default_rng(7).random((900, 40)) < probability
    errors = sum(
        abs((100 * drawn[:, bins == number] - hundredths[bins == number]).sum(axis=1)) for number in np.unique(bins)
    )
    own = sum(abs((100 * label - hundredths)[bins == number].sum()) for number in np.unique(bins))
    assert (errors == own).any()
    assert summary["p_calibrated"] == (1 + (errors >= own).sum()) / 901
