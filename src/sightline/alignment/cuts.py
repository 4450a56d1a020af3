"""Overlap of one map with many regions at many cuts, from the sorted map alone (`region_scores.SortedMap`).

R regions (`region_scores.Regions`), T thresholds, P pixels, K pixels of all regions. `binarised` makes the same cuts as
pictures. A pixel lies in a cut where fewer pixels are above it than the cut has.
"""

from __future__ import annotations

import numpy as np

from sightline.alignment.region_scores import Regions, SortedMap


class Cuts:
    """The cuts of a map, float32 P in [0, 1]."""

    def __init__(self, of_map: SortedMap, regions: Regions) -> None:
        self.of_map, self.regions = of_map, regions
        self.ascending_P = np.ascontiguousarray(of_map.descending_P[::-1])
        self.above_K = of_map.above_P[regions.pixels_K]

    def at_least(self, thresholds_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of `map >= t`, int T, and those in each region, int R x T; `t` is compared in the map's dtype."""
        num_pixels, num_cuts = len(self.ascending_P), len(thresholds_T)
        pixels_T = num_pixels - np.searchsorted(self.ascending_P, thresholds_T.astype(self.ascending_P.dtype))
        # By the number of pixels above a pixel, the cuts that hold it: those of more pixels.
        holding_P = num_cuts - np.cumsum(np.bincount(pixels_T, minlength=num_pixels + 1))
        key_K = self.regions.rows_K * (num_cuts + 1) + holding_P[self.above_K]
        held_RT = np.bincount(key_K, minlength=len(self.regions) * (num_cuts + 1)).reshape(-1, num_cuts + 1)
        by_size_RT = np.cumsum(held_RT[:, :0:-1], axis=1)[:, ::-1]  # column k: pixels that more than k cuts hold
        shared_RT = np.empty_like(by_size_RT)
        shared_RT[:, np.argsort(-pixels_T, kind="stable")] = by_size_RT
        return pixels_T, shared_RT

    def above(self, threshold: float) -> tuple[int, np.ndarray]:
        """Pixels of `map > threshold`, and those in each region, int R; compared in float64."""
        cut = self.ascending_P.dtype.type(threshold)
        if cut > threshold:  # the next number of the map's dtype below: no value lies between the two
            cut = np.nextafter(cut, self.ascending_P.dtype.type(-np.inf))
        count = len(self.ascending_P) - int(np.searchsorted(self.ascending_P, cut, side="right"))
        return count, self.regions.counts(self.above_K < count)

    def highest(self, count: int) -> tuple[int, np.ndarray]:
        """Pixels of the `count` highest values, and those in each region, int R; ties in raster order.

        None of a flat map, which has no highest pixels.
        """
        if not count or self.ascending_P[0] == self.ascending_P[-1]:
            return 0, np.zeros(len(self.regions), int)
        return count, self.regions.counts(self.of_map.highest(count)[self.regions.pixels_K])
