"""How well the maps of one image find its regions, without a threshold: every metric of every map against every mask.

A maps (model x method), R masks (consensuses) of one image, H W image grid, P = H * W pixels, L levels (distinct
values of a map, from the highest down), K pairs of a mask and a pixel, C pixels that some annotator marked.

Rules, for every metric: a flat map (constant) scores `chance_scores` exactly; an empty region gives NaN; ties count
by expectation, or as said beside the metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

AREA = ("area_iou", "dice_area", "rank")
ORDER = ("auroc", "shuffled_auroc", "ap")
PEAK = ("pointing", "pointing_near", "distance")
BY_MASK = (*AREA, *ORDER, *PEAK, "mass", "nss")  # NaN where the mask is empty
BY_SHARE = ("cc", "sim", "kl", "vote")  # NaN where no annotator marked anything
METRICS = (*BY_MASK, *BY_SHARE)
EPSILON = 2.220446049250313e-16  # of KL, as in the MIT saliency benchmark


@dataclass(frozen=True, kw_only=True)
class _Regions:
    """What all maps of an image are held against, prepared once."""

    masks_RP: np.ndarray
    """float64, 0 or 1."""
    size_R: np.ndarray
    """int, pixels of each mask."""
    inside_K: tuple[np.ndarray, np.ndarray]
    """Row and pixel of everything that is inside a mask."""
    pool: np.ndarray
    """int, pixels that are negatives, for shuffled AUROC, of any mask."""
    spared_K: tuple[np.ndarray, np.ndarray]
    """Row and pixel of the pool that are not negatives of that row's mask: few, where the pool is other images'."""
    num_negatives_R: np.ndarray
    distance_RP: np.ndarray
    """float64, pixels to the nearest pixel of the mask, 0 inside; meaningless for an empty mask."""
    shares_RP: np.ndarray
    centred_RP: np.ndarray
    """The shares less their mean, divided by their population standard deviation and by P."""
    support_C: np.ndarray
    """int, pixels at which any share is above 0."""
    density_RC: np.ndarray
    """The shares there, so that each row sums to 1; NaN for a share of nothing."""
    negentropy_R: np.ndarray
    """Sum of density times its logarithm."""


def image_scores(
    maps_AHW: np.ndarray,
    masks_RHW: np.ndarray,
    shares_RHW: np.ndarray,
    negatives_RHW: np.ndarray,
    tolerance: float,
) -> dict[str, np.ndarray]:
    """Every metric of `METRICS`, float64 A x R each, of all maps of one image against all its masks.

    `maps_AHW`: `sightline.maps.scaled_maps`, or any maps (0/1 ones too) in [0, 1]; anything else raises ValueError.
    `masks_RHW`: bool; `shares_RHW`: in [0, 1], the soft share that belongs to each mask; `negatives_RHW`: bool,
    pixels marked on other images, of which those inside the mask do not count; `tolerance`: pixels, above 0.

    - `auroc`: P(inside > outside) + P(equal) / 2, mid-ranks; for regions this is AUC-Judd. Peer: pysaliency breaks
      ties by a jitter of 1e-7. A mask of the whole image gives NaN. `shuffled_auroc`: the same against the
      negatives; NaN without any.
    - `ap`: pixel average precision, a sum over the distinct values (steps, not trapezoids), a tie being one step.
    - `rank`: relevance rank accuracy (Arras et al. 2021), the share of the |G| highest pixels that lie inside; at
      the cut, ties are shared in proportion, the expectation of breaking them at random. `dice_area` is Dice of
      these |G| pixels, which is the same number, and `area_iou` = rank / (2 - rank), the IoU of the expected
      overlap: with ties at the cut, less than the expected IoU by at most 1 / (2 |G|).
    - `mass`: relevance mass accuracy (ibid.), the share of the map's sum inside: the energy-based pointing game.
    - `nss`: mean inside of the map in units of its population standard deviation from its mean (Peters et al. 2005).
    - `cc`, `sim`, `kl` (Bylinskii et al. 2019) against the share: Pearson's correlation (NaN where the share is
      constant), the common mass of the two as densities, and sum Q log(eps + Q / (S + eps)): lower is better.
    - `pointing`: is the peak inside; `pointing_near`: is it less than the tolerance, strictly, from the mask (Zhang
      et al. 2018; 15 pixels there); `vote`: the share at the peak; `distance` from the peak to the mask, in pixels,
      0 inside: lower is better. A tie at the peak gives the mean over its pixels.
    """
    num_maps, height, width = maps_AHW.shape
    for name, other in (("masks", masks_RHW), ("shares", shares_RHW), ("negatives", negatives_RHW)):
        if other.shape != (len(masks_RHW), height, width):
            raise ValueError(f"{name}: expected shape {(len(masks_RHW), height, width)}, got {other.shape}")
    if maps_AHW.dtype.kind != "f":
        maps_AHW = maps_AHW.astype(np.float32)  # bool has no negative, and that of an unsigned 1 is large
    for name, values in (("maps", maps_AHW), ("shares", shares_RHW)):
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"{name}: expected values in [0, 1], found others or NaN")
    if not tolerance > 0:
        raise ValueError(f"tolerance: expected above 0, for the distance is to be strictly less; got {tolerance}")
    regions = _regions(masks_RHW, shares_RHW, negatives_RHW)
    chance = _chance(regions, tolerance)
    chance["shuffled_auroc"] = np.where(regions.num_negatives_R > 0, 0.5, np.nan)
    known = _known(regions)
    scores = {metric: np.empty((num_maps, len(masks_RHW))) for metric in METRICS}
    for row, map_HW in enumerate(maps_AHW):
        values_P = map_HW.ravel()
        if values_P.max() == values_P.min():
            found = chance
        else:
            with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 of empty regions, NaN below
                found = {
                    **_by_rank(values_P, regions),
                    **_by_value(values_P.astype(np.float64), regions),
                    **_at_peak(values_P, regions, tolerance),
                }
        for metric in METRICS:
            scores[metric][row] = np.where(known[metric], found[metric], np.nan)
    return scores


def chance_scores(
    masks_RHW: np.ndarray, shares_RHW: np.ndarray, tolerance: float | None = None
) -> dict[str, np.ndarray]:
    """What each metric gives a map that knows nothing, float64 R each: exactly the scores of a flat map.

    q is the mask's share of the image. `auroc`, `shuffled_auroc` 0.5 (whatever the negatives); `ap`, `mass`, `rank`,
    `dice_area`, `pointing` q; `area_iou` q / (2 - q); `nss`, `cc` 0; `vote` the mean share; `distance` the mean over
    all pixels; `pointing_near` the share of pixels within the tolerance, only with a tolerance; `sim`, `kl` those of
    the uniform density. All but four are also the mean over maps that are independent of the mask, wherever their
    pixels are alike: the `ap`, `area_iou` and `kl` of such maps are higher on average, and their `sim` is lower.
    NaN as in `image_scores`.
    """
    regions = _regions(masks_RHW, shares_RHW, np.zeros(masks_RHW.shape, bool))
    scores, known = _chance(regions, tolerance or 0), _known(regions)
    wanted = [metric for metric in METRICS if tolerance is not None or metric != "pointing_near"]
    return {metric: np.where(known[metric], scores[metric], np.nan) for metric in wanted}


def _regions(masks_RHW: np.ndarray, shares_RHW: np.ndarray, negatives_RHW: np.ndarray) -> _Regions:
    num_masks, height, width = masks_RHW.shape
    num_pixels = height * width
    masks_RP = masks_RHW.reshape(num_masks, num_pixels).astype(bool)
    shares_RP = shares_RHW.reshape(num_masks, num_pixels).astype(np.float64)
    negatives_RP = negatives_RHW.reshape(num_masks, num_pixels).astype(bool) & ~masks_RP
    distances = [distance_transform_edt(~mask_P.reshape(height, width)).ravel() for mask_P in masks_RP]
    constant_R = shares_RP.max(axis=1) == shares_RP.min(axis=1)
    spread_R = np.where(constant_R, np.nan, shares_RP.std(axis=1))
    total_R = np.where(shares_RP.any(axis=1), shares_RP.sum(axis=1), np.nan)
    support_C = np.flatnonzero(shares_RP.any(axis=0))
    density_RC = shares_RP[:, support_C] / total_R[:, None]
    pooled_P = negatives_RP.any(axis=0)
    return _Regions(
        masks_RP=masks_RP.astype(np.float64),
        size_R=masks_RP.sum(axis=1),
        inside_K=_pairs(masks_RP),
        pool=np.flatnonzero(pooled_P),
        spared_K=_pairs(pooled_P & ~negatives_RP),
        num_negatives_R=negatives_RP.sum(axis=1),
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


def _known(regions: _Regions) -> dict[str, np.ndarray]:
    """Bool R for each metric: is there a region, or a share, to find."""
    has_mask_R, has_share_R = np.greater(regions.size_R, 0), np.greater(regions.shares_RP.max(axis=1), 0)
    return {metric: has_share_R if metric in BY_SHARE else has_mask_R for metric in METRICS}


def _chance(regions: _Regions, tolerance: float) -> dict[str, np.ndarray]:
    num_masks, num_pixels = regions.masks_RP.shape
    q_R = regions.size_R / num_pixels
    similarity_R, divergence_R = _densities(np.full(num_pixels, 1 / num_pixels), regions)
    return {
        **dict.fromkeys(("ap", "mass", "rank", "dice_area", "pointing"), q_R),
        "area_iou": q_R / (2 - q_R),
        "auroc": np.where(q_R < 1, 0.5, np.nan),
        "shuffled_auroc": np.full(num_masks, 0.5),
        "nss": np.zeros(num_masks),
        "cc": np.where(np.isnan(regions.centred_RP[:, 0]), np.nan, 0.0),
        "sim": similarity_R,
        "kl": divergence_R,
        "vote": regions.shares_RP.mean(axis=1),
        "pointing_near": (regions.distance_RP < tolerance).mean(axis=1),
        "distance": regions.distance_RP.mean(axis=1),
    }


def _by_rank(values_P: np.ndarray, regions: _Regions) -> dict[str, np.ndarray]:
    """The metrics that only the order of the pixels decides; one sort."""
    num_masks, num_pixels = regions.masks_RP.shape
    level_P, pixels_L = _levels(values_P)
    pool_L = np.bincount(level_P[regions.pool], minlength=len(pixels_L))
    inside_RL, spared_RL = (
        _level_counts(level_P, pairs_K, num_masks, len(pixels_L)) for pairs_K in (regions.inside_K, regions.spared_K)
    )
    reached_L, hits_RL = np.cumsum(pixels_L), np.cumsum(inside_RL, axis=1)
    size_R = regions.size_R
    # Pairs of a pixel inside and one below it, counted twice so that a tie counts once: with all pixels, of which
    # those inside make n * n with each other, and with the pool, of which the spared ones are no negatives.
    pairs_R, pool_pairs_R = inside_RL @ _twice_below(pixels_L), inside_RL @ _twice_below(pool_L)
    spared_pairs_R = np.einsum("rl,rl->r", inside_RL, _twice_below(spared_RL))
    cut_R = np.searchsorted(reached_L, size_R)  # the level at which the |G| highest pixels are complete
    rows = np.arange(num_masks)
    missing_R = reached_L[cut_R] - size_R  # pixels of that level that are one too many
    hits_R = hits_RL[rows, cut_R] - missing_R * inside_RL[rows, cut_R] / pixels_L[cut_R]
    rank_R = hits_R / size_R
    return {
        "auroc": (pairs_R - size_R**2) / (2 * size_R * (num_pixels - size_R)),
        "shuffled_auroc": (pool_pairs_R - spared_pairs_R) / (2 * size_R * regions.num_negatives_R),
        "ap": (inside_RL * hits_RL) @ (1 / reached_L) / size_R,
        "rank": rank_R,
        "dice_area": rank_R,
        "area_iou": rank_R / (2 - rank_R),
    }


def _by_value(values_P: np.ndarray, regions: _Regions) -> dict[str, np.ndarray]:
    """The metrics that the map's values decide, of a map in float64 that is not flat."""
    total, spread = values_P.sum(), values_P.std()
    sums_R = regions.masks_RP @ values_P
    similarity_R, divergence_R = _densities(values_P / total, regions)
    return {
        "mass": sums_R / total,
        "nss": (sums_R / regions.size_R - values_P.mean()) / spread,
        "cc": regions.centred_RP @ (values_P - values_P.mean()) / spread,
        "sim": similarity_R,
        "kl": divergence_R,
    }


