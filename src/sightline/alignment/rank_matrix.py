"""The relevance rank of many maps on many regions: the matrices of the verdict, region by region for all maps at once.

The maps' ranks lie side by side, one row for each pixel, so that a region's pixels are short runs of memory and the
maps are compared with the region's size together. Definition: docs/metrics.md#threshold-free.

m maps, R regions, P pixels, K pixels of one region.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sightline.alignment.overlap import overlap_scores
from sightline.alignment.region_scores import Regions, SortedMap

BYTE = 255  # rows that are counted in one byte


def rank_matrix(maps: Iterable[SortedMap], num_maps: int, regions: Regions) -> np.ndarray:
    """Share of each region's |G| highest pixels of each map that lie inside, float64 m x R; ties at the cut by share.

    The same as `region_scores.region_scores(map, regions, ["rank"])` of each map.
    """
    num_pixels, size_R = regions.num_pixels, regions.size_R
    short = np.uint16 if num_pixels <= 2**16 else np.uint32
    above_Pm = np.empty((num_pixels, num_maps), short)
    first_mR, tied_mR = np.empty((2, num_maps, len(regions)), np.int64)
    peak_m, is_binary_m = np.zeros(num_maps, np.int64), np.zeros(num_maps, bool)
    for place, of_map in enumerate(maps):
        above_Pm[:, place] = of_map.above_P
        peak_m[place], is_binary_m[place] = of_map.length_S[0], of_map.is_binary
        first_mR[place], tied_mR[place] = of_map.runs(np.minimum(size_R, num_pixels - 1))
    scores_mR = np.empty((num_maps, len(regions)))
    for region, (start, size) in enumerate(zip(regions.starts_R.tolist(), size_R.tolist(), strict=True)):
        above_Km = above_Pm.take(regions.pixels_K[start : start + size], axis=0)
        taken_m = counts(above_Km < size).astype(np.float64)
        first_m, tied_m = first_mR[:, region], tied_mR[:, region]
        crosses_m = (first_m < size) & (size < num_pixels)
        if crosses_m.any():  # the run of equal values at the cut counts whole in `taken_m`
            in_run_m = counts(above_Km == first_m.astype(short))
            taken_m -= np.where(crosses_m, in_run_m * (1 - (size - first_m) / tied_m), 0)
        scores_mR[:, region] = taken_m / size
        if is_binary_m.any():
            by_score = overlap_scores(counts(above_Km == 0)[:, None], peak_m[:, None], size_R[[region]], num_pixels)
            scores_mR[is_binary_m, region] = by_score["rank"][is_binary_m, 0]
    return scores_mR


def shared_pixels(masks_mP: Iterable[np.ndarray], num_masks: int, regions: Regions) -> np.ndarray:
    """Pixels that each of m masks, bool P, shares with each region, int m x R."""
    is_Pm = np.empty((regions.num_pixels, num_masks), bool)
    for place, mask_P in enumerate(masks_mP):
        is_Pm[:, place] = mask_P
    shared_mR = np.empty((num_masks, len(regions)), np.int64)
    for region, (start, size) in enumerate(zip(regions.starts_R.tolist(), regions.size_R.tolist(), strict=True)):
        shared_mR[:, region] = counts(is_Pm.take(regions.pixels_K[start : start + size], axis=0))
    return shared_mR


def counts(is_Km: np.ndarray) -> np.ndarray:
    """How many rows of each column are true, int m: added up in bytes, a tenth of the time of a sum of integers."""
    bytes_Km = is_Km.view(np.uint8)
    whole = len(bytes_Km) // BYTE * BYTE
    in_bytes = bytes_Km[:whole].reshape(-1, BYTE, bytes_Km.shape[1]).sum(axis=1, dtype=np.uint8)
    return np.asarray(in_bytes.sum(axis=0, dtype=np.int64) + bytes_Km[whole:].sum(axis=0, dtype=np.int64))
