"""Whether a film's border looks as if text were burnt in: a name or a number that no header's removal takes away.

A warning, not a promise: how many films it takes for written on, and which text it misses, stands in docs/dicom.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

BORDER = 0.15  # of the film's height and width
LONG_SIDE = 1024  # pixels; larger films are reduced to at most this, or letters are mostly noise
CONTRAST = 64  # of 255, by which letters differ from what surrounds them
NEIGHBOURHOOD = 12  # pixels in each direction that surround a place
HEIGHTS = (5, 40)  # pixels of a letter
ROW_OF = 5  # letters that make a text; side markers and views have one to four
ALIGNED = 0.3  # of a letter's height, by which the feet of neighbours may differ
FAR = 1.5  # letter heights between neighbours


def has_border_text(gray_HW: np.ndarray) -> bool:
    """True where 5 or more letter-like spots of like height stand in a row within the outer 15% of an uint8 film.

    A spot is a connected group of pixels that are at least 64 levels brighter, or darker, than the mean around them, 5
    to 40 pixels high on a film of 1,024, neither wide nor filled like a bar. Single letters do not count.
    """
    return has_text(border_strips(gray_HW), max(gray_HW.shape))


def border_strips(film_HW: np.ndarray) -> list[np.ndarray]:
    """The outer 15% of a film: top, bottom, and the sides between them."""
    height, width = (round(BORDER * side) for side in film_HW.shape)
    middle_HW = film_HW[height : len(film_HW) - height]
    return [film_HW[:height], film_HW[len(film_HW) - height :], middle_HW[:, :width], middle_HW[:, -width:]]


def has_text(strips: Sequence[np.ndarray], long_side: int) -> bool:
    """`has_border_text` of a film's `border_strips`, uint8; `long_side`: of the film, in pixels."""
    step = -(-long_side // LONG_SIDE)
    return any(_has_letters(strip, step) for strip in strips if min(strip.shape) >= step * HEIGHTS[0])


def _has_letters(strip_HW: np.ndarray, step: int) -> bool:
    brightest_HW, darkest_HW = _extreme(strip_HW, step, np.maximum), _extreme(strip_HW, step, np.minimum)
    around_HW = _around(brightest_HW // 2 + darkest_HW // 2)
    # compared before they are subtracted: differences of uint8 below 0 would come back as large ones
    is_white_HW = (brightest_HW > around_HW) & (brightest_HW - around_HW >= CONTRAST)
    is_black_HW = (darkest_HW < around_HW) & (around_HW - darkest_HW >= CONTRAST)
    return _has_row_of_letters(is_white_HW) or _has_row_of_letters(is_black_HW)


def _around(gray_HW: np.ndarray) -> np.ndarray:
    """The mean around each place, from every fourth pixel in each direction: a sixteenth of the work."""
    means_HW = np.asarray(Image.fromarray(gray_HW[::4, ::4]).filter(ImageFilter.BoxBlur(NEIGHBOURHOOD / 4)))
    return means_HW.repeat(4, axis=0)[: len(gray_HW)].repeat(4, axis=1)[:, : gray_HW.shape[1]]


def _extreme(gray_HW: np.ndarray, step: int, of: np.ufunc) -> np.ndarray:
    """The extreme of each block of step x step pixels, so that thin strokes stay; what is left over is dropped."""
    height, width = (side // step * step for side in gray_HW.shape)
    rows = gray_HW[:height:step, :width]
    for row in range(1, step):
        rows = of(rows, gray_HW[row:height:step, :width])
    out = rows[:, ::step]
    for column in range(1, step):
        out = of(out, rows[:, column::step])
    return np.ascontiguousarray(out)


def _has_row_of_letters(is_ink_HW: np.ndarray) -> bool:
    starts_H = np.count_nonzero(is_ink_HW[:, 1:] & ~is_ink_HW[:, :-1], axis=1)
    if np.count_nonzero(starts_H >= ROW_OF) < HEIGHTS[0]:  # cheaper than to look for letters, and true of most borders
        return False
    boxes = _letters(is_ink_HW)
    return any(_row_length(boxes, number) >= ROW_OF for number in range(len(boxes)))


def _letters(is_ink_HW: np.ndarray) -> np.ndarray:
    """int B x 4: left, right, top and foot of the letter-like spots, from left to right."""
    from scipy import ndimage  # light films never need it

    labels_HW, _ = ndimage.label(is_ink_HW, np.ones((3, 3), bool))
    areas = np.bincount(labels_HW.ravel())[1:]
    boxes = []
    for (rows, columns), area in zip(ndimage.find_objects(labels_HW), areas.tolist(), strict=True):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        share = area / (height * width)
        is_letter = HEIGHTS[0] <= height <= HEIGHTS[1] and width <= 1.5 * height
        if is_letter and (share <= 0.85 or width <= height / 3):  # filled boxes are no letters, but an I is
            boxes.append((columns.start, columns.stop, rows.start, rows.stop))
    return np.array(sorted(boxes), int).reshape(-1, 4)


def _row_length(boxes: np.ndarray, first: int) -> int:
    """How many letters stand in a row, from this one to the right."""
    length, place = 1, first
    while True:
        left, right, top, foot = boxes[place].tolist()
        height = foot - top
        heights = boxes[:, 3] - boxes[:, 2]
        is_next = (
            (boxes[:, 0] >= right - height / 4)
            & (boxes[:, 0] > left)
            & (boxes[:, 0] - right <= FAR * height)
            & (abs(boxes[:, 3] - foot) <= ALIGNED * height)
            & (heights >= 0.6 * height)
            & (heights <= 1.6 * height)
        )
        if not is_next.any():
            return length
        place = int(np.flatnonzero(is_next)[0])
        length += 1
