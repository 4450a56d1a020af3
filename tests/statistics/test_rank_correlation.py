"""Spearman by permutation and the Pareto front: by hand, against scipy, by brute force, and the test's level."""

from __future__ import annotations

from itertools import permutations
from math import factorial

import numpy as np
import pytest
from scipy.stats import binom, permutation_test, spearmanr

from sightline.statistics.rank_correlation import pareto_front, spearman_exact


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("num_points", range(2, 10))
def test_a_perfect_order_has_the_smallest_p(num_points):
    points = np.arange(num_points)
    for other, sign in ((np.exp(points), 1), (-points, -1)):
        result = spearman_exact(points, other, 1, rng())
        assert result.rho == pytest.approx(sign)
        assert result.p == result.smallest_p == pytest.approx(2 / factorial(num_points), rel=1e-12)


def test_three_points_by_hand():
    # of the 6 orders two have |rho| 1 and four have 0.5
    result = spearman_exact([1, 2, 3], [1, 3, 2], 1, rng())
    assert result == pytest.approx((0.5, 1.0, 1 / 3))


def test_a_tie_makes_the_smallest_p_larger():
    # x has ranks 1, 2.5, 2.5: of 6 orders of y the two with y's extreme first in either direction, twice each
    result = spearman_exact([0, 1, 1], [1, 2, 3], 1, rng())
    assert result.rho == pytest.approx(np.sqrt(3) / 2)
    assert result.p == result.smallest_p == pytest.approx(4 / 6)


@pytest.mark.parametrize("seed", range(12))
def test_rho_is_scipys_and_p_counts_all_orders(seed):
    num_points = 3 + seed % 5
    x, y = rng(seed).integers(0, 4, (2, num_points)) + rng(seed).normal(0, 1, (2, num_points)) * (seed % 2)
    result = spearman_exact(x, y, 1, rng())
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(result).all()
        return
    assert result.rho == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    rhos = np.abs([spearmanr(x, order).statistic for order in permutations(y)])
    assert result.p == pytest.approx((rhos >= abs(result.rho) - 1e-9).mean(), abs=1e-12)
    assert result.smallest_p == pytest.approx((rhos >= rhos.max() - 1e-9).mean(), abs=1e-12)


def test_against_scipys_permutation_test():
    x, y = rng(3).random((2, 7))
    theirs = permutation_test(
        (x,), lambda order: spearmanr(order, y).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert spearman_exact(x, y, 1, rng()).p == pytest.approx(theirs.pvalue, abs=1e-12)


def test_drawn_orders_estimate_the_exact_p(monkeypatch):
    x, y = rng(4).random((2, 8))
    exact = spearman_exact(x, y, 1, rng()).p
    monkeypatch.setattr("sightline.statistics.rank_correlation.MOST_ENUMERATED", 7)
    monkeypatch.setattr("sightline.statistics.rank_correlation.BLOCK", 8 * 1000)
    drawn = spearman_exact(x, y, 9_999, rng(5))
    count = drawn.p * 10_000 - 1
    assert binom.ppf(1e-6, 9_999, exact) <= count <= binom.isf(1e-6, 9_999, exact)
    assert drawn.smallest_p == 1 / 10_000  # what so many draws can show, above 2 / 8!


def test_twelve_points_draw_orders():
    points = np.arange(12)
    assert spearman_exact(points, points, 999, rng()) == pytest.approx((1, 1 / 1000, 1 / 1000))


def test_what_is_undefined():
    assert np.isnan(spearman_exact([1, 1, 1], [1, 2, 3], 9, rng())).all()
    assert np.isnan(spearman_exact([1], [2], 9, rng())).all()
    assert np.isnan(spearman_exact([], [], 9, rng())).all()
    assert spearman_exact([1, np.nan, 2, 3], [1, 5, 3, 2], 9, rng()) == spearman_exact([1, 2, 3], [1, 3, 2], 9, rng())
    with pytest.raises(ValueError, match="draws: expected at least 1, got 0"):
        spearman_exact([1, 2], [1, 2], 0, rng())


@pytest.mark.slow
@pytest.mark.parametrize("num_points", [4, 6, 12])
def test_level_under_the_null(num_points):
    """Exact and discrete: never above the level, at it with 12 points; with 4 points it cannot reject at all."""
    trials, generator = 3000, rng(6)
    rejected = sum(spearman_exact(*generator.random((2, num_points)), 199, generator).p <= 0.05 for _ in range(trials))
    assert rejected <= binom.isf(1e-3, trials, 0.05)
    if num_points == 4:
        assert rejected == 0
    if num_points == 12:
        assert 0.03 <= rejected / trials <= 0.07


def test_pareto_front_by_hand():
    x = [1, 2, 3, 2, 1, np.nan, 3]
    y = [3, 2, 1, 1, 1, 9, 1]
    assert pareto_front(x, y).tolist() == [True, True, True, False, False, False, True]
    assert pareto_front([], []).tolist() == []
    assert pareto_front([np.nan], [1]).tolist() == [False]


@pytest.mark.parametrize("seed", range(5))
def test_pareto_front_by_brute_force(seed):
    points = rng(seed).integers(0, 5, (20, 2))
    expected = [not any((other >= one).all() and (other > one).any() for other in points) for one in points]
    assert pareto_front(points[:, 0], points[:, 1]).tolist() == expected
