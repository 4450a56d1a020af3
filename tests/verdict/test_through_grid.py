"""Masks through a grid and regions in another film's frame, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sightline.alignment.region_scores import regions_of
from sightline.judging.frames import Box, lung_boxes, movable, regions_in_frame
from sightline.judging.through_grid import area_weights, through_grid
from sightline.maps import scaled_maps


def test_area_weights_share_a_pixel_between_cells() -> None:
    np.testing.assert_allclose(area_weights(4, 2), [[0.5, 0.5, 0, 0], [0, 0, 0.5, 0.5]])
    np.testing.assert_allclose(area_weights(3, 2), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    np.testing.assert_allclose(area_weights(5, 5), np.eye(5))


def test_a_mask_comes_back_as_a_map_of_its_cells_would() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:4, :6] = True
    cells = np.array([[1.0, 0.5], [0, 0]])
    np.testing.assert_array_equal(through_grid(mask[None], (2, 2)), scaled_maps(cells[None], 8, 8))


def test_a_grid_as_fine_as_the_image_changes_nothing() -> None:
    mask = np.random.default_rng(0).random((9, 7)) < 0.4
    np.testing.assert_array_equal(through_grid(mask[None], (9, 7))[0], mask.astype(np.float32))
    np.testing.assert_array_equal(through_grid(mask[None], (90, 70))[0], mask.astype(np.float32))


def test_empty_and_full_masks_are_flat() -> None:
    assert not through_grid(np.array([np.zeros((8, 8), bool), np.ones((8, 8), bool)]), (3, 3)).any()


def moved(mask_HW: np.ndarray, source: Box, target: Box) -> np.ndarray:
    """The mask in the other frame, by the code."""
    moved_HW = np.zeros(mask_HW.shape, bool)
    regions = movable(regions_of(mask_HW[None]), [source], (mask_HW.shape[0], mask_HW.shape[1]))
    moved_HW.ravel()[regions_in_frame(regions, target).pixels_K] = True
    return moved_HW


def moved_pixel_by_pixel(mask_HW: np.ndarray, source: Box, target: Box) -> np.ndarray:
    """The definition: each pixel takes the value at the place of its centre in the other image; an empty one stays."""
    moved_HW = np.zeros(mask_HW.shape, bool)
    for row, col in np.ndindex(mask_HW.shape):
        from_row = math.floor((row + 0.5 - target[0]) * source[1] / target[1] + source[0])
        from_col = math.floor((col + 0.5 - target[2]) * source[3] / target[3] + source[2])
        if 0 <= from_row < mask_HW.shape[0] and 0 <= from_col < mask_HW.shape[1]:
            moved_HW[row, col] = mask_HW[from_row, from_col]
    return moved_HW if moved_HW.any() else mask_HW


def test_regions_of_many_runs_move_as_their_pixels_do() -> None:
    rng = np.random.default_rng(3)
    masks = rng.random((40, 15, 18)) < rng.uniform(0.02, 0.9, 40)[:, None, None]
    masks[:, 7, 9] = True
    masks[0], masks[1], masks[1, 3, 4] = True, False, True
    boxes = [
        (int(rng.integers(0, 10)), int(rng.integers(1, 6)), int(rng.integers(0, 9)), int(rng.integers(1, 10)))
        for _ in masks
    ]
    regions = movable(regions_of(masks), boxes, (15, 18))
    for target in boxes:
        found = regions_in_frame(regions, target)
        for number, (mask_HW, source) in enumerate(zip(masks, boxes, strict=True)):
            expected = moved_pixel_by_pixel(mask_HW, source, target)
            pixels = found.pixels_K[found.pixels_of(number)]
            np.testing.assert_array_equal(np.sort(pixels), np.flatnonzero(expected))


def test_a_region_moves_with_the_lungs() -> None:
    mask = np.zeros((12, 12), bool)
    mask[2:4, 2:4] = True
    shifted = moved(mask, (0, 6, 0, 6), (4, 6, 5, 6))
    assert np.argwhere(shifted).min(axis=0).tolist() == [6, 7]
    assert shifted.sum() == 4
    twice = moved(mask, (0, 6, 0, 6), (0, 12, 0, 12))
    assert twice[4:8, 4:8].all()
    assert twice.sum() == 16


def test_boxes_and_regions_of_a_block() -> None:
    lungs = np.zeros((3, 10, 10), bool)
    lungs[0, 1:9, 2:8] = True
    lungs[1, 3:7, 1:9] = True
    assert lung_boxes(lungs) == [(1, 8, 2, 6), (3, 4, 1, 8), (0, 10, 0, 10)]
    masks = np.zeros((2, 10, 10), bool)
    masks[:, 4:6, 4:6] = True
    boxes = lung_boxes(lungs[:2])
    regions = regions_in_frame(movable(regions_of(masks), boxes, (10, 10)), boxes[0])
    assert regions.size_R.tolist() == [4, int(moved(masks[1], boxes[1], boxes[0]).sum())]


def test_a_region_that_would_leave_the_image_stays() -> None:
    mask = np.zeros((6, 6), bool)
    mask[0, 0] = True
    np.testing.assert_array_equal(moved(mask, (0, 6, 0, 6), (9, 6, 9, 6)), mask)


@pytest.mark.parametrize("cells", [1, 2, 5])
def test_weights_keep_the_mean(cells: int) -> None:
    values = np.random.default_rng(1).random((10, 10))
    weights = area_weights(10, cells)
    assert (weights @ values @ weights.T).mean() == pytest.approx(values.mean())
