"""COCO's run lengths of a mask: column by column, how many pixels are outside, inside, outside, ... in turn.

Plain, as a list of counts, or compressed into text as in pycocotools' maskApi.c. H W image grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
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
    padded_wh = np.zeros((w, h + 2), bool)
    padded_wh[:, 1:-1] = mask_hw.T
    # flat and of bool, which NumPy searches ten times as fast as rows and columns of numbers
    column, row = np.divmod(np.flatnonzero(padded_wh[:, 1:] != padded_wh[:, :-1]), h + 1)
    return _counts_between((left + column) * rows + top + row, rows * cols)


def counts_of_boxes(first_last_N4: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Run lengths, int64, of the union of boxes in an image of `size`, without making a mask.

    `first_last_N4`: int, each box's first column and row, and the column and row after its last, within the image.
    """
    rows, cols = size
    edges = [np.zeros(0, np.int64)]
    bounds = np.unique(first_last_N4[:, 0::2]).tolist()
    boxes = sorted(first_last_N4.tolist(), key=lambda box: box[1])
    for left, right in pairwise(bounds):  # between two bounds all columns hold the same rows
        inside: list[int] = []
        for x0, y0, x1, y1 in boxes:
            if x0 > left or x1 < right or y0 >= y1:
                continue
            if inside and y0 <= inside[-1]:
                inside[-1] = max(inside[-1], y1)
            else:
                inside += [y0, y1]
        edges.append((np.arange(left, right)[:, None] * rows + np.array(inside, np.int64)).ravel())
    return _counts_between(np.concatenate(edges), rows * cols)


def counts_of_columns(top_w: np.ndarray, bottom_w: np.ndarray, left: int, size: tuple[int, int]) -> np.ndarray:
    """Run lengths, int64, of a region that is one run in each of w columns from column `left`, within the image.

    `top_w`, `bottom_w`: int, its first row and the row after its last; a bottom at or above its top is an empty column.
    """
    rows, cols = size
    columns = left + np.flatnonzero(bottom_w > top_w)
    edges_w2 = columns[:, None] * rows + np.stack([top_w, bottom_w], axis=1)[bottom_w > top_w]
    return _counts_between(edges_w2.ravel(), rows * cols)


def _counts_between(edges: np.ndarray, total: int) -> np.ndarray:
    """Run lengths, int64, of `total` pixels that change at `edges`, ascending, from outside to inside first."""
    # a run that ends at the lower border and one that starts at the upper border of the next column are one
    joined = np.flatnonzero(np.diff(edges) == 0)
    edges = np.delete(edges, np.concatenate([joined, joined + 1]))
    ends = [total] if not edges.size or edges[-1] < total else []
    return np.diff(np.concatenate([[0], edges, ends])).astype(np.int64)


def mask_of(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """The bool `height` x `width` mask of run lengths; ValueError unless they are 0 or more and fill it exactly."""
    runs = np.asarray(counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any():
        raise ValueError("run lengths must be a list of whole numbers, 0 or more")
    if runs.sum() != height * width:
        raise ValueError(f"run lengths sum to {runs.sum()}, the image has {height} x {width} = {height * width} pixels")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T


def united_counts(masks: Sequence[np.ndarray]) -> np.ndarray:
    """Run lengths, int64, of the union of one or more masks of one size, given as run lengths."""
    place_E, depth_E = _depths(masks)
    inside_E = depth_E > 0
    return _counts_between(place_E[np.flatnonzero(np.diff(inside_E, prepend=False))], int(masks[0].sum()))


def num_shared(first: np.ndarray, second: np.ndarray) -> int:
    """Number of pixels in both of two masks of one size, given as run lengths."""
    place_E, depth_E = _depths([first, second])
    return int(np.diff(place_E)[depth_E[:-1] == 2].sum())


def _depths(masks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where a run of any mask begins or ends, ascending, and how many masks hold the pixels from there on."""
    steps: list[np.ndarray] = []
    places: list[np.ndarray] = []
    for counts in masks:
        edges = np.cumsum(counts)[:-1] if len(counts) % 2 else np.cumsum(counts)
        places.append(edges)
        steps.append(np.where(np.arange(len(edges)) % 2, -1, 1))
    place_P = np.concatenate(places)
    order_P = np.argsort(place_P, kind="stable")
    depth_P = np.cumsum(np.concatenate(steps)[order_P])
    place_E, last_E = np.unique(place_P[order_P], return_index=True)
    last_E = np.append(last_E[1:], len(place_P)) - 1  # of several edges at one place, what holds after the last
    return place_E, depth_P[last_E] if len(place_P) else np.zeros(0, int)


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
