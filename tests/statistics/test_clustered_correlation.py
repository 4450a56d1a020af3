"""Two measures between and within clusters: by hand, against scipy and statsmodels, edges, level, coverage, power."""

from __future__ import annotations

import math
from dataclasses import astuple
from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import binom, bootstrap, rankdata, spearmanr

from sightline.statistics.clustered_correlation import (
    LEAST_CLUSTERS,
    Correlation,
    clustered_correlation,
    clusters_needed,
    power,
)

SIX = [0.1, 0.2, 0.4, 0.5, 0.7, 0.9]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def correlated(x, y, cluster, family=None, resamples=200, draws=999, seed=0):
    return clustered_correlation(
        x, y, cluster, cluster if family is None else family, 0.95, resamples, draws, rng(seed)
    )


def simulated(generator, clusters, seeds, rho_between=0.0, rho_within=0.0, noise=0.5):
    """x, y and the cluster of each run: normal, with these correlations of clusters and of runs' deviations."""

    def pair(shape, rho):
        x = generator.standard_normal(shape)
        return x, rho * x + math.sqrt(1 - rho**2) * generator.standard_normal(shape)

    own, chance = pair((clusters, 1), rho_between), pair((clusters, seeds), rho_within)
    x, y = (mean + noise * deviation for mean, deviation in zip(own, chance, strict=True))
    return x.ravel(), y.ravel(), np.repeat(np.arange(clusters), seeds)


def test_between_and_within_can_point_in_opposite_directions_by_hand() -> None:
    """Means rise together; inside each of the six clusters, the run that is higher on x is lower on y."""
    x = np.array([[mean - 0.01, mean + 0.01] for mean in SIX]).ravel()
    y = np.array([[2 * mean + 0.03, 2 * mean - 0.03] for mean in SIX]).ravel()
    result = correlated(x, y, np.repeat(np.arange(6), 2))
    assert (result.clusters, result.runs) == (6, 12)
    assert (result.between.rho, result.within.rho) == (1, -1)
    assert (result.between.slope, result.within.slope) == pytest.approx((2, -3))
    assert (result.between.slope_low, result.between.slope_high) == pytest.approx((2, 2))
    assert result.between.p == result.smallest_p == pytest.approx(2 / math.factorial(6))
    assert (result.within.low, result.within.high) == (-1, -1)


