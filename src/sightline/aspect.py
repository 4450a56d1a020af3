"""Whether a mask or a map belongs to its film by its sides: aspect, and what looks turned or exchanged.

Films are read as they are displayed, with EXIF's orientation, and squashed to the study's grid. So a mask may have the
aspect of its film as displayed or of the grid. Sizes are (rows, columns), in pixels or cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from sightline.images.film_size import film_size, is_turned_by_exif

Size = tuple[int, int]
TOLERANCE = 0.02  # an aspect may differ by this much: sides are whole pixels, and pages crop a little


def has_aspect(size: Sequence[int], sizes: Sequence[Size]) -> bool:
    """Whether rows / columns of `size` equals that of one of `sizes` within 2%."""
    return _distance(size[0] / size[1], sizes) <= math.log1p(TOLERANCE)


def looks_turned(size: Sequence[int], sizes: Sequence[Size]) -> bool:
    """Whether columns / rows of `size` is clearly nearer to the aspect of one of `sizes` than rows / columns is.

    For maps too, whose coarse grids have their film's aspect only roughly: never true of squares.
    """
    own = size[0] / size[1]
    return _distance(1 / own, sizes) + math.log1p(TOLERANCE) < _distance(own, sizes)


def misfit(size: Sequence[int], grid: Size, film: str | Path | None) -> str:
    """Why a mask of `size` cannot belong to its film, with what to do; "" where it can.

    `grid`: of the study. `film`: its file; None or no readable film: the grid alone counts.
    """
    sizes = _sizes(grid, film)
    if has_aspect(size, sizes):
        return ""
    told = f"{size[0]} x {size[1]} (rows x columns) does not have the aspect of its image, {_named(sizes)}"
    return f"{told}; it looks turned by 90 degrees: {how_to_turn(film)}" if looks_turned(size, sizes) else told


def turned_map(size: Sequence[int], grid: Size, film: str | Path | None) -> str:
    """Why a map of `size` looks turned against its film, with what to do; "" where it does not. See `looks_turned`."""
    sizes = _sizes(grid, film)
    if not looks_turned(size, sizes):
        return ""
    told = f"{size[0]} x {size[1]} (rows x columns) on an image of {_named(sizes)}"
    return f"{told} looks turned by 90 degrees: {how_to_turn(film)}"


def how_to_turn(film: str | Path | None) -> str:
    """What to do with a mask or map whose rows and columns are exchanged against its film's, in a few words."""
    if film is not None and is_turned_by_exif(film):
        return "the film is displayed turned, as its EXIF orientation says; export this for the film as displayed"
    return "turn it, or exchange its rows and columns, to fit the film as displayed"


def _sizes(grid: Size, film: str | Path | None) -> list[Size]:
    shown = film_size(film) if film is not None else None
    return [*([shown] if shown else []), grid]


def _named(sizes: Sequence[Size]) -> str:
    return " or ".join(f"{rows} x {cols}" for rows, cols in dict.fromkeys(sizes))


def _distance(aspect: float, sizes: Sequence[Size]) -> float:
    """The distance of the logarithms to the nearest aspect of `sizes`; infinite for none."""
    return min((abs(math.log(aspect) - math.log(rows / cols)) for rows, cols in sizes), default=math.inf)
