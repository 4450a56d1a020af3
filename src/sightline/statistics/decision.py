"""The probability at and above which an image is called positive: chosen on validation images, judged on test images.

B resamples, N images, P positive and Q negative ones, T candidate thresholds. Definitions: docs/metrics.md#decision.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from sightline.statistics.classification import DECISION_THRESHOLD
from sightline.statistics.proportions import Proportion, mean_of_two, proportion
from sightline.statistics.resampling import percentile_interval

Rule = Literal["half", "youden", "fixed_sensitivity"]
RULES: tuple[Rule, ...] = ("half", "youden", "fixed_sensitivity")
COUNTS = ("tp", "fp", "fn", "tn")
RATES = ("sensitivity", "specificity", "accuracy", "balanced_accuracy", "ppv", "npv")
EQUAL = 1e-9  # sums of two rates that differ by less are equal


class Validation(NamedTuple):
    """The images on which thresholds are chosen."""

    label_N: np.ndarray
    """0 or 1"""
    probability_N: np.ndarray
    """of label 1"""
    weights_BN: np.ndarray
    """How often each resample, by patient, drew each image."""


def candidate_thresholds(probability_N: np.ndarray) -> np.ndarray:
    """0, and the midpoint of each two neighbouring probabilities: float64 T, rising.

    No image lies at a midpoint, so a threshold does not depend on the last digit of any. At 0 every image is positive.
    A threshold above all images is no candidate.
    """
    distinct = np.unique(np.asarray(probability_N, dtype=float))
    return np.concatenate([[0.0], (distinct[:-1] + distinct[1:]) / 2])


def chosen_threshold(
    rule: Rule, weights_BN: np.ndarray, label_N: np.ndarray, probability_N: np.ndarray, sensitivity: float
) -> np.ndarray:
    """The threshold by the rule, for each row of weights: float64 B, in [0, 1].

    `half`: 0.5, whatever the images. `youden`: the candidate with the largest sensitivity + specificity; of equal ones
    the one of largest specificity. `fixed_sensitivity`: of the candidates that reach `sensitivity`, the one of largest
    specificity; of equal ones the one of largest sensitivity. Candidates that decide alike in a resample: the lowest.

    `weights_BN`: 0 or above, 1 for the point estimate. NaN where a row has no positive or no negative image, except by
    `half`. Youden 1950, Cancer 3.
    """
    weights_BN = np.asarray(weights_BN, dtype=float)
    if rule == "half":
        return np.full(len(weights_BN), DECISION_THRESHOLD)
    if not len(label_N):
        return np.full(len(weights_BN), np.nan)
    threshold_T = candidate_thresholds(probability_N)
    called_NT = (np.asarray(probability_N)[:, None] >= threshold_T).astype(float)
    positive_N = np.asarray(label_N) == 1
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: a resample of one class
        sensitivity_BT, false_BT = (
            weights_BN[:, kept] @ called_NT[kept] / weights_BN[:, kept].sum(axis=1, keepdims=True)
            for kept in (positive_N, ~positive_N)
        )
    specificity_BT = 1 - false_BT
    if rule == "youden":
        allowed_BT = _largest(sensitivity_BT + specificity_BT, np.full(sensitivity_BT.shape, True))
        best_BT = _largest(specificity_BT, allowed_BT)
    else:
        allowed_BT = _largest(specificity_BT, sensitivity_BT >= sensitivity - EQUAL)
        best_BT = _largest(sensitivity_BT, allowed_BT)
    undefined_B = np.isnan(sensitivity_BT[:, 0] + specificity_BT[:, 0])
    return np.where(undefined_B, np.nan, threshold_T[best_BT.argmax(axis=1)])


def _largest(values_BT: np.ndarray, among_BT: np.ndarray) -> np.ndarray:
    """Which of the candidates `among_BT` have the largest value of their row."""
    kept_BT = np.where(among_BT, values_BT, -np.inf)
    return among_BT & (kept_BT >= kept_BT.max(axis=1, keepdims=True) - EQUAL)


def rates(
    label_N: np.ndarray, probability_N: np.ndarray, patients_N: np.ndarray, threshold: float, level: float
) -> dict[str, Any]:
    """COUNTS, and each of RATES as `value`, `low`, `high`, where probabilities at or above `threshold` are positive.

    Sensitivity, specificity, accuracy, PPV and NPV are proportions of images (`proportions.proportion`), balanced
    accuracy is the mean of the first two. NaN without an image that counts: no positive image, no negative one, no
    positive decision (PPV), no negative one (NPV). PPV and NPV hold at the prevalence of these images only. The
    intervals are those of this threshold on other patients; they hold nothing of how it was chosen. A NaN threshold
    gives NaN throughout, counts too.
    """
    if np.isnan(threshold):
        nothing = dict.fromkeys(("value", "low", "high"), np.nan)
        return {**dict.fromkeys(COUNTS, np.nan), **{rate: dict(nothing) for rate in RATES}}
    positive_N, called_N = np.asarray(label_N) == 1, np.asarray(probability_N) >= threshold
    right_N, patients_N = positive_N == called_N, np.asarray(patients_N)

    def share(among_N: np.ndarray) -> Proportion:
        return proportion(right_N[among_N], patients_N[among_N], level)

    cells = (positive_N & called_N, ~positive_N & called_N, positive_N & ~called_N, ~positive_N & ~called_N)
    sensitivity, specificity = share(positive_N), share(~positive_N)
    of_all, balanced = share(np.full(len(right_N), True)), mean_of_two(sensitivity, specificity)
    shares = (sensitivity, specificity, of_all, balanced, share(called_N), share(~called_N))
    return {
        **{name: int(cell_N.sum()) for name, cell_N in zip(COUNTS, cells, strict=True)},
        **{name: share_of._asdict() for name, share_of in zip(RATES, shares, strict=True)},
    }


def decisions(
    validation: Validation,
    label_N: np.ndarray,
    probability_N: np.ndarray,
    patients_N: np.ndarray,
    sensitivity: float,
    level: float,
) -> dict[Rule, dict[str, Any]]:
    """For each rule: its threshold with the interval of the choice, what it gives on validation and on test images.

    `threshold` (`value`, `low`, `high`): the percentile interval of the thresholds that the resamples of the validation
    patients would have chosen. `validation`: counts of positives and negatives, sensitivity and specificity there,
    which are too good where the threshold was chosen on them; both NaN without a threshold, and each without an image
    of its class. The rest is `rates` of the test images `label_N`.
    """
    results: dict[Rule, dict[str, Any]] = {}
    positive_N = validation.label_N == 1
    weights_BN = np.concatenate([np.ones((1, len(positive_N)), dtype=int), validation.weights_BN])
    for rule in RULES:
        threshold_B = chosen_threshold(rule, weights_BN, validation.label_N, validation.probability_N, sensitivity)
        value = float(threshold_B[0])
        called_N = np.where(np.isnan(value), np.nan, validation.probability_N >= value)
        results[rule] = {
            "threshold": Proportion(value, *percentile_interval(threshold_B[1:], level))._asdict(),
            "validation": {
                "positives": int(positive_N.sum()),
                "negatives": int((~positive_N).sum()),
                "sensitivity": called_N[positive_N].mean() if positive_N.any() else np.nan,
                "specificity": (1 - called_N)[~positive_N].mean() if not positive_N.all() else np.nan,
            },
            **rates(label_N, probability_N, patients_N, value, level),
        }
    return results
