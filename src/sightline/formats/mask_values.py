"""Which pixels of a mask file are inside: the one rule for masks of readers, lungs and the consensus.

White is inside. How bright white is depends on the file: 1, 255 or 65,535. A file whose values can mean two things is
refused, with the values and the remedy, since a mask that is read wrongly is silently empty or too large. H W image
grid.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

INSIDE = 128  # of 255: brighter pixels are inside
NOISE = 32  # of 255: JPEG noise around black and white stays within it
FEW_VALUES = 16  # a file with no more values was never blurred by JPEG: values near black are values of their own
MIN_APART = 9  # pixels: a dark area that touches no white is a second finding from this size on
MIN_FLAT = 0.1  # of the pixels of a value near black: share amid their like that makes them an area, not noise
BORDER = 0.9  # of the border's pixels: with as many inside, and half of the image, black is what was drawn
FLAT = 5  # pixels: side of the square that tells an area of one value from a soft edge
EIGHT = np.ones((3, 3), bool)


def inside(values: np.ndarray) -> np.ndarray:
    """The pixels of a mask that are inside, bool H x W.

    `values`: H x W of bool, whole numbers or floats, as the file stores them. bool: True. Otherwise white is the least
    of 1, 255 and 65,535 that no value exceeds, whatever the file's depth: a 16-bit file whose maximum is 255 counts as
    one of 8 bits, and a file of 0 and 1 has 1 inside (in a folder, see `mixed_whites`). Pixels brighter than 128/255 of
    white are inside, so that soft edges and JPEG noise do not matter. An all-black mask is empty.

    ValueError, with the values and the remedy, where the file can mean more than one thing: its brightest pixel is
    not above 128/255 of white; it has areas of further values, such as labels 1 and 2 or a dark second finding; it
    looks black on white (more than half of the image and at least 90% of its border inside); negative values, NaN.
    """
    levels = _levels(values)
    mask_HW = levels > INSIDE
    if levels.max(initial=0) and not mask_HW.any():
        white = "" if white_of(values) <= 255 else " of 65535"
        raise ValueError(f"brightest pixel is {values.max():g}{white}; inside is above {INSIDE}, white on black")
    further = _areas_of_further_values(levels)
    if len(further):
        shown = sorted({f"{value:g}" for value in _values_at(values, levels, further)}, key=float)
        raise ValueError(
            f"areas of several values ({', '.join(shown[:6])}{', ...' if len(shown) > 6 else ''}), such as labels or a "
            "second finding; save the finding that counts as white (255) on black (0)"
        )
    border = np.concatenate([mask_HW[0], mask_HW[-1], mask_HW[:, 0], mask_HW[:, -1]])
    if border.mean() >= BORDER and mask_HW.mean() > 0.5:
        raise ValueError(
            f"looks black on white ({mask_HW.mean():.0%} of the image and {border.mean():.0%} of its border are "
            "white); invert it"
        )
    return mask_HW


def white_of(values: np.ndarray) -> int:
    """What counts as white in a mask's values: 1, 255 or 65535; 0 for an all-black mask, 255 for bool.

    ValueError for values that are no brightness: negative, NaN, above 65,535.
    """
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "buif":
        raise ValueError(f"an array of {values.dtype} and shape {values.shape}, expected numbers in rows and columns")
    if values.dtype == bool:
        return 255 if values.any() else 0
    low, top = values.min(), values.max()
    if not (low >= 0 and top <= 65535):  # written so that NaN fails
        raise ValueError(f"values from {low:g} to {top:g}, expected 0 to 255 or 0 to 65535")
    return 0 if top == 0 else next(white for white in (1, 255, 65535) if top <= white)


def mixed_whites(whites: Mapping[str, int]) -> list[str]:
    """One line for each mask of a folder whose white is 1 where other masks have a brighter one; [] where none has.

    `whites`: `white_of` each mask by its name. Alone, a mask of 0 and 1 can be read; beside masks of 0 and 255 it may
    as well be an almost black one.
    """
    brighter = sorted(name for name, white in whites.items() if white > 1)
    if not brighter:
        return []
    return [
        f"{name}: its brightest pixel is 1, that of {brighter[0]} {whites[brighter[0]]}; save all masks with 0 and 255"
        for name, white in whites.items()
        if white == 1
    ]


def _levels(values: np.ndarray) -> np.ndarray:
    """The values on a scale of 0 to 255, uint8, rounded up: only 0 stays 0."""
    white = white_of(values)
    if values.dtype == bool:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8 and white in (0, 255):
        return values
    if values.dtype.kind in "ui" and white in (0, 1, 255):
        return (values * (255 if white == 1 else 1)).astype(np.uint8)
    return np.ceil(values * (255 / white if white else 0.0)).astype(np.uint8)


def _areas_of_further_values(levels: np.ndarray) -> np.ndarray:
    """Levels between black and the brightest one that fill areas, whole numbers, sorted.

    An area is a pixel amid FLAT x FLAT of its level, or a dark patch that touches no bright pixel. Soft edges and noise
    have neither: of an edge the levels change from pixel to pixel.
    """
    count = np.bincount(levels.ravel(), minlength=256)
    present = np.flatnonzero(count)
    between = present[(present > 0) & (present < present[-1] - NOISE)]
    if not len(between):
        return between
    box = _box((levels >= between[0]) & (levels <= between[-1]))
    near = levels[box]
    num_flat = np.bincount(near[_is_flat(near)], minlength=256)[between]
    areas = (num_flat > 0) & (between > NOISE)
    if len(present) <= FEW_VALUES:
        areas |= num_flat >= np.maximum(1, MIN_FLAT * count[between])
    labels, num = scipy.ndimage.label(near > NOISE, EIGHT)
    index = np.arange(1, num + 1)
    brightest = np.asarray(scipy.ndimage.maximum(near, labels, index), int)
    is_apart = (brightest <= INSIDE) & (np.bincount(labels.ravel(), minlength=num + 1)[1:] >= MIN_APART)
    return np.union1d(between[areas], brightest[is_apart])


def _is_flat(levels: np.ndarray) -> np.ndarray:
    """Whether all pixels of the FLAT x FLAT square around each pixel have its level, bool."""
    return scipy.ndimage.maximum_filter(levels, FLAT) == scipy.ndimage.minimum_filter(levels, FLAT)


def _box(mask_HW: np.ndarray) -> tuple[slice, slice]:
    """The smallest box around the pixels of a mask that has some, one pixel wider within the image."""
    rows, cols = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    return slice(max(0, rows[0] - 1), rows[-1] + 2), slice(max(0, cols[0] - 1), cols[-1] + 2)


def _values_at(values: np.ndarray, levels: np.ndarray, further: np.ndarray) -> np.ndarray:
    """The stored values of some levels and of the brightest one."""
    return np.unique(values[np.isin(levels, [*further.tolist(), levels.max()])])
