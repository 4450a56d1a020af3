"""Masks of the shapes that annotation tools know: polygon, rectangle, ellipse.

Shapes are rasterised as on the page: a pixel belongs to a shape if its centre does. H W image grid; x to the right,
y down, (0, 0) the corner of the first pixel; angles in degrees, clockwise on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.formats.strokes import region

OVERSHOOT = 0.02  # of the side: how far a polygon may reach out of its image before the size counts as wrong


def polygon_mask(points: Any, size: tuple[int, int]) -> np.ndarray:
    """Pixels that a polygon encloses, bool; `points` are pairs of x and y, 3 or more.

    ValueError if they are not, or if they reach out of the image by more than OVERSHOOT (and by more than 2 pixels).
    """
    try:
        points_N2 = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a polygon's points are not pairs of numbers") from None
    if points_N2.ndim != 2 or points_N2.shape[1] != 2 or len(points_N2) < 3 or not np.isfinite(points_N2).all():
        num = len(points_N2) if points_N2.ndim else 0
        raise ValueError(f"a polygon of {num} points, expected 3 or more finite pairs of x and y")
    rows, cols = size
    within_image(points_N2[:, 0], "a polygon's x", cols)
    within_image(points_N2[:, 1], "a polygon's y", rows)
    return region(points_N2, rows, cols)


def rectangle_mask(
    corner: tuple[float, float],
    sides: tuple[float, float],
    degrees: float,
    pivot: tuple[float, float],
    size: tuple[int, int],
) -> np.ndarray:
    """Pixels of the rectangle whose upper left corner is at (x, y) = `corner`, rotated about `pivot`, bool.

    `sides` are width and height, 0 or more. ValueError otherwise, and as for `polygon_mask` where it reaches out of
    the image.
    """
    (x, y), (width, height) = corner, sides
    if width < 0 or height < 0:
        raise ValueError(f"a rectangle {width:g} wide and {height:g} high")
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    corners = _rotated(corners, degrees, pivot)
    within_image(corners[:, 0], "a rectangle's x", size[1])
    within_image(corners[:, 1], "a rectangle's y", size[0])
    return region(corners, *size)


def boxes_mask(boxes_N4: Any, size: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """The union of upright boxes (x0, y0, x1, y1): bool h x w, as small as they allow, its top row and left column.

    No box, or boxes between two pixel centres, give 0 x 0 at (0, 0). ValueError where a box is not four finite numbers
    with x0 <= x1 and y0 <= y1, or reaches out of the image by more than OVERSHOOT (and by more than 2 pixels).
    """
    try:
        corners_N4 = np.asarray(boxes_N4, np.float64).reshape(-1, 4)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a box is not four numbers") from None
    for box in corners_N4:
        within_image(box[0::2], "a box's x", size[1])
        within_image(box[1::2], "a box's y", size[0])
        if box[0] > box[2] or box[1] > box[3]:
            raise ValueError(f"a box {box[2] - box[0]:g} wide and {box[3] - box[1]:g} high")
    first_last_N4 = box_pixels(corners_N4, *size)
    first_last_N4 = first_last_N4[(first_last_N4[:, 2:] > first_last_N4[:, :2]).all(axis=1)]
    if not len(first_last_N4):
        return np.zeros((0, 0), bool), 0, 0
    left, top = (int(side) for side in first_last_N4[:, :2].min(axis=0))
    right, bottom = first_last_N4[:, 2:].max(axis=0)
    mask_hw = np.zeros((bottom - top, right - left), bool)
    for x0, y0, x1, y1 in first_last_N4.tolist():
        mask_hw[y0 - top : y1 - top, x0 - left : x1 - left] = True
    return mask_hw, top, left


def box_pixels(corners_N4: np.ndarray, rows: int | np.ndarray, cols: int | np.ndarray) -> np.ndarray:
    """Each box's first column and row, and the column and row after its last, int N4.

    A pixel belongs to a box if its centre does. `rows`, `cols`: of the image, one or N, beyond which no pixel lies.
    """
    most_N4 = np.stack(np.broadcast_arrays(cols, rows, cols, rows), axis=-1)
    return np.asarray(np.ceil(corners_N4 - 0.5).clip(0, most_N4).astype(int))


def overshoot(side: int | np.ndarray) -> np.ndarray:
    """How far a shape may reach out of its image, in pixels of a side of this length."""
    return np.maximum(2.0, OVERSHOOT * np.asarray(side))


def within_image(values: np.ndarray, what: str, side: int) -> None:
    """ValueError if a shape's values are not finite or reach out of 0 to `side` by more than OVERSHOOT and 2 pixels."""
    reach = overshoot(side)
    if not np.isfinite(values).all() or values.min() < -reach or values.max() > side + reach:
        raise ValueError(f"{what} goes from {values.min():g} to {values.max():g}, its image from 0 to {side}")


def ellipse_mask(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float, size: tuple[int, int]
) -> np.ndarray:
    """Pixels whose centres lie in the ellipse or on it, bool.

    `radii` are along x and y before the rotation, above 0. ValueError otherwise, and as for `polygon_mask` where it
    reaches out of the image.
    """
    if not all(radius > 0 for radius in radii):
        raise ValueError(f"an ellipse with radii {radii[0]:g} and {radii[1]:g}")
    rows, cols = size
    cos, sin = _cos_sin(degrees)
    half_x, half_y = math.hypot(radii[0] * cos, radii[1] * sin), math.hypot(radii[0] * sin, radii[1] * cos)
    within_image(np.array([centre[0] - half_x, centre[0] + half_x]), "an ellipse's x", cols)
    within_image(np.array([centre[1] - half_y, centre[1] + half_y]), "an ellipse's y", rows)
    dx = (np.arange(cols) + 0.5 - centre[0])[None, :]
    dy = (np.arange(rows) + 0.5 - centre[1])[:, None]
    return ((dx * cos + dy * sin) / radii[0]) ** 2 + ((dy * cos - dx * sin) / radii[1]) ** 2 <= 1


def _rotated(points_N2: np.ndarray, degrees: float, pivot: Sequence[float]) -> np.ndarray:
    cos, sin = _cos_sin(degrees)
    dx, dy = (points_N2 - pivot).T
    return np.stack([dx * cos - dy * sin, dx * sin + dy * cos], axis=1) + pivot


def _cos_sin(degrees: float) -> tuple[float, float]:
    """Exact at quarter turns, where a cosine of 6e-17 would move an edge across pixel centres."""
    quarters = {0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0)}
    turn = degrees % 360
    return quarters[int(turn)] if turn in quarters else (math.cos(math.radians(turn)), math.sin(math.radians(turn)))
