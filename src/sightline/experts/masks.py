"""Masks brought to a grid by area: a grid pixel is inside where at least half of it is, and no region vanishes.

Nearest neighbour takes the upper left corner of each grid pixel: a mask that is shrunk moves right and down by up to
half a grid pixel against the maps, which lie on half-pixel centres, and what lies between the samples is lost. Here
everything is counted in whole numbers, so that a mirrored mask gives the mirrored result, ties included. H W the mask,
h w the grid. Definition: docs/metrics.md#masks-on-the-grid.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

EIGHT = np.ones((3, 3), bool)


def overlaps(n_in: int, n_out: int) -> scipy.sparse.csr_array:
    """Sparse int64 n_out x n_in: the length that each of n_out equal stretches shares with each of n_in pixels.

    In units of 1 / (n_in * n_out) of the axis: every row sums to n_in and every column to n_out, exactly.
    """
    # Cut at the edges of both, every piece lies in one stretch and in one pixel.
    cuts = np.unique(np.concatenate([np.arange(n_out + 1) * n_in, np.arange(n_in + 1) * n_out]))
    starts, lengths = cuts[:-1], np.diff(cuts)
    return scipy.sparse.csr_array((lengths, (starts // n_in, starts // n_out)), shape=(n_out, n_in))


@lru_cache(maxsize=32)
def _weights(n_in: int, n_out: int) -> scipy.sparse.csr_array:
    """`overlaps` in the smallest of int16 and int32 that holds its sums."""
    return overlaps(n_in, n_out).astype(np.int16 if n_in <= np.iinfo(np.int16).max else np.int32)


def shares(mask_HW: np.ndarray, height: int, width: int) -> np.ndarray:
    """The area inside each grid pixel, int64 height x width, of H * W for a pixel that is wholly inside; exact."""
    shape = mask_HW.shape
    inside = np.ascontiguousarray(mask_HW, bool)
    area_hw = np.zeros((height, width), np.int64)
    rows = np.flatnonzero(inside.any(axis=1))
    if not len(rows):
        return area_hw
    by_row = _weights(shape[0], height)[:, rows[0] : rows[-1] + 1] @ inside[rows[0] : rows[-1] + 1].view(np.int8)
    area_hw[:] = (overlaps(shape[1], width) @ by_row.T.astype(np.int64)).T
    return area_hw


def shrunk(mask_HW: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask on the grid, bool height x width, as `shrunk_and_saved`."""
    return shrunk_and_saved(mask_HW, height, width)[0]


def shrunk_and_saved(mask_HW: np.ndarray, height: int, width: int) -> tuple[np.ndarray, int]:
    """The mask on the grid, bool height x width, and the number of regions that only `never vanishes` kept.

    `mask_HW`: bool, of any size; the grid may be larger. A grid pixel is inside where at least half of its area is
    inside. A region of which that leaves nothing keeps its best pixel: the one with the largest share; of those, the
    nearest to the region's centre of mass; of those, the nearest to the image's centre. What ties even so lies
    symmetrically about the image's centre, and all of it stays. Regions are the 8-connected pieces of the grid pixels
    that hold anything of the mask: pieces of the mask that are closer than a grid pixel count as one.
    """
    if mask_HW.shape == (height, width):
        return np.array(mask_HW, bool), 0
    area_hw = shares(mask_HW, height, width)
    whole = mask_HW.shape[0] * mask_HW.shape[1]
    inside_hw = 2 * area_hw >= whole
    labels_hw, count = scipy.ndimage.label(area_hw > 0, EIGHT)
    kept = np.zeros(count + 1, bool)
    kept[labels_hw[inside_hw]] = True
    lost = 1 + np.flatnonzero(~kept[1:])
    places = scipy.ndimage.find_objects(labels_hw) if len(lost) else []
    for label in lost:
        box = places[label - 1]
        rows, cols = np.nonzero(labels_hw[box] == label)
        rows, cols = rows + box[0].start, cols + box[1].start
        best = _best(rows, cols, area_hw[rows, cols], (height, width))
        inside_hw[rows[best], cols[best]] = True
    return inside_hw, len(lost)


def _best(rows: np.ndarray, cols: np.ndarray, areas: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Numbers of the pixels that stand for a lost region; see `shrunk_and_saved` for the order of preference."""
    total, row_sum, col_sum = (int(sums) for sums in (areas.sum(), areas @ rows, areas @ cols))
    best = np.flatnonzero(areas == areas.max())
    # Python's whole numbers: squares of areas times rows pass 64 bits
    keys = [
        (
            (int(rows[place]) * total - row_sum) ** 2 + (int(cols[place]) * total - col_sum) ** 2,
            (2 * int(rows[place]) - grid[0] + 1) ** 2 + (2 * int(cols[place]) - grid[1] + 1) ** 2,
        )
        for place in best
    ]
    least = min(keys)
    return best[[key == least for key in keys]]


def small_lines(num_saved: int, num_thin: int) -> list[str]:
    """What the grid alone would have lost, a line, with its end, for each of the two counts that is not 0."""
    told = (
        (num_saved, "regions are smaller than a pixel of the grid; each keeps its best pixel"),
        (num_thin, "outlines are thinner than a pixel of the grid; they are redrawn to stay closed"),
    )
    return [f"{count} {what}\n" for count, what in told if count]
