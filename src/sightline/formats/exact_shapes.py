"""Points, boxes and ellipses -> the pixels that they mark, in whole numbers alone, as the page's exact_shapes.js.

A coordinate is first rounded to an eighth of a pixel, the unit of everything below; the centre of pixel (row, col) is
(8 col + 4, 8 row + 4). The rules are inequalities of whole numbers, so that no rounding can tell server and page apart.

- point: the pixels whose centres lie within the radius of the centre of the pixel that holds the point; at a radius
  below 8 (one pixel) that pixel alone. A point on the far border belongs to the last pixel.
- box: two opposite corners; a centre on its left or upper side is inside, on the other two sides outside.
- ellipse: the one in the box of two opposite corners; with sides a and b and a centre at (x, y) from that of the box,
  in halves of the unit: x x b b + y y a a <= a a b b. Without a width or a height it marks nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Span = tuple[int, int, int]
"""A row, the first column of its marked pixels, and one past the last; never empty."""


def eighths(value: float) -> int:
    """A length or coordinate in pixels, rounded to eighths; halves up."""
    return math.floor(value * 8 + 0.5)


def spans_of(tool: str, points: Sequence[float], radius: float, height: int, width: int) -> Iterator[Span]:
    """The marked pixels row by row, clipped to the image; `points`: x, y of a point, or of two corners.

    ValueError for another tool.
    """
    if tool == "point":
        found = _disc(points, eighths(radius), height, width)
    elif tool == "box":
        found = _box(*_corners(points), height)
    elif tool == "ellipse":
        found = _ellipse(*_corners(points), height)
    else:
        raise ValueError(f"tool {tool!r}: expected point, box or ellipse")
    for row, start, end in found:
        left, right = max(0, start), min(width, end)
        if right > left:
            yield row, left, right


def _corners(points: Sequence[float]) -> tuple[int, int, int, int]:
    """x and y of the upper left corner, then of the lower right one, in eighths."""
    x0, y0, x1, y1 = (eighths(value) for value in points)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _disc(points: Sequence[float], reach: int, height: int, width: int) -> Iterator[Span]:
    col, row = min(eighths(points[0]) // 8, width - 1), min(eighths(points[1]) // 8, height - 1)
    far = reach // 8
    for other in range(max(0, row - far), min(height, row + far + 1)):
        beside = math.isqrt(reach * reach - 64 * (other - row) ** 2) // 8
        yield other, col - beside, col + beside + 1


def _box(left: int, top: int, right: int, bottom: int, height: int) -> Iterator[Span]:
    start, end = _first_centre(left), _first_centre(right)
    for row in range(max(0, _first_centre(top)), min(height, _first_centre(bottom))):
        yield row, start, end


def _ellipse(left: int, top: int, right: int, bottom: int, height: int) -> Iterator[Span]:
    a, b = right - left, bottom - top
    if a == 0 or b == 0:
        return
    for row in range(max(0, top // 8), min(height, bottom // 8 + 1)):
        y = 16 * row + 8 - (top + bottom)
        room = a * a * (b * b - y * y)
        if room < 0:
            continue
        x = math.isqrt(room // (b * b))
        middle = left + right
        yield row, -((8 + x - middle) // 16), (middle + x - 8) // 16 + 1


def _first_centre(side: int) -> int:
    """The first pixel whose centre is at `side` (eighths) or beyond."""
    return -((4 - side) // 8)
