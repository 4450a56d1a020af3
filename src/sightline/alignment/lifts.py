"""How far a model lies above its best baseline, with an interval that includes the choice of that baseline.

A candidates (model x method), K baselines, M images, B resamples. Definition: docs/metrics.md#lift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sightline.statistics.means import weighted_means
from sightline.statistics.resampling import interval
from sightline.statistics.significance import sign_flip_p


@dataclass(frozen=True, kw_only=True)
class Lifts:
    """Of one metric; each array has one entry per candidate. A positive lift is better than every baseline."""

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
    own_AM: np.ndarray,
    weights_BM: np.ndarray,
    patients_M: np.ndarray,
    level: float,
    flips: int,
    new_rng: Callable[[], np.random.Generator],
    higher_is_better: bool = True,
) -> Lifts:
    """Means over images and lifts over the best baseline, with intervals from `weights_BM` (hierarchical_weights).

    `own_AM`: each candidate's own further baseline, such as the same network untrained; NaN rows for those without
    one. Every resample chooses the best baseline again, so the interval of the lift includes the choice: it is the
    interval of "model minus maximum". Estimate and test use the best baseline on these images, which makes the test
    conservative. Images on which a score is NaN are left out of that mean; no image gives NaN. For lower-is-better
    metrics the lift is baseline minus model, so that positive is still better. `new_rng` makes a generator at the start
    of the same stream each time.
    """
    sign = 1.0 if higher_is_better else -1.0
    models_AM, baselines_KM = sign * np.asarray(models_AM, float), sign * np.asarray(baselines_KM, float)
    num_patients = len(np.unique(patients_M))
    everyone_1M = np.ones((1, models_AM.shape[1]))
    value_A, spread_BA = weighted_means(models_AM, everyone_1M)[0], weighted_means(models_AM, weights_BM)
    shared_K, shared_BK = weighted_means(baselines_KM, everyone_1M)[0], weighted_means(baselines_KM, weights_BM)
    low_A, high_A = interval(spread_BA, level, num_patients)
    best_A = np.zeros(len(models_AM), int)
    lift_A, p_A = (np.full(len(models_AM), np.nan) for _ in range(2))
    lift_BA = np.full(spread_BA.shape, np.nan)
    for row, model_M in enumerate(models_AM):
        rivals_RM = np.vstack([baselines_KM, sign * own_AM[row]])
        rivals_R = np.append(shared_K, weighted_means(rivals_RM[-1:], everyone_1M)[0])
        rivals_BR = np.hstack([shared_BK, weighted_means(rivals_RM[-1:], weights_BM)])
        if np.isnan(rivals_R).all():
            continue
        best_A[row] = np.nanargmax(rivals_R)
        lift_A[row] = value_A[row] - rivals_R[best_A[row]]
        known = ~np.isnan(rivals_BR).all(axis=1)
        lift_BA[known, row] = spread_BA[known, row] - np.nanmax(rivals_BR[known], axis=1)
        rng = new_rng()  # the same flips for every candidate
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
