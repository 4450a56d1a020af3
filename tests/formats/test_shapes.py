"""Boxes as small masks, and their run lengths within the whole image."""

from __future__ import annotations

import numpy as np
import pytest

from sightline.formats.rle import counts_at, counts_of
from sightline.formats.shapes import boxes_mask


def test_run_lengths_of_a_small_mask_are_those_of_the_whole_image() -> None:
    rng = np.random.default_rng(0)
    for _ in range(500):
        rows, cols = rng.integers(1, 9, 2)
        h, w = rng.integers(0, rows + 1), rng.integers(0, cols + 1)
        top, left = rng.integers(0, rows - h + 1), rng.integers(0, cols - w + 1)
        mask_hw = rng.random((h, w)) < rng.choice([0.2, 0.8, 1.0])
        whole_HW = np.zeros((rows, cols), bool)
        whole_HW[top : top + h, left : left + w] = mask_hw
        assert counts_at(mask_hw, top, left, (rows, cols)).tolist() == counts_of(whole_HW)


def test_a_pixel_belongs_to_a_box_if_its_centre_does() -> None:
    mask_hw, top, left = boxes_mask([(1.5, 0.6, 3.5, 2.4), (5, 2, 6, 3)], (4, 8))
    whole_HW = np.zeros((4, 8), bool)
    whole_HW[top : top + mask_hw.shape[0], left : left + mask_hw.shape[1]] = mask_hw
    expected_HW = np.zeros((4, 8), bool)
    expected_HW[1:2, 1:3] = expected_HW[2, 5] = True
    assert whole_HW.tolist() == expected_HW.tolist()


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((3, 0, 2, 1), "wide"),
        ((0, 0, 90, 5), "from 0 to 80"),
        ((0, 0, float("nan"), 5), "goes from"),
        ((1, 2, 3), "not four numbers"),
    ],
)
def test_a_box_that_is_none_or_lies_outside_is_refused(box: tuple[float, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        boxes_mask([box], (60, 80))
