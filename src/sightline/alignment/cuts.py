"""Overlap of one map with many regions at many cuts, from one sort of its pixels and one of each region's.

R regions (`region_scores.Regions`), T thresholds, P pixels. `binarised` makes the same cuts as pictures.
"""

from __future__ import annotations

import numpy as np

from sightline.alignment.region_scores import Regions


class Cuts:
    """The values of a map, float32 P in [0, 1], on all pixels and on those of each region, in ascending order."""

    def __init__(self, values_P: np.ndarray, regions: Regions) -> None:
        self.values_P, self.regions = values_P, regions
        self.all_P = np.sort(values_P)
        self.by_region = [np.sort(part) for part in np.split(values_P[regions.pixels_K], regions.starts_R[1:])]

    def at_least(self, thresholds_T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels of `map >= t`, int T, and those in each region, int R x T; `t` is compared in the map's dtype."""
        thresholds_T = thresholds_T.astype(self.values_P.dtype)
        shared = [len(values) - np.searchsorted(values, thresholds_T) for values in self.by_region]
        return len(self.all_P) - np.searchsorted(self.all_P, thresholds_T), np.stack(shared)

    def above(self, threshold: float) -> tuple[int, np.ndarray]:
        """Pixels of `map > threshold`, and those in each region, int R; compared in float64."""
        cut = self.values_P.dtype.type(threshold)
        if cut > threshold:  # the next number of the map's dtype below: no value lies between the two
            cut = np.nextafter(cut, self.values_P.dtype.type(-np.inf))
        shared = [len(values) - np.searchsorted(values, cut, side="right") for values in self.by_region]
        return len(self.all_P) - int(np.searchsorted(self.all_P, cut, side="right")), np.array(shared)

    def highest(self, count: int) -> tuple[int, np.ndarray]:
        """Pixels of the `count` highest values, and those in each region, int R; ties in raster order.

        None of a flat map, which has no highest pixels.
        """
        if not count or self.all_P[0] == self.all_P[-1]:
            return 0, np.zeros(len(self.by_region), int)
        cut = self.all_P[len(self.all_P) - count]
        num_above, shared_R = self.above(cut)
        tied = np.flatnonzero(self.values_P == cut)[: count - num_above]
        in_ties_K = np.isin(self.regions.pixels_K, tied).astype(np.int64)
        return count, shared_R + np.add.reduceat(in_ties_K, self.regions.starts_R)
