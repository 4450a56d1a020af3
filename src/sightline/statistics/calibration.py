"""Whether probabilities are as often right as they say: Brier score, expected calibration error (ECE), slope, curve.

N images, G patients, B resamples, D draws of labels, K bins. Probabilities are of label 1, in [0, 1]. Definitions and
sources: docs/metrics.md#calibration.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.statistics.proportions import proportion
from sightline.statistics.resampling import percentile_interval

LEAST = 1e-6  # probabilities are stored with six digits; one of 0 or 1 has no logit
WIDEST = float(np.log((1 - LEAST) / LEAST))  # of the logits
STEPS, TOLERANCE = 100, 1e-10  # of Newton's method
ONE_CLASS = "all images are of one class"
NO_SHIFT = "no shift reaches the share of positive images: too many probabilities are 0 or 1"
FLAT = "the probabilities are so near 0 and 1 that the images bound no shift"
NO_LOGITS = "all probabilities are 0 or 1"
ALL_EQUAL = "all probabilities are equal"
SEPARATED = "a threshold separates the classes"
EQUAL = 1e-12  # two ECEs that differ by less are equal: sums of the same numbers in another order
CURVE_COLUMNS = ("bin", "images", "positives", "probability", "share", "low", "high")


def equal_mass_bins(probability_N: np.ndarray, num_bins: int) -> np.ndarray:
    """The bin of each image, int64 N in [0, num_bins): as many images in each as ties allow, by rising probability.

    An image's bin follows from how many images have a smaller probability, so equal probabilities share a bin, and
    some bins may be empty. Without ties sizes differ by at most one. Fewer images than bins: each has its own.
    """
    probability_N = np.asarray(probability_N, dtype=float)
    smaller_N = np.searchsorted(np.sort(probability_N), probability_N, side="left")
    return num_bins * smaller_N // max(len(probability_N), 1)


def brier(weights_BN: np.ndarray, label_N: np.ndarray, probability_N: np.ndarray) -> np.ndarray:
    """Weighted mean of (probability - label)^2, float64 B in [0, 1]; NaN without an image. Brier 1950."""
    weights_BN = np.asarray(weights_BN, dtype=float)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: no image
        return weights_BN @ (probability_N - label_N) ** 2 / weights_BN.sum(axis=1)


def calibration_error(weights_BN: np.ndarray, residual: np.ndarray, bin_N: np.ndarray) -> np.ndarray:
    """ECE of each row, float64 B in [0, 1]: sum over bins of |sum of the bin's label - probability| / images.

    That is the mean over images of |share of positives - mean probability| of the image's bin. `residual`: label minus
    probability, N, or a row of its own for each row of weights, B x N. NaN without an image. Naeini et al. 2015, AAAI,
    with bins of equal mass.
    """
    weights_BN = np.asarray(weights_BN, dtype=float)
    in_bin_NK = np.eye(int(bin_N.max(initial=0)) + 1)[bin_N]
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: no image
        return np.abs((weights_BN * residual) @ in_bin_NK).sum(axis=1) / weights_BN.sum(axis=1)


def calibrated_errors(probability_N: np.ndarray, bin_N: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The ECE that a perfectly calibrated model with these probabilities would show, float64 D, one per draw of labels.

    Each label is 1 with its own probability, independently. Their mean is above 0: with few images the shares of
    positives scatter, and ECE counts every deviation, so it is biased upwards. Bröcker and Smith 2007, Weather and
    Forecasting 22.
    """
    label_DN = rng.random((draws, len(probability_N))) < probability_N
    return calibration_error(np.ones((1, len(probability_N))), label_DN - probability_N, bin_N)


def error_interval(
    error: float, resampled_B: np.ndarray, calibrated_D: np.ndarray, level: float
) -> tuple[float, float]:
    """Both ends of the interval of the ECE, in [0, 1].

    Resampling adds its own upward bias to the estimate's, so the percentile interval misses a small true ECE always:
    it covers 0% of studies of a calibrated model (60, 300 or 624 images). Here:

    1. The upper end is that of the percentile interval, which the bias makes safe.
    2. The lower end is 0 unless the ECE is above the quantile (1 + level) / 2 of what a calibrated model would show.
    3. Else the percentile interval is reflected at the estimate and moved down by the bias, which is the mean resampled
       ECE minus the ECE: 2 ECE - upper end - bias, at least 0.

    Simulated coverage of 95% intervals: 94% to 99% (tests/statistics/test_calibration.py). NaN without an image.
    """
    if np.isnan(error):
        return float("nan"), float("nan")
    high = percentile_interval(resampled_B, level)[1]
    if error <= np.quantile(calibrated_D, (1 + level) / 2) + EQUAL:
        return 0.0, high
    bias = float(np.nanmean(resampled_B)) - error
    return max(0.0, 2 * error - high - bias), high


