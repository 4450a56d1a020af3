"""By how much one family of networks exceeds another on the same images, training by training.

Both are trained with the same seeds, so training s of one has the batches and the augmentation of training s of the
other: differences are within seeds. Two intervals, which answer different questions:

- `these_networks`: other patients, the same networks. It says nothing about the next training.
- `all_trainings`: other patients and other trainings (`statistics.families.family_summary`); it needs two seeds.

S seeds, N test images, M images with a region, B resamples.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from scipy.special import ndtri

from sightline.statistics.bootstrap_t import bootstrap_t
from sightline.statistics.calibration import brier
from sightline.statistics.classification import METRICS, six_metrics
from sightline.statistics.delong import delong_clustered
from sightline.statistics.families import clustered_variance, family_summary
from sightline.statistics.resampling import percentile_interval, resample_patient_counts

LIMITS = (-1.0, 1.0)


def classification_differences(
    first_SN: np.ndarray,
    second_SN: np.ndarray,
    label_N: np.ndarray,
    patients_N: np.ndarray,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """`<metric>`: first minus second, of the six metrics and the Brier score, as fractions.

    `first_SN`, `second_SN`: probabilities of label 1. `by_seed`: S differences; `mean`; `these_networks`: percentile
    interval of the mean over seeds, whole patients resampled; for auroc also `delong`, its interval by DeLong's
    covariance, clustered by patient; `all_trainings`: a Family. Seeds where a metric is undefined make its mean NaN.
    """
    patients_N = np.asarray(patients_N)
    counts_BN = resample_patient_counts(patients_N, resamples, rng)
    weights_BN = np.concatenate([np.ones((1, len(label_N)), dtype=int), counts_BN])

    def of_family(probability_SN: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                np.column_stack([six_metrics(weights_BN, label_N, own_N), brier(weights_BN, label_N, own_N)])
                for own_N in probability_SN
            ]
        )

    difference_SBC = of_family(first_SN) - of_family(second_SN)
    degrees = max(len(np.unique(patients_N)) - 1, 1)
    results: dict[str, dict[str, Any]] = {}
    for column, metric in enumerate((*METRICS, "brier")):
        by_seed_S, mean_B = difference_SBC[:, 0, column], difference_SBC[:, 1:, column].mean(axis=0)
        low, high = percentile_interval(mean_B, level)
        known_B = mean_B[~np.isnan(mean_B)]
        variance = float(known_B.var(ddof=1)) if len(known_B) > 1 else 0.0
        results[metric] = {
            "by_seed": by_seed_S.tolist(),
            "mean": float(by_seed_S.mean()),
            "these_networks": {"low": low, "high": high},
            "all_trainings": asdict(family_summary(by_seed_S, level, variance, degrees, LIMITS)),
        }
    results["auroc"]["delong"] = delong_difference(first_SN, second_SN, label_N, patients_N, level)
    return results


def delong_difference(
    first_SN: np.ndarray, second_SN: np.ndarray, label_N: np.ndarray, patients_N: np.ndarray, level: float
) -> dict[str, float]:
    """`value`, `low`, `high`: difference of the two families' mean AUROCs; normal, covariance clustered by patient."""
    both = np.concatenate([first_SN, second_SN])
    auroc_A, covariance_AA = delong_clustered(label_N, both, patients_N)
    weight_A = np.repeat([1 / len(first_SN), -1 / len(second_SN)], [len(first_SN), len(second_SN)])
    value = float(weight_A @ auroc_A)
    half = float(-ndtri((1 - level) / 2) * np.sqrt(max(weight_A @ covariance_AA @ weight_A, 0.0)))
    return {"value": value, "low": value - half, "high": value + half}


def score_differences(
    first_SM: np.ndarray,
    second_SM: np.ndarray,
    patients_M: np.ndarray,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """First minus second of one score of maps, as above; `these_networks` is bootstrap-t, for few patients."""
    difference_SM = np.asarray(first_SM, dtype=float) - np.asarray(second_SM, dtype=float)
    mean_M, by_seed_S = difference_SM.mean(axis=0), difference_SM.mean(axis=1)
    spread = bootstrap_t(mean_M[None], np.asarray(patients_M), level, resamples, rng)
    variance, degrees = clustered_variance(mean_M, np.asarray(patients_M))
    return {
        "by_seed": by_seed_S.tolist(),
        "mean": float(by_seed_S.mean()),
        "these_networks": {"low": float(spread.low[0]), "high": float(spread.high[0])},
        "all_trainings": asdict(family_summary(by_seed_S, level, variance, degrees, LIMITS)),
    }
