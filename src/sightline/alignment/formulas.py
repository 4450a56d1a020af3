"""The formulas of the metrics without a threshold, for one map and all masks of its image.

Metrics that share work, such as one sort of the pixels, are computed together, by a `Family`. A new metric joins a
family or brings its own; its record stands in `metrics.py`. Definitions: docs/metrics.md#threshold-free.

R masks of one image, H W image grid, P = H * W pixels, K pairs of a mask and a pixel inside it, C pixels that some
reader marked, E pixels of other patients' regions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.ndimage import distance_transform_edt

from sightline.alignment import region_scores
from sightline.alignment.region_scores import Regions

EPSILON = 2.220446049250313e-16  # of KL, as in the MIT saliency benchmark


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What all maps of one image are compared with, prepared once."""

    masks_RP: np.ndarray
    """float64, 0 or 1."""
    size_R: np.ndarray
    """int, pixels of each mask."""
    regions: Regions
    """The masks' pixels; one pixel stands in for an empty mask, whose scores do not matter."""
    grid: tuple[int, int]
    """H and W."""
    elsewhere_E: np.ndarray
    """int, the E pixels inside any other patient's region: the negatives of shuffled AUROC."""
    weight_E: np.ndarray
    """float64, how much each of them weighs; no pixel where there is no other region."""
    shares_RP: np.ndarray
    spread_R: np.ndarray
    """The shares' population standard deviation; NaN where they are constant."""
    support_C: np.ndarray
    """int, pixels at which any share is above 0."""
    density_RC: np.ndarray
    """The shares there, so that each row sums to 1; NaN for a share of nothing."""
    negentropy_R: np.ndarray
    """Sum of density times its logarithm."""

    @cached_property
    def distance_RP(self) -> np.ndarray:
        """float64, pixels to the nearest pixel of the mask, 0 inside; meaningless for an empty mask."""
        inside = self.masks_RP.reshape(-1, *self.grid) > 0
        return np.reshape([distance_transform_edt(~mask_HW) for mask_HW in inside], self.masks_RP.shape)

    def distances(self, pixels_Q: np.ndarray) -> np.ndarray:
        """`distance_RP` at these pixels, float64 R x Q; of few pixels without the distance of all others."""
        if len(pixels_Q) * len(self.regions.pixels_K) > self.masks_RP.size:
            return self.distance_RP[:, pixels_Q]
        (rows_Q, cols_Q), (rows_K, cols_K) = (
            np.divmod(pixels, self.grid[1]) for pixels in (pixels_Q, self.regions.pixels_K)
        )
        squares_QK = (rows_Q[:, None] - rows_K) ** 2 + (cols_Q[:, None] - cols_K) ** 2
        return np.sqrt(np.minimum.reduceat(squares_QK, self.regions.starts_R, axis=1)).T


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
    constant_R = shares_RP.max(axis=1) == shares_RP.min(axis=1)
    total_R = np.where(shares_RP.any(axis=1), shares_RP.sum(axis=1), np.nan)
    support_C = np.flatnonzero(shares_RP.any(axis=0))
    density_RC = shares_RP[:, support_C] / total_R[:, None]
    stand_in_RP = masks_RP.copy()
    stand_in_RP[~masks_RP.any(axis=1), 0] = True
    return Targets(
        masks_RP=masks_RP.astype(np.float64),
        size_R=masks_RP.sum(axis=1),
        regions=region_scores.regions_of(stand_in_RP),
        grid=(height, width),
        elsewhere_E=elsewhere_E,
        weight_E=elsewhere_P[elsewhere_E],
        shares_RP=shares_RP,
        spread_R=np.where(constant_R, np.nan, shares_RP.std(axis=1)),
        support_C=support_C,
        density_RC=density_RC,
        negentropy_R=(density_RC * np.log(np.where(density_RC > 0, density_RC, 1))).sum(axis=1),
    )


def _region_shares(targets: Targets) -> np.ndarray:
    """q of each mask: its share of the image, float64 R."""
    return targets.size_R / targets.masks_RP.shape[1]


def _by_rank(values_P: np.ndarray, targets: Targets, _: float) -> Computed:
    """The metrics that depend on the order of the pixels alone; one sort."""
    seen = region_scores.OnRegions(of_map=region_scores.sorted_for(values_P, targets.regions), regions=targets.regions)
    rank_R = region_scores.rank(seen)
    return {
        "auroc": region_scores.auroc(seen),
        "shuffled_auroc": _shuffled_auroc(values_P, targets),
        "ap": region_scores.average_precision(seen),
        "rank": rank_R,
        "dice_area": rank_R,
        "area_iou": rank_R / (2 - rank_R),
    }


def _shuffled_auroc(values_P: np.ndarray, targets: Targets) -> np.ndarray:
    """The pixels inside against those of other patients' regions by their weight; NaN where there are none."""
    regions = targets.regions
    if not len(targets.elsewhere_E):
        return np.full(len(regions), np.nan)
    elsewhere_E = values_P[targets.elsewhere_E]
    order_E = np.argsort(elsewhere_E)
    sorted_E, below_E = elsewhere_E[order_E], np.concatenate([[0], np.cumsum(targets.weight_E[order_E])])
    values_K = values_P[regions.pixels_K]
    lower_K, equal_or_lower_K = (below_E[np.searchsorted(sorted_E, values_K, side=side)] for side in ("left", "right"))
    return regions.sums(lower_K + equal_or_lower_K) / (2 * regions.size_R * below_E[-1])


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
    total, mean = values_P.sum(), values_P.mean()
    centred_P = values_P - mean
    spread = np.sqrt(centred_P @ centred_P / len(values_P))
    inside_R = targets.regions.sums(values_P[targets.regions.pixels_K])
    # shares are 0 beyond the support: the sum over all pixels of share * (value - mean) needs no others
    products_R = targets.shares_RP[:, targets.support_C] @ centred_P[targets.support_C] / len(values_P)
    similarity_R, divergence_R = _densities(values_P / total, targets)
    return {
        "mass": inside_R / total,
        "nss": (inside_R / targets.size_R - mean) / spread,
        "cc": products_R / (spread * targets.spread_R),
        "sim": similarity_R,
        "kl": divergence_R,
    }


def _flat_by_value(targets: Targets, _: float) -> Computed:
    num_masks, num_pixels = targets.masks_RP.shape
    similarity_R, divergence_R = _densities(np.full(num_pixels, 1 / num_pixels), targets)
    return {
        "mass": _region_shares(targets),
        "nss": np.zeros(num_masks),
        "cc": np.where(np.isnan(targets.spread_R), np.nan, 0.0),
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
    distance_RK = targets.distances(peak)
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


# What computes the metrics; all families together compute exactly those of `METRICS`.
FAMILIES = [
    Family(of_map=_by_rank, of_flat=_flat_by_rank),
    Family(of_map=_by_value, of_flat=_flat_by_value),
    Family(of_map=_at_peak, of_flat=_flat_at_peak),
]