def recalibration(
    label_N: np.ndarray, probability_N: np.ndarray, patients_N: np.ndarray, level: float
) -> dict[str, dict[str, Any]]:
    """`intercept` and `slope` of the labels' logistic regression on the logit, each `value`, `low` and `high`.

    `intercept` (calibration in the large): with slope 1; above 0 the probabilities are too low on average. `slope`:
    with its own intercept; below 1 they are too extreme, above 1 too timid. 0 and 1 where calibrated. Probabilities are
    first brought into [1e-6, 1 - 1e-6], so where some are 0 or 1 the slope depends on that choice too. Intervals:
    normal, from the variance clustered by patient, with factor G / (G - 1). Ends are NaN with one patient. Van Calster
    et al. 2019, BMC Medicine 17.

    What cannot be estimated is NaN, with `reason`, a clause. Both: images of one class only, or none. `intercept`: if
    probabilities of 0 and 1 (to six digits) stay what they are and no finite shift of the others makes the mean
    probability the share of positives; or if the interval is longer to one side than the widest logit, 13.8. `slope`:
    if all logits are equal, a threshold separates the classes (no finite slope is best) or all probabilities are 0 or
    1 (the slope would be that of the choice of 1e-6).
    """
    label_N, probability_N = np.asarray(label_N, dtype=float), np.asarray(probability_N, dtype=float)
    logit_N = scipy.special.logit(np.clip(probability_N, LEAST, 1 - LEAST))
    positive_N = label_N == 1
    if positive_N.all() or not positive_N.any():
        return {name: _not_estimable(ONE_CLASS) for name in ("intercept", "slope")}
    is_free_N = (probability_N >= LEAST / 2) & (probability_N <= 1 - LEAST / 2)
    return {
        "intercept": _intercept(label_N, probability_N, logit_N, is_free_N, patients_N, level),
        "slope": _slope(label_N, logit_N, is_free_N, patients_N, level),
    }


def _not_estimable(reason: str) -> dict[str, Any]:
    return {**dict.fromkeys(("value", "low", "high"), float("nan")), "reason": reason}


def _intercept(
    label_N: np.ndarray,
    probability_N: np.ndarray,
    logit_N: np.ndarray,
    is_free_N: np.ndarray,
    patients_N: np.ndarray,
    level: float,
) -> dict[str, Any]:
    left = label_N.sum() - (probability_N[~is_free_N] > 0.5).sum()  # positives that the others must add up to
    if not is_free_N.any() and not left:
        return _not_estimable(NO_LOGITS)
    if not 0 < left < is_free_N.sum():
        return _not_estimable(NO_SHIFT)
    found = _last_coefficient(np.ones((len(label_N), 1)), label_N, logit_N, patients_N, level)
    return _not_estimable(FLAT) if found["high"] - found["value"] > WIDEST else found


def _slope(
    label_N: np.ndarray, logit_N: np.ndarray, is_free_N: np.ndarray, patients_N: np.ndarray, level: float
) -> dict[str, Any]:
    negatives, positives = logit_N[label_N != 1], logit_N[label_N == 1]
    if logit_N.min() == logit_N.max():
        return _not_estimable(ALL_EQUAL)
    if not is_free_N.any():
        return _not_estimable(NO_LOGITS)
    if negatives.max() <= positives.min() or positives.max() <= negatives.min():
        return _not_estimable(SEPARATED)
    design_N2 = np.column_stack([np.ones(len(label_N)), logit_N])
    return _last_coefficient(design_N2, label_N, np.zeros(len(label_N)), patients_N, level)