def _densities(density_P: np.ndarray, regions: _Regions) -> tuple[np.ndarray, np.ndarray]:
    """Common mass and Kullback-Leibler divergence from the shares' densities, which add nothing where they are 0."""
    # Of KL's two epsilons the outer one is left out: it matters where the share is 0, which adds 0 * log(eps) = 0,
    # and else moves the logarithm by eps * S / Q.
    found_C = density_P[regions.support_C]
    divergence_R = regions.negentropy_R - regions.density_RC @ np.log(found_C + EPSILON)
    return np.minimum(regions.density_RC, found_C).sum(axis=1), divergence_R


def _at_peak(values_P: np.ndarray, regions: _Regions, tolerance: float) -> dict[str, np.ndarray]:
    """The metrics of the peak: means over the pixels that share it."""
    peak = np.flatnonzero(values_P == values_P.max())
    distance_RK = regions.distance_RP[:, peak]
    return {
        "pointing": regions.masks_RP[:, peak].mean(axis=1),
        "pointing_near": (distance_RK < tolerance).mean(axis=1),
        "vote": regions.shares_RP[:, peak].mean(axis=1),
        "distance": distance_RK.mean(axis=1),
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
    """Of what is counted, twice the number below each level plus the number at it; along the last axis, whole."""
    return 2 * (counts_L.sum(axis=-1, keepdims=True) - np.cumsum(counts_L, axis=-1)) + counts_L


def _level_counts(
    level_P: np.ndarray, pairs_K: tuple[np.ndarray, np.ndarray], num_rows: int, num_levels: int
) -> np.ndarray:
    """int64 R x L: how many of each row's pixels lie at each level."""
    row_K, pixel_K = pairs_K
    flat = np.bincount(row_K * num_levels + level_P[pixel_K], minlength=num_rows * num_levels)
    return flat.reshape(num_rows, num_levels)


LOWER_IS_BETTER = ("kl", "distance")  # of scores.METRICS
