"""Other patients' regions in this patient's frame: moved by the affine map between the lungs' bounding boxes.

Films differ in where and how large the lungs lie. A map that only follows them scores higher on its own patient's
region than on the others' as these lie in the image; in the lungs' frame it does not. M images, R regions, H W grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sightline.alignment.region_scores import Regions
from sightline.rows import Rows

Box = tuple[int, int, int, int]


def lung_boxes(lungs_MHW: Rows) -> list[Box]:
    """First row, rows, first column, columns of each image's lungs; of an empty mask, the whole image."""
    return [_box(lungs_HW) for lungs_HW in lungs_MHW]


def _box(lungs_HW: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(lungs_HW.any(axis=1)), np.flatnonzero(lungs_HW.any(axis=0))
    if not len(rows):
        return 0, lungs_HW.shape[0], 0, lungs_HW.shape[1]
    return int(rows[0]), int(np.ptp(rows)) + 1, int(columns[0]), int(np.ptp(columns)) + 1


class Movable(NamedTuple):
    """A mask of one image, to be laid into the frames of others."""

    inner: np.ndarray
    """bool, the mask within its own box."""
    box: Box
    lungs: Box
    """Of the mask's image."""


def movable_masks(masks_RHW: np.ndarray, lungs_R: Sequence[Box]) -> list[Movable]:
    """`masks_RHW`: bool; `lungs_R`: the box of the lungs of each mask's own image."""
    boxes = [_box(mask_HW) for mask_HW in masks_RHW]
    return [
        Movable(mask_HW[top : top + rows, left : left + columns], (top, rows, left, columns), lungs)
        for mask_HW, (top, rows, left, columns), lungs in zip(masks_RHW, boxes, lungs_R, strict=True)
    ]


def moved(mask_HW: np.ndarray, source: Box, target: Box) -> np.ndarray:
    """The mask with its lungs' box laid on another, by nearest neighbour: bool H x W; what leaves the image is lost.

    A region that would vanish is taken as it lies in the image: it still has to be scored.
    """
    moved_HW = np.zeros(mask_HW.shape, bool)
    moved_HW.ravel()[_moved_pixels(movable_masks(mask_HW[None], [source])[0], target, mask_HW.shape)] = True
    return moved_HW


def _moved_pixels(mask: Movable, target: Box, grid: tuple[int, ...]) -> np.ndarray:
    """int, the places of the pixels of `moved`, rising: looked for where the mask's own box lands."""
    (top, rows, left, columns), lungs = mask.box, mask.lungs
    first_row, from_rows = _landing(grid[0], lungs[:2], target[:2], top, rows)
    first_column, from_columns = _landing(grid[1], lungs[2:], target[2:], left, columns)
    at_rows, at_columns = np.nonzero(mask.inner[from_rows[:, None], from_columns])
    if not len(at_rows):
        at_rows, at_columns = np.nonzero(mask.inner)
        first_row, first_column = top, left
    return (at_rows + first_row) * grid[1] + at_columns + first_column


def _landing(
    length: int, source: tuple[int, int], target: tuple[int, int], first: int, size: int
) -> tuple[int, np.ndarray]:
    """Along one axis the first pixel that comes from the mask's box, and where in it each from there on lies."""
    centres = (np.arange(length) + 0.5 - target[0]) * (source[1] / target[1]) + source[0]
    sources = np.floor(centres).astype(int)
    start, end = np.searchsorted(sources, [first, first + size]).tolist()
    return start, sources[start:end] - first


def regions_in_frame(masks: Sequence[Movable], target: Box, grid: tuple[int, ...]) -> Regions:
    """All regions in the frame of one image, whose lungs' box is `target`; `grid`: H and W."""
    pixels = [_moved_pixels(mask, target, grid) for mask in masks]
    size_R = np.array([len(of_region) for of_region in pixels], int)
    return Regions(
        pixels_K=np.concatenate([np.zeros(0, int), *pixels]), starts_R=np.cumsum(size_R) - size_R, size_R=size_R,
        num_pixels=grid[0] * grid[1],
    )  # fmt: skip
