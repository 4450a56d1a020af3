"""Repeatability of maps: identity, hand cases, chance, ties, and independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from sightline.alignment.region_scores import region_scores, regions_of, sorted_map
from sightline.consistency.repeatability import by_kind, overlaps, ranked, repeatability

RNG = np.random.default_rng(0)
PATIENTS = ["a", "b", "b", "c"]


def test_a_map_agrees_with_itself_fully_also_with_ties_at_the_cut() -> None:
    maps = RNG.integers(0, 4, (4, 6, 6)).astype(float)
    result = repeatability(ranked(maps), ranked(3 * maps), np.array([1, 5, 17, 36]), PATIENTS)
    np.testing.assert_allclose(result.correlation_M, 1, atol=1e-12)
    np.testing.assert_allclose(result.overlap_M, 1, atol=1e-12)


def test_overlap_by_hand() -> None:
    one, again = np.array([[[4.0, 3], [2, 1]]]), np.array([[[4.0, 1], [3, 2]]])
    sizes = {1: 1.0, 2: 1 / 2, 3: 2 / 3, 4: 1.0}
    for size, expected in sizes.items():
        assert overlaps(ranked(one), ranked(again), np.array([size])) == pytest.approx(expected)
    tied = np.array([[[4.0, 2], [2, 2]]])  # of two pixels: one whole, the others a third each
    assert overlaps(ranked(one), ranked(tied), np.array([2])) == pytest.approx((1 + 1 / 3) / 2)


def test_correlation_is_scipys_and_chance_the_mean_over_other_patients() -> None:
    maps, again = RNG.integers(0, 5, (2, 4, 7, 5)).astype(float)
    sizes = np.array([3, 9, 20, 12])
    result = repeatability(ranked(maps), ranked(again), sizes, PATIENTS)
    rho = np.array([[spearmanr(one.ravel(), two.ravel()).statistic for two in again] for one in maps])
    shared = overlaps(ranked(maps), ranked(again), sizes)
    np.testing.assert_allclose(result.correlation_M, rho.diagonal())
    others = {0: [1, 2, 3], 1: [0, 3], 2: [0, 3], 3: [0, 1, 2]}  # images 1 and 2 are of one patient
    for row, columns in others.items():
        assert result.correlation_chance_M[row] == pytest.approx(rho[row, columns].mean())
        assert result.overlap_chance_M[row] == pytest.approx(shared[row, columns].mean())
    assert result.means()["correlation_chance"] == pytest.approx(result.correlation_chance_M.mean())


def test_independent_maps_share_what_chance_says() -> None:
    """Of 30 images' random maps, on average no correlation and the region's share of the image."""
    maps, again = RNG.random((2, 30, 20, 20))
    result = repeatability(ranked(maps), ranked(again), np.full(30, 80), [str(number) for number in range(30)])
    error = 5 / np.sqrt(30 * 29)
    assert abs(result.correlation_chance_M.mean()) < error / 20
    assert abs(result.overlap_chance_M.mean() - 80 / 400) < error * 0.05


def test_one_patient_has_no_chance_and_a_flat_map_repeats_nothing() -> None:
    maps = np.stack([np.zeros((4, 4)), RNG.random((4, 4))])
    result = repeatability(ranked(maps), ranked(maps), np.array([4, 4]), ["a", "a"])
    np.testing.assert_allclose(result.correlation_M, [0, 1])
    np.testing.assert_allclose(result.overlap_M, [4 / 16, 1])
    assert np.isnan(result.correlation_chance_M).all()
    assert np.isnan(result.means()["overlap_chance"])


def test_relevance_rank_is_that_of_the_verdict() -> None:
    maps = RNG.integers(0, 6, (5, 8, 8)).astype(np.float32) / 5
    maps[4] = 0
    masks = RNG.random((5, 8, 8)) < 0.3
    for image, score in enumerate(ranked(maps).relevance_rank(masks)):
        assert score == pytest.approx(
            region_scores(sorted_map(maps[image]), regions_of(masks[[image]]), ("rank",)).item()
        )
    assert np.isnan(ranked(maps[:1]).relevance_rank(np.zeros((1, 8, 8), bool)))


def test_kinds_are_means_over_their_perturbations() -> None:
    numbers = {"shift_up": {"rank": 0.2}, "shift_left": {"rank": 0.4}, "noise": {"rank": np.nan}}
    kinds = by_kind(numbers)
    assert kinds["shift"] == pytest.approx({"rank": 0.3})
    assert np.isnan(kinds["noise"]["rank"])


@pytest.mark.parametrize("sizes", [[0, 1], [1, 17], [1]])
def test_sizes_outside_the_image_are_refused(sizes: list[int]) -> None:
    maps = ranked(RNG.random((2, 4, 4)))
    with pytest.raises(ValueError, match="sizes: expected 2 of 1 to 16 pixels"):
        overlaps(maps, maps, np.array(sizes))


def test_maps_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the same images"):
        repeatability(ranked(np.ones((2, 4, 4))), ranked(np.ones((3, 4, 4))), np.array([1, 1]), ["a", "b"])
