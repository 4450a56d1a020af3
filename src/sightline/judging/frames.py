"""Other patients' regions in this patient's frame: moved by the affine map between the lungs' bounding boxes.

Films differ in where and how large the lungs lie. A map that only follows them scores higher on its own patient's
region than on the others' as these lie in the image; in the lungs' frame it does not. A region is moved as runs of
pixels within rows: a run lands as a run, in no row of the other film, in one or in several.

M images, R regions, H W grid, L runs of all regions, T runs after they moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class Movable:
    """R regions, to be laid into the frames of other images."""

    grid: tuple[int, int]
    lungs_R4: np.ndarray
    """int, the box of the lungs of each region's own image."""
    region_L: np.ndarray
    """int, rising, the region of each run."""
    row_L: np.ndarray
    first_L: np.ndarray
    """int, the first column of each run."""
    end_L: np.ndarray
    """int, the column after its last."""


def movable(regions: Regions, lungs_R: Sequence[Box], grid: tuple[int, int]) -> Movable:
    """`lungs_R`: the box of the lungs of each region's own image; `grid`: H and W."""
    row_K, column_K = np.divmod(regions.pixels_K, grid[1])
    begins_K = (np.diff(regions.pixels_K, prepend=-2) != 1) | (column_K == 0)
    begins_K[regions.starts_R] = True
    places_L = np.flatnonzero(begins_K)
    return Movable(
        grid=grid,
        lungs_R4=np.array(lungs_R, int).reshape(-1, 4),
        region_L=regions.rows_K[places_L],
        row_L=row_K[places_L],
        first_L=column_K[places_L],
        end_L=column_K[places_L] + np.diff(places_L, append=len(begins_K)),
    )


def regions_in_frame(regions: Movable, target: Box) -> Regions:
    """All regions in the frame of one image, whose lungs' box is `target`, by nearest neighbour.

    What leaves the image is lost. A region that would vanish is taken as it lies in the image: it still has to be
    scored.
    """
    (height, width), num_regions = regions.grid, len(regions.lungs_R4)
    row_edges = _edges(height, regions.lungs_R4[:, :2], target[:2])
    column_edges = _edges(width, regions.lungs_R4[:, 2:], target[2:])
    pixels_L = _landed(regions, row_edges, column_edges)[3]
    is_lost_R = np.bincount(regions.region_L, pixels_L, num_regions) == 0
    row_edges[is_lost_R], column_edges[is_lost_R] = np.arange(height + 1), np.arange(width + 1)
    top_L, rows_L, left_L, pixels_L = _landed(regions, row_edges, column_edges)
    rows_L = np.where(pixels_L > 0, rows_L, 0)
    run_T = np.repeat(np.arange(len(rows_L)), rows_L)
    row_T = np.arange(len(run_T)) + (top_L - (np.cumsum(rows_L) - rows_L))[run_T]
    length_T = (pixels_L // np.maximum(rows_L, 1))[run_T]
    start_T = row_T * width + left_L[run_T] - (np.cumsum(length_T) - length_T)
    size_R = np.bincount(regions.region_L, pixels_L, num_regions).astype(int)
    return Regions(
        pixels_K=np.repeat(start_T, length_T) + np.arange(length_T.sum()),
        starts_R=np.cumsum(size_R) - size_R,
        size_R=size_R,
        num_pixels=height * width,
    )


def _edges(length: int, sources_R2: np.ndarray, target: tuple[int, int]) -> np.ndarray:
    """Along one axis where each line of each region's image begins in the other image, int R x (length + 1).

    `sources_R2`, `target`: first line and lines of the lungs. Line `i` lands on the lines from `[r, i]` to before
    `[r, i + 1]`: those whose centre it is the nearest to.
    """
    first_R1, lines_R1 = sources_R2[:, :1], sources_R2[:, 1:]
    centres_RX = (np.arange(length) + 0.5 - target[0]) * (lines_R1 / target[1]) + first_R1
    nearest_RX = np.clip(np.floor(centres_RX), -1, length).astype(int) + 1
    number_R1, step = np.arange(len(sources_R2))[:, None], length + 2
    counts = np.bincount((number_R1 * step + nearest_RX).ravel(), minlength=len(sources_R2) * step)
    return np.cumsum(counts.reshape(-1, step), axis=1)[:, :-1]


def _landed(
    regions: Movable, row_edges: np.ndarray, column_edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each run the first row and the rows that it lands on, its first column there, and all its pixels; int L."""
    of_L, row_L = regions.region_L, regions.row_L
    top_L, left_L = row_edges[of_L, row_L], column_edges[of_L, regions.first_L]
    rows_L = row_edges[of_L, row_L + 1] - top_L
    return top_L, rows_L, left_L, rows_L * (column_edges[of_L, regions.end_L] - left_L)
