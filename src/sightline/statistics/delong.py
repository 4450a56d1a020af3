"""Areas under ROC curves of several models on the same images, their covariance, and tests of their differences.

A models, N images of which P positive and Q negative, G groups (patients).
"""

from __future__ import annotations

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.statistics.ranks import average_ranks

ROUNDING = 1e-14  # of the two variances: a difference's variance below it is 0, and a difference within its root none


def delong(labels_N: np.ndarray, probabilities_AN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUROC of each model, float64 A in [0, 1], and the covariance of these estimates, float64 A x A.

    `labels_N`: 1 for positive, anything else negative; `probabilities_AN`: any scores that rise with the chance of
    label 1. A tie between a positive and a negative counts one half. Only one class: all NaN. A single positive or
    a single negative: the covariance is NaN. Perfect or constant models have variance 0, which is the estimate's
    limit and not certainty. A NaN probability raises ValueError. Images are taken as independent, unlike in
    `delong_clustered`.

    DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44; by mid-ranks, O(N log N) per model: Sun and Xu 2014,
    IEEE Signal Processing Letters 21, algorithm 2.
    """
    auroc_A, inside_AP, inside_AQ, _ = _placements(labels_N, probabilities_AN)
    if min(inside_AP.shape[1], inside_AQ.shape[1]) < 2:
        return auroc_A, np.full((len(auroc_A), len(auroc_A)), np.nan)
    return auroc_A, _scatter(inside_AP) + _scatter(inside_AQ)


def delong_clustered(
    labels_N: np.ndarray, probabilities_AN: np.ndarray, groups_N: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `delong`, for images that are alike within a group: AUROC float64 A, covariance float64 A x A.

    `groups_N`: each image's patient, any labels; a patient may have images of both classes. The AUROC is the same; the
    covariance is that of patients. With one image per patient it equals DeLong's. Fewer than two patients with a
    positive, or with a negative, give a NaN covariance. It is a large-sample estimate: with few patients it is
    somewhat too small, or even below 0, for which `delong_test` returns NaN. With 1, 2 or 5 images per patient that
    test rejects, at 5%, in 5% of studies of 90 patients, 7% of 40 and 8% of 20 (images taken as independent: 19%).

    Obuchowski 1997, Biometrics 53, section 2.
    """
    auroc_A, inside_AP, inside_AQ, is_positive_N = _placements(labels_N, probabilities_AN)
    _, group_N = np.unique(np.asarray(groups_N), return_inverse=True)
    num_groups = int(group_N.max(initial=-1)) + 1
    sums, own = [], []
    for inside, members in ((inside_AP, is_positive_N), (inside_AQ, ~is_positive_N)):
        group_K = group_N[members]
        # deviations from the AUROC, summed over a group, A x G
        sums.append(np.array([np.bincount(group_K, weights_K, num_groups) for weights_K in inside]))
        own.append(len(np.unique(group_K)))
    if min(own) < 2:
        return auroc_A, np.full((len(auroc_A), len(auroc_A)), np.nan)
    cross = sums[0] @ sums[1].T * num_groups / (num_groups - 1)
    return auroc_A, _scatter(sums[0], own[0]) + _scatter(sums[1], own[1]) + cross + cross.T


def delong_test(auroc_A: np.ndarray, covariance_AA: np.ndarray) -> np.ndarray:
    """Two-sided p-values of "these two models have the same AUROC", float64 A x A, from either covariance.

    Normal approximation, p = 2 (1 - Phi(|difference| / standard error)). 1 on the diagonal and for models that order
    all pairs alike (difference and its variance 0). A difference without variance (perfect against reversed) gives the
    limit, 0. NaN where an AUROC or a variance is NaN, or the variance is negative (`delong_clustered`).
    """
    auroc_A, covariance_AA = np.asarray(auroc_A, dtype=float), np.asarray(covariance_AA, dtype=float)
    variance_A = np.diagonal(covariance_AA)
    difference_AA = np.abs(auroc_A[:, None] - auroc_A[None, :])
    variance_AA = variance_A[:, None] + variance_A[None, :] - covariance_AA - covariance_AA.T
    least_AA = ROUNDING * np.abs(variance_A[:, None] + variance_A[None, :])
    variance_AA = np.where(np.abs(variance_AA) <= least_AA, 0, variance_AA)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_AA = 2 * scipy.special.ndtr(-difference_AA / np.sqrt(variance_AA))
    return np.where((variance_AA == 0) & (difference_AA <= np.sqrt(least_AA) + ROUNDING), 1.0, p_AA)


def _placements(
    labels_N: np.ndarray, probabilities_AN: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """AUROC A; each positive's and each negative's deviation from it, A x P and A x Q; which images are positive, N.

    A x P: the share of negatives below the positive, ties half, minus the AUROC, divided by P; A x Q likewise.
    """
    is_positive_N, probabilities_AN = np.asarray(labels_N) == 1, np.asarray(probabilities_AN, dtype=float)
    if probabilities_AN.ndim != 2 or probabilities_AN.shape[1] != len(is_positive_N):
        raise ValueError(f"probabilities: expected models x {len(is_positive_N)}, got {probabilities_AN.shape}")
    if np.isnan(probabilities_AN).any():
        raise ValueError("a probability is NaN")
    ranks_AN = average_ranks(probabilities_AN)
    positive_AP, negative_AQ = probabilities_AN[:, is_positive_N], probabilities_AN[:, ~is_positive_N]
    num_positive, num_negative = positive_AP.shape[1], negative_AQ.shape[1]
    if not num_positive or not num_negative:
        return np.full(len(probabilities_AN), np.nan), positive_AP * np.nan, negative_AQ * np.nan, is_positive_N
    won_AP = (ranks_AN[:, is_positive_N] - average_ranks(positive_AP)) / num_negative
    lost_AQ = (ranks_AN[:, ~is_positive_N] - average_ranks(negative_AQ)) / num_positive
    auroc_A = won_AP.mean(axis=1)
    inside_AP = (won_AP - auroc_A[:, None]) / num_positive
    inside_AQ = (1 - lost_AQ - auroc_A[:, None]) / num_negative
    return auroc_A, inside_AP, inside_AQ, is_positive_N


def _scatter(deviations_AK: np.ndarray, num_own: int | None = None) -> np.ndarray:
    """Covariance of sums of K deviations, of which `num_own` (by default all) are not 0 by construction."""
    count = deviations_AK.shape[1] if num_own is None else num_own
    return deviations_AK @ deviations_AK.T * count / (count - 1)
