"""Where a map's relevance lies that has no business there: outside the lungs, in corners, along the border.

M maps (one per image), H W image grid, B bands of an axis. All shares are of a map's relevance, the sum of the scaled
map. `on_feature_grid` computes them without making the maps; `shortcut` makes the signs of a shortcut of them.
Definitions: docs/metrics.md#shortcut.
"""

from __future__ import annotations

import numpy as np

from sightline.maps import is_flat
from sightline.statistics.means import mean_known

MARGIN = 0.03  # of the side: pixels this near to the lungs are not outside; the pleura may be drawn too narrow
CORNER = 0.15  # of each side: the four corners' squares
BORDER = 0.05  # of each side: the strip along the image's edge
CELLS = 7  # along each axis: the feature grid of a 224-pixel network; "one place" is as large as one of its cells
EDGE, CELL = 2, 4  # where the bands of the border and of the cells begin among `bands`
NAMES = ("outside", "corners", "border", "hottest")


def near_lungs(lungs_MHW: np.ndarray) -> np.ndarray:
    """Bool M x H x W: the lungs and what lies within 3% of the side of them; the rest is outside.

    `lungs_MHW`: bool, known lungs or, where they are unknown, bodies: then a marker that touches the patient's outline
    is inside.
    """
    return widened(lungs_MHW, MARGIN)


