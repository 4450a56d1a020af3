"""Run lengths of boxes, of unions and of overlaps, beside the same on whole masks."""

from __future__ import annotations

import numpy as np

from sightline.formats.rle import counts_of, counts_of_boxes, mask_of, num_shared, united_counts
from sightline.formats.shapes import box_pixels, boxes_mask


def random_masks(rng: np.random.Generator, num: int, size: tuple[int, int]) -> list[np.ndarray]:
    return [rng.random(size) < rng.choice([0.0, 0.2, 0.8, 1.0]) for _ in range(num)]


def test_boxes_have_the_run_lengths_of_their_mask() -> None:
    rng = np.random.default_rng(1)
    for _ in range(500):
        rows, cols = rng.integers(1, 9, 2).tolist()
        x = np.sort(rng.uniform(-1, cols + 1, (int(rng.integers(0, 5)), 2)))
        y = np.sort(rng.uniform(-1, rows + 1, x.shape))
        boxes_N4 = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
        mask_hw, top, left = boxes_mask(boxes_N4, (rows, cols))
        whole_HW = np.zeros((rows, cols), bool)
        whole_HW[top : top + mask_hw.shape[0], left : left + mask_hw.shape[1]] = mask_hw
        assert counts_of_boxes(box_pixels(boxes_N4, rows, cols), (rows, cols)).tolist() == counts_of(whole_HW)


def test_each_box_may_have_an_image_size_of_its_own() -> None:
    boxes_N4 = np.array([[1.5, 0.6, 30, 40], [-1, 2, 6, 3]])
    pixels_N4 = box_pixels(boxes_N4, np.array([10, 20]), np.array([8, 30]))
    assert pixels_N4.tolist() == [[1, 1, 8, 10], [0, 2, 6, 3]]


def test_union_and_overlap_are_those_of_the_masks() -> None:
    rng = np.random.default_rng(2)
    for _ in range(500):
        size = (int(rng.integers(1, 7)), int(rng.integers(1, 7)))
        masks = random_masks(rng, int(rng.integers(1, 4)), size)
        counts = [np.array(counts_of(mask)) for mask in masks]
        union_HW = np.logical_or.reduce(masks)
        assert united_counts(counts).tolist() == counts_of(union_HW)
        assert np.array_equal(mask_of(united_counts(counts).tolist(), *size), union_HW)
        first_HW, second_HW = random_masks(rng, 2, size)
        both = num_shared(np.array(counts_of(first_HW)), np.array(counts_of(second_HW)))
        assert both == (first_HW & second_HW).sum()