def test_between_is_scipys_spearman_of_the_means_and_its_interval_scipys_bootstrap() -> None:
    x, y, cluster = simulated(rng(1), 12, 3, 0.6)
    means = pd.DataFrame({"x": x, "y": y}).groupby(cluster).mean()
    result = correlated(x, y, cluster, resamples=9999)
    assert result.between.rho == pytest.approx(spearmanr(means.x, means.y).statistic)

    def rho(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        ranks = [rankdata(side, axis=axis) - (a.shape[axis] + 1) / 2 for side in (a, b)]
        return (ranks[0] * ranks[1]).sum(axis) / np.sqrt((ranks[0] ** 2).sum(axis) * (ranks[1] ** 2).sum(axis))

    theirs = bootstrap((means.x, means.y), rho, paired=True, method="percentile", rng=rng()).confidence_interval
    assert (result.between.low, result.between.high) == pytest.approx((theirs.low, theirs.high), abs=0.05)


@pytest.mark.parametrize("seeds", [2, 3])
def test_p_within_counts_all_orders_inside_families(seeds: int) -> None:
    x, y, cluster = simulated(rng(2), 5, seeds, rho_within=0.7)
    x_ranks, y_ranks = (pd.Series(side).groupby(cluster).rank() - (seeds + 1) / 2 for side in (x, y))
    per_family = []
    for number in range(5):
        own = cluster == number
        per_family.append([np.dot(x_ranks[own], order) for order in permutations(y_ranks[own])])
    sums = np.abs([sum(parts) for parts in product(*per_family)])
    exact = (sums >= abs(np.dot(x_ranks, y_ranks)) - 1e-9).mean()
    draws = 9999
    result = correlated(x, y, cluster, draws=draws)
    assert result.within.rho == pytest.approx(np.corrcoef(x_ranks, y_ranks)[0, 1])
    count = result.within.p * (1 + draws) - 1
    assert binom.ppf(1e-6, draws, exact) <= count <= binom.isf(1e-6, draws, exact)


def test_the_slopes_are_the_coefficients_of_statsmodels_mixed_model() -> None:
    x, y, cluster = simulated(rng(3), 9, 4, 0.5, -0.6)
    frame = pd.DataFrame({"x": x, "y": y, "cluster": cluster})
    frame["mean"] = frame.groupby("cluster").x.transform("mean")
    frame["deviation"] = frame.x - frame["mean"]
    fitted = smf.mixedlm("y ~ mean + deviation", frame, groups=frame.cluster).fit()
    result = correlated(x, y, cluster)
    assert (result.between.slope, result.within.slope) == pytest.approx(
        (fitted.params["mean"], fitted.params["deviation"]), rel=1e-4
    )


def test_families_of_one_cluster_are_centred_by_themselves_and_drawn_together() -> None:
    """Two families in each cluster, far apart and with opposite order: within is of families, not of the cluster."""
    x = np.array([[mean, mean + 0.01, mean + 5, mean + 5.01] for mean in SIX])
    y = np.array([[mean, mean - 0.01, mean + 5, mean + 4.99] for mean in SIX])
    cluster, family = np.repeat(np.arange(6), 4), np.repeat(np.arange(12), 2)
    result = correlated(x.ravel(), y.ravel(), cluster, family)
    assert result.within.rho == -1
    assert correlated(x.ravel(), y.ravel(), cluster).within.rho > 0
    with pytest.raises(ValueError, match="a family lies in two clusters"):
        correlated(x.ravel(), y.ravel(), np.arange(24), family)


def test_order_labels_and_scales_change_no_rank_correlation() -> None:
    x, y, cluster = simulated(rng(4), 7, 3, 0.4, 0.4)
    result = correlated(x, y, cluster)
    shuffled = rng(5).permutation(len(x))
    names = np.array([f"net{number}" for number in range(7)])
    again = correlated(10 * x[shuffled] + 3, y[shuffled] / 4, names[cluster][shuffled])
    for one, other in ((result.between, again.between), (result.within, again.within)):
        assert (one.rho, one.low, one.high) == pytest.approx((other.rho, other.low, other.high))
    assert again.between.slope == pytest.approx(result.between.slope / 40)


def test_ties_have_mid_ranks_and_equal_runs_no_spread() -> None:
    """The mean of three runs of 0.1 is 0.10000000000000002 in floating point, of two 0.1: a tie all the same."""
    x = np.concatenate([[0.1] * 3, [0.1] * 2, [0.3] * 2, [0.4] * 2, [0.5] * 2, [0.6] * 2])
    cluster = np.array([0] * 3 + [1] * 2 + [2] * 2 + [3] * 2 + [4] * 2 + [5] * 2)
    y = cluster + 0.1 * rng().random(len(x))
    result = correlated(x, y, cluster)
    assert result.between.rho == pytest.approx(spearmanr([1, 1, 2, 3, 4, 5], range(6)).statistic)
    assert result.between.p > 2 / math.factorial(6)
    assert np.isnan(astuple(result.within)).all()  # no run differs from another of its family on x


def test_what_is_undefined() -> None:
    nothing = astuple(Correlation())
    x, y, cluster = simulated(rng(6), LEAST_CLUSTERS - 1, 3)
    few = correlated(x, y, cluster)
    assert (few.clusters, few.runs) == (4, 12)
    assert np.isnan([few.smallest_p, *astuple(few.between), *astuple(few.within)]).all()
    empty = correlated([], [], np.array([], str))
    assert (empty.clusters, empty.runs) == (0, 0)
    flat = correlated(np.ones(6), SIX, np.arange(6))
    assert np.isnan([*astuple(flat.between), flat.smallest_p]).all()
    level = correlated(SIX, np.ones(6), np.arange(6))  # y constant: no correlation, and a slope of 0
    assert math.isnan(level.between.rho)
    assert level.between.slope == 0
    single = correlated(SIX, SIX, np.arange(6))  # one run in each
    assert single.between.rho == 1
    assert np.isnan(astuple(single.within)).all()
    assert len(nothing) == len(astuple(single.within))


def test_runs_with_nan_are_left_out() -> None:
    x, y, cluster = simulated(rng(7), 6, 3)
    with_nan = correlated([*x, np.nan, 1], [*y, 1, np.nan], [*cluster, 0, 99])
    assert with_nan == correlated(x, y, cluster)


def test_power_by_hand_and_clusters_needed_is_its_inverse() -> None:
    # atanh(0.5) = 0.5493, SE sqrt(1.125 / 5) = 0.4743 with 8: 1.158 - 1.960 = -0.802, of which Phi is 0.211
    assert power(0.5, 8) == pytest.approx(0.211, abs=0.001)
    assert math.isnan(power(0.5, 4))
    assert power(-0.5, 8) == power(0.5, 8)
    assert clusters_needed(0.5) == 33
    for rho in (0.3, 0.5, 0.8):
        needed = clusters_needed(rho)
        assert power(rho, needed - 1) < 0.8 <= power(rho, needed)
    for rho in (0.0, 1.0):
        with pytest.raises(ValueError, match="rho: expected between 0 and 1"):
            clusters_needed(rho)


def rates(trials: int, clusters: int, seeds: int, rho: float, within: float, draws: int = 199) -> dict[str, float]:
    """Shares of simulated studies: p <= 0.05 between and within, and intervals that hold the true rho between."""
    generator = rng(8)
    # Spearman's rho of bivariate normals whose means over seeds have the noise's variance over seeds too
    noise = 0.5
    blurred = (rho + noise**2 / seeds * within) / (1 + noise**2 / seeds)
    true = 6 / math.pi * math.asin(blurred / 2)
    hits = {"between": 0, "within": 0, "covered": 0}
    for _ in range(trials):
        x, y, cluster = simulated(generator, clusters, seeds, rho, within, noise)
        result = clustered_correlation(x, y, cluster, cluster, 0.95, 400, draws, generator)
        hits["between"] += result.between.p <= 0.05
        hits["within"] += result.within.p <= 0.05
        hits["covered"] += result.between.low <= true <= result.between.high
    return {name: count / trials for name, count in hits.items()}


def test_a_relation_of_one_kind_is_not_found_as_the_other() -> None:
    """40 studies of each kind: with a relation within families alone, or between clusters alone."""
    trials = 40
    most = binom.isf(1e-4, trials, 0.05) / trials
    within_alone, between_alone = rates(trials, 8, 3, rho=0.0, within=0.95), rates(trials, 8, 3, rho=0.98, within=0.0)
    assert within_alone["within"] > 0.9
    assert between_alone["between"] > 0.6
    assert between_alone["within"] <= most
    assert rates(trials, 8, 3, rho=0.0, within=0.0)["between"] <= most


@pytest.mark.slow  # 500 simulated studies of each kind: a minute
@pytest.mark.parametrize("clusters", [6, 8, 12, 30])
@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_level_and_coverage(clusters: int, rho: float) -> None:
    """What the docstring says: tests at 5% reject 5% at most where there is nothing, intervals cover 93 to 99%."""
    trials = 500
    found = rates(trials, clusters, 3, rho, within=0.0)
    most = binom.isf(1e-3, trials, 0.05) / trials
    assert found["within"] <= most
    if rho == 0:
        assert found["between"] <= most
    assert binom.ppf(1e-3, trials, 0.93) / trials <= found["covered"] <= binom.isf(1e-3, trials, 0.99) / trials


@pytest.mark.slow  # 600 simulated studies of each size
@pytest.mark.parametrize("clusters", [8, 16, 33])
def test_power_is_what_simulated_studies_reach(clusters: int) -> None:
    """Many seeds, so that means are not blurred; Pearson's 2 sin(pi / 12) is a Spearman of 0.5."""
    generator, trials, hits = rng(9), 600, 0
    pearson = 2 * math.sin(math.pi * 0.5 / 6)
    for _ in range(trials):
        x, y, cluster = simulated(generator, clusters, 1, pearson, noise=0.0)
        hits += clustered_correlation(x, y, cluster, cluster, 0.95, 2, 199, generator).between.p <= 0.05
    assert hits / trials == pytest.approx(power(0.5, clusters), abs=0.07)
