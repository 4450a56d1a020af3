"""From raw saliency maps on the feature grid to the maps that are scored: ReLU, upsampling, min-max.

M maps, h w feature grid, H W image grid. Everything is computed in float64 and rounded once, to float32, at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

ROUNDING = 1e-12  # a map whose span after upsampling is at most this share of its span before is flat: it is rounding
TOGETHER = 2**18  # pixels that are scaled at once: what stays in a processor's cache takes a third of the time


def bilinear_weights(n_in: int, n_out: int) -> np.ndarray:
    """Weights of bilinear interpolation along one axis, float64 n_out x n_in; each row sums to 1.

    Half-pixel centres, edges clamped, no smoothing when n_out < n_in: `weights @ values` is torch's
    `F.interpolate(mode="bilinear", align_corners=False, antialias=False)` along that axis. n_in == n_out gives the
    identity exactly. Sizes below 1 raise ValueError.
    """
    if n_in < 1 or n_out < 1:
        raise ValueError(f"sizes of a grid are at least 1, got {n_in} and {n_out}")
    centres = np.clip((np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5, 0, n_in - 1)
    left = np.floor(centres).astype(int)
    right = np.minimum(left + 1, n_in - 1)
    weights = np.zeros((n_out, n_in))
    rows = np.arange(n_out)
    weights[rows, left] = 1 - (centres - left)
    weights[rows, right] += centres - left  # adds nothing at the clamped edge, where left == right
    return weights


_weights = lru_cache(maxsize=32)(bilinear_weights)  # a study has few grids; nothing here writes into them


def upsampled(maps_Mhw: np.ndarray, height: int, width: int) -> np.ndarray:
    """The maps on the image grid, float64 M x height x width: bilinear, half-pixel centres, edges clamped."""
    _, h, w = maps_Mhw.shape
    if (h, w) == (height, width):
        return maps_Mhw.astype(np.float64)
    return _weights(h, height) @ maps_Mhw @ _weights(w, width).T


def not_finite_maps(raw_Mhw: np.ndarray) -> np.ndarray:
    """Indices of the maps that contain a NaN or an infinity."""
    return np.flatnonzero(~np.isfinite(raw_Mhw).all(axis=(1, 2)))


def scaled_maps(raw_Mhw: np.ndarray, height: int, width: int) -> np.ndarray:
    """The maps that are scored: float32 M x height x width in [0, 1], from raw signed maps of any range.

    1. ReLU; 2. bilinear upsampling; 3. min-max of each map by itself (Paper: section on saliency). A map that is not
    flat reaches 0 and 1 exactly. A flat map, constant after ReLU and upsampling, becomes all 0: it is empty at every
    threshold above 0, and `is_flat` finds it. A NaN or an infinity raises ValueError with the indices of such maps.
    """
    broken = not_finite_maps(raw_Mhw)
    if broken.size:
        raise ValueError(f"maps that are not finite: {', '.join(map(str, broken))}")
    scaled_MHW = np.empty((len(raw_Mhw), height, width), np.float32)
    step = max(1, TOGETHER // (height * width))
    for start in range(0, len(raw_Mhw), step):
        few = slice(start, start + step)
        _scale(raw_Mhw[few], scaled_MHW[few])
    return scaled_MHW


def _scale(raw_Mhw: np.ndarray, scaled_MHW: np.ndarray) -> None:
    """Writes `scaled_maps` of a few maps into `scaled_MHW`."""
    height, width = scaled_MHW.shape[1:]
    positive_Mhw = np.maximum(raw_Mhw.astype(np.float64), 0)
    # Min-max ignores the minimum anyway. With it taken off first, a constant map is exactly 0 before and after the
    # products, where c * (1 - w) + c * w need not round to c.
    positive_Mhw -= positive_Mhw.min(axis=(1, 2), keepdims=True)
    maps_MHW = upsampled(positive_Mhw, height, width)
    maps_MHW -= maps_MHW.min(axis=(1, 2), keepdims=True)
    span_M = maps_MHW.max(axis=(1, 2))
    flat_M = span_M <= ROUNDING * positive_Mhw.max(axis=(1, 2))
    # Rounding to float32 also restores ties (plateaus at the clamped edges), which a product's order of summation
    # splits in the last bit of float64.
    np.divide(maps_MHW, np.where(flat_M, 1, span_M)[:, None, None], out=scaled_MHW, casting="same_kind")
    scaled_MHW[flat_M] = 0


def scaled_of_image(raws: Sequence[np.ndarray | Sequence[np.ndarray]], row: int, height: int, width: int) -> np.ndarray:
    """float32 A x height x width: `scaled_maps` of map `row` of each of A kinds of map, h x w each, on any grids.

    Only one image's maps are held on the image grid at a time: memory does not grow with the models.
    """
    maps_AHW = np.empty((len(raws), height, width), np.float32)
    own = [raw[row] for raw in raws]  # each is read once
    for shape in {raw_hw.shape for raw_hw in own}:  # the maps of one grid at once
        places = [place for place, raw_hw in enumerate(own) if raw_hw.shape == shape]
        maps_AHW[places] = scaled_maps(np.stack([own[place] for place in places]), height, width)
    return maps_AHW


def is_flat(scaled_MHW: np.ndarray) -> np.ndarray:
    """Bool M: which maps of `scaled_maps` are all 0, that is, have no peak to point at."""
    return scaled_MHW.max(axis=(1, 2)) == 0
