"""Classification metrics of weighted images, so that a thousand resamples are one matrix product.

B resamples, N images, G patients. A resample is a row of counts: how often it drew each image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.statistics.means import mean_known
from sightline.statistics.resampling import percentile_interval

METRICS = ("accuracy", "precision", "recall", "f1", "auroc", "specificity")
DECISION_THRESHOLD = 0.5  # Paper: section on statistics


def six_metrics(weights_BN: np.ndarray, label_N: np.ndarray, probability_N: np.ndarray) -> np.ndarray:
    """Accuracy, precision, recall, F1, AUROC and specificity of each row of weights: float64 B x 6, in [0, 1].

    `weights_BN`: non-negative, counts of a resample or all 1 for the point estimate; `label_N`: 0 or 1;
    `probability_N` of label 1: at or above 0.5 the decision is 1. AUROC counts a tie between a positive and a
    negative as one half (mid-ranks), exactly so for whole weights.

    NaN where undefined: precision without a positive decision, recall without positives, specificity without
    negatives, AUROC without either, accuracy without images. F1 is 2 TP / (2 TP + FP + FN): 0 without a true
    positive, NaN only if there are neither positives nor positive decisions. (scikit-learn warns and returns 0.)
    A NaN probability raises ValueError. Paper: section on statistics, Table 4.
    """
    if np.isnan(probability_N).any():
        raise ValueError("a probability is NaN")
    weights_BN = np.asarray(weights_BN, dtype=float)
    positive_N = np.asarray(label_N) == 1
    decided_N = np.asarray(probability_N) >= DECISION_THRESHOLD
    cells_N4 = np.stack(
        [positive_N & decided_N, ~positive_N & decided_N, positive_N & ~decided_N, ~positive_N & ~decided_N], axis=1
    )
    tp, fp, fn, tn = (weights_BN @ cells_N4.astype(float)).T
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: undefined, as promised
        columns = [
            (tp + tn) / (tp + fp + fn + tn),
            tp / (tp + fp),
            tp / (tp + fn),
            2 * tp / (2 * tp + fp + fn),
            _auroc(weights_BN, positive_N, np.asarray(probability_N)),
            tn / (tn + fp),
        ]
    return np.stack(columns, axis=1)


def _auroc(weights_BN: np.ndarray, positive_N: np.ndarray, probability_N: np.ndarray) -> np.ndarray:
    """Float64 B: share of the pairs of a positive and a negative that the probability orders correctly, ties half."""
    negative_Q = np.flatnonzero(~positive_N)
    negative_Q = negative_Q[np.argsort(probability_N[negative_Q], kind="stable")]
    below_P, upto_P = (
        np.searchsorted(probability_N[negative_Q], probability_N[positive_N], side) for side in ("left", "right")
    )
    weights_NB = np.ascontiguousarray(weights_BN.T)  # rows are gathered and added up in a third of the columns' time
    weight_QB = np.zeros((len(negative_Q) + 1, len(weights_BN)))  # of the lowest negatives: none, one, two, ...
    np.cumsum(weights_NB[negative_Q], axis=0, out=weight_QB[1:])
    positive_PB = weights_NB[positive_N]
    right_B = np.einsum("pb,pb->b", positive_PB, weight_QB[below_P] + weight_QB[upto_P]) / 2
    return right_B / (positive_PB.sum(axis=0) * weight_QB[-1])


def metric_intervals(
    probabilities: Mapping[str, np.ndarray],
    label_N: np.ndarray,
    by_image_BN: np.ndarray,
    by_patient_BN: np.ndarray,
    level: float,
) -> dict[str, dict[str, Any]]:
    """`<model>.<metric>`: value, percentile intervals by image and by patient, and the bootstrap mean, fractions.

    `probabilities`: by model, N each; `by_image_BN`, `by_patient_BN`: counts of the resamples, which all models share.
    Paper: prints the bootstrap mean and half the interval's width.
    """
    resamples = len(by_image_BN)
    weights_BN = np.concatenate([np.ones((1, len(label_N)), dtype=int), by_image_BN, by_patient_BN])
    results: dict[str, dict[str, Any]] = {}
    for model, probability_N in probabilities.items():
        values_B6 = six_metrics(weights_BN, label_N, probability_N)
        results[model] = {}
        for metric, values_B in zip(METRICS, values_B6.T, strict=True):
            image_B, patient_B = values_B[1 : resamples + 1], values_B[resamples + 1 :]
            low, high = percentile_interval(image_B, level)
            patient_low, patient_high = percentile_interval(patient_B, level)
            results[model][metric] = {
                "value": values_B[0],
                "low": low,
                "high": high,
                "bootstrap_mean": mean_known(image_B),
                "patient_low": patient_low,
                "patient_high": patient_high,
            }
    return results
