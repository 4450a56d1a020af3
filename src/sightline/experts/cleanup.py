"""From an annotator's strokes to a region: the clean-up of the paper's section on annotations and of its code.

Paper: the published sizes (3x3, 7x7, 5x5 pixels; 20 pixels of area) belong to a 224 x 224 grid. On another grid they
scale with its side and its area, since a pen's width is a share of the image; at 224 x 224 they are as published, and a
test holds the result equal to OpenCV's, pixel by pixel. Definition: docs/metrics.md#clean-up.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.experts.morphology import closed, ellipse, eroded, filled

PAPER_SIDE = 224  # pixels
MIN_AREA = 20.0  # pixels of contour area on the paper's grid; smaller contours are slips of the pen
OUTLINE_SOLIDITY = 0.6  # contour area / area of its convex hull; below it the contour is a drawn line
EIGHT = np.ones((3, 3), bool)


def clean_annotation(drawn: np.ndarray, height: int, width: int) -> np.ndarray:
    """The region that an annotator meant, bool `height` x `width`.

    `drawn`: bool, any size, or uint8, white strokes on black, drawn above 128. Paper: brought to the grid by nearest
    neighbour, which loses lines that are thinner than a grid pixel; the study's own path is `outlines.clean_drawing`.
    """
    return region_of(nearest(drawn if drawn.dtype == bool else drawn > 128, height, width))


def region_of(strokes: np.ndarray) -> np.ndarray:
    """The region that strokes on the grid mean, bool H x W from bool H x W.

    A contour with solidity below 0.6 is a drawn outline: its gap is closed, its inside filled and the line's width
    removed. Any other contour is a filled region. The result is their union; an empty sheet, or one with only slips
    of the pen, gives an all-false mask.
    """
    height, width = strokes.shape
    region = np.zeros((height, width), bool)
    if not strokes.any():
        return region
    line, holes = ellipse(_kernel_side(7, height, width)), ellipse(_kernel_side(5, height, width))
    # Closing reaches as far as a kernel and looks as far again: farther from the strokes nothing happens.
    box = _box(strokes, 2 * max(len(line), len(holes)))
    strokes = closed(strokes[box], ellipse(_kernel_side(3, height, width)))
    min_area = least_area(height, width)
    for contour in outer_contours(strokes, min_area):
        area = contour_area(contour)
        if area < min_area:
            continue
        if area < OUTLINE_SOLIDITY * hull_area(contour):
            inside = filled(closed(contour, line))
            region[box] |= eroded(inside, line)
        else:
            region[box] |= closed(contour, holes)
    return region


def least_area(height: int, width: int) -> float:
    """Pixels of a contour's area below which it is a slip of the pen, on a grid or a sheet of that size."""
    return MIN_AREA * height * width / PAPER_SIDE**2


def nearest(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """`pixels` on `height` x `width` by nearest neighbour: row floor(i * old / new), as OpenCV's INTER_NEAREST.

    Computed in whole numbers: at some sizes OpenCV rounds its quotient and takes the previous row where
    i * old / new is whole.
    """
    rows = np.arange(height) * pixels.shape[0] // height
    cols = np.arange(width) * pixels.shape[1] // width
    return pixels[rows[:, None], cols[None, :]]


def outer_contours(mask: np.ndarray, min_pixels: float = 0) -> list[np.ndarray]:
    """The filled outer contours of a bool H x W mask, each bool H x W, in raster order of their first pixel.

    Pixels join by any of 8 neighbours; whatever lies in a contour's hole belongs to the contour. Contours of fewer than
    `min_pixels` pixels, whose area is smaller still, are left out: a speckled sheet has thousands.
    """
    labels, _ = scipy.ndimage.label(filled(mask), EIGHT)
    pixels = np.bincount(labels.ravel())
    return [labels == label for label in range(1, len(pixels)) if pixels[label] >= min_pixels]


def contour_area(contour: np.ndarray) -> float:
    """Area in pixels of the polygon through the centres of a filled contour's border pixels; 0 for a thin line.

    It is the number of 2 x 2 blocks of pixels that lie wholly inside, plus half of those with 3 pixels inside: the
    same as OpenCV's contourArea, which follows the contour.
    """
    inside = contour.astype(np.uint8)
    blocks = inside[:-1, :-1] + inside[1:, :-1] + inside[:-1, 1:] + inside[1:, 1:]
    return float((blocks == 4).sum() + 0.5 * (blocks == 3).sum())


def hull_area(contour: np.ndarray) -> float:
    """Area in pixels of the convex hull of a contour's pixel centres; 0 if they are on one line or there are none.

    In whole numbers, and so exact: the ends of each row are enough, which give the hull's left and right side.
    """
    rows = np.flatnonzero(contour.any(axis=1))
    inside = contour[rows]
    first, last = inside.argmax(axis=1), contour.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    return -(_twice_under(rows, first) + _twice_under(rows, -last)) / 2


def _twice_under(places_N: np.ndarray, values_N: np.ndarray) -> int:
    """Twice the area under the lower convex hull of the points, whose places ascend (Andrew's chain)."""
    chain: list[tuple[int, int]] = []
    for x, y in _corners(places_N, values_N):
        while len(chain) > 1:
            (x0, y0), (x1, y1) = chain[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            chain.pop()
        chain.append((x, y))
    return sum((x1 - x0) * (y0 + y1) for (x0, y0), (x1, y1) in pairwise(chain))


def _corners(places_N: np.ndarray, values_N: np.ndarray) -> list[tuple[int, int]]:
    """The points without most of those on or above the line between their neighbours, which are no corners."""
    for _ in range(3):  # each time fewer are left; the chain takes care of the rest
        run_N, rise_N = np.diff(places_N), np.diff(values_N)
        is_corner_N = np.ones(len(places_N), bool)
        is_corner_N[1:-1] = rise_N[:-1] * run_N[1:] < rise_N[1:] * run_N[:-1]
        places_N, values_N = places_N[is_corner_N], values_N[is_corner_N]
    return list(zip(places_N.tolist(), values_N.tolist(), strict=True))


def _box(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The rows and columns of a mask that is not empty, with so many more on each side as the image has."""
    rows, cols = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    first_row, first_col = (max(int(places[0]) - margin, 0) for places in (rows, cols))
    return slice(first_row, int(rows[-1]) + 1 + margin), slice(first_col, int(cols[-1]) + 1 + margin)


def _kernel_side(side: int, height: int, width: int) -> int:
    """The odd side, at least 3, nearest to `side` pixels of the paper's grid."""
    scaled = side * math.sqrt(height * width) / PAPER_SIDE
    return max(3, 2 * round((scaled - 1) / 2) + 1)
