"""Tests of significance: against scipy, by hand, and their level under the null."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, mannwhitneyu, permutation_test

from sightline.statistics.exact_tests import mcnemar_exact
from sightline.statistics.significance import mann_whitney_greater, sign_flip_p, two_sided_sign_flip_p


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_mann_whitney_is_scipys_one_sided_without_the_nan_pairs():
    x, y = rng(1).normal(0.3, 1, 40), rng(2).normal(0, 1, 40)
    expected = mannwhitneyu(x[2:], y[2:], alternative="greater").pvalue
    x[0], y[1] = np.nan, np.nan
    assert mann_whitney_greater(x, y) == pytest.approx(expected, rel=1e-12)
    assert mann_whitney_greater(y, x) > 0.5


def test_mann_whitney_by_hand():
    # 3 against 3, all larger: 1 of the 20 orders is as extreme
    assert mann_whitney_greater(np.array([4, 5, 6.0]), np.array([1, 2, 3.0])) == pytest.approx(1 / 20)
    assert mann_whitney_greater(np.zeros(10), np.zeros(10)) == 1.0
    assert np.isnan(mann_whitney_greater(np.array([np.nan, 1]), np.array([0, np.nan])))


def test_sign_flip_by_hand():
    # sums -1 + 2 + 3 = 4 of +-1 +-2 +-3: reached by 6 and 4, 2 of 8 patterns
    assert sign_flip_p(np.array([-1, 2, 3.0]), np.array(["a", "b", "c"]), 8, rng()) == 2 / 8
    # the same in two groups, {-1, 2} and {3}: 4 is the largest of +-1 +-3
    assert sign_flip_p(np.array([-1, 2, 3.0]), np.array(["a", "a", "b"]), 8, rng()) == 1 / 4
    assert sign_flip_p(np.array([1, 1, 1.0]), np.array(["a", "a", "a"]), 8, rng()) == 1 / 2
    assert sign_flip_p(np.zeros(30), np.arange(30), 99, rng()) == 1.0
    assert sign_flip_p(np.zeros(3), np.arange(3), 99, rng()) == 1.0
    assert np.isnan(sign_flip_p(np.full(3, np.nan), np.arange(3), 99, rng()))
    with pytest.raises(ValueError, match="flips: expected at least 1, got 0"):
        sign_flip_p(np.ones(3), np.arange(3), 0, rng())


def test_the_smallest_p_counts_the_observed_pattern():
    assert sign_flip_p(np.ones(60), np.arange(60), 999, rng()) == 1 / 1000


def test_ties_of_sums_count_whatever_the_rounding():
    # 0.1 + 0.2 + 0.3 in another order differs in the last bit; each flip has an exact counterpart
    differences = np.array([0.1, 0.2, 0.3, -0.3, -0.2, -0.1])
    assert sign_flip_p(differences, np.arange(6), 64, rng()) == sign_flip_p(
        np.array([1, 2, 3, -3, -2, -1.0]), np.arange(6), 64, rng()
    )


@pytest.mark.parametrize("size", [3, 6, 10])
def test_exact_sign_flip_is_scipys_permutation_test(size):
    differences = rng(size).normal(0.4, 1, size)
    expected = permutation_test(
        (differences,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert sign_flip_p(differences, np.arange(size), 2**size, rng()) == pytest.approx(expected.pvalue, abs=1e-12)


@pytest.mark.parametrize("block", [1, 12 * 7, 4_000_000])
def test_drawn_flips_estimate_the_exact_p_in_blocks_of_any_size(block, monkeypatch):
    monkeypatch.setattr("sightline.statistics.significance.BLOCK", block)
    differences = rng(5).normal(0.3, 1, 12)
    exact = sign_flip_p(differences, np.arange(12), 2**12, rng())
    flips = 4000
    drawn = sign_flip_p(differences, np.arange(12), flips, rng(6)) * (flips + 1) - 1
    assert binom.ppf(1e-6, flips, exact) <= drawn <= binom.isf(1e-6, flips, exact)


def test_groups_flip_as_one():
    """Whole patients flipped is the test on the patients' sums; labels and order do not matter."""
    differences = rng(7).normal(0.2, 1, 40)
    groups = rng(8).integers(0, 9, 40)
    exact = sign_flip_p(differences, groups, 512, rng())
    sums = np.bincount(groups, weights=differences, minlength=9)
    assert exact == sign_flip_p(sums, np.arange(9), 512, rng())
    order = rng(9).permutation(40)
    names = np.array([f"patient {8 - group}" for group in groups])
    assert exact == sign_flip_p(differences[order], names[order], 512, rng())


