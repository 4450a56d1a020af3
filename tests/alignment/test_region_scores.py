"""One map against many regions: against scikit-learn and plain loops, the ladder's scores, and at the rules."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from sightline.alignment import rank_matrix
from sightline.alignment.binarised import binarised
from sightline.alignment.region_scores import (
    SCORES,
    descending_order,
    region_scores,
    regions_of,
    regions_one_by_one,
    sorted_map,
)
from sightline.alignment.targets import targets_of
from sightline.alignment.threshold_free import image_scores, map_scores


def maps_and_masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Maps without ties, with a few levels, binary and flat; regions from one pixel to nearly all."""
    rng = np.random.default_rng(seed)
    fine = rng.random((24, 31)).astype(np.float32)
    maps = np.stack([fine, np.round(fine * 4) / 4, fine > 0.7, np.zeros_like(fine)]).astype(np.float32)
    masks = rng.random((6, 24, 31)) < np.array([0.05, 0.2, 0.5, 0.8, 0.95, 0])[:, None, None]
    masks[5, 3, 7] = True
    return maps, masks


@pytest.mark.parametrize("seed", range(3))
def test_equals_scikit_learn_and_plain_loops(seed: int) -> None:
    maps, masks = maps_and_masks(seed)
    for map_HW in maps:
        scores = dict(zip(SCORES, region_scores(sorted_map(map_HW), regions_of(masks)), strict=True))
        values_P = map_HW.ravel()
        is_flat = values_P.max() == values_P.min()
        for row, mask_HW in enumerate(masks):
            inside_P = mask_HW.ravel()
            assert scores["ap"][row] == pytest.approx(average_precision_score(inside_P, values_P), abs=1e-9)
            assert scores["auroc"][row] == pytest.approx(roc_auc_score(inside_P, values_P), abs=1e-9)
            mass = inside_P.mean() if is_flat else values_P[inside_P].sum(dtype=float) / values_P.sum(dtype=float)
            assert scores["mass"][row] == pytest.approx(mass, abs=1e-9)
            assert scores["pointing"][row] == pytest.approx(inside_P[values_P == values_P.max()].mean(), abs=1e-9)
            assert scores["rank"][row] == pytest.approx(rank_by_loop(values_P, inside_P), abs=1e-9)


def rank_by_loop(values_P: np.ndarray, inside_P: np.ndarray) -> float:
    """Level by level, until as many pixels are taken as the region has; of the last level a share."""
    room, hits = int(inside_P.sum()), 0.0
    for value in np.unique(values_P)[::-1]:
        level_P = values_P == value
        taken = min(1, room / level_P.sum())
        hits += taken * inside_P[level_P].sum()
        room -= level_P.sum()
        if room <= 0:
            break
    return hits / inside_P.sum()


def test_equals_the_ladders_scores() -> None:
    maps, masks = maps_and_masks(7)
    ours = np.stack([region_scores(sorted_map(map_HW), regions_of(masks)) for map_HW in maps], axis=1)
    theirs = image_scores(maps, masks, masks.astype(np.float32), np.ones(masks.shape[1:]), tolerance=2.0)
    for score, values in zip(SCORES, ours, strict=True):
        np.testing.assert_allclose(values, theirs[score], atol=1e-12, err_msg=score)


def test_a_map_on_paper() -> None:
    mask = np.array([[[True, True, False, False]]])
    scores = region_scores(sorted_map(np.array([[1, 0.5, 0.5, 0]])), regions_of(mask))[:, 0]
    expected = {"rank": (1 + 0.5) / 2, "ap": (1 + 2 / 3) / 2, "auroc": (2 + 1.5) / 4, "mass": 1.5 / 2, "pointing": 1.0}
    assert dict(zip(SCORES, scores, strict=True)) == pytest.approx(expected)


def test_rules_for_empty_full_and_no_regions() -> None:
    with pytest.raises(ValueError, match="without a pixel: 1"):
        regions_one_by_one(iter([np.array([True]), np.array([False])]), 1)
    with pytest.raises(ValueError, match="without a pixel: 1"):
        regions_of(np.array([[[True]], [[False]]]))
    full = region_scores(sorted_map(np.array([[0.2, 1.0]])), regions_of(np.ones((1, 1, 2), bool)), ["auroc", "rank"])
    assert np.isnan(full[0, 0])
    assert full[1, 0] == 1
    assert region_scores(sorted_map(np.array([[0.2, 1.0]])), regions_of(np.zeros((0, 1, 2), bool))).shape == (5, 0)
    with pytest.raises(ValueError, match="expected 2 pixels"):
        region_scores(sorted_map(np.zeros((2, 2))), regions_of(np.ones((1, 1, 2), bool)))


