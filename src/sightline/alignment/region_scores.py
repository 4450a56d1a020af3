"""One map against many regions at once, by the scores of the verdict: the map's pixels are sorted once.

The same numbers as `threshold_free.image_scores` (a test compares them), for a map against hundreds of regions: each
region is a list of its pixels, so that the work grows with the regions' area and not with the image. Definitions:
docs/metrics.md#threshold-free.

R regions, H W image grid, P = H * W pixels, K pixels of all regions together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SCORES = ("rank", "ap", "auroc", "mass", "pointing")


@dataclass(frozen=True, kw_only=True)
class Regions:
    """The pixels of R regions, none of them empty."""

    pixels_K: np.ndarray
    """int, places in the flattened image, region after region."""
    starts_R: np.ndarray
    """int, where each region begins in `pixels_K`."""
    size_R: np.ndarray
    """int, pixels of each region, 1 or more."""
    num_pixels: int
    """P."""

    def __len__(self) -> int:
        return len(self.size_R)


def regions_of(masks_RHW: np.ndarray) -> Regions:
    """`masks_RHW`: bool; an empty region raises ValueError: it has no score."""
    flat_RP = masks_RHW.reshape(len(masks_RHW), int(np.prod(masks_RHW.shape[1:])))
    rows_K, pixels_K = np.nonzero(flat_RP)
    return _regions(rows_K, pixels_K, len(flat_RP), flat_RP.shape[1])


def joined(parts: Sequence[Regions]) -> Regions:
    """The regions of several lists of one image grid, one list after the other."""
    size_R = np.concatenate([part.size_R for part in parts])
    return Regions(
        pixels_K=np.concatenate([part.pixels_K for part in parts]),
        starts_R=np.cumsum(size_R) - size_R,
        size_R=size_R,
        num_pixels=parts[0].num_pixels,
    )


def _regions(rows_K: np.ndarray, pixels_K: np.ndarray, num_regions: int, num_pixels: int) -> Regions:
    size_R = np.bincount(rows_K, minlength=num_regions)
    empty = np.flatnonzero(size_R == 0)
    if empty.size:
        raise ValueError(f"regions without a pixel: {', '.join(map(str, empty))}")
    return Regions(pixels_K=pixels_K, starts_R=np.cumsum(size_R) - size_R, size_R=size_R, num_pixels=num_pixels)


@dataclass(frozen=True, kw_only=True)
class SortedMap:
    """One map and the order of its pixels; equal values share a level, 0 the highest."""

    values_P: np.ndarray
    level_P: np.ndarray
    above_P: np.ndarray
    """int, pixels with a higher value."""
    tied_P: np.ndarray
    """int, pixels with the same value, itself counted."""


def sorted_map(map_HW: np.ndarray) -> SortedMap:
    """`map_HW`: in [0, 1], as `sightline.maps.scaled_maps` returns it; `mass` needs values of 0 or more."""
    values_P = np.asarray(map_HW).ravel()
    order_P = np.argsort(-values_P)
    sorted_P = values_P[order_P]
    level_of_sorted_P = np.cumsum(np.concatenate([[False], sorted_P[1:] != sorted_P[:-1]]))
    level_P = np.empty(len(values_P), dtype=np.int64)
    level_P[order_P] = level_of_sorted_P
    tied_L = np.bincount(level_of_sorted_P)
    above_P = (np.cumsum(tied_L) - tied_L)[level_P]
    return SortedMap(values_P=values_P, level_P=level_P, above_P=above_P, tied_P=tied_L[level_P])


def region_scores(of_map: SortedMap, regions: Regions, scores: Sequence[str] = SCORES) -> np.ndarray:
    """Each score of one map against each region, float64 (scores) x R, in the order of `scores`.

    Ties count by expectation; a flat map scores chance: the region's share of the image, 0.5 for `auroc`. The AUROC of
    a region that covers the image is NaN.
    """
    if len(of_map.values_P) != regions.num_pixels:
        raise ValueError(f"map: expected {regions.num_pixels} pixels, as the regions have, got {len(of_map.values_P)}")
    if not len(regions):
        return np.zeros((len(scores), 0))
    return np.stack([_SCORED[score](of_map, regions) for score in scores])


def _rank(of_map: SortedMap, regions: Regions) -> np.ndarray:
    """Share of the |G| highest pixels that lie inside; ties at the cut in proportion."""
    pixels_K = regions.pixels_K
    room_K = np.repeat(regions.size_R, regions.size_R) - of_map.above_P[pixels_K]
    taken_K = np.clip(room_K / of_map.tied_P[pixels_K], 0, 1)
    return np.add.reduceat(taken_K, regions.starts_R) / regions.size_R


def _auroc(of_map: SortedMap, regions: Regions) -> np.ndarray:
    """P(inside > outside) + P(equal) / 2."""
    num_pixels, size_R = regions.num_pixels, regions.size_R.astype(np.float64)
    twice_P = 2 * (num_pixels - of_map.above_P) - of_map.tied_P  # twice the pixels below, ties by half, itself too
    pairs_R = np.add.reduceat(twice_P[regions.pixels_K], regions.starts_R) / 2
    outside_R = num_pixels - size_R
    # the pairs of two pixels inside, which do not count, add up to size^2 / 2
    return np.divide(pairs_R - size_R**2 / 2, size_R * outside_R, out=np.full(len(size_R), np.nan), where=outside_R > 0)


def _average_precision(of_map: SortedMap, regions: Regions) -> np.ndarray:
    """Pixel average precision; a tie is one step."""
    num_levels = int(of_map.level_P.max()) + 1
    rows_K = np.repeat(np.arange(len(regions)), regions.size_R)
    keys_K = np.sort(rows_K * num_levels + of_map.level_P[regions.pixels_K])  # pixels from the highest level down
    last_K = np.append(keys_K[1:] != keys_K[:-1], True)  # the last pixel of each step
    place_S = np.flatnonzero(last_K)
    row_S, level_S = np.divmod(keys_K[place_S], num_levels)
    inside_S = place_S + 1 - regions.starts_R[row_S]  # pixels of the region at this level or above
    reached_L = np.cumsum(np.bincount(of_map.level_P, minlength=num_levels))
    hits_S = np.diff(place_S, prepend=-1)
    precision_S = hits_S * inside_S / reached_L[level_S]
    return np.bincount(row_S, weights=precision_S, minlength=len(regions)) / regions.size_R


def _mass(of_map: SortedMap, regions: Regions) -> np.ndarray:
    """Share of the map's sum inside; of a flat map, the region's share of the image."""
    values_P = of_map.values_P
    if values_P.max() == values_P.min():
        return regions.size_R / regions.num_pixels
    inside_R = np.add.reduceat(values_P.astype(np.float64)[regions.pixels_K], regions.starts_R)
    return inside_R / values_P.sum(dtype=np.float64)


def _pointing(of_map: SortedMap, regions: Regions) -> np.ndarray:
    """Share of the peak's pixels inside."""
    at_peak_P = of_map.level_P == 0
    return np.add.reduceat(at_peak_P[regions.pixels_K].astype(np.float64), regions.starts_R) / at_peak_P.sum()


_SCORED = {"rank": _rank, "ap": _average_precision, "auroc": _auroc, "mass": _mass, "pointing": _pointing}
