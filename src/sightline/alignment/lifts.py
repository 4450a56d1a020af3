"""How far a model stands above the best of the baselines, with what choosing the best costs in the interval.

A candidates (model x method), K baselines, M images, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.statistics.resampling import interval
from sightline.statistics.significance import sign_flip_p


@dataclass(frozen=True, kw_only=True)
class Lifts:
    """Of one metric; each array has one entry a candidate. Positive is better than every baseline."""

    value_A: np.ndarray
    low_A: np.ndarray
    high_A: np.ndarray
    best_A: np.ndarray
    """int, the candidate's best baseline: a row of `baselines_KM`, or K for its own."""
    lift_A: np.ndarray
    lift_low_A: np.ndarray
    lift_high_A: np.ndarray
    p_A: np.ndarray
    """One-sided: is the mean difference to the best baseline above 0, signs flipped by patient."""


def lifts(
    models_AM: np.ndarray,
    baselines_KM: np.ndarray,
    own_AM: np.ndarray | None,
    weights_BM: np.ndarray,
    patients_M: np.ndarray,
    level: float,
    flips: int,
    seed: list[int],
    higher_is_better: bool = True,
) -> Lifts:
    """Means over images and lifts over the best baseline, with intervals from `weights_BM` (hierarchical_weights).

    `own_AM`: a further baseline of each candidate, such as the same network untrained; NaN rows for those without. The
    best baseline is chosen anew in every resample, so that the interval of the lift knows of the choice: it is that of
    "model minus maximum". In the estimate and in the test the best on these images is chosen, which makes the test
    conservative. Images on which a score is NaN are left out of that mean; no image gives NaN. For lower-is-better
    metrics the lift is baseline minus model, so that positive is still better.
    """
    sign = 1.0 if higher_is_better else -1.0
    models_AM, baselines_KM = sign * np.asarray(models_AM, float), sign * np.asarray(baselines_KM, float)
    num_patients = len(np.unique(patients_M))
    everyone_1M = np.ones((1, models_AM.shape[1]))
    value_A, spread_BA = _means(models_AM, everyone_1M)[0], _means(models_AM, weights_BM)
    shared_K, shared_BK = _means(baselines_KM, everyone_1M)[0], _means(baselines_KM, weights_BM)
    low_A, high_A = interval(spread_BA, level, num_patients)
    best_A = np.zeros(len(models_AM), int)
    lift_A, p_A = (np.full(len(models_AM), np.nan) for _ in range(2))
    lift_BA = np.full(spread_BA.shape, np.nan)
    for row, model_M in enumerate(models_AM):
        rivals_RM = baselines_KM if own_AM is None else np.vstack([baselines_KM, sign * own_AM[row]])
        rivals_R = shared_K if own_AM is None else np.append(shared_K, _means(rivals_RM[-1:], everyone_1M)[0])
        rivals_BR = shared_BK if own_AM is None else np.hstack([shared_BK, _means(rivals_RM[-1:], weights_BM)])
        if np.isnan(rivals_R).all():
            continue
        best_A[row] = np.nanargmax(rivals_R)
        lift_A[row] = value_A[row] - rivals_R[best_A[row]]
        known = ~np.isnan(rivals_BR).all(axis=1)
        lift_BA[known, row] = spread_BA[known, row] - np.nanmax(rivals_BR[known], axis=1)
        rng = np.random.default_rng(seed)  # the same flips for every candidate
        p_A[row] = sign_flip_p(model_M - rivals_RM[best_A[row]], patients_M, flips, rng)
    lift_low_A, lift_high_A = interval(lift_BA, level, num_patients)
    if not higher_is_better:
        value_A, low_A, high_A = -value_A, -high_A, -low_A
    return Lifts(
        value_A=value_A,
        low_A=low_A,
        high_A=high_A,
        best_A=best_A,
        lift_A=lift_A,
        lift_low_A=lift_low_A,
        lift_high_A=lift_high_A,
        p_A=p_A,
    )


def _means(values_AM: np.ndarray, weights_BM: np.ndarray) -> np.ndarray:
    """Weighted means over the images that are not NaN, float64 B x A; NaN without any."""
    known_AM = ~np.isnan(values_AM)
    sums_BA = weights_BM @ np.where(known_AM, values_AM, 0.0).T
    counts_BA = weights_BM @ known_AM.T.astype(float)
    return np.divide(sums_BA, counts_BA, out=np.full(sums_BA.shape, np.nan), where=counts_BA > 0)