@pytest.mark.parametrize("together", [2**23, 3000, 1])
def test_many_maps_on_many_regions_are_the_maps_one_by_one(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Smooth maps, maps with ties at every cut, maps of 0 and 1, a flat one; regions small, large and whole."""
    rng = np.random.default_rng(8)
    maps = rng.random((7, 24, 31)).astype(np.float32)
    maps[1], maps[2], maps[3] = maps[1] > 0.7, np.round(maps[2] * 3) / 3, 0
    maps[4, :12] = 1
    masks = rng.random((5, 24, 31)) < np.array([0.01, 0.1, 0.4, 0.9, 1.1])[:, None, None]
    masks[0, 3, 4] = True
    regions = regions_of(masks)
    expected = np.array([region_scores(sorted_map(map_HW), regions, ["rank"])[0] for map_HW in maps])
    monkeypatch.setattr(rank_matrix, "TOGETHER", together)
    ranks = rank_matrix.RankMatrix(regions)
    rows = [ranks.add(sorted_map(map_HW)) for map_HW in maps]
    ranks.finish()
    np.testing.assert_array_equal(rows, expected)
    shared = [regions.shared(map_HW.ravel() == 1) for map_HW in maps]
    np.testing.assert_array_equal(shared, np.einsum("mhw,rhw->mr", maps == 1, masks.astype(int)))


def test_the_highest_pixels_hold_all_that_a_count_needs() -> None:
    rng = np.random.default_rng(11)
    fine = rng.random(3000).astype(np.float32)
    zeros = np.where(fine < 0.5, np.float32(-0.0), fine)
    for values in (fine, np.round(fine * 5) / 5, fine * 0, -fine, fine.astype(np.float64), zeros):
        for count in (1, 7, 1500, 3000):
            found = rank_matrix.highest_pixels(values, count)
            assert set(np.flatnonzero(values >= np.sort(values)[-count])) <= set(found)
            assert (np.diff(found) > 0).all()
    assert len(rank_matrix.highest_pixels(fine, 100)) < 150


def test_average_precision_on_images_whose_ranks_need_more_than_two_bytes() -> None:
    rng = np.random.default_rng(10)
    map_HW = np.round(rng.random((300, 301)), 3).astype(np.float32)
    masks = rng.random((3, 300, 301)) < np.array([0.001, 0.1, 0.9])[:, None, None]
    found = region_scores(sorted_map(map_HW), regions_of(masks), ["ap"])[0]
    expected = [average_precision_score(mask_HW.ravel(), map_HW.ravel()) for mask_HW in masks]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_map_of_two_values_scores_as_if_it_were_sorted() -> None:
    """The closed form against the general formulas, which a third value on one pixel outside all regions calls."""
    rng = np.random.default_rng(9)
    masks = rng.random((4, 20, 20)) < np.array([0.05, 0.3, 0.6, 0.8])[:, None, None]
    masks[:, 0, 0] = False
    binary = (rng.random((20, 20)) < 0.4).astype(np.float32)
    binary[0, 0] = 0
    three = binary + 1e-7 * (np.arange(400).reshape(20, 20) == 0)
    found, expected = (region_scores(sorted_map(map_HW), regions_of(masks)) for map_HW in (binary, three))
    np.testing.assert_allclose(found, expected, atol=5e-3)
    by_hand = (
        [average_precision_score(mask.ravel(), binary.ravel()) for mask in masks],
        [roc_auc_score(mask.ravel(), binary.ravel()) for mask in masks],
    )
    np.testing.assert_allclose(found[[SCORES.index("ap"), SCORES.index("auroc")]], by_hand, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pixels_are_ordered_from_the_highest_down_and_ties_by_place(dtype: type) -> None:
    rng = np.random.default_rng(5)
    fine = rng.random(4000).astype(dtype)
    for values in (fine, np.round(fine * 5) / 5, np.where(fine < 0.5, -0.0, 0.0).astype(dtype), fine * 1e-40, fine - 1):
        expected = sorted(range(len(values)), key=lambda place: (-float(values[place]), place))
        np.testing.assert_array_equal(descending_order(values), expected)


def test_the_highest_pixels_of_a_sorted_map_are_those_of_the_area_matched_cut() -> None:
    maps, masks = maps_and_masks(3)
    for map_HW in maps:
        for mask_HW in masks:
            expected = binarised(map_HW[None], "area_matched", masks_MHW=mask_HW[None])[0]
            found = sorted_map(map_HW).highest(np.count_nonzero(mask_HW))
            np.testing.assert_array_equal(found.reshape(map_HW.shape), expected)


def test_picked_regions_and_targets_score_as_when_made_alone() -> None:
    maps, masks = maps_and_masks(4)
    masks[1] = False
    shares, elsewhere = np.random.default_rng(6).random(masks.shape) * masks, masks[3] * 0.5
    whole = targets_of(masks, shares, elsewhere)
    for part in (slice(0, 1), slice(1, None), slice(2, 4)):
        found = map_scores(maps, whole.picked(part), 2.0)
        expected = image_scores(maps, masks[part], shares[part], elsewhere, 2.0)
        for metric, values in expected.items():
            np.testing.assert_allclose(found[metric], values, rtol=0, atol=1e-12, err_msg=metric)
