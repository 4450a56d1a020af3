"""Every consensus rule on masks small enough to check by hand, and left-out readers against merging the others."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from sightline.experts.agreement import consensus_mask, pixel_share
from sightline.experts.consensus import MergingRule, leave_one_out, merged, soft
from sightline.experts.staple import staple

RULES = get_args(MergingRule)


def masks_of(*rows: str) -> np.ndarray:
    """bool R x 1 x W from rows of `#` and `.`"""
    return np.array([[[letter == "#" for letter in row]] for row in rows])


def random_masks(seed: int, num_readers: int, height: int = 13, width: int = 17) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((num_readers, height, width)) < rng.random((1, height, width))


def settings(rule: str, num_readers: int, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"rule": rule, "min_share": 0.4, "min_count": 2, "weights_R": rng.integers(1, 5, num_readers) / 10}


FOUR = masks_of("####...", "###.#..", "##.....", "#....#.")


@pytest.mark.parametrize(
    ("rule", "others", "expected"),
    [
        ("mean", {}, "###...."),
        ("mean", {"min_share": 0.75}, "##....."),
        ("mean", {"min_share": 0.1}, "######."),
        ("at_least", {"min_count": 1}, "######."),
        ("at_least", {"min_count": 3}, "##....."),
        ("at_least", {"min_count": 4}, "#......"),
        ("at_least", {"min_count": 5}, "......."),
        ("union", {}, "######."),
        ("intersection", {}, "#......"),
        ("weighted", {"weights_R": np.array([1, 1, 1, 1])}, "###...."),
        ("weighted", {"weights_R": np.array([0.1, 0.2, 0.3, 0.6])}, "##...#."),  # 0.6 of 1.2 is half, and inside
        ("weighted", {"weights_R": np.array([0, 0, 0, 2])}, "#....#."),
        ("weighted", {"weights_R": np.array([3, 2, 2, 2]), "min_share": 0.7}, "##....."),  # 7, 5 and 3 of 9
        ("weighted", {"weights_R": np.zeros(4)}, "......."),
    ],
)
def test_rules_by_hand(rule: MergingRule, others: dict[str, Any], expected: str) -> None:
    np.testing.assert_array_equal(merged(FOUR, rule, **others), masks_of(expected)[0])


@pytest.mark.parametrize("rule", ["mean", "union", "intersection"])
@pytest.mark.parametrize("num_readers", range(1, 11))
def test_equals_the_consensus_mask(rule: Any, num_readers: int) -> None:
    masks_RHW = random_masks(num_readers, num_readers)
    for min_share in (0.1, 0.3, 1 / 3, 0.5, 0.6, 0.7, 1.0):
        np.testing.assert_array_equal(merged(masks_RHW, rule, min_share), consensus_mask(masks_RHW, rule, min_share))


def test_staple_is_cut_at_one_half() -> None:
    masks_RHW = random_masks(0, 5)
    domain_HW = np.zeros(masks_RHW.shape[1:], bool)
    domain_HW[3:11, 2:15] = True
    np.testing.assert_array_equal(merged(masks_RHW, "staple"), staple(masks_RHW).probability_HW >= 0.5)
    np.testing.assert_array_equal(
        merged(masks_RHW, "staple", domain_HW=domain_HW), staple(masks_RHW, domain_HW).probability_HW >= 0.5
    )


@pytest.mark.parametrize("num_readers", range(1, 8))
def test_equal_weights_are_the_mean_rule(num_readers: int) -> None:
    masks_RHW = random_masks(num_readers, num_readers)
    for min_share in (0.1, 0.3, 1 / 3, 0.5, 0.7, 1.0):
        np.testing.assert_array_equal(
            merged(masks_RHW, "weighted", min_share, weights_R=np.full(num_readers, 0.1)),
            merged(masks_RHW, "mean", min_share),
        )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("num_readers", range(1, 8))
def test_left_out_is_the_consensus_of_the_others(rule: MergingRule, num_readers: int) -> None:
    masks_RHW = random_masks(num_readers, num_readers)
    chosen = settings(rule, num_readers)
    found_RHW = leave_one_out(masks_RHW, **chosen)
    assert found_RHW.shape == masks_RHW.shape
    assert found_RHW.dtype == bool
    for reader in range(num_readers):
        others = {**chosen, "weights_R": np.delete(chosen["weights_R"], reader)}
        np.testing.assert_array_equal(found_RHW[reader], merged(np.delete(masks_RHW, reader, axis=0), **others))


def test_left_out_by_hand() -> None:
    np.testing.assert_array_equal(
        leave_one_out(masks_of("##.", "#.#", "#.."), "mean", 0.5), masks_of("#.#", "##.", "###")
    )


def test_a_left_out_weight_of_almost_all() -> None:
    masks_RHW = masks_of("#..", ".#.", "..#")
    found_RHW = leave_one_out(masks_RHW, "weighted", weights_R=np.array([1e15, 0.3, 0.1]))
    np.testing.assert_array_equal(found_RHW, masks_of(".#.", "#..", "#.."))


@pytest.mark.parametrize("rule", RULES)
def test_a_single_reader_has_no_others(rule: MergingRule) -> None:
    assert not leave_one_out(masks_of("###"), **settings(rule, 1)).any()


@pytest.mark.parametrize("rule", RULES)
def test_no_masks_no_region(rule: MergingRule) -> None:
    nobody = np.zeros((0, 3, 4), bool)
    region_HW = merged(nobody, **settings(rule, 0))
    assert region_HW.shape == (3, 4)
    assert not region_HW.any()
    assert leave_one_out(nobody, **settings(rule, 0)).shape == (0, 3, 4)


@pytest.mark.parametrize("rule", RULES)
def test_empty_masks_merge_to_nothing(rule: MergingRule) -> None:
    assert not merged(np.zeros((3, 4, 5), bool), **settings(rule, 3)).any()


@pytest.mark.parametrize("rule", RULES)
def test_order_of_readers_does_not_matter(rule: MergingRule) -> None:
    masks_RHW = random_masks(5, 6)
    chosen = settings(rule, 6)
    order = np.random.default_rng(1).permutation(6)
    turned = {**chosen, "weights_R": chosen["weights_R"][order]}
    np.testing.assert_array_equal(merged(masks_RHW, **chosen), merged(masks_RHW[order], **turned))
    np.testing.assert_array_equal(leave_one_out(masks_RHW, **chosen)[order], leave_one_out(masks_RHW[order], **turned))


@pytest.mark.parametrize("rule", RULES)
def test_between_intersection_and_union(rule: MergingRule) -> None:
    for seed in range(20):
        masks_RHW = random_masks(seed, 5)
        region_HW = merged(masks_RHW, **settings(rule, 5, seed))
        assert not (region_HW & ~masks_RHW.any(axis=0)).any()
        assert not (masks_RHW.all(axis=0) & ~region_HW).any()


def test_soft_is_the_share() -> None:
    masks_RHW = random_masks(0, 5)
    np.testing.assert_array_equal(soft(masks_RHW), pixel_share(masks_RHW))
    np.testing.assert_allclose(soft(masks_of("#.#", ".##"), np.array([3, 1])), [[0.75, 0.25, 1]])
    assert soft(masks_RHW).dtype == np.float32
    assert not soft(masks_RHW, np.zeros(5)).any()
    assert not soft(np.zeros((0, 2, 2), bool)).any()


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"rule": "median"}, "rule"),
        ({"rule": "mean", "min_share": 0.0}, "min_share"),
        ({"rule": "mean", "min_share": 1.1}, "min_share"),
        ({"rule": "at_least", "min_count": 0}, "min_count"),
        ({"rule": "weighted"}, "needs the readers' weights"),
        ({"rule": "weighted", "weights_R": np.ones(3)}, "expected 4 weights"),
        ({"rule": "weighted", "weights_R": np.array([1, 1, 1, -1])}, "0 or more"),
        ({"rule": "weighted", "weights_R": np.array([1, 1, 1, np.nan])}, "0 or more"),
    ],
)
def test_what_has_no_meaning_is_refused(others: dict[str, Any], message: str) -> None:
    for function in (merged, leave_one_out):
        with pytest.raises(ValueError, match=message):
            function(FOUR, **others)


def test_staple_calls_nothing_the_region_that_nobody_marks() -> None:
    rng = np.random.default_rng(0)
    inverse = 0
    for _ in range(300):
        masks_RHW = rng.random((5, 8, 8)) < rng.choice([0.05, 0.3, 0.9], size=(5, 1, 1))  # no truth behind them
        nobody_HW = ~masks_RHW.any(axis=0)
        inverse += bool((staple(masks_RHW).probability_HW[nobody_HW] >= 0.5).any())
        assert not merged(masks_RHW, "staple")[nobody_HW].any()
    assert inverse > 0  # it does happen, or the test says nothing
