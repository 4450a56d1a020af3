"""COCO's run lengths of a mask: column by column, how many pixels are outside, inside, outside, ... in turn.

Plain, as a list of counts, or compressed into text as in pycocotools' maskApi.c. H W image grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.formats.fields import of_type

LONGEST_COUNT = 8  # characters of 5 bits each: more than any image needs


def counts_of(mask_HW: np.ndarray) -> list[int]:
    """Run lengths of a bool H x W mask; the first is of pixels outside, 0 if the first pixel is inside."""
    pixels = np.asarray(mask_HW, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff(np.concatenate([[0], edges, [pixels.size]])).tolist()
    return [0, *runs] if pixels.size and pixels[0] else runs


def counts_at(mask_hw: np.ndarray, top: int, left: int, size: tuple[int, int]) -> np.ndarray:
    """Run lengths, int64, of a bool h x w mask at row `top` and column `left` of an otherwise empty image of `size`.

    The same as `counts_of` of the whole image, without making it. ValueError if the mask reaches out of the image.
    """
    (h, w), (rows, cols) = mask_hw.shape, size
    if min(top, left) < 0 or top + h > rows or left + w > cols:
        raise ValueError(f"a mask of {h} x {w} at row {top}, column {left} reaches out of {rows} x {cols} pixels")
    padded_wh = np.zeros((w, h + 2), np.int8)
    padded_wh[:, 1:-1] = mask_hw.T
    column, row = np.nonzero(np.diff(padded_wh, axis=1))
    edges = (left + column) * rows + top + row
    # a run that ends at the lower border and one that starts at the upper border of the next column are one
    joined = np.flatnonzero(np.diff(edges) == 0)
    edges = np.delete(edges, np.concatenate([joined, joined + 1]))
    ends = [rows * cols] if not edges.size or edges[-1] < rows * cols else []
    return np.diff(np.concatenate([[0], edges, ends])).astype(np.int64)


def mask_of(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """The bool `height` x `width` mask of run lengths; ValueError unless they are 0 or more and fill it exactly."""
    runs = np.asarray(counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any():
        raise ValueError("run lengths must be a list of whole numbers, 0 or more")
    if runs.sum() != height * width:
        raise ValueError(f"run lengths sum to {runs.sum()}, the image has {height} x {width} = {height * width} pixels")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def segmentation_mask(segmentation: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Pixels of a COCO segmentation {size, counts}, plain or compressed, bool.

    ValueError unless its size is `size` (rows, columns) and the run lengths fill it.
    """
    stated = of_type(segmentation, "size", list)
    if stated != list(size):
        raise ValueError(f"run lengths of an image of {stated} rows and columns, the image has {list(size)}")
    counts = of_type(segmentation, "counts", str, list)
    if isinstance(counts, str):
        counts = counts_from_text(counts)
    if not all(isinstance(count, int) and 0 <= count <= size[0] * size[1] for count in counts):
        raise ValueError("run lengths are not whole numbers from 0 to the image's pixels")
    return mask_of(counts, *size)


def counts_from_text(text: str) -> list[int]:
    """Run lengths out of COCO's compressed form; ValueError for any other text.

    A count is a signed number in characters of 6 bits above 48: the lowest 5 bits come first, and the sixth says that
    more follow. From the fourth on, a count is written as its difference from the last but one. Decoded here because
    pycocotools 2.0.11 checks no sums and reads memory outside the mask: for {"size": [3, 4], "counts": "0"} it counts
    469 pixels.
    """
    counts: list[int] = []
    value = num_read = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or num_read == LONGEST_COUNT:
            raise ValueError(f"compressed run lengths with the wrong character {character!r}")
        value |= (bits & 31) << (5 * num_read)
        num_read += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << (5 * num_read)
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = num_read = 0
    if num_read:
        raise ValueError("compressed run lengths end too early")
    return counts
