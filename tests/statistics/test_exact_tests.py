"""Exact tests of hits: by hand, against scipy and statsmodels, by enumeration, and their level under the null."""

from __future__ import annotations

import itertools
from itertools import product

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from sightline.statistics.exact_tests import (
    grouped_pointing_p,
    hit_rate_interval,
    mcnemar_exact,
    poisson_binomial_upper,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ------------------------------------------------------------------------------------------ hits against their chance


def test_two_images_by_hand():
    chances = np.array([0.1, 0.5])
    assert poisson_binomial_upper(chances, 0) == 1
    assert poisson_binomial_upper(chances, 1) == pytest.approx(1 - 0.9 * 0.5)
    assert poisson_binomial_upper(chances, 2) == pytest.approx(0.05)


@pytest.mark.parametrize("hits", range(31))
def test_equal_chances_are_scipys_binomial_test(hits):
    expected = binomtest(hits, 30, 0.13, alternative="greater").pvalue
    assert poisson_binomial_upper(np.full(30, 0.13), hits) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_unequal_chances_by_enumeration():
    chances = rng(1).random(9)
    outcomes = np.array(list(product([0, 1], repeat=9)))
    weights = np.where(outcomes, chances, 1 - chances).prod(axis=1)
    for hits in range(10):
        expected = weights[outcomes.sum(axis=1) >= hits].sum()
        assert poisson_binomial_upper(chances, hits) == pytest.approx(expected, abs=1e-12)


def test_two_thousand_images():
    assert poisson_binomial_upper(np.full(2000, 0.1), 240) == pytest.approx(binom.sf(239, 2000, 0.1), rel=1e-9)


def test_fractional_hits_are_rounded_down():
    chances = np.full(5, 0.2)
    assert poisson_binomial_upper(chances, 2.9) == poisson_binomial_upper(chances, 2)
    assert poisson_binomial_upper(chances, 0.5) == 1
    thirds = sum([1 / 3, 1 / 3, 1 / 3, 0.1, 0.2, 0.7])  # 2, but for the last bits
    assert poisson_binomial_upper(chances, thirds) == poisson_binomial_upper(chances, 2)


def test_what_is_undefined_or_refused():
    assert poisson_binomial_upper(np.array([np.nan, 0.1]), 1) == pytest.approx(0.1)
    assert np.isnan(poisson_binomial_upper(np.array([np.nan]), 0))
    assert poisson_binomial_upper(np.array([0.0, 1.0]), 1) == 1
    assert poisson_binomial_upper(np.array([0.0, 1.0]), 2) == 0
    with pytest.raises(ValueError, match=r"expected probabilities in \[0, 1\]"):
        poisson_binomial_upper(np.array([1.2]), 1)
    with pytest.raises(ValueError, match="hits: expected at most one per image, 2, got 3"):
        poisson_binomial_upper(np.array([0.5, 0.5]), 3)
    with pytest.raises(ValueError, match="got nan"):
        poisson_binomial_upper(np.array([0.5, 0.5]), np.nan)


# ------------------------------------------------------------------------------------------------- hits of patients


def test_one_image_a_patient_is_the_poisson_binomial():
    chances, hits = rng(2).random(20), (rng(3).random(20) < 0.6).astype(float)
    expected = poisson_binomial_upper(chances, hits.sum())
    assert grouped_pointing_p(hits, chances, np.arange(20)) == pytest.approx(expected, abs=1e-12)


def test_one_patient_by_hand():
    """Chances 0.1 and 0.3, both hit: 0.03 if independent, 0.1 if one draw decides. One hit: 0.37 against 0.3."""
    chances = np.array([0.3, 0.1])
    assert grouped_pointing_p(np.array([1, 1]), chances, np.array(["a", "a"])) == pytest.approx(0.1)
    assert grouped_pointing_p(np.array([0, 1]), chances, np.array(["a", "a"])) == pytest.approx(1 - 0.7 * 0.9)


def test_patients_whose_images_hang_together_by_simulation():
    """The widest case is one uniform draw per patient; an image is hit where the draw is below its chance."""
    chances, groups = rng(4).uniform(0.05, 0.4, 12), np.array([0, 1, 0, 2, 2, 2, 3, 1, 4, 4, 4, 4])
    sums = (rng(5).random((100_000, 5))[:, groups] < chances).sum(axis=1)
    hits = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    assert grouped_pointing_p(hits, chances, groups) == pytest.approx((sums >= 7).mean(), abs=0.004)
    assert grouped_pointing_p(hits, chances, groups) > poisson_binomial_upper(chances, 7)


def test_order_labels_and_nan_of_grouped_hits():
    chances, groups = rng(6).random(10) * 0.5, rng(7).integers(0, 4, 10)
    hits = (rng(8).random(10) < 0.7).astype(float)
    expected = grouped_pointing_p(hits, chances, groups)
    order = rng(9).permutation(10)
    names = np.array([f"patient {9 - group}" for group in groups])
    assert grouped_pointing_p(hits[order], chances[order], names[order]) == pytest.approx(expected, abs=1e-12)
    more = grouped_pointing_p(np.r_[hits, np.nan, 1], np.r_[chances, 0.5, np.nan], np.r_[groups, 0, 0])
    assert more == pytest.approx(expected, abs=1e-12)
    assert np.isnan(grouped_pointing_p(np.array([np.nan]), np.array([0.5]), np.array([0])))


@pytest.mark.parametrize("seed", range(4))
def test_the_grouped_p_by_enumeration_of_all_outcomes(seed):
    """The larger of two sums over outcomes: of the images by themselves, and of one cut of [0, 1] per patient."""
    groups = np.array([0, 0, 0, 1, 1, 2, 3])
    chances = rng(seed).uniform(0.02, 0.6, 7)
    outcomes = np.array(list(product([0, 1], repeat=7)))
    independent = np.where(outcomes, chances, 1 - chances).prod(axis=1)
    # a patient's draw falls between two of its chances: as many images are hit as have a larger chance
    pieces = []
    for group in range(4):
        edges = np.sort(np.r_[0, chances[groups == group], 1])[::-1]
        pieces.append([(high - low, number) for number, (high, low) in enumerate(itertools.pairwise(edges))])
    for hits in range(8):
        together = sum(
            np.prod([size for size, _ in cut]) for cut in product(*pieces) if sum(number for _, number in cut) >= hits
        )
        expected = max(independent[outcomes.sum(axis=1) >= hits].sum(), together)
        own = np.r_[np.ones(hits), np.zeros(7 - hits)]
        assert grouped_pointing_p(own, chances, groups) == pytest.approx(min(1, expected), abs=1e-12)


# ---------------------------------------------------------------------------------------------- interval of the rate


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_one_image_per_patient_is_scipys_clopper_pearson(level):
    for hits in range(22):
        own = np.r_[np.ones(hits), np.zeros(21 - hits)]
        expected = binomtest(hits, 21).proportion_ci(level, method="exact")
        assert hit_rate_interval(own, np.arange(21), level) == pytest.approx(tuple(expected), abs=1e-12)
    assert hit_rate_interval(np.zeros(16), np.arange(16), 0.95) == pytest.approx((0, 0.206), abs=5e-4)


def test_the_ends_of_grouped_hits_are_where_the_brute_force_tails_are_a_half_of_the_rest():
    """Patients of 1, 1, 2 and 3 images, hit or missed as a whole: 16 outcomes; and 7 independent images."""
    sizes = np.array([1, 1, 2, 3])
    groups = np.repeat(np.arange(4), sizes)
    whole = np.array(list(product([0, 1], repeat=4)))

    def tails(rate, hits):  # P(as many or more), the larger of the two cases; P(as few or fewer), likewise
        weight = np.where(whole, rate, 1 - rate).prod(axis=1)
        at_least = max(weight[whole @ sizes >= hits].sum(), binom.sf(hits - 1, 7, rate))
        return at_least, max(weight[whole @ sizes <= hits].sum(), binom.cdf(hits, 7, rate))

    for hits in range(8):
        low, high = hit_rate_interval(np.r_[np.ones(hits), np.zeros(7 - hits)], groups, 0.9)
        assert low <= hits / 7 <= high
        if hits:
            assert tails(low, hits)[0] == pytest.approx(0.05, abs=1e-9)
        if hits < 7:
            assert tails(high, hits)[1] == pytest.approx(0.05, abs=1e-9)
    assert hit_rate_interval(np.zeros(7), groups, 0.9) == pytest.approx((0, 1 - 0.05 ** (1 / 4)))
    assert hit_rate_interval(np.ones(7), groups, 0.9) == pytest.approx((0.05 ** (1 / 4), 1))


def test_fractional_hits_widen_the_interval_to_whole_hits():
    groups = np.arange(9)
    own = np.r_[1, 1, 0.25, 0.5, np.zeros(5)]  # 2.75
    low, high = hit_rate_interval(own, groups, 0.95)
    assert low == hit_rate_interval(np.r_[1, 1, np.zeros(7)], groups, 0.95)[0]
    assert high == hit_rate_interval(np.r_[1, 1, 1, np.zeros(6)], groups, 0.95)[1]
    thirds = np.r_[1 / 3, 1 / 3, 1 / 3, 0.1, 0.2, 0.7, np.zeros(3)]  # 2, but for the last bits
    assert hit_rate_interval(thirds, groups, 0.95) == hit_rate_interval(np.r_[1, 1, np.zeros(7)], groups, 0.95)


def test_order_labels_nan_and_refusals_of_the_interval():
    hits, groups = (rng(20).random(12) < 0.4).astype(float), rng(21).integers(0, 5, 12)
    expected = hit_rate_interval(hits, groups, 0.95)
    order = rng(22).permutation(12)
    names = np.array([f"patient {9 - group}" for group in groups])
    assert hit_rate_interval(hits[order], names[order], 0.95) == expected
    assert hit_rate_interval(np.r_[hits, np.nan], np.r_[groups, 7], 0.95) == expected
    low, high = hit_rate_interval(1 - hits, groups, 0.95)  # misses are the reverse
    assert (1 - high, 1 - low) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(hit_rate_interval(np.array([np.nan]), np.array([0]), 0.95)).all()
    assert hit_rate_interval(np.array([1.0]), np.array([0]), 0.95) == pytest.approx((0.025, 1))
    with pytest.raises(ValueError, match="level: expected between 0 and 1, got 95"):
        hit_rate_interval(hits, groups, 95)
    with pytest.raises(ValueError, match="hits: expected shares"):
        hit_rate_interval(2 * hits, groups, 0.95)


def covered(generator, sizes_G, together, lowest, highest, trials):
    """Of `trials` studies, how many intervals hold the mean rate; patients' rates differ between the two ends."""
    groups, ends, number = np.repeat(np.arange(len(sizes_G)), sizes_G), {}, 0
    for _ in range(trials):
        rates = generator.uniform(lowest, highest, len(sizes_G))[groups]
        hits = correlated_hits(generator, rates, groups, together)
        key = int(hits.sum())
        if key not in ends:
            ends[key] = hit_rate_interval(hits.astype(float), groups, 0.95)
        number += ends[key][0] <= (lowest + highest) / 2 <= ends[key][1]
    return number


@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_coverage_of_grouped_hits_in_a_small_simulation(together):
    trials = 400
    number = covered(rng(23), np.resize([1, 2, 3], 16), together, 0.0, 0.4, trials)
    assert number >= binom.ppf(1e-4, trials, 0.95)


@pytest.mark.slow  # 3 x 2 x 3 x 4 simulations
@pytest.mark.parametrize("num_patients", [16, 21, 50])
@pytest.mark.parametrize("sizes", [[1], [1, 2, 3]])
def test_coverage_is_at_least_nominal(num_patients, sizes):
    trials = 1500
    for together in [0.0] if sizes == [1] else [0.0, 0.5, 1.0]:
        for lowest, highest in ((0.02, 0.02), (0.3, 0.3), (0.0, 0.3), (0.0, 1.0)):
            number = covered(rng(24), np.resize(sizes, num_patients), together, lowest, highest, trials)
            assert number >= binom.ppf(1e-3, trials, 0.95), (together, lowest, highest, number / trials)


# --------------------------------------------------------------------------------------------- one model and another


def test_mcnemar_by_hand():
    # 5 to 1 of 6 images on which they differ: 2 * (6 + 1) / 64
    hits, other = np.array([1, 1, 1, 1, 1, 0, 1, 0]), np.array([0, 0, 0, 0, 0, 1, 1, 0])
    assert mcnemar_exact(hits, other) == pytest.approx(14 / 64)
    assert mcnemar_exact(other, hits) == pytest.approx(14 / 64)
    assert mcnemar_exact(hits, hits) == 1
    assert np.isnan(mcnemar_exact(np.array([np.nan]), np.array([1])))
    assert mcnemar_exact(np.r_[hits, np.nan, 1], np.r_[other, 1, np.nan]) == pytest.approx(14 / 64)


@pytest.mark.parametrize("seed", range(10))
def test_mcnemar_is_statsmodels(seed):
    mcnemar = pytest.importorskip("statsmodels.stats.contingency_tables").mcnemar
    hits, other = rng(seed).random((2, 40)) < np.array([[0.6], [0.4]])
    table = np.histogram2d(hits, other, bins=2, range=[[0, 1], [0, 1]])[0]
    expected = mcnemar(table, exact=True).pvalue
    assert mcnemar_exact(hits.astype(float), other.astype(float)) == pytest.approx(expected, abs=1e-12)


def test_a_tied_peak_counts_for_the_larger_share():
    hits, other = np.array([0.5, 1, 1 / 3, 0.2]), np.array([0, 0.5, 1 / 3, 0])
    assert mcnemar_exact(hits, other) == pytest.approx(2 / 8)


# --------------------------------------------------------------------------------------------- others' regions


def correlated_hits(generator, chances, groups, together):
    """Hits with exactly these chances; each patient's images share one draw with probability `together`."""
    own, shared = generator.random(len(chances)), generator.random(groups.max() + 1)[groups]
    return np.where((generator.random(groups.max() + 1) < together)[groups], shared, own) < chances


@pytest.mark.slow
def test_level_of_the_poisson_binomial():
    """Conservative, as every exact test of counts: at most 5%; and 3% or more with 200 images."""
    generator, trials = rng(13), 4000
    for num_images, least in ((20, 0), (200, 0.03)):
        rejected = 0
        for _ in range(trials):
            chances = generator.uniform(0.02, 0.3, num_images)
            rejected += poisson_binomial_upper(chances, float((generator.random(num_images) < chances).sum())) <= 0.05
        assert least <= rejected / trials
        assert rejected <= binom.isf(1e-3, trials, 0.05)


@pytest.mark.slow
def test_tied_peaks_keep_the_level():
    """Half of the maps have peaks of two or four pixels, of which each lies inside with the image's chance."""
    generator, trials, rejected = rng(14), 4000, 0
    for _ in range(trials):
        chances, ties = generator.uniform(0.02, 0.3, 60), generator.choice([1, 1, 2, 4], 60)
        rejected += poisson_binomial_upper(chances, float((generator.binomial(ties, chances) / ties).sum())) <= 0.05
    assert rejected <= binom.isf(1e-3, trials, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("together", [0.0, 0.5, 1.0])
def test_level_of_the_grouped_test(together):
    """40 patients of 1 to 4 images: at most 5% whatever the dependence within patients, 3% or more if full."""
    generator, trials, rejected = rng(15), 3000, 0
    groups = np.repeat(np.arange(40), np.resize([1, 2, 3, 4], 40))
    for _ in range(trials):
        chances = generator.uniform(0.02, 0.3, 40)[groups]
        hits = correlated_hits(generator, chances, groups, together)
        rejected += grouped_pointing_p(hits.astype(float), chances, groups) <= 0.05
    assert rejected <= binom.isf(1e-3, trials, 0.05)
    if together == 1:
        assert rejected / trials >= 0.03


@pytest.mark.slow
def test_the_ungrouped_test_is_too_liberal_for_images_that_hang_together():
    generator, trials, rejected = rng(16), 2000, 0
    groups = np.repeat(np.arange(40), 4)
    for _ in range(trials):
        chances = generator.uniform(0.02, 0.3, 40)[groups]
        rejected += poisson_binomial_upper(chances, float(correlated_hits(generator, chances, groups, 1).sum())) <= 0.05
    assert rejected / trials > 0.07


@pytest.mark.slow
def test_level_of_mcnemar():
    """Conservative: at most 5%, and 2% or more with 100 images."""
    generator, trials = rng(17), 4000
    difficulty = generator.uniform(0.1, 0.9, 100)
    hits = (generator.random((trials, 2, 100)) < difficulty).astype(float)
    rejected = sum(mcnemar_exact(*both) <= 0.05 for both in hits)
    assert rejected / trials >= 0.02
    assert rejected <= binom.isf(1e-3, trials, 0.05)
