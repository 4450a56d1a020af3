"""How far a model lies above each baseline.

A candidates (model x method), K baselines, R = K + 1 rivals of a candidate: the baselines and its own, such as the same
network untrained; M images. Definition: docs/metrics.md#lift.
"""

from __future__ import annotations

import numpy as np

from sightline.statistics.means import means_along


def gaps_to_each(
    models_AM: np.ndarray, baselines_KM: np.ndarray, own_AM: np.ndarray, higher_is_better: bool = True
) -> np.ndarray:
    """Each candidate's lift over each rival by image, float64 A x R x M; positive is better.

    `own_AM`: each candidate's own further baseline, NaN rows for those without one. NaN where either score is NaN. For
    lower-is-better metrics it is rival minus model. There is no test: sign flips are not one of a skewed mean against
    0; intervals are by `bootstrap_t.bootstrap_ts`.
    """
    models_AM, own_AM = np.asarray(models_AM, float), np.asarray(own_AM, float)
    shared_AKM = models_AM[:, None] - np.asarray(baselines_KM, float)
    gaps_ARM = np.concatenate([shared_AKM, (models_AM - own_AM)[:, None]], axis=1)
    return gaps_ARM if higher_is_better else -gaps_ARM


def best_rivals(
    models_AM: np.ndarray, baselines_KM: np.ndarray, own_AM: np.ndarray, higher_is_better: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate's rival of the highest mean, int A, and the candidate's mean less that, float64 A.

    It is a description of these images, chosen by them, without an interval: one that claims to include the choice
    among tied baselines covers 82% at a nominal 95%.
    """
    sign = 1.0 if higher_is_better else -1.0
    models_A, shared_K, own_A = (
        sign * means_along(np.asarray(values, float), axis=1) for values in (models_AM, baselines_KM, own_AM)
    )
    rivals_AR = np.column_stack([np.broadcast_to(shared_K, (len(models_A), len(shared_K))), own_A])
    best_A = np.where(np.isnan(rivals_AR), -np.inf, rivals_AR).argmax(axis=1)
    return best_A, models_A - rivals_AR[np.arange(len(best_A)), best_A]
