"""Every consensus rule on masks small enough to check by hand, and left-out readers against the others' consensus."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any, get_args

import numpy as np
import pytest

from sightline.experts.consensus import (
    ConsensusRule,
    consensus_mask,
    left_out_consensus,
    left_out_share,
    pixel_share,
)
from sightline.experts.staple import staple

RULES = get_args(ConsensusRule)


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
def test_rules_by_hand(rule: ConsensusRule, others: dict[str, Any], expected: str) -> None:
    np.testing.assert_array_equal(consensus_mask(FOUR, rule, **others), masks_of(expected)[0])


THREE = masks_of("##..", ".##.", ".###")


@pytest.mark.parametrize(
    ("rule", "min_share", "expected"),
    [
        ("mean", 0.5, ".##."),
        ("mean", 1 / 3, "####"),
        ("mean", 0.34, ".##."),
        ("mean", 0.7, ".#.."),
        ("mean", 1.0, ".#.."),
        ("intersection", 0.5, ".#.."),
        ("union", 0.5, "####"),
    ],
)
def test_shares_by_hand(rule: ConsensusRule, min_share: float, expected: str) -> None:
    np.testing.assert_array_equal(consensus_mask(THREE, rule, min_share), masks_of(expected)[0])


def test_the_defaults_are_the_paper_s_rule() -> None:
    for num_readers in range(8):
        masks_RHW = random_masks(num_readers, num_readers)
        np.testing.assert_array_equal(consensus_mask(masks_RHW), consensus_mask(masks_RHW, "mean", 0.5))
        np.testing.assert_array_equal(left_out_consensus(masks_RHW), left_out_consensus(masks_RHW, "mean", 0.5))


def test_an_even_split_is_inside() -> None:
    np.testing.assert_array_equal(consensus_mask(masks_of("##..", ".#.."), "mean", 0.5), masks_of("##..")[0])


def test_shares_meet_their_threshold_exactly() -> None:
    for num in range(1, 15):
        for votes in range(1, num + 1):
            masks = np.zeros((num, 1, 1), bool)
            masks[:votes] = True
            assert consensus_mask(masks, "mean", votes / num).all()
            if votes < num:
                assert not consensus_mask(masks, "mean", (votes + 0.01) / num).any()


@pytest.mark.parametrize("rule", ["mean", "intersection", "union"])
def test_nobody_one_reader_and_three_apart(rule: ConsensusRule) -> None:
    nobody = np.zeros((0, 2, 3), bool)
    assert consensus_mask(nobody, rule, 0.5).shape == (2, 3)
    assert not consensus_mask(nobody, rule, 0.5).any()
    np.testing.assert_array_equal(pixel_share(nobody), np.zeros((2, 3), np.float32))
    one = masks_of("#.#")
    np.testing.assert_array_equal(consensus_mask(one, rule, 0.5), one[0])
    apart = masks_of("#..", ".#.", "..#")
    assert consensus_mask(apart, rule, 0.5).any() == (rule == "union")


@pytest.mark.parametrize("rule", ["mean", "union", "intersection"])
@pytest.mark.parametrize("num_readers", range(1, 11))
def test_equals_counting_in_exact_fractions(rule: str, num_readers: int) -> None:
    masks_RHW = random_masks(num_readers, num_readers)
    for share in ("1/10", "3/10", "1/3", "1/2", "3/5", "7/10", "1"):
        needed = {"mean": ceil(Fraction(share) * num_readers), "union": 1, "intersection": num_readers}[rule]
        expected_HW = [[sum(column) >= needed for column in row] for row in np.moveaxis(masks_RHW, 0, 2).tolist()]
        min_share = float(Fraction(share))
        np.testing.assert_array_equal(consensus_mask(masks_RHW, rule, min_share), expected_HW)  # type: ignore[arg-type]


def test_staple_is_cut_at_one_half() -> None:
    masks_RHW = random_masks(0, 5)
    domain_HW = np.zeros(masks_RHW.shape[1:], bool)
    domain_HW[3:11, 2:15] = True
    np.testing.assert_array_equal(consensus_mask(masks_RHW, "staple"), staple(masks_RHW).probability_HW >= 0.5)
    np.testing.assert_array_equal(
        consensus_mask(masks_RHW, "staple", domain_HW=domain_HW), staple(masks_RHW, domain_HW).probability_HW >= 0.5
    )


@pytest.mark.parametrize("num_readers", range(1, 8))
def test_equal_weights_are_the_mean_rule(num_readers: int) -> None:
    masks_RHW = random_masks(num_readers, num_readers)
    for min_share in (0.1, 0.3, 1 / 3, 0.5, 0.7, 1.0):
        np.testing.assert_array_equal(
            consensus_mask(masks_RHW, "weighted", min_share, weights_R=np.full(num_readers, 0.1)),
            consensus_mask(masks_RHW, "mean", min_share),
        )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("num_readers", range(1, 8))
def test_left_out_is_the_consensus_of_the_others(rule: ConsensusRule, num_readers: int) -> None:
    masks_RHW = random_masks(num_readers, num_readers)
    chosen = settings(rule, num_readers)
    region_RHW = left_out_consensus(masks_RHW, **chosen)
    assert region_RHW.shape == masks_RHW.shape
    assert region_RHW.dtype == bool
    for reader in range(num_readers):
        others = {**chosen, "weights_R": np.delete(chosen["weights_R"], reader)}
        np.testing.assert_array_equal(
            region_RHW[reader], consensus_mask(np.delete(masks_RHW, reader, axis=0), **others)
        )


def test_left_out_by_hand() -> None:
    np.testing.assert_array_equal(
        left_out_consensus(masks_of("##.", "#.#", "#.."), "mean", 0.5), masks_of("#.#", "##.", "###")
    )


def test_a_left_out_weight_of_almost_all() -> None:
    masks_RHW = masks_of("#..", ".#.", "..#")
    region_RHW = left_out_consensus(masks_RHW, "weighted", weights_R=np.array([1e15, 0.3, 0.1]))
    np.testing.assert_array_equal(region_RHW, masks_of(".#.", "#..", "#.."))


@pytest.mark.parametrize("rule", RULES)
def test_a_single_reader_has_no_others(rule: ConsensusRule) -> None:
    assert not left_out_consensus(masks_of("###"), **settings(rule, 1)).any()


@pytest.mark.parametrize("rule", RULES)
def test_no_masks_no_region(rule: ConsensusRule) -> None:
    nobody = np.zeros((0, 3, 4), bool)
    region_HW = consensus_mask(nobody, **settings(rule, 0))
    assert region_HW.shape == (3, 4)
    assert not region_HW.any()
    assert left_out_consensus(nobody, **settings(rule, 0)).shape == (0, 3, 4)


@pytest.mark.parametrize("rule", RULES)
def test_empty_masks_have_no_consensus(rule: ConsensusRule) -> None:
    assert not consensus_mask(np.zeros((3, 4, 5), bool), **settings(rule, 3)).any()


@pytest.mark.parametrize("rule", RULES)
def test_order_of_readers_does_not_matter(rule: ConsensusRule) -> None:
    masks_RHW = random_masks(5, 6)
    chosen = settings(rule, 6)
    order = np.random.default_rng(1).permutation(6)
    turned = {**chosen, "weights_R": chosen["weights_R"][order]}
    np.testing.assert_array_equal(consensus_mask(masks_RHW, **chosen), consensus_mask(masks_RHW[order], **turned))
    np.testing.assert_array_equal(
        left_out_consensus(masks_RHW, **chosen)[order], left_out_consensus(masks_RHW[order], **turned)
    )


@pytest.mark.parametrize("rule", RULES)
def test_between_intersection_and_union(rule: ConsensusRule) -> None:
    for seed in range(20):
        masks_RHW = random_masks(seed, 5)
        region_HW = consensus_mask(masks_RHW, **settings(rule, 5, seed))
        assert not (region_HW & ~masks_RHW.any(axis=0)).any()
        assert not (masks_RHW.all(axis=0) & ~region_HW).any()


def test_pixel_share_by_hand() -> None:
    share = pixel_share(THREE)
    assert share.dtype == np.float32
    np.testing.assert_allclose(share, [[1 / 3, 1, 2 / 3, 1 / 3]], rtol=1e-6)


def test_pixel_share_is_the_mean_of_the_masks() -> None:
    masks_RHW = random_masks(0, 5)
    np.testing.assert_array_equal(pixel_share(masks_RHW), (masks_RHW.sum(axis=0) / 5).astype(np.float32))
    np.testing.assert_allclose(pixel_share(masks_of("#.#", ".##"), np.array([3, 1])), [[0.75, 0.25, 1]])
    assert pixel_share(masks_RHW).dtype == np.float32
    assert not pixel_share(masks_RHW, np.zeros(5)).any()
    assert not pixel_share(np.zeros((0, 2, 2), bool)).any()


def test_left_out_share_is_that_of_the_others() -> None:
    masks_RHW = random_masks(0, 5)
    share_RHW = left_out_share(masks_RHW)
    assert share_RHW.dtype == np.float32
    for reader in range(5):
        np.testing.assert_array_equal(share_RHW[reader], pixel_share(np.delete(masks_RHW, reader, axis=0)))
    alone = left_out_share(masks_RHW[:1])
    assert alone.shape == (1, 13, 17)
    assert not alone.any()
    assert left_out_share(masks_RHW[:0]).shape == (0, 13, 17)


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
    for function in (consensus_mask, left_out_consensus):
        with pytest.raises(ValueError, match=message):
            function(FOUR, **others)


def test_staple_calls_nothing_the_region_that_nobody_marks() -> None:
    rng = np.random.default_rng(0)
    inverse = 0
    for _ in range(300):
        masks_RHW = rng.random((5, 8, 8)) < rng.choice([0.05, 0.3, 0.9], size=(5, 1, 1))  # no truth behind them
        nobody_HW = ~masks_RHW.any(axis=0)
        inverse += bool((staple(masks_RHW).probability_HW[nobody_HW] >= 0.5).any())
        assert not consensus_mask(masks_RHW, "staple")[nobody_HW].any()
    assert inverse > 0  # it does happen, or the test says nothing