def relevance_shares(
    maps_MHW: np.ndarray, near_MHW: np.ndarray, uniform: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Shares of each map's relevance in places where it does not belong, by name, float64 M in [0, 1].

    - `outside`: farther than 3% of the side from the lungs; NaN for an image without lungs.
    - `corners`: in the four corner squares, 15% of the sides; `border`: in the strip of 5% along the edge.
    - `hottest`: in the cell of a 7 x 7 grid that holds most: how concentrated the map is, wherever that is.

    `maps_MHW`: scaled maps in [0, 1]; `near_MHW`: as `near_lungs` returns it; `uniform`: `uniform_shares` of it, where
    they are known. A flat map has no relevance to share and gets the shares of a uniform map; count such maps with
    `maps.is_flat`. A NaN or a value below 0 raises ValueError.
    """
    require_relevance(maps_MHW)
    uniform = uniform_shares(near_MHW) if uniform is None else uniform
    if not len(maps_MHW):
        return uniform
    rows = bands(maps_MHW.shape[1])
    cols = bands(maps_MHW.shape[2]).T
    held_MBB, outside_M = np.empty((len(maps_MHW), len(rows), cols.shape[1])), np.empty(len(maps_MHW))
    for row, (map_HW, near_HW) in enumerate(zip(maps_MHW, near_MHW, strict=True)):
        wide_HW = map_HW.astype(np.float64)
        held_MBB[row], outside_M[row] = rows @ wide_HW @ cols, wide_HW.ravel() @ ~near_HW.ravel()
    return band_shares(held_MBB, outside_M, is_flat(maps_MHW), uniform)


def band_shares(
    held_MBB: np.ndarray, outside_M: np.ndarray, is_flat_M: np.ndarray, uniform: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """`relevance_shares` from each map's sums over pairs of `bands`, its sum outside, and which maps are flat."""
    sums = _placed(held_MBB)
    sums["outside"] = np.where(np.isnan(uniform["outside"]), np.nan, outside_M)
    total_M = np.where(is_flat_M, 1, held_MBB[:, CELL:, CELL:].sum(axis=(1, 2)))
    return {name: np.where(is_flat_M, uniform[name], sums[name] / total_M) for name in NAMES}


def _placed(held_MBB: np.ndarray) -> dict[str, np.ndarray]:
    """Sums over the corners, the border and the hottest cell, float64 M each."""
    edges, cells = slice(EDGE, CELL), slice(CELL, None)
    both_M, corner_M = (held_MBB[:, band, band].sum(axis=(1, 2)) for band in (edges, slice(0, EDGE)))
    border_M = held_MBB[:, edges, cells].sum(axis=(1, 2)) + held_MBB[:, cells, edges].sum(axis=(1, 2)) - both_M
    return {"corners": corner_M, "border": border_M, "hottest": held_MBB[:, cells, cells].max(axis=(1, 2))}


def uniform_shares(near_MHW: np.ndarray) -> dict[str, np.ndarray]:
    """The shares of a uniform map, by the names of `relevance_shares`, float64 M: the areas of the places."""
    num_maps, height, width = near_MHW.shape
    num_near_M = np.count_nonzero(near_MHW, axis=(1, 2))
    outside_M = np.where(num_near_M > 0, (height * width - num_near_M) / (height * width), np.nan)
    areas_BB = np.outer(bands(height).sum(axis=1), bands(width).sum(axis=1))
    fixed = {name: np.repeat(area_1 / (height * width), num_maps) for name, area_1 in _placed(areas_BB[None]).items()}
    return {"outside": outside_M, **fixed}


def require_relevance(maps_MHW: np.ndarray) -> None:
    """ValueError for a NaN or a value below 0."""
    if maps_MHW.size and not maps_MHW.min() >= 0:
        raise ValueError("maps: expected values of 0 and above, found others or NaN")


def bands(size: int) -> np.ndarray:
    """Which places along an axis are in each band, float64 B x size, 0 or 1: 2 corners, 2 edges and up to 7 cells."""
    cell_S = np.searchsorted(np.unique(np.arange(CELLS) * size // CELLS), np.arange(size), side="right") - 1
    ends_4S = np.zeros((CELL, size))
    for row, end in enumerate([*_ends(size, CORNER), *_ends(size, BORDER)]):
        ends_4S[row, end] = 1
    return np.concatenate([ends_4S, np.arange(cell_S.max() + 1)[:, None] == cell_S])


def _ends(size: int, share: float) -> tuple[slice, slice]:
    """The first and the last round(share * size) places along an axis, at least one each; `size` is at least 2."""
    reach = max(round(share * size), 1)
    return slice(0, reach), slice(size - reach, size)


def by_outcome(
    shares: dict[str, np.ndarray], labels: np.ndarray, probabilities: np.ndarray, cut: float = 0.5
) -> dict[str, dict[str, float]]:
    """Mean of each share over true and false positives and negatives: by outcome, then by share, with `count`.

    `labels`: M of 0 and 1; `probabilities`: M of label 1, at or above `cut` the decision is 1. NaN shares are left
    out of a mean; an outcome without images has count 0 and NaN means. If more relevance lies outside the lungs in TP
    and FP than in TN and FN, what lies there speaks for the disease. A NaN probability raises ValueError.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    if np.isnan(probabilities).any():
        raise ValueError("a probability is NaN")
    is_positive, is_decided = np.asarray(labels) == 1, probabilities >= cut
    chosen = {
        "TP": is_positive & is_decided,
        "FP": ~is_positive & is_decided,
        "FN": is_positive & ~is_decided,
        "TN": ~is_positive & ~is_decided,
    }
    table = {}
    for outcome, chosen_M in chosen.items():
        means = {name: mean_known(values_M[chosen_M]) for name, values_M in shares.items()}
        table[outcome] = {"count": int(chosen_M.sum()), **means}
    return table


def widened(masks_MHW: np.ndarray, margin: float) -> np.ndarray:
    """The masks with all pixels within `margin`, a share of each side, of them along rows and columns: bool M x H x W.

    The neighbourhood is a square of round(margin * side) pixels each way, not a disc: a square is separable, so that an
    image costs a thousandth of a second. An empty mask stays empty; margin 0 changes nothing.
    """
    wide_MHW = np.asarray(masks_MHW).astype(bool)
    for axis in (1, 2):
        wide_MHW = _widened_along(wide_MHW, round(margin * wide_MHW.shape[axis]), axis)
    return wide_MHW


def _widened_along(masks_MHW: np.ndarray, reach: int, axis: int) -> np.ndarray:
    """Whether any pixel within `reach` along the axis is marked: windows double until they are wide enough."""
    beyond = [(0, 0), (0, 0), (0, 0)]
    beyond[axis] = (reach, reach)
    any_MHW = np.moveaxis(np.pad(masks_MHW, beyond), axis, 0)
    window, whole = 1, 2 * reach + 1
    while window < whole:
        step = min(window, whole - window)
        any_MHW = any_MHW[:-step] | any_MHW[step:]
        window += step
    return np.moveaxis(any_MHW, 0, axis)
