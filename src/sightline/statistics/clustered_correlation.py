"""Whether two measures of runs go together, where runs come in clusters: between the clusters, and within them.

A cluster is what was sampled independently, such as an architecture; a run is one of its trainings. Runs of one cluster
are no independent evidence of a relation between clusters, so everything here resamples or permutes whole clusters, or
runs inside them. R runs, C clusters, B resamples, F draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.statistics.rank_correlation import spearman_exact
from sightline.statistics.ranks import average_ranks
from sightline.statistics.resampling import percentile_interval

LEAST_CLUSTERS = 5  # with four the smallest p of a rank correlation is 0.083, so that nothing could be found
DECIMALS = 12  # of means: rounding must not tell equal runs apart, nor rank them
NAN = math.nan


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A rank correlation with its interval and test, and the slope of the line; NaN where undefined."""

    rho: float = NAN
    """In [-1, 1]."""
    low: float = NAN
    high: float = NAN
    """Percentiles of rho over resamples of clusters."""
    p: float = NAN
    """Two-sided, by permutation, in (0, 1]."""
    slope: float = NAN
    """Change of y where x rises by 1: the between or within coefficient of a linear mixed model."""
    slope_low: float = NAN
    slope_high: float = NAN


@dataclass(frozen=True, kw_only=True)
class ClusteredCorrelation:
    """Both correlations, and of how many clusters and runs."""

    clusters: int
    runs: int
    smallest_p: float = NAN
    """The smallest p between clusters that so many could have reached."""
    between: Correlation = field(default_factory=Correlation)
    within: Correlation = field(default_factory=Correlation)


def clustered_correlation(
    x_R: np.ndarray,
    y_R: np.ndarray,
    cluster_R: np.ndarray,
    family_R: np.ndarray,
    level: float,
    resamples: int,
    draws: int,
    rng: np.random.Generator,
) -> ClusteredCorrelation:
    """The relation of x and y between clusters, and within families; runs with a NaN are left out.

    `family_R`: runs with one label differ by chance alone, as the seeds of one network do. A family lies in one
    cluster, or ValueError; where a cluster is one family, give its labels twice.

    between: Spearman's correlation of the clusters' means over their runs (mid-ranks for ties). p by permutation of
    clusters (`spearman_exact`: exact up to 9). This is the relation of means over so many runs: what varies among the
    runs of a cluster blurs its mean and draws rho towards 0.
    within: x and y are ranked inside each family and the ranks centred; rho is their correlation over all runs. p by
    `draws` permutations inside families, (1 + #{|sum| >= observed}) / (1 + draws), of whole numbers. A family of one
    run, or with one side constant, adds nothing.
    slope: of the line through the clusters' means; and of deviations from the family's mean, y on x. With equally many
    runs in each cluster these are the two coefficients of a mixed model with a random intercept per cluster, x split
    into its mean and the deviation from it (Mundlak 1978; Neuhaus and Kalbfleisch 1998).

    Intervals: percentiles over resamples of whole clusters, so that they speak of other clusters, not of other runs of
    these. Resamples in which a value is undefined are left out. 95% intervals of the rho between clusters cover 93 to
    99% with 6 to 30 clusters (tests/statistics/test_clustered_correlation.py).

    With fewer than LEAST_CLUSTERS clusters all of it is NaN, and where a side is constant rho, p and slope.
    """
    x_R, y_R = np.asarray(x_R, float), np.asarray(y_R, float)
    known_R = ~(np.isnan(x_R) | np.isnan(y_R))
    x_R, y_R = x_R[known_R], y_R[known_R]
    clusters, cluster_R = np.unique(np.asarray(cluster_R, str)[known_R], return_inverse=True)
    families, family_R = np.unique(np.asarray(family_R, str)[known_R], return_inverse=True)
    if len(set(zip(family_R.tolist(), cluster_R.tolist(), strict=True))) > len(families):
        raise ValueError("family_R: a family lies in two clusters")
    if len(clusters) < LEAST_CLUSTERS:
        return ClusteredCorrelation(clusters=len(clusters), runs=len(x_R))
    drawn_BC = rng.integers(0, len(clusters), (resamples, len(clusters)))

    x_C, y_C = _means(x_R, cluster_R), _means(y_R, cluster_R)
    test = spearman_exact(x_C, y_C, draws, rng)
    rho_B = _rho(*_products(average_ranks(x_C[drawn_BC]), average_ranks(y_C[drawn_BC])))
    slope = float(_slope(*_products(x_C, y_C)))
    between = _correlation(test.rho, rho_B, test.p, slope, _slope(*_products(x_C[drawn_BC], y_C[drawn_BC])), level)

    rank_x_R, rank_y_R = _family_ranks(x_R, family_R), _family_ranks(y_R, family_R)
    rho, rho_B = _over_resamples(rank_x_R, rank_y_R, cluster_R, drawn_BC, _rho)
    p = NAN if math.isnan(rho) else _within_p(rank_x_R, rank_y_R, family_R, draws, rng)
    deviations = _deviations(x_R, family_R), _deviations(y_R, family_R)
    within = _correlation(rho, rho_B, p, *_over_resamples(*deviations, cluster_R, drawn_BC, _slope), level)
    return ClusteredCorrelation(
        clusters=len(clusters), runs=len(x_R), smallest_p=test.smallest_p, between=between, within=within
    )