def test_nan_differences_are_left_out():
    differences = np.array([np.nan, -1, 2, 3, np.nan])
    assert sign_flip_p(differences, np.arange(5), 8, rng()) == 2 / 8


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_level_under_the_null(level):
    """Differences symmetric about 0, correlated within patients: rejected at the level, by binomial bounds."""
    trials, patients, flips = 4000, 25, 199
    generator = rng(12)
    groups = np.repeat(np.arange(patients), 2)
    rejected = 0
    for _ in range(trials):
        differences = generator.standard_t(3, patients)[groups] + generator.normal(0, 0.3, 2 * patients)
        rejected += sign_flip_p(differences, groups, flips, generator) <= level
    assert binom.ppf(1e-5, trials, level) <= rejected <= binom.isf(1e-5, trials, level)


def test_ungrouped_flips_of_grouped_differences_are_too_liberal():
    """Why the sign belongs to the patient: flipped image by image, correlated images reject far above the level."""
    trials, generator = 1000, rng(13)
    groups = np.repeat(np.arange(12), 4)
    rejected = 0
    for _ in range(trials):
        differences = generator.normal(0, 1, 12)[groups] + generator.normal(0, 0.3, 48)
        rejected += sign_flip_p(differences, np.arange(48), 199, generator) <= 0.05
    assert rejected > binom.isf(1e-5, trials, 0.05)


@pytest.mark.parametrize(("side", "least", "most"), [(-1, 0.06, 0.16), (1, 0.0, 0.04)])
def test_skewed_differences_miss_the_level_on_either_side(side, least, most):
    """Exponential differences of mean 0, 21 groups: measured 10.9% skewed to the left and 2.4% to the right."""
    trials, generator = 1000, rng(15)
    draws = side * (generator.exponential(1, (trials, 21)) - 1)
    rejected = sum(sign_flip_p(row, np.arange(21), 199, generator) <= 0.05 for row in draws)
    assert least <= rejected / trials <= most


def test_two_sided_flips_are_twice_the_smaller_tail():
    differences, groups = rng(16).normal(0.3, 1, 20), rng(17).integers(0, 9, 20)
    tails = [sign_flip_p(sign * differences, groups, 512, rng()) for sign in (1, -1)]
    assert two_sided_sign_flip_p(differences, groups, 512, rng) == 2 * min(tails)
    assert two_sided_sign_flip_p(-differences, groups, 512, rng) == 2 * min(tails)
    assert two_sided_sign_flip_p(np.zeros(4), np.arange(4), 99, rng) == 1
    assert np.isnan(two_sided_sign_flip_p(np.full(3, np.nan), np.arange(3), 99, rng))


@pytest.mark.parametrize("seed", range(5))
def test_flips_of_hits_are_mcnemars_test_where_each_patient_has_one_image(seed):
    hits, other = (rng(seed).random((2, 12)) < np.array([[0.7], [0.3]])).astype(float)
    flipped = two_sided_sign_flip_p(hits - other, np.arange(12), 2**12, rng)
    assert flipped == pytest.approx(mcnemar_exact(hits, other), abs=1e-12)


def test_hits_against_their_chance_lose_power():
    """Hits at chance minus the chance value: mean 0, skewed to the right; hence exact tests (`exact_tests`)."""
    trials, generator = 2000, rng(14)
    rejected = 0
    for _ in range(trials):
        share = generator.uniform(0.02, 0.2, 50)
        hits = generator.random(50) < share
        rejected += sign_flip_p(hits - share, np.arange(50), 199, generator) <= 0.05
    assert rejected <= binom.isf(1e-5, trials, 0.05)
