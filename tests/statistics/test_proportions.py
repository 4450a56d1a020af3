"""Intervals of proportions: against scipy and statsmodels, by hand, and what they cover when patients share images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import proportion_confint

from sightline.statistics.proportions import Proportion, clopper_pearson, effective_number, mean_of_two, proportion


@pytest.mark.parametrize(("hits", "trials"), [(0, 16), (16, 16), (1, 1), (0, 1), (3, 16), (149, 150), (312, 624)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_one_image_per_patient_gives_the_exact_binomial_interval(hits: int, trials: int, level: float) -> None:
    is_hit = np.arange(trials) < hits
    expected = binomtest(hits, trials).proportion_ci(level, method="exact")
    value, low, high = proportion(is_hit, np.arange(trials), level)
    assert value == hits / trials
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (low, high) == pytest.approx(proportion_confint(hits, trials, 1 - level, method="beta"), abs=1e-12)


def test_no_hit_of_16_has_an_upper_end() -> None:
    # (1 - high) ** 16 = 0.025
    assert proportion(np.zeros(16, bool), np.arange(16), 0.95) == pytest.approx((0, 0, 1 - 0.025 ** (1 / 16)))


def test_nothing_to_count_is_nan() -> None:
    assert np.isnan(proportion(np.zeros(0, bool), np.zeros(0), 0.95)).all()
    assert np.isnan(clopper_pearson(0.5, 0, 0.95)).all()


def test_the_effective_number_of_images() -> None:
    rng = np.random.default_rng(0)
    copies = np.repeat(rng.random(60) < 0.4, 3)
    patients = np.repeat(np.arange(60), 3)
    # copies tell what one image per patient tells; degrees of freedom cost a little
    assert 0.93 * 60 < effective_number(copies, patients, 0.95) <= 60
    # images that balance within each patient tell at most what independent ones do
    assert effective_number(np.tile([True, False], 30), np.repeat(np.arange(30), 2), 0.95) == 60
    # all hits say nothing of the spread: one image per patient
    assert effective_number(np.ones(90, bool), np.repeat(np.arange(30), 3), 0.95) == 30
    assert effective_number(np.array([True, False, True]), np.zeros(3), 0.95) == 1
    # by hand: two patients, sums of deviations (1, -1) from the share 1/2 of 4 images: variance by patient
    # 2 * (1 + 1) / 16 = 1/4, by image 1/4 / 3 = 1/12; t(0.975) of 1 and 3 degrees of freedom
    by_hand = 4 / 3 / (12.706205 / 3.182446) ** 2
    assert effective_number(np.array([1, 1, 0, 0]), np.array([0, 0, 1, 1]), 0.95) == pytest.approx(max(by_hand, 1))


def test_order_and_names_of_patients_change_nothing() -> None:
    rng = np.random.default_rng(1)
    is_hit, patients = rng.random(70) < 0.8, rng.integers(0, 30, 70)
    order = rng.permutation(70)
    names = np.array([f"p{97 * number % 31}" for number in patients])
    assert proportion(is_hit[order], names[order], 0.95) == pytest.approx(proportion(is_hit, patients, 0.95))


def test_the_mean_of_two_by_hand() -> None:
    mean = mean_of_two(Proportion(0.9, 0.84, 0.95), Proportion(1.0, 0.92, 1.0))
    assert mean == pytest.approx((0.95, 0.95 - 0.05, 0.95 + 0.025))  # half of hypot(6, 8) and of hypot(5, 0)
    nothing = Proportion(np.nan, np.nan, np.nan)
    assert np.isnan(mean_of_two(nothing, Proportion(1.0, 0.9, 1.0))).all()


def covered(share: float, correlation: float, num_patients: int, studies: int, seed: int) -> int:
    """Studies of 1 to 4 images per patient whose interval holds the true share; beta-binomial patients."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(num_patients), rng.integers(1, 5, num_patients))
    held = 0
    for _ in range(studies):
        own = np.full(num_patients, share)
        if correlation:
            size = 1 / correlation - 1
            own = rng.beta(share * size, (1 - share) * size, num_patients)
        _, low, high = proportion(rng.random(len(patients)) < own[patients], patients, 0.95)
        held += low <= share <= high
    return held


def test_the_interval_holds_the_truth_when_patients_share_images() -> None:
    assert covered(0.9, 0.3, 50, 300, 2) >= binom.ppf(1e-4, 300, 0.95)
    assert covered(0.5, 0.0, 50, 300, 3) >= binom.ppf(1e-4, 300, 0.95)


@pytest.mark.slow  # 2,000 studies each
@pytest.mark.parametrize("num_patients", [16, 50, 200])
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.98])
def test_coverage(share: float, correlation: float, num_patients: int) -> None:
    """95% to 99%: exact intervals are never too short, and longest near 1."""
    assert covered(share, correlation, num_patients, 2000, 4) >= binom.ppf(1e-4, 2000, 0.95)
