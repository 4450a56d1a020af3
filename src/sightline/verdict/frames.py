"""Other patients' regions in this patient's frame: moved by the affine map between the lungs' bounding boxes.

Films differ in where and how large the lungs lie. A map that only follows them scores higher on its own patient's
region than on the others' as these lie in the image; in the lungs' frame it does not. M images, R regions, H W grid.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sightline.alignment.region_scores import Regions, regions_of
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


def moved(mask_HW: np.ndarray, source: Box, target: Box) -> np.ndarray:
    """The mask with its lungs' box laid on another, by nearest neighbour: bool H x W; what leaves the image is lost.

    A region that would vanish is taken as it lies in the image: it still has to be scored.
    """
    moved_HW = np.zeros(mask_HW.shape, bool)
    moved_HW.ravel()[_moved_pixels(mask_HW, source, target)] = True
    return moved_HW


def _moved_pixels(mask_HW: np.ndarray, source: Box, target: Box) -> np.ndarray:
    """int, the places of the pixels of `moved`, rising: looked for where the mask's own box lands."""
    top, rows, left, columns = _box(mask_HW)
    to_rows = _landing(mask_HW.shape[0], source[:2], target[:2], top, rows)
    to_columns = _landing(mask_HW.shape[1], source[2:], target[2:], left, columns)
    found = mask_HW[to_rows.sources[:, None], to_columns.sources]
    at_rows, at_columns = np.nonzero(found)
    if not len(at_rows):
        return np.flatnonzero(mask_HW)
    return (at_rows + to_rows.first) * mask_HW.shape[1] + at_columns + to_columns.first


class _Landing(NamedTuple):
    first: int
    """The first pixel, along one axis, that comes from the mask's box."""
    sources: np.ndarray
    """int, the pixel that each from there on comes from."""


def _landing(length: int, source: tuple[int, int], target: tuple[int, int], first: int, size: int) -> _Landing:
    centres = (np.arange(length) + 0.5 - target[0]) * (source[1] / target[1]) + source[0]
    sources = np.floor(centres).astype(int)
    start, end = np.searchsorted(sources, [first, first + size])
    return _Landing(int(start), sources[start:end])


def regions_in_frame(masks_RHW: np.ndarray, boxes_R: list[Box], target: Box) -> Regions:
    """All regions in the frame of one image; `boxes_R`: the lungs of each region's own image."""
    if not len(masks_RHW):
        return regions_of(masks_RHW)
    pixels = [_moved_pixels(mask_HW, box, target) for mask_HW, box in zip(masks_RHW, boxes_R, strict=True)]
    size_R = np.array([len(of_region) for of_region in pixels])
    return Regions(
        pixels_K=np.concatenate(pixels), starts_R=np.cumsum(size_R) - size_R, size_R=size_R,
        num_pixels=masks_RHW[0].size,
    )  # fmt: skip
