"""The scores of maps of 0 and 1 that follow from the pixels they share with a region: nothing is sorted.

X maps, each 1 on a set S of pixels, R regions. Definitions: docs/metrics.md#threshold-free.
"""

from __future__ import annotations

import numpy as np


def overlap_scores(
    shared_XR: np.ndarray, size_X1: np.ndarray, size_R: np.ndarray, num_pixels: int
) -> dict[str, np.ndarray]:
    """What follows from the pixels that sets and regions share: rank, ap, auroc, mass, pointing, float64 X x R each.

    A set that is empty or covers the image is a flat map and scores chance.
    """
    region, size = size_R.astype(np.float64), np.asarray(size_X1, np.float64)
    is_flat = (size == 0) | (size == num_pixels)
    hits, size = np.where(is_flat, region, shared_XR), np.where(is_flat, num_pixels, size)
    outside = num_pixels - region
    missed, false, neither = region - hits, size - hits, outside - (size - hits)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 of flat maps, empty regions, and those of all pixels
        # of a region larger than S, S is taken whole and the rest in proportion from what is left
        rest = np.where(missed > 0, (region - size) * missed / (num_pixels - size), 0)
        taken = np.where(region <= size, hits * region / size, hits + rest)
        auroc = (hits * neither + (hits * false + missed * neither) / 2) / (region * outside)
        return {
            "rank": taken / region,
            "ap": (hits * hits / size + missed * region / num_pixels) / region,
            "auroc": np.where(outside > 0, auroc, np.nan),
            "mass": hits / size,
            "pointing": hits / size,
        }
