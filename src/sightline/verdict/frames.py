"""Other patients' regions in this patient's frame: moved by the affine map between the lungs' bounding boxes.

Films differ in where and how large the lungs lie. A map that only follows them scores higher on its own patient's
region than on the others' as these lie in the image; in the lungs' frame it does not. M images, R regions, H W grid.
"""

from __future__ import annotations

import numpy as np

from sightline.alignment.region_scores import Regions, joined, regions_of
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
    height, width = mask_HW.shape
    rows = _sources(height, source[:2], target[:2])
    columns = _sources(width, source[2:], target[2:])
    inside_HW = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    moved_HW = mask_HW[np.ix_(rows.clip(0, height - 1), columns.clip(0, width - 1))] & inside_HW
    return moved_HW if moved_HW.any() else mask_HW


def _sources(length: int, source: tuple[int, int], target: tuple[int, int]) -> np.ndarray:
    """The pixel along one axis that each pixel of the moved mask comes from, int; may lie outside."""
    centres = (np.arange(length) + 0.5 - target[0]) * (source[1] / target[1]) + source[0]
    return np.floor(centres).astype(int)


def regions_in_frame(masks_RHW: np.ndarray, boxes_R: list[Box], target: Box) -> Regions:
    """All regions in the frame of one image; `boxes_R`: the lungs of each region's own image."""
    if not len(masks_RHW):
        return regions_of(masks_RHW)
    return joined(
        [regions_of(moved(mask_HW, box, target)[None]) for mask_HW, box in zip(masks_RHW, boxes_R, strict=True)]
    )
