"""The relevance rank of many maps on the same regions: region by region for many maps at once.

The maps' ranks lie side by side, one row for each pixel, so that a region's pixels are short runs of memory and the
maps are compared with the region's size together: on 300 regions in a third of the time of map by map. Definition:
docs/metrics.md#threshold-free.

m maps, R regions, P pixels, K pixels of one region.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sightline.alignment.region_scores import Regions, SortedMap, region_scores

TOGETHER = 2**23  # ranks that are held at once, of 2 bytes on images of up to 2**16 pixels, else of 4
BYTE = 255  # rows that are counted in one byte
FOLD = 16  # rows that are taken as one longer row: rows of fifty bytes take five times as long to add up


class RankMatrix:
    """Collects maps; their rows are there after `finish`."""

    def __init__(self, regions: Regions) -> None:
        self._regions = regions
        self._together = max(1, TOGETHER // regions.num_pixels)
        self._maps: list[_Waiting] = []

    def add(self, of_map: SortedMap) -> np.ndarray:
        """Float64 R, filled by `finish` at the latest: `region_scores(of_map, regions, ["rank"])[0]`."""
        regions = self._regions
        if of_map.is_binary:
            return region_scores(of_map, regions, ["rank"])[0]
        waiting = _waiting(of_map, regions)
        self._maps.append(waiting)
        if len(self._maps) == self._together:
            self.finish()
        return waiting.row_R

    def finish(self) -> None:
        """Fills the rows of all maps so far."""
        if not self._maps:
            return
        regions = self._regions
        above_Pm = np.stack([of_map.above_P for of_map in self._maps], axis=1)
        first_mR, tied_mR = (np.array([of_map[place] for of_map in self._maps]) for place in (1, 2))
        scores_mR = np.empty((len(self._maps), len(regions)))
        for region, size in enumerate(regions.size_R.tolist()):
            above_Km = above_Pm.take(regions.pixels_K[regions.pixels_of(region)], axis=0)
            taken_m = counts(above_Km < size).astype(np.float64)
            first_m, tied_m = first_mR[:, region], tied_mR[:, region]
            crosses_m = (first_m < size) & (size < regions.num_pixels)
            if crosses_m.any():  # the run of equal values at the cut counts whole in `taken_m`
                in_run_m = counts(above_Km == first_m.astype(above_Km.dtype))
                taken_m -= np.where(crosses_m, in_run_m * (1 - (size - first_m) / tied_m), 0)
            scores_mR[:, region] = taken_m / size
        for of_map, scores_R in zip(self._maps, scores_mR, strict=True):
            of_map.row_R[:] = scores_R
        self._maps.clear()


class _Waiting(NamedTuple):
    """A map whose row is not filled yet."""

    above_P: np.ndarray
    first_R: np.ndarray
    """int, the place at which the run of equal values at a region's cut begins."""
    tied_R: np.ndarray
    """int, the length of that run."""
    row_R: np.ndarray


def _waiting(of_map: SortedMap, regions: Regions) -> _Waiting:
    """A map of which no more is sorted than the largest region needs, unless it is sorted already."""
    num_pixels, place_R = regions.num_pixels, np.minimum(regions.size_R, regions.num_pixels - 1)
    short, row_R = np.uint16 if num_pixels <= 2**16 else np.uint32, np.empty(len(regions))
    if of_map.is_sorted:
        return _Waiting(of_map.above_P.astype(short), *of_map.runs(place_R), row_R)
    pixels = highest_pixels(of_map.values_P, int(place_R.max(initial=0)) + 1)
    highest = SortedMap(values_P=of_map.values_P[pixels])
    above_P: np.ndarray = np.full(num_pixels, num_pixels - 1, short)  # of the others: out of every region's reach
    above_P[pixels] = highest.above_P
    return _Waiting(above_P, *highest.runs(place_R), row_R)


def highest_pixels(values_P: np.ndarray, count: int) -> np.ndarray:
    """Places, int, rising: the `count` highest values, all equal to one of them, and few more; no NaN.

    `count`: from 1 to P. Found by a radix sort of the higher 16 bits of float32 that are not negative; of other values
    all places.
    """
    if values_P.dtype != np.float32 or values_P.min() < 0:
        return np.arange(len(values_P))
    bits_P = (values_P + np.float32(0)).view(np.uint32)  # + 0 makes 0 of -0
    high_P = np.sort((bits_P >> np.uint32(16)).astype(np.uint16), kind="stable")
    return np.flatnonzero(bits_P >= np.uint32(high_P[-count]) << np.uint32(16))


def counts(is_Km: np.ndarray) -> np.ndarray:
    """How many rows of each column are true, int m: added up in bytes, by long rows, in an eighth of a sum's time."""
    bytes_Km = is_Km.view(np.uint8)
    num_maps, whole = bytes_Km.shape[1], len(bytes_Km) // FOLD * FOLD
    folded = bytes_Km[:whole].reshape(-1, FOLD * num_maps)
    total_m: np.ndarray = bytes_Km[whole:].sum(axis=0, dtype=np.int64)
    for start in range(0, len(folded), BYTE):
        in_bytes = folded[start : start + BYTE].sum(axis=0, dtype=np.uint8)
        total_m += in_bytes.reshape(FOLD, num_maps).sum(axis=0, dtype=np.int64)
    return total_m