def _last_coefficient(
    design_NC: np.ndarray, label_N: np.ndarray, offset_N: np.ndarray, patients_N: np.ndarray, level: float
) -> dict[str, Any]:
    """The last coefficient of a logistic regression by Newton's method, with halved steps, and its interval."""
    beta_C = np.zeros(design_NC.shape[1])

    def log_likelihood(beta_C: np.ndarray) -> float:
        eta_N = offset_N + design_NC @ beta_C
        return float((label_N * eta_N - np.logaddexp(0, eta_N)).sum())

    for _ in range(STEPS):
        share_N = scipy.special.expit(offset_N + design_NC @ beta_C)
        information_CC = (design_NC.T * (share_N * (1 - share_N))) @ design_NC
        step_C = np.linalg.solve(information_CC, design_NC.T @ (label_N - share_N))
        while log_likelihood(beta_C + step_C) < log_likelihood(beta_C) - TOLERANCE:
            step_C = step_C / 2
        beta_C = beta_C + step_C
        if np.abs(step_C).max() < TOLERANCE:
            break
    share_N = scipy.special.expit(offset_N + design_NC @ beta_C)
    bread_CC = np.linalg.inv((design_NC.T * (share_N * (1 - share_N))) @ design_NC)
    labels, patient_N = np.unique(np.asarray(patients_N), return_inverse=True)
    scores_GC = np.zeros((len(labels), len(beta_C)))
    np.add.at(scores_GC, patient_N, design_NC * (label_N - share_N)[:, None])
    value = float(beta_C[-1])
    if len(labels) < 2:
        return {"value": value, "low": float("nan"), "high": float("nan")}
    factor = len(labels) / (len(labels) - 1)
    variance = (bread_CC @ scores_GC.T @ scores_GC @ bread_CC)[-1, -1] * factor
    half = float(-scipy.special.ndtri((1 - level) / 2) * np.sqrt(variance))
    return {"value": value, "low": value - half, "high": value + half}


def calibration_curve(
    label_N: np.ndarray, probability_N: np.ndarray, patients_N: np.ndarray, bin_N: np.ndarray, level: float
) -> list[dict[str, float]]:
    """CURVE_COLUMNS by name: an entry for each bin that has images, by rising probability.

    `probability`: the bin's mean; `share`: of its images that are positive, with its exact interval
    (`proportions.proportion`).
    """
    rows = []
    for number in np.unique(bin_N):
        kept_N = bin_N == number
        share = proportion(label_N[kept_N] == 1, patients_N[kept_N], level)
        counts = (int(number) + 1, int(kept_N.sum()), int(label_N[kept_N].sum()))
        rows.append((*counts, float(probability_N[kept_N].mean()), *share))
    return [dict(zip(CURVE_COLUMNS, row, strict=True)) for row in rows]


def calibration(
    label_N: np.ndarray,
    probability_N: np.ndarray,
    patients_N: np.ndarray,
    weights_BN: np.ndarray,
    num_bins: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """All of the above for one model's images, as plain JSON types, and its curve. `weights_BN`: resamples by patient.

    `brier` and `ece` with `value`, `low`, `high`; `brier_prevalence`: the score of always answering the share of
    positives; `ece_if_calibrated`: mean and both quantiles at `level` of `calibrated_errors`, as many draws as
    resamples; `p_calibrated`: (1 + draws at least as large as the ECE) / (1 + draws); `intercept`, `slope`
    (`recalibration`); `bins`: those that have images. Bins are those of these images in all resamples.
    """
    ones_1N = np.ones((1, len(label_N)))
    bin_N = equal_mass_bins(probability_N, num_bins)
    residual_N = label_N - probability_N
    error = float(calibration_error(ones_1N, residual_N, bin_N)[0])
    calibrated_D = calibrated_errors(probability_N, bin_N, len(weights_BN), rng)
    low, high = error_interval(error, calibration_error(weights_BN, residual_N, bin_N), calibrated_D, level)
    least, most = percentile_interval(calibrated_D, level)
    brier_low, brier_high = percentile_interval(brier(weights_BN, label_N, probability_N), level)
    prevalence = float(np.mean(label_N)) if len(label_N) else float("nan")
    reached = int((calibrated_D >= error - EQUAL).sum())
    return {
        "brier": {"value": float(brier(ones_1N, label_N, probability_N)[0]), "low": brier_low, "high": brier_high},
        "brier_prevalence": prevalence * (1 - prevalence),
        "ece": {"value": error, "low": low, "high": high},
        "ece_if_calibrated": {"value": float(calibrated_D.mean()), "low": least, "high": most},
        "p_calibrated": (1 + reached) / (1 + len(calibrated_D)) if len(label_N) else float("nan"),
        "bins": len(np.unique(bin_N)),
        **recalibration(label_N, probability_N, patients_N, level),
    }, calibration_curve(label_N, probability_N, patients_N, bin_N, level)
