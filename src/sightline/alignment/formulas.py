"""The formulas of the metrics without a threshold, for one map and all masks of its image.

Metrics that share work, such as one sort of the pixels, are computed together, by a `Family`. A new metric joins a
family or brings its own; its record stands in `metrics.py`. Definitions: docs/metrics.md#threshold-free.

R masks of one image, H W image grid, P = H * W pixels, L levels (distinct values of a map, from the highest down), K
pairs of a mask and a pixel, C pixels that some reader marked, E pixels of other patients' regions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

EPSILON = 2.220446049250313e-16  # of KL, as in the MIT saliency benchmark


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What all maps of one image are compared with, prepared once."""

    masks_RP: np.ndarray
    """float64, 0 or 1."""
    size_R: np.ndarray
    """int, pixels of each mask."""
    inside_K: tuple[np.ndarray, np.ndarray]
    """Row and pixel of every pixel inside a mask."""
    elsewhere_E: np.ndarray
    """int, the E pixels inside any other patient's region: the negatives of shuffled AUROC."""
    weight_E: np.ndarray
    """float64, how much each of them weighs; no pixel where there is no other region."""
    distance_RP: np.ndarray
    """float64, pixels to the nearest pixel of the mask, 0 inside; meaningless for an empty mask."""
    shares_RP: np.ndarray
    centred_RP: np.ndarray
    """The shares minus their mean, divided by their population standard deviation and by P."""
    support_C: np.ndarray
    """int, pixels at which any share is above 0."""
    density_RC: np.ndarray
    """The shares there, so that each row sums to 1; NaN for a share of nothing."""
    negentropy_R: np.ndarray
    """Sum of density times its logarithm."""


Computed = dict[str, np.ndarray]
"""By metric, float64 R; values for empty regions do not matter, since `image_scores` sets them to NaN."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Metrics that share work, computed by one function for a map and one for flat maps."""

    of_map: Callable[[np.ndarray, Targets, float], Computed]
    """Of one map that is not flat, float P in [0, 1]; the targets and the tolerance in pixels."""
    of_flat: Callable[[Targets, float], Computed]
    """Of a flat map: chance."""


def targets_of(masks_RHW: np.ndarray, shares_RHW: np.ndarray, elsewhere_HW: np.ndarray) -> Targets:
    """`masks_RHW`: bool; `shares_RHW`: in [0, 1]; `elsewhere_HW`: 0 or above; as in `threshold_free.image_scores`."""
    num_masks, height, width = masks_RHW.shape
    num_pixels = height * width
    masks_RP = masks_RHW.reshape(num_masks, num_pixels).astype(bool)
    shares_RP = shares_RHW.reshape(num_masks, num_pixels).astype(np.float64)
    elsewhere_P = np.asarray(elsewhere_HW, dtype=np.float64).ravel()
    elsewhere_E = np.flatnonzero(elsewhere_P)
    distances = [distance_transform_edt(~mask_P.reshape(height, width)).ravel() for mask_P in masks_RP]
    constant_R = shares_RP.max(axis=1) == shares_RP.min(axis=1)
    spread_R = np.where(constant_R, np.nan, shares_RP.std(axis=1))
    total_R = np.where(shares_RP.any(axis=1), shares_RP.sum(axis=1), np.nan)
    support_C = np.flatnonzero(shares_RP.any(axis=0))
    density_RC = shares_RP[:, support_C] / total_R[:, None]
    return Targets(
        masks_RP=masks_RP.astype(np.float64),
        size_R=masks_RP.sum(axis=1),
        inside_K=_pairs(masks_RP),
        elsewhere_E=elsewhere_E,
        weight_E=elsewhere_P[elsewhere_E],
        distance_RP=np.reshape(distances, (num_masks, num_pixels)),
        shares_RP=shares_RP,
        centred_RP=(shares_RP - shares_RP.mean(axis=1, keepdims=True)) / (spread_R * num_pixels)[:, None],
        support_C=support_C,
        density_RC=density_RC,
        negentropy_R=(density_RC * np.log(np.where(density_RC > 0, density_RC, 1))).sum(axis=1),
    )


