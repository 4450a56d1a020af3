"""Where raw maps look, computed on their own feature grid: the maps are not made on the image grid.

The scaled map is bilinear between the cells' centres. So a sum over any pixels is a weighted sum of the cells, and the
lowest and the highest pixel stand at the ends of the runs of pixels between two centres: 256 of 50,176 pixels for maps
of 7 x 7. The scaled map is rounded to float32, sums here are not: they differ by some 1e-10 of themselves. The few maps
whose peak is nearly tied are scaled as ever, so that ties are those of `maps.scaled_maps`.

M maps, h w feature grid, H W image grid, S pixels of an axis that can be lowest or highest, B bands of rows or columns.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sightline.alignment.outside_lungs import band_shares, bands, relevance_shares
from sightline.maps import ROUNDING, TOGETHER, bilinear_weights, not_finite_maps, scaled_maps

NEAR = 1e-4  # of a map's span: a further pixel this near to the peak may be tied with it once values are float32

FINE = 0.25  # of the image grid's pixels: maps in which more could be lowest or highest are scaled as ever


class Looks(NamedTuple):
    """Where maps look."""

    shares: dict[str, np.ndarray]
    """As `outside_lungs.relevance_shares`."""
    peaks: list[np.ndarray]
    """Of each map int, the pixels of its peak in the flattened image, several if tied; none of a flat map."""


class Axis(NamedTuple):
    """One axis of the feature grid and of the image grid, n cells and N pixels."""

    ends_Sn: np.ndarray
    """Bilinear weights of the pixels that can be lowest or highest."""
    alike: list[np.ndarray]
    """The pixels with the weights of each of S, itself among them: many at the clamped edges."""
    bands_Bn: np.ndarray
    """Sums of the weights over the pixels of each band (`outside_lungs.bands`)."""
    sizes_B: np.ndarray
    """Pixels of each band."""


@lru_cache(maxsize=32)  # a study has few grids
def axis_of(cells: int, pixels: int) -> Axis:
    """The axis of so many cells on so many pixels."""
    weights_Nn = bilinear_weights(cells, pixels)
    between = [tuple(np.flatnonzero(weights_n).tolist()) for weights_n in weights_Nn]
    is_end = [
        place in (0, pixels - 1) or between[place] != between[place - 1] or between[place] != between[place + 1]
        for place in range(pixels)
    ]
    ends_Sn = np.unique(weights_Nn[is_end], axis=0)[::-1]
    alike = [np.flatnonzero((weights_Nn == end_n).all(axis=1)) for end_n in ends_Sn]
    bands_BN = bands(pixels)
    return Axis(ends_Sn, alike, bands_BN @ weights_Nn, bands_BN.sum(axis=1))


class Outside:
    """What lies outside the lungs of N images, as weights of the cells of any feature grid."""

    def __init__(self, near_NHW: np.ndarray) -> None:
        self.near_NHW = near_NHW
        self.num_pixels_N = np.count_nonzero(~near_NHW, axis=(1, 2))
        self._by_grid: dict[tuple[int, int], np.ndarray] = {}

    def weights(self, h: int, w: int) -> np.ndarray:
        """Float64 N x h x w: the sum of each cell's bilinear weights over the pixels outside; made once for a grid."""
        if (h, w) not in self._by_grid:
            num, height, width = self.near_NHW.shape
            rows_hH, cols_Ww = bilinear_weights(h, height).T.copy(), bilinear_weights(w, width)
            weights_Nhw, step = np.empty((num, h, w)), max(1, TOGETHER // (height * width))
            for start in range(0, num, step):
                few = slice(start, start + step)
                weights_Nhw[few] = rows_hH @ (~self.near_NHW[few]).astype(np.float64) @ cols_Ww
            self._by_grid[h, w] = weights_Nhw
        return self._by_grid[h, w]


def looks(raw_Mhw: np.ndarray, outside: Outside, rows: np.ndarray, uniform: dict[str, np.ndarray]) -> Looks:
    """`relevance_shares` and the peaks of `scaled_maps(raw_Mhw)`, to within the rounding of float32.

    `rows`: int M, the image of each map among those of `outside`; `uniform`: `uniform_shares` of the M images. A NaN or
    an infinity raises ValueError with the indices of such maps.
    """
    broken = not_finite_maps(raw_Mhw)
    if broken.size:
        raise ValueError(f"maps that are not finite: {', '.join(map(str, broken))}")
    _, h, w = raw_Mhw.shape
    _, height, width = outside.near_NHW.shape
    down, along = axis_of(h, height), axis_of(w, width)
    if len(down.alike) * len(along.alike) > FINE * height * width:
        maps_MHW = scaled_maps(raw_Mhw, height, width)
        return Looks(relevance_shares(maps_MHW, outside.near_NHW[rows], uniform), [_at_one(m_HW) for m_HW in maps_MHW])
    cells_Mhw = np.maximum(raw_Mhw.astype(np.float64), 0)
    cells_Mhw -= cells_Mhw.min(axis=(1, 2), keepdims=True)
    ends_MSS = down.ends_Sn @ cells_Mhw @ along.ends_Sn.T
    low_M = ends_MSS.min(axis=(1, 2))
    span_M = ends_MSS.max(axis=(1, 2)) - low_M
    is_flat_M = span_M <= ROUNDING * cells_Mhw.max(axis=(1, 2))
    low_MBB = low_M[:, None, None] * np.outer(down.sizes_B, along.sizes_B)
    held_MBB = (down.bands_Bn @ cells_Mhw @ along.bands_Bn.T) - low_MBB
    outside_M = np.einsum("mhw,mhw->m", cells_Mhw, outside.weights(h, w)[rows]) - low_M * outside.num_pixels_N[rows]
    shares = band_shares(held_MBB, outside_M, is_flat_M, uniform)
    return Looks(
        shares, _peaks(raw_Mhw, ends_MSS - low_M[:, None, None], span_M, is_flat_M, down, along, height, width)
    )


def _peaks(
    raw_Mhw: np.ndarray,
    ends_MSS: np.ndarray,
    span_M: np.ndarray,
    is_flat_M: np.ndarray,
    down: Axis,
    along: Axis,
    height: int,
    width: int,
) -> list[np.ndarray]:
    """The pixels of each map's peak: those alike with the highest end, or of the scaled map where others come near."""
    ends_MS = ends_MSS.reshape(len(raw_Mhw), len(down.alike) * len(along.alike))
    is_near_MS = ends_MS >= ((1 - NEAR) * span_M)[:, None]
    is_sure_M = is_near_MS.sum(axis=1) == 1
    highest_M = is_near_MS.argmax(axis=1)
    peaks: list[np.ndarray] = []
    for row, (is_flat, is_sure) in enumerate(zip(is_flat_M.tolist(), is_sure_M.tolist(), strict=True)):
        if is_flat:
            peaks.append(np.zeros(0, int))
        elif is_sure:
            at_row, at_col = divmod(int(highest_M[row]), len(along.alike))
            peaks.append((down.alike[at_row][:, None] * width + along.alike[at_col]).ravel())
        else:
            peaks.append(_at_one(scaled_maps(raw_Mhw[row : row + 1], height, width)))
    return peaks


def _at_one(map_HW: np.ndarray) -> np.ndarray:
    """The pixels of a scaled map's peak in the flattened image; none of a flat map."""
    return np.flatnonzero(map_HW == 1)
