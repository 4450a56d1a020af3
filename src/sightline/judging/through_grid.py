"""Masks seen through a map's own grid: averaged over its cells and brought back exactly as the map is.

A saliency map on 7 x 7 cells cannot trace an outline, and an expert's drawing has no grades. So everything that a
model is compared with is seen through the model's grid. K masks, H W image grid, h w cells.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sightline.maps import scaled_maps


@lru_cache(maxsize=16)
def area_weights(n_in: int, n_out: int) -> np.ndarray:
    """Weights of area averaging along one axis, float64 n_out x n_in, read-only; each row sums to 1.

    A pixel that two cells share counts for each by the part that lies inside it, so that n_in need not be a multiple.
    """
    edges = np.linspace(0, n_in, n_out + 1)
    pixels = np.arange(n_in)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(overlap, 0, None)
    weights = weights / weights.sum(axis=1, keepdims=True)
    weights.setflags(write=False)
    return weights


def through_grid(maps_KHW: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """float32 K x H x W in [0, 1]: the cells' means, upsampled and scaled as `sightline.maps.scaled_maps` does.

    `maps_KHW`: bool, or values in [0, 1]. A grid at least as fine as the image changes nothing but the scale.
    An empty or constant map comes back flat.
    """
    _, height, width = maps_KHW.shape
    rows, columns = min(cells[0], height), min(cells[1], width)
    cells_Khw = maps_KHW.astype(np.float64)
    if (rows, columns) != (height, width):
        cells_Khw = area_weights(height, rows) @ cells_Khw @ area_weights(width, columns).T
    elif maps_KHW.dtype == bool:  # as it is, but for a mask of the whole image, which is flat
        return (maps_KHW & ~maps_KHW.all(axis=(1, 2), keepdims=True)).astype(np.float32)
    # Cells that are equal differ in the last bits, which scaling a map of one value would blow up to its whole range.
    return scaled_maps(np.round(cells_Khw, 12), height, width)
