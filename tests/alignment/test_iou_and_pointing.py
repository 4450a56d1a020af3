"""Scores of alignment: against sets and re-binarisation, by hand, and at the level of chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, hypergeom, norm

from sightline.alignment.iou_and_pointing import (
    chance_iou,
    chance_pointing,
    iou,
    pointing,
    random_alignment,
    random_fields,
    threshold_counts,
)

SWEEP = np.round(np.arange(1, 46) * 0.02, 2)
ODDS = 1e-6  # chance of a false alarm of a simulated bound


def boxes(num_maps: int, height: int, width: int, seed: int) -> np.ndarray:
    """Rectangles of random place and size."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((num_maps, height, width), dtype=bool)
    for mask in masks:
        row, col = rng.integers(0, height - 4), rng.integers(0, width - 4)
        mask[row : row + rng.integers(2, height // 2), col : col + rng.integers(2, width // 2)] = True
    return masks


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sweep_is_exactly_the_naive_rebinarisation(dtype):
    rng = np.random.default_rng(0)
    maps = rng.random((5, 23, 31)).astype(dtype)
    maps[:, :3] = rng.choice(np.append(SWEEP, [0, 1]), size=(5, 3, 31)).astype(dtype)  # values at the thresholds
    maps[3] = 0
    masks = boxes(5, 23, 31, 1)
    thresholds = np.concatenate([rng.permutation(SWEEP), [0.5, 0.5, 1.0, 0.0, 1.5]])
    map_pixels, shared = threshold_counts(maps, masks, thresholds)
    for column, threshold in enumerate(thresholds.tolist()):
        binary = maps >= threshold  # a Python float: NumPy compares in the map's dtype
        np.testing.assert_array_equal(map_pixels[:, column], binary.sum(axis=(1, 2)))
        np.testing.assert_array_equal(shared[:, column], (binary & masks).sum(axis=(1, 2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("thresholds", [[-0.5, 0.0, 1.0, 2.0], [0.3, 0.30001, 0.30002, 0.3, 0.300021], [1e-9], []])
def test_any_values_and_thresholds_are_counted_exactly(dtype, thresholds):
    """Below 0, above 1, infinite; thresholds outside [0, 1], several in one cell of the table, none."""
    rng = np.random.default_rng(11)
    maps = rng.normal(0.3, 1, (4, 13, 17)).astype(dtype)
    maps[1] = dtype(0.3) + rng.integers(-3, 4, (13, 17)).astype(dtype) * np.spacing(dtype(0.3))
    maps[2, :2] = [[np.inf] * 17, [-np.inf] * 17]
    masks = boxes(4, 13, 17, 2)
    map_pixels, shared = threshold_counts(maps, masks, np.array(thresholds))
    assert map_pixels.shape == shared.shape == (4, len(thresholds))
    for column, threshold in enumerate(thresholds):
        binary = maps >= threshold
        np.testing.assert_array_equal(map_pixels[:, column], binary.sum(axis=(1, 2)))
        np.testing.assert_array_equal(shared[:, column], (binary & masks).sum(axis=(1, 2)))


def test_a_float32_value_reaches_the_threshold_that_it_rounds():
    maps = np.full((1, 1, 1), 0.7, dtype=np.float32)
    assert float(maps[0, 0, 0]) < 0.7  # compared in float64 it would fall below
    assert threshold_counts(maps, np.ones((1, 1, 1), dtype=bool), np.array([0.7]))[0] == 1


def test_counts_refuse_nan():
    maps = np.zeros((2, 2, 2), dtype=np.float32)
    masks = np.ones((2, 2, 2), dtype=bool)
    with pytest.raises(ValueError, match="NaN"):
        threshold_counts(maps, masks, np.array([0.5, np.nan]))
    maps[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        threshold_counts(maps, masks, np.array([0.5]))


def test_counts_do_not_depend_on_the_batch():
    maps = np.random.default_rng(5).random((6, 9, 9)).astype(np.float32)
    masks = boxes(6, 9, 9, 6)
    together = threshold_counts(maps, masks, SWEEP)
    order = np.array([4, 0, 5, 1, 3, 2])
    for part, whole in zip(threshold_counts(maps[order], masks[order], SWEEP), together, strict=True):
        np.testing.assert_array_equal(part, whole[order])


def test_iou_against_sets():
    rng = np.random.default_rng(7)
    for _ in range(200):
        first = set(rng.integers(0, 30, rng.integers(0, 20)).tolist())
        second = set(rng.integers(0, 30, rng.integers(0, 20)).tolist())
        value = iou(len(first & second), len(first), len(second))
        if second:
            assert value == len(first & second) / len(first | second)
        else:
            assert np.isnan(value)


def test_iou_of_an_empty_map_is_0_and_with_an_empty_mask_undefined():
    np.testing.assert_array_equal(iou(np.zeros(3), np.array([0, 0, 4]), np.array([5, 0, 0])), [0, np.nan, np.nan])


def test_pointing_hit_miss_tie_flat_and_empty():
    masks = np.zeros((6, 4, 5), dtype=bool)
    masks[:, 1:3, 1:3] = True
    masks[5] = False
    maps = np.random.default_rng(8).random((6, 4, 5)).astype(np.float32) / 2
    maps[0, 1, 1] = 1  # hit
    maps[1, 0, 1] = 1  # miss
    maps[2, 1, 1] = maps[2, 0, 0] = maps[2, 3, 3] = 1  # one of three
    maps[3] = 0  # flat: the mask's share
    maps[4, 2, 2] = maps[4, 1, 2] = 1  # both inside
    np.testing.assert_allclose(pointing(maps, masks), [1, 0, 1 / 3, 4 / 20, 1, np.nan], rtol=1e-15)


def test_chance_in_closed_form():
    assert chance_iou(0.5, 0.5) == pytest.approx(1 / 3)
    assert chance_iou(1.0, 0.2) == pytest.approx(0.2)
    assert chance_iou(0.0, 0.2) == 0
    np.testing.assert_array_equal(chance_iou(np.array([0.0, 0.3]), np.zeros(2)), np.nan)
    np.testing.assert_array_equal(chance_pointing(np.array([0.07, 0.0])), [0.07, np.nan])


def test_scattered_random_maps_score_at_chance():
    """Maps of independent pixels: mean IoU and mean pointing of 2,000 maps against expectation and closed form."""
    rng = np.random.default_rng(9)
    side, area, num_maps = 40, 320, 2000
    mask = np.zeros((side, side), dtype=bool)
    mask[5:18, 20:33] = True
    masks = np.broadcast_to(mask, (num_maps, side, side))
    maps = rng.random((num_maps, side, side))
    top = np.argsort(maps.reshape(num_maps, -1), axis=1)[:, -area:]
    shared = mask.ravel()[top].sum(axis=1)
    values = iou(shared, area, mask.sum())

    possible = np.arange(mask.sum() + 1)  # exact law of the intersection, hence of the IoU
    law = hypergeom(side * side, mask.sum(), area).pmf(possible)
    ious = possible / (area + mask.sum() - possible)
    mean = (law * ious).sum()
    error = np.sqrt((law * (ious - mean) ** 2).sum() / num_maps)
    bound = norm.isf(ODDS / 2)
    assert abs(values.mean() - mean) < bound * error
    closed = chance_iou(area / side**2, mask.mean())
    assert abs(mean - closed) < 0.001
    assert abs(values.mean() - closed) < 0.001 + bound * error

    hits = pointing(maps, masks).sum()
    assert binom.ppf(ODDS, num_maps, mask.mean()) <= hits <= binom.isf(ODDS, num_maps, mask.mean())


def test_a_uniform_map_points_at_chance_and_covers_all():
    masks = boxes(4, 20, 30, 10)
    share = masks.mean(axis=(1, 2))
    uniform = np.ones((4, 20, 30), dtype=np.float32)
    np.testing.assert_allclose(pointing(uniform, masks), chance_pointing(share), rtol=1e-12)
    map_pixels, shared = threshold_counts(uniform, masks, np.array([0.5]))
    mask_pixels = masks.sum(axis=(1, 2))
    np.testing.assert_allclose(iou(shared[:, 0], map_pixels[:, 0], mask_pixels), chance_iou(1.0, share), rtol=1e-12)


def test_random_alignment_is_the_naive_loop_over_fields():
    """Areas by sorting each field for itself, with ties in raster order; three blocks of fields."""
    height, width, num_fields = 30, 40, 7
    masks = boxes(5, height, width, 11)
    masks[3] = False
    areas = np.random.default_rng(12).integers(0, height * width, (4, 5))
    areas[0, 0], areas[1, 0], areas[2, 1] = 0, height * width, areas[3, 1]
    result = random_alignment(areas, masks, num_fields, np.random.default_rng(13))
    field_rng, shift_rng = np.random.default_rng(13).spawn(2)
    fields = random_fields(num_fields, height, width, field_rng)
    steps = shift_rng.integers(0, [height, width], size=(5, 2))
    values = np.empty((num_fields, 4, 5))
    points = np.empty((num_fields, 5))
    for image, mask in enumerate(masks):
        marked = set(np.flatnonzero(mask).tolist())
        for draw, field in enumerate(fields):
            ranking = sorted(np.ndindex(height, width), key=lambda place: (-field[place], place))
            order = [(row + steps[image, 0]) % height * width + (col + steps[image, 1]) % width for row, col in ranking]
            for kind in range(4):
                chosen = set(order[: areas[kind, image]])
                values[draw, kind, image] = len(chosen & marked) / len(chosen | marked) if marked else np.nan
            shifted = np.roll(field, steps[image], axis=(0, 1))
            points[draw, image] = pointing(shifted[None], mask[None])[0]
    np.testing.assert_allclose(result.iou_AM, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.pointing_M, points.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(result.published_iou_AM, np.stack([values[i, :, i] for i in range(5)], axis=1))
    np.testing.assert_allclose(result.published_pointing_M, [points[i, i] for i in range(5)], rtol=1e-6)


def test_random_alignment_does_not_depend_on_its_blocks(monkeypatch):
    masks = boxes(3, 20, 20, 14)
    areas = np.array([[50, 80, 100]])
    whole = random_alignment(areas, masks, 10, np.random.default_rng(15))
    monkeypatch.setattr("sightline.alignment.iou_and_pointing.BLOCK", 3 * 400)
    parts = random_alignment(areas, masks, 10, np.random.default_rng(15))
    np.testing.assert_allclose(parts.iou_AM, whole.iou_AM, rtol=1e-12)
    np.testing.assert_array_equal(parts.published_iou_AM, whole.published_iou_AM)
    np.testing.assert_allclose(parts.pointing_M, whole.pointing_M, rtol=1e-12)


def test_a_model_more_changes_nothing_for_the_others():
    masks = boxes(3, 20, 20, 16)
    areas = np.array([[50, 80, 100], [10, 390, 0]])
    both = random_alignment(areas, masks, 10, np.random.default_rng(17))
    first = random_alignment(areas[:1], masks, 10, np.random.default_rng(17))
    np.testing.assert_array_equal(both.iou_AM[0], first.iou_AM[0])
    np.testing.assert_array_equal(both.pointing_M, first.pointing_M)


@pytest.mark.parametrize(
    "place", [(slice(15, 35), slice(8, 20)), (slice(0, 12), slice(0, 20))], ids=["inside", "corner"]
)
def test_random_fields_are_at_chance_anywhere(place):
    """Mean intersection is area * q and mean pointing q, for a mask in the middle as for one in the corner.

    Both hold only if no place of the image is favoured: with clamped edges a mask in the middle is hit too rarely.
    """
    num_fields, side = 4000, 50
    mask = np.zeros((side, side), dtype=bool)
    mask[place] = True
    share, areas = mask.mean(), np.array([125, 375, 750])
    fields = random_fields(num_fields, side, side, np.random.default_rng(18))
    error = np.sqrt(share * (1 - share) / num_fields)
    bound = norm.isf(ODDS / 2)
    points = pointing(fields, np.broadcast_to(mask, fields.shape))
    assert abs(points.mean() - share) < bound * error
    result = random_alignment(areas[:, None], mask[None], num_fields, np.random.default_rng(19))
    assert abs(result.pointing_M[0] - share) < bound * error

    order = np.argsort(-fields.reshape(num_fields, -1), axis=1, kind="stable")
    for area, mean_iou in zip(areas, result.iou_AM[:, 0], strict=True):
        shared = mask.ravel()[order[:, :area]].sum(axis=1)
        assert abs(shared.mean() - area * share) < bound * shared.std() / np.sqrt(num_fields)
        values = iou(shared, area, mask.sum())
        error = values.std() / np.sqrt(num_fields)
        assert abs(mean_iou - values.mean()) < bound * np.sqrt(2) * error
        # the closed form is a lower bound (Jensen), and not far below
        closed = chance_iou(area / side**2, share)
        assert closed - bound * error < mean_iou < 1.15 * closed + bound * error


def test_random_fields_have_no_seam_and_no_favoured_shift():
    """Neighbours across the image's edges differ no more than neighbours inside: the grid is periodic."""
    fields = random_fields(500, 60, 40, np.random.default_rng(20))
    assert fields.dtype == np.float32
    assert fields.min() >= 0
    assert fields.max() <= 1
    for axis, cells in ((1, 10 / 60), (2, 10 / 40)):
        steps = np.abs(fields - np.roll(fields, 1, axis=axis))
        assert steps.max() <= cells + 1e-6  # noise in [0, 1] climbs at most 1 a cell
    first = random_fields(3, 60, 40, np.random.default_rng(20))
    np.testing.assert_array_equal(first, fields[:3])
