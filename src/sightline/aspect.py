"""Whether a mask or a map belongs to its film by its sides: aspect, and what looks turned or exchanged.

Films are read as they are displayed, with EXIF's orientation, and squashed to the study's grid. So a mask may have the
aspect of its film as displayed or of the grid. Sizes are (rows, columns), in pixels or cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

Size = tuple[int, int]
TOLERANCE = 0.02  # an aspect may differ by this much: sides are whole pixels, and pages crop a little
TURNED_BY_EXIF = (5, 6, 7, 8)  # orientations that exchange rows and columns
EXIF_ORIENTATION = 0x0112


def picture_size(path: str | Path) -> Size | None:
    """(rows, columns) of an image file as displayed, with EXIF's orientation; None where there is no readable image."""
    stored = _stored_size(path)
    return stored and (stored[0][::-1] if stored[1] else stored[0])


def has_aspect(size: Sequence[int], sizes: Sequence[Size]) -> bool:
    """Whether rows / columns of `size` equals that of one of `sizes` within 2%."""
    return _distance(size[0] / size[1], sizes) <= math.log1p(TOLERANCE)


def looks_turned(size: Sequence[int], sizes: Sequence[Size]) -> bool:
    """Whether columns / rows of `size` is clearly nearer to the aspect of one of `sizes` than rows / columns is.

    For maps too, whose coarse grids have their film's aspect only roughly: never true of squares.
    """
    own = size[0] / size[1]
    return _distance(1 / own, sizes) + math.log1p(TOLERANCE) < _distance(own, sizes)


def misfit(size: Sequence[int], grid: Size, film: str | Path | None, film_size: Size | None = None) -> str:
    """Why a mask of `size` cannot belong to its film, with what to do; "" where it can.

    `grid`: of the study. `film`: its file; None or no readable image: the grid alone counts, unless `film_size` gives
    the film's (rows, columns) as displayed.
    """
    shown = film_size or (picture_size(film) if film is not None else None)
    sizes = [*([shown] if shown else []), grid]
    if has_aspect(size, sizes):
        return ""
    names = " or ".join(f"{rows} x {cols}" for rows, cols in dict.fromkeys(sizes))
    told = f"{size[0]} x {size[1]} (rows x columns) does not have the aspect of its image, {names}"
    if not looks_turned(size, sizes):
        return told
    return f"{told}; it looks turned by 90 degrees: {how_to_turn(film)}"


def how_to_turn(film: str | Path | None) -> str:
    """What to do with a mask or map whose rows and columns are exchanged against its film's, in a few words."""
    stored = None if film is None else _stored_size(film)
    if stored and stored[1]:
        return "the image file says by its EXIF orientation that it is shown turned; turn this as the image is shown"
    return "turn it, or exchange its rows and columns, as its image is shown"


def _stored_size(path: str | Path) -> tuple[Size, bool] | None:
    """(rows, columns) as stored, and whether EXIF exchanges them; None where there is no readable image."""
    try:
        with Image.open(path) as opened:
            return (opened.height, opened.width), opened.getexif().get(EXIF_ORIENTATION) in TURNED_BY_EXIF
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def _distance(aspect: float, sizes: Sequence[Size]) -> float:
    """The distance of the logarithms to the nearest aspect of `sizes`; infinite for none."""
    return min((abs(math.log(aspect) - math.log(rows / cols)) for rows, cols in sizes), default=math.inf)
