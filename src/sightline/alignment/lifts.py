"""How far a model lies above each baseline, with an interval for each.

A candidates (model x method), K baselines, M images, B resamples. Definition: docs/metrics.md#lift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sightline.statistics.bootstrap_t import bootstrap_t
from sightline.statistics.means import weighted_means
from sightline.statistics.resampling import Difference, paired_difference


@dataclass(frozen=True, kw_only=True)
class Lifts:
    """Of one metric; a positive lift is better than the baseline."""

    mean_A: Difference
    """Each candidate's mean over images with its interval."""
    over_AR: Difference
    """Its lift over each of R = K + 1 baselines with its interval, float64 A x R; the last is the candidate's own, NaN
    without one."""
    best_A: np.ndarray
    """int, the candidate's best baseline, a column of `over_AR`: a description of these images, chosen by them."""
    lift_A: np.ndarray
    """Its mean less that of its best baseline, without an interval: one that claims to include the choice among tied
    baselines covers 82% at a nominal 95%."""


def lifts(
    models_AM: np.ndarray,
    baselines_KM: np.ndarray,
    own_AM: np.ndarray,
    weights_BM: np.ndarray,
    patients_M: np.ndarray,
    level: float,
    resamples: int,
    new_rng: Callable[[], np.random.Generator],
    higher_is_better: bool = True,
) -> Lifts:
    """Means over images, intervals from `weights_BM` (hierarchical_weights), and lifts, bootstrap-t by `resamples`.

    `own_AM`: each candidate's own further baseline, such as the same network untrained; NaN rows for those without
    one. Images on which either score is NaN are left out of a lift; no image gives NaN. For lower-is-better metrics the
    lift is baseline minus model, so that positive is still better. `new_rng` makes a generator at the start of the same
    stream each time. There is no test: sign flips are not one of a skewed mean against 0.
    """
    models_AM, baselines_KM = np.asarray(models_AM, float), np.asarray(baselines_KM, float)
    num_patients = len(np.unique(patients_M))
    mean_A = paired_difference(models_AM, np.zeros(models_AM.shape[1]), weights_BM, level, num_patients)
    over_AR = over_each(models_AM, baselines_KM, own_AM, patients_M, level, resamples, new_rng, higher_is_better)
    sign = 1.0 if higher_is_better else -1.0
    everyone_1M = np.ones((1, models_AM.shape[1]))
    shared_K = sign * weighted_means(baselines_KM, everyone_1M)[0]
    own_A = sign * weighted_means(np.asarray(own_AM, float), everyone_1M)[0]
    rivals_AR = np.column_stack([np.broadcast_to(shared_K, (len(models_AM), len(shared_K))), own_A])
    best_A = np.where(np.isnan(rivals_AR), -np.inf, rivals_AR).argmax(axis=1)
    lift_A = sign * mean_A.estimate - rivals_AR[np.arange(len(best_A)), best_A]
    return Lifts(mean_A=mean_A, over_AR=over_AR, best_A=best_A, lift_A=lift_A)


def over_each(
    models_AM: np.ndarray,
    baselines_KM: np.ndarray,
    own_AM: np.ndarray,
    patients_M: np.ndarray,
    level: float,
    resamples: int,
    new_rng: Callable[[], np.random.Generator],
    higher_is_better: bool = True,
) -> Difference:
    """`Lifts.over_AR` at any level: the paired mean differences to each baseline, float64 A x R each."""
    sign = 1.0 if higher_is_better else -1.0
    rivals_ARM = np.concatenate(
        [np.broadcast_to(baselines_KM, (len(models_AM), *baselines_KM.shape)), np.asarray(own_AM, float)[:, None]],
        axis=1,
    )
    gaps_ARM = sign * (models_AM[:, None] - rivals_ARM)
    shape_AR = gaps_ARM.shape[:2]
    found = bootstrap_t(
        gaps_ARM.reshape(math.prod(shape_AR), gaps_ARM.shape[2]), patients_M, level, resamples, new_rng()
    )
    return Difference(*(values.reshape(shape_AR) for values in found))
