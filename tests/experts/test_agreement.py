"""Agreement on masks small enough to check by hand, and random masks by their statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sightline.experts.agreement import (
    Agreement,
    highest,
    image_agreement,
    iou_matrix,
    profession_pairs,
    random_masks,
)


def masks_of(*rows: str) -> np.ndarray:
    """bool R x 1 x W from rows of `#` and `.`"""
    return np.array([[[letter == "#" for letter in row]] for row in rows])


def agreement_of(masks_RHW: np.ndarray, annotators: list[str], num_random: int = 5, seed: int = 0) -> Agreement:
    return image_agreement(masks_RHW, annotators, num_random, np.random.default_rng(seed))


THREE = masks_of("##..", ".##.", ".###")


def test_iou_matrix_against_set_counts() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random((5, 9, 7)) < 0.4, rng.random((4, 9, 7)) < 0.6
    sets_one, sets_other = ([set(np.flatnonzero(mask)) for mask in masks] for masks in (one, other))
    expected = [[len(a & b) / len(a | b) for b in sets_other] for a in sets_one]
    np.testing.assert_array_equal(iou_matrix(one, other), expected)


def test_iou_of_empty_masks() -> None:
    empty, full = masks_of("..."), masks_of("###")
    assert np.isnan(iou_matrix(empty, empty)).all()
    assert iou_matrix(empty, full) == 0
    assert iou_matrix(full, full) == 1


def test_pairs_are_of_distinct_annotators() -> None:
    agreement = agreement_of(THREE, ["anna", "anna", "bruno"])
    assert list(zip(agreement.first.tolist(), agreement.second.tolist(), strict=True)) == [(0, 2), (1, 2)]
    np.testing.assert_allclose(agreement.iou, [1 / 4, 2 / 3])
    assert agreement.mean_iou == pytest.approx((1 / 4 + 2 / 3) / 2)


@pytest.mark.parametrize("annotators", [[], ["anna"], ["anna", "anna"]])
def test_without_a_pair_agreement_is_unknown(annotators: list[str]) -> None:
    agreement = agreement_of(THREE[: len(annotators)], annotators)
    assert np.isnan(agreement.mean_iou)
    assert np.isnan(agreement.mean_random_iou)
    assert len(agreement.iou) == len(agreement.random_iou) == 0


def test_order_of_annotators_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    masks = rng.random((7, 12, 10)) < 0.3
    names = list("abcdefg")
    order = rng.permutation(7)
    one, other = agreement_of(masks, names), agreement_of(masks[order], [names[place] for place in order])
    assert sorted(one.iou.tolist()) == sorted(other.iou.tolist())


def test_random_masks_have_the_area_asked_for() -> None:
    areas = np.array([0, 1, 17, 200, 1199, 1200])
    masks = random_masks(np.random.default_rng(0), areas, 30, 40)
    assert masks.shape == (6, 30, 40)
    assert masks.sum(axis=(1, 2)).tolist() == areas.tolist()


def test_the_highest_pixels_are_those_of_a_sort() -> None:
    rng = np.random.default_rng(3)
    for values in (rng.random(500), rng.integers(0, 4, 500) / 4, np.full(500, 1.0), np.zeros(500)):
        for area in (0, 1, 77, 499, 500):
            expected = np.argsort(-values, kind="stable")[:area]
            assert np.flatnonzero(highest(values, area)).tolist() == sorted(expected.tolist())


def test_random_masks_are_blobs_and_lie_anywhere() -> None:
    masks = random_masks(np.random.default_rng(0), np.full(4000, 102), 32, 32)  # 10% of the image
    edges = (masks[:, 1:] != masks[:, :-1]).sum(axis=(1, 2)) + (masks[:, :, 1:] != masks[:, :, :-1]).sum(axis=(1, 2))
    assert edges.mean() < 0.5 * 2 * 2 * 32 * 31 * 0.1 * 0.9  # half of the edges of scattered pixels
    middle = masks.mean(axis=0)
    quadrants = [middle[:16, :16], middle[:16, 16:], middle[16:, :16], middle[16:, 16:]]
    np.testing.assert_allclose([part.mean() for part in quadrants], 0.1, atol=0.01)


def test_random_iou_against_a_loop() -> None:
    masks = np.random.default_rng(5).random((4, 16, 16)) < np.array([0.1, 0.2, 0.3, 0.4])[:, None, None]
    names = ["anna", "bruno", "anna", "carla"]
    drawn = random_masks(np.random.default_rng(9), masks.sum(axis=(1, 2))[np.arange(30) % 4], 16, 16)
    sets, chance = ([set(np.flatnonzero(mask)) for mask in stack] for stack in (masks, drawn))
    expected = [
        len(sets[one] & chance[t]) / len(sets[one] | chance[t])
        for t in range(30)
        for one in range(4)
        if names[one] != names[t % 4]
    ]
    agreement = agreement_of(masks, names, 30, seed=9)
    assert agreement.mean_random_iou == pytest.approx(np.mean(expected), rel=1e-12)
    assert agreement.mean_iou == pytest.approx(
        np.mean([len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in ((0, 1), (0, 3), (1, 2), (1, 3), (2, 3))])
    )


def test_each_random_mask_has_the_second_annotation_s_area() -> None:
    """An annotation that covers everything is compared with random masks of the other's area and of its own."""
    masks = np.zeros((2, 20, 20), bool)
    masks[0] = True
    masks[1, :2] = True
    agreement = agreement_of(masks, ["anna", "bruno"], 2)
    np.testing.assert_allclose(agreement.random_iou, [0.1])  # anna's sheet against a mask of bruno's 10%
    np.testing.assert_allclose(agreement.mean_random_iou, 0.1)  # and bruno's against a full one


def test_random_masks_do_not_stand_in_for_the_same_annotator() -> None:
    """A person's second annotation of an image is not compared with the first, nor with masks of its area."""
    masks = np.zeros((3, 20, 20), bool)
    masks[0] = masks[1] = True
    masks[2, :2] = True
    agreement = agreement_of(masks, ["anna", "anna", "bruno"], 30)
    np.testing.assert_allclose(agreement.mean_random_iou, 0.1)  # full against full, 1.0, would lift it


def test_more_random_masks_mean_less_spread() -> None:
    masks = np.random.default_rng(1).random((4, 16, 16)) < 0.2
    few = [agreement_of(masks, list("abcd"), 8, seed).mean_random_iou for seed in range(60)]
    many = [agreement_of(masks, list("abcd"), 200, seed).mean_random_iou for seed in range(60)]
    assert np.std(many) < 0.6 * np.std(few)
    assert stats.ttest_ind(few, many).pvalue > 1e-4  # and the same mean


def test_profession_pairs_stay_within_one() -> None:
    masks = masks_of("##..", ".##.", ".###", "####")
    agreement = agreement_of(masks, list("abcd"))
    pairs = profession_pairs(agreement, ["student", "student", "physician", "student"])
    np.testing.assert_allclose(sorted(pairs["student"]), sorted([1 / 3, 2 / 4, 2 / 4]))
    assert len(pairs["physician"]) == 0
    assert profession_pairs(agreement_of(masks[:0], []), []) == {}