def _pairs(parts_RP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    row_K, pixel_K = np.nonzero(parts_RP)
    return row_K, pixel_K


def _region_shares(targets: Targets) -> np.ndarray:
    """q of each mask: its share of the image, float64 R."""
    return targets.size_R / targets.masks_RP.shape[1]


def _by_rank(values_P: np.ndarray, targets: Targets, _: float) -> Computed:
    """The metrics that depend on the order of the pixels alone; one sort."""
    num_masks, num_pixels = targets.masks_RP.shape
    level_P, pixels_L = _levels(values_P)
    elsewhere_L = np.bincount(level_P[targets.elsewhere_E], weights=targets.weight_E, minlength=len(pixels_L))
    inside_RL = _level_counts(level_P, targets.inside_K, num_masks, len(pixels_L))
    reached_L, hits_RL = np.cumsum(pixels_L), np.cumsum(inside_RL, axis=1)
    size_R = targets.size_R
    # Pairs of a pixel inside and one below it, counted twice so that a tie counts once: with all pixels (those inside
    # make n * n pairs with each other) and, by weight, with those of other patients' regions.
    pairs_R, elsewhere_pairs_R = inside_RL @ _twice_below(pixels_L), inside_RL @ _twice_below(elsewhere_L)
    cut_R = np.searchsorted(reached_L, size_R)  # the level that completes the |G| highest pixels
    rows = np.arange(num_masks)
    missing_R = reached_L[cut_R] - size_R  # surplus pixels of that level
    hits_R = hits_RL[rows, cut_R] - missing_R * inside_RL[rows, cut_R] / pixels_L[cut_R]
    rank_R = hits_R / size_R
    return {
        "auroc": (pairs_R - size_R**2) / (2 * size_R * (num_pixels - size_R)),
        "shuffled_auroc": elsewhere_pairs_R / (2 * size_R * targets.weight_E.sum()),
        "ap": (inside_RL * hits_RL) @ (1 / reached_L) / size_R,
        "rank": rank_R,
        "dice_area": rank_R,
        "area_iou": rank_R / (2 - rank_R),
    }


def _flat_by_rank(targets: Targets, _: float) -> Computed:
    q_R = _region_shares(targets)
    return {
        **dict.fromkeys(("ap", "rank", "dice_area"), q_R),
        "area_iou": q_R / (2 - q_R),
        "auroc": np.where(q_R < 1, 0.5, np.nan),
        "shuffled_auroc": np.full(len(q_R), 0.5 if len(targets.elsewhere_E) else np.nan),
    }


def _by_value(values_P: np.ndarray, targets: Targets, _: float) -> Computed:
    """The metrics that depend on the map's values; in float64."""
    values_P = values_P.astype(np.float64)
    total, spread = values_P.sum(), values_P.std()
    sums_R = targets.masks_RP @ values_P
    similarity_R, divergence_R = _densities(values_P / total, targets)
    return {
        "mass": sums_R / total,
        "nss": (sums_R / targets.size_R - values_P.mean()) / spread,
        "cc": targets.centred_RP @ (values_P - values_P.mean()) / spread,
        "sim": similarity_R,
        "kl": divergence_R,
    }


def _flat_by_value(targets: Targets, _: float) -> Computed:
    num_masks, num_pixels = targets.masks_RP.shape
    similarity_R, divergence_R = _densities(np.full(num_pixels, 1 / num_pixels), targets)
    return {
        "mass": _region_shares(targets),
        "nss": np.zeros(num_masks),
        "cc": np.where(np.isnan(targets.centred_RP[:, 0]), np.nan, 0.0),
        "sim": similarity_R,
        "kl": divergence_R,
    }


def _densities(density_P: np.ndarray, targets: Targets) -> tuple[np.ndarray, np.ndarray]:
    """Common mass and Kullback-Leibler divergence from the shares' densities; pixels with a share of 0 add nothing."""
    # Of KL's two epsilons the outer one is left out: where the share is 0 it adds 0 * log(eps) = 0, and elsewhere it
    # moves the logarithm by eps * S / Q.
    density_C = density_P[targets.support_C]
    divergence_R = targets.negentropy_R - targets.density_RC @ np.log(density_C + EPSILON)
    return np.minimum(targets.density_RC, density_C).sum(axis=1), divergence_R


def _at_peak(values_P: np.ndarray, targets: Targets, tolerance: float) -> Computed:
    """The metrics of the peak: means over the pixels that share it."""
    peak = np.flatnonzero(values_P == values_P.max())
    distance_RK = targets.distance_RP[:, peak]
    return {
        "pointing": targets.masks_RP[:, peak].mean(axis=1),
        "pointing_near": (distance_RK < tolerance).mean(axis=1),
        "vote": targets.shares_RP[:, peak].mean(axis=1),
        "distance": distance_RK.mean(axis=1),
    }


def _flat_at_peak(targets: Targets, tolerance: float) -> Computed:
    return {
        "pointing": _region_shares(targets),
        "pointing_near": (targets.distance_RP < tolerance).mean(axis=1),
        "vote": targets.shares_RP.mean(axis=1),
        "distance": targets.distance_RP.mean(axis=1),
    }


def _levels(values_P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each pixel's level, int P, 0 for the highest value, and the pixels of each level, int L; equal values share."""
    order_P = np.argsort(-values_P)
    sorted_P = values_P[order_P]
    ordered_P = np.cumsum(np.concatenate([[False], sorted_P[1:] != sorted_P[:-1]]))
    level_P = np.empty(len(values_P), dtype=np.int64)
    level_P[order_P] = ordered_P
    return level_P, np.bincount(ordered_P)


def _twice_below(counts_L: np.ndarray) -> np.ndarray:
    """Twice the count (or weight) below each level plus that at it, along the last axis."""
    return 2 * (counts_L.sum(axis=-1, keepdims=True) - np.cumsum(counts_L, axis=-1)) + counts_L


def _level_counts(
    level_P: np.ndarray, pairs_K: tuple[np.ndarray, np.ndarray], num_rows: int, num_levels: int
) -> np.ndarray:
    """int64 R x L: how many of each row's pixels lie at each level."""
    row_K, pixel_K = pairs_K
    flat = np.bincount(row_K * num_levels + level_P[pixel_K], minlength=num_rows * num_levels)
    return flat.reshape(num_rows, num_levels)


# What computes the metrics; all families together compute exactly those of `METRICS`.
FAMILIES = [
    Family(of_map=_by_rank, of_flat=_flat_by_rank),
    Family(of_map=_by_value, of_flat=_flat_by_value),
    Family(of_map=_at_peak, of_flat=_flat_at_peak),
]
