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
    except (TypeError, ValueError):
        raise ValueError("a polygon's points are not pairs of numbers") from None
    if points_N2.ndim != 2 or points_N2.shape[1] != 2 or len(points_N2) < 3 or not np.isfinite(points_N2).all():
        num = len(points_N2) if points_N2.ndim else 0
        raise ValueError(f"a polygon of {num} points, expected 3 or more finite pairs of x and y")
    rows, cols = size
    for axis, side, values in (("x", cols, points_N2[:, 0]), ("y", rows, points_N2[:, 1])):
        reach = max(2.0, OVERSHOOT * side)
        if values.min() < -reach or values.max() > side + reach:
            raise ValueError(
                f"a polygon's {axis} goes from {values.min():g} to {values.max():g}, its image from 0 to {side}"
            )
    return region(points_N2, rows, cols)


def rectangle_mask(
    corner: tuple[float, float],
    sides: tuple[float, float],
    degrees: float,
    pivot: tuple[float, float],
    size: tuple[int, int],
) -> np.ndarray:
    """Pixels of the rectangle whose upper left corner is at (x, y) = `corner`, rotated about `pivot`, bool.

    `sides` are width and height, 0 or more (ValueError otherwise).
    """
    (x, y), (width, height) = corner, sides
    if width < 0 or height < 0:
        raise ValueError(f"a rectangle {width:g} wide and {height:g} high")
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    return region(_rotated(corners, degrees, pivot), *size)


def ellipse_mask(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float, size: tuple[int, int]
) -> np.ndarray:
    """Pixels whose centres lie in the ellipse or on it, bool.

    `radii` are along x and y before the rotation, above 0 (ValueError otherwise).
    """
    if not all(radius > 0 for radius in radii):
        raise ValueError(f"an ellipse with radii {radii[0]:g} and {radii[1]:g}")
    rows, cols = size
    dx = (np.arange(cols) + 0.5 - centre[0])[None, :]
    dy = (np.arange(rows) + 0.5 - centre[1])[:, None]
    cos, sin = _cos_sin(degrees)
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
