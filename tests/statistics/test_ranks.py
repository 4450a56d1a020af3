"""Ranks with ties and Mann-Whitney's U: by hand, by enumeration, and against scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, rankdata

from sightline.statistics.ranks import average_ranks, mann_whitney_p


def test_ranks_by_hand():
    assert average_ranks(np.array([30, 10, 20])).tolist() == [3, 1, 2]
    assert average_ranks(np.array([2.0, 1, 2, 2, 0])).tolist() == [4, 2, 4, 4, 1]
    assert average_ranks(np.zeros(4)).tolist() == [2.5] * 4
    assert average_ranks(np.array([-np.inf, np.inf, np.inf])).tolist() == [1, 2.5, 2.5]
    assert average_ranks(np.array([7])).tolist() == [1]
    assert average_ranks(np.zeros((3, 0))).shape == (3, 0)


@pytest.mark.parametrize("distinct", [2, 5, 1000])
def test_ranks_are_scipys(distinct):
    values = np.random.default_rng(distinct).integers(0, distinct, (4, 6, 50)) / 7
    np.testing.assert_array_equal(average_ranks(values), rankdata(values, axis=-1))
    values[1, 2, 3] = np.nan
    np.testing.assert_array_equal(average_ranks(values), rankdata(values, axis=-1))


@pytest.mark.parametrize(("few", "many"), [(1, 1), (1, 9), (3, 4), (8, 3), (8, 8), (2, 40), (30, 8)])
def test_exact_mann_whitney_is_scipys(few, many):
    rng = np.random.default_rng(few * 100 + many)
    for shift in (-1.5, 0, 1.5):
        x, y = rng.normal(shift, 1, few), rng.normal(0, 1, many)
        expected = mannwhitneyu(x, y, alternative="greater").pvalue
        assert mann_whitney_p(x, y) == pytest.approx(expected, rel=1e-12, abs=0)


def test_exact_mann_whitney_counts_all_orders():
    values = np.arange(7)
    sums = [sum(chosen) for chosen in itertools.combinations(values, 3)]
    for chosen in ([4, 5, 6], [0, 3, 6], [0, 1, 2]):
        rest = np.setdiff1d(values, chosen)
        expected = np.mean([value >= sum(chosen) for value in sums])
        assert mann_whitney_p(np.array(chosen), rest) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("distinct", [2, 6, 10**6])
def test_normal_mann_whitney_is_scipys(distinct):
    rng = np.random.default_rng(distinct)
    for num_x, num_y in ((9, 9), (40, 25), (5, 30)):  # the last: normal where values are tied
        x, y = rng.integers(0, distinct, num_x), rng.integers(0, distinct, num_y)
        expected = mannwhitneyu(x, y, alternative="greater").pvalue
        assert mann_whitney_p(x, y) == pytest.approx(expected, rel=1e-12, abs=0)
    assert mann_whitney_p(np.ones(9), np.ones(12)) == 1