def power(rho: float, clusters: int, level: float = 0.95) -> float:
    """The share of studies with so many clusters that find a rank correlation `rho`, two-sided at 1 - level; or NaN.

    By Fisher's z with the variance (1 + rho^2 / 2) / (C - 3) (Bonett and Wright 2000, Psychometrika 65). NaN with fewer
    than five clusters.
    """
    if clusters < LEAST_CLUSTERS:
        return NAN
    reached = math.atanh(abs(rho)) * math.sqrt((clusters - 3) / (1 + rho**2 / 2))
    return float(scipy.special.ndtr(reached - scipy.special.ndtri((1 + level) / 2)))


def clusters_needed(rho: float, share: float = 0.8, level: float = 0.95) -> int:
    """The least number of clusters with which `power` reaches `share`; ValueError unless 0 < |rho| < 1."""
    if not 0 < abs(rho) < 1:
        raise ValueError(f"rho: expected between 0 and 1, or between -1 and 0, got {rho}")
    quantiles = float(scipy.special.ndtri((1 + level) / 2) + scipy.special.ndtri(share))
    return max(LEAST_CLUSTERS, math.ceil(3 + (1 + rho**2 / 2) * (quantiles / math.atanh(abs(rho))) ** 2))


def _means(value_R: np.ndarray, group_R: np.ndarray) -> np.ndarray:
    return np.round(np.bincount(group_R, weights=value_R) / np.bincount(group_R), DECIMALS)


def _deviations(value_R: np.ndarray, group_R: np.ndarray) -> np.ndarray:
    return np.round(value_R - _means(value_R, group_R)[group_R], DECIMALS)


def _family_ranks(value_R: np.ndarray, family_R: np.ndarray) -> np.ndarray:
    """Twice the rank inside the run's family, centred: whole numbers, also with ties."""
    ranks_R = np.zeros(len(value_R), np.int64)
    for family in range(family_R.max() + 1):
        own_R = family_R == family
        ranks_R[own_R] = np.rint(2 * average_ranks(value_R[own_R])) - own_R.sum() - 1
    return ranks_R


def _within_p(
    rank_x_R: np.ndarray, rank_y_R: np.ndarray, family_R: np.ndarray, draws: int, rng: np.random.Generator
) -> float:
    sums_F = np.zeros(draws, np.int64)
    for family in range(family_R.max() + 1):
        own_R = family_R == family
        sums_F += rng.permuted(np.tile(rank_y_R[own_R], (draws, 1)), axis=1) @ rank_x_R[own_R]
    reached = int(np.count_nonzero(np.abs(sums_F) >= abs(int(rank_x_R @ rank_y_R))))
    return (1 + reached) / (1 + draws)


def _products(x_BC: np.ndarray, y_BC: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums over the last axis of the centred sides' xy, xx and yy."""
    x_BC, y_BC = (np.round(side_BC - side_BC.mean(axis=-1, keepdims=True), DECIMALS) for side_BC in (x_BC, y_BC))
    return (x_BC * y_BC).sum(axis=-1), (x_BC**2).sum(axis=-1), (y_BC**2).sum(axis=-1)


def _over_resamples(
    x_R: np.ndarray, y_R: np.ndarray, cluster_R: np.ndarray, drawn_BC: np.ndarray, value: Callable[..., np.ndarray]
) -> tuple[float, np.ndarray]:
    """`value` of the sums of xy, xx and yy over all runs, and over those of each resample's clusters, B."""
    sums_3C = np.stack([np.bincount(cluster_R, weights=product) for product in (x_R * y_R, x_R * x_R, y_R * y_R)])
    return float(value(*sums_3C.sum(axis=1))), value(*sums_3C[:, drawn_BC].sum(axis=-1))


def _rho(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray) -> np.ndarray:
    """The correlation of these sums; NaN where a side is constant."""
    scale = np.sqrt(xx * yy)
    return np.divide(xy, scale, out=np.full(np.shape(xy), NAN), where=scale > 0)


def _slope(xy: np.ndarray, xx: np.ndarray, _yy: np.ndarray) -> np.ndarray:
    """The slope of these sums, y on x; NaN where x is constant."""
    return np.divide(xy, xx, out=np.full(np.shape(xy), NAN), where=xx > 0)


def _correlation(
    rho: float, rho_B: np.ndarray, p: float, slope: float, slope_B: np.ndarray, level: float
) -> Correlation:
    low, high = percentile_interval(rho_B, level)
    slope_low, slope_high = percentile_interval(slope_B, level)
    return Correlation(rho=rho, low=low, high=high, p=p, slope=slope, slope_low=slope_low, slope_high=slope_high)
