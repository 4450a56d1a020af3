"""Intervals for means over images that belong to patients; those over several readers too are in `reader_draws.py`.

M images, G patients, B resamples, A candidates (models, methods or baselines, all resampled alike). A resample is a
row of counts: how often it drew each image. Definitions and sources are in docs/metrics.md#resampling and
docs/metrics.md#intervals.

The plain percentile interval over all levels is the default. What 95% intervals cover, by simulation
(tests/statistics/test_resampling.py; normal effects, so skewed scores do worse):

    patients x images        all levels   patients only   patients only, expanded for few patients
    50 x 1                   94%          94%             95%
    50 x 2, equal spreads    96%          94%             94%
    50 x 3, patients alike   98%          94%             95%
    10 x 1                   91%          91%             95%
    10 x 3, images alike     90%          89%             94%

So the last is the sharpest that keeps its promise. There is no BCa interval: it corrects for skew, which is the lesser
fault with few patients. With the jackknife by patient it covers 91% at 10 x 1, as the percentile interval does; with
exponential scores it covers 86% against 85%, where the expanded interval covers 89%.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.statistics.means import means_along, weighted_means


class Difference(NamedTuple):
    """By how much each candidate exceeds the one that all are compared with."""

    estimate: np.ndarray
    """float A, mean difference over the images that both have; NaN without one."""
    low: np.ndarray
    """float A, lower end of its interval."""
    high: np.ndarray
    """float A, upper end."""


def hierarchical_weights(
    patients_M: np.ndarray,
    num_resamples: int,
    rng: np.random.Generator,
    deepest: Literal["patients", "images"] = "images",
) -> np.ndarray:
    """How often each image was drawn, int64 num_resamples x M: patients with replacement, then images of each.

    As many patients are drawn as there are, and of each drawn patient as many images as it has, again each time it is
    drawn. `deepest="patients"` keeps a drawn patient's images as they are (`resample_patient_counts`). Rows sum to M
    only on average. `patients_M`: any labels; their order and that of the images decide which random number goes
    where, nothing else. No image gives num_resamples x 0.

    The two levels differ only for patients with several images. Drawn patients already vary by their images; drawing
    these again adds (1 - 1 / n) of the variance of the mean of a patient's n images (Davison and Hinkley 1997, section
    3.8). The interval is never too short for it, and up to sqrt(2 - 1 / n) times too long when patients do not differ
    among themselves. docs/metrics.md#resampling asks for all levels, hence the default; "patients" is the sharper
    choice.
    """
    patients_M = np.asarray(patients_M)
    if not len(patients_M):
        return np.zeros((num_resamples, 0), dtype=np.int64)
    labels, patient_M, size_G = np.unique(patients_M, return_inverse=True, return_counts=True)
    drawn_BG = resample_counts(len(labels), num_resamples, rng)
    weights_BM = drawn_BG[:, patient_M]
    if deepest == "patients":
        return weights_BM
    order_M = np.argsort(patient_M, kind="stable")
    starts_G = np.cumsum(size_G) - size_G
    for size in np.unique(size_G[size_G > 1]):
        of_size = np.flatnonzero(size_G == size)
        images_gn = order_M[starts_G[of_size][:, None] + np.arange(size)]
        # to draw n of n images, k times over, is to draw k * n
        weights_BM[:, images_gn] = rng.multinomial(drawn_BG[:, of_size] * size, np.full(size, 1 / size))
    return weights_BM


def interval(
    distribution_BA: np.ndarray, level: float, num_patients: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of the percentile interval of each column, two float A.

    The ends are the quantiles at (1 - level) / 2 from either side, with linear interpolation between order statistics,
    as scipy's `bootstrap(method="percentile")`. Resamples in which a value is NaN are left out of its column; a column
    of NaN has NaN ends.

    With `num_patients`, it is the expanded percentile interval (Hesterberg 2015, The American Statistician 69, section
    4.2): the quantiles move outwards by as much as Student's t with G - 1 degrees of freedom and the lost G / (G - 1)
    lengthen a normal interval. Use it below some 50 patients, where the plain interval is too short; with more
    patients the two hardly differ. One patient gives the range of the resamples.
    """
    share = (1 - level) / 2
    if num_patients is not None:
        degrees = max(num_patients - 1, 0)
        share = (
            float(scipy.special.ndtr(scipy.special.stdtrit(degrees, share) * np.sqrt(num_patients / degrees)))
            if degrees
            else 0.0
        )
    sorted_AB = np.sort(np.asarray(distribution_BA, dtype=float).T, axis=1)  # NaN last
    num_known_A = len(distribution_BA) - np.isnan(sorted_AB).sum(axis=1)
    return _quantiles(sorted_AB, num_known_A, share), _quantiles(sorted_AB, num_known_A, 1 - share)


def _quantiles(sorted_AB: np.ndarray, num_known_A: np.ndarray, share: float) -> np.ndarray:
    """`np.quantile` of the known values of each row, float64 A, NaN without one: to sort is faster than to select."""
    quantiles_A = np.full(len(sorted_AB), np.nan)
    (rows,) = np.nonzero(num_known_A)
    place = share * (num_known_A[rows] - 1)
    below = np.floor(place).astype(int)
    part = place - below
    low, high = sorted_AB[rows, below], sorted_AB[rows, np.minimum(below + 1, num_known_A[rows] - 1)]
    with np.errstate(invalid="ignore"):  # infinite resamples
        gap = high - low
        quantiles_A[rows] = np.where(part >= 0.5, high - gap * (1 - part), low + gap * part)
    return quantiles_A


def paired_difference(
    values_AM: np.ndarray, other_M: np.ndarray, weights_BM: np.ndarray, level: float, num_patients: int | None = None
) -> Difference:
    """Mean of `values - other` over images with its interval, for each of A candidates on the same images.

    `weights_BM`: from `hierarchical_weights`, one set for all candidates. An image where either side is NaN is left
    out of that candidate's difference, in the estimate and in all resamples; resamples without an image left are
    left out too. `num_patients` as in `interval`; no spread gives NaN ends (`interval_with_width`). Two separate
    intervals that overlap do not show that there is no difference; this interval makes the comparison.
    """
    differences_AM = np.asarray(values_AM, dtype=float) - np.asarray(other_M, dtype=float)
    distribution_BA = weighted_means(differences_AM, weights_BM)
    return Difference(means_along(differences_AM, axis=1), *interval_with_width(distribution_BA, level, num_patients))


def interval_with_width(
    distribution_BA: np.ndarray, level: float, num_patients: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`interval`, with NaN ends where all resamples agree, as with one patient or where all scores are equal.

    Such data show no spread and therefore bound nothing: "0.0 [0.0, 0.0]" would claim certainty.
    """
    low_A, high_A = interval(distribution_BA, level, num_patients)
    if not len(distribution_BA):
        return low_A, high_A
    with np.errstate(invalid="ignore"):
        least_A, most_A = np.fmin.reduce(distribution_BA, axis=0), np.fmax.reduce(distribution_BA, axis=0)
        is_point_A = most_A - least_A <= 1e-12 * np.maximum(np.abs(least_A), np.abs(most_A))
    return np.where(is_point_A, np.nan, low_A), np.where(is_point_A, np.nan, high_A)


def resample_counts(num_units: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `num_units` units was drawn, int64 resamples x num_units: draws with replacement.

    Each row sums to num_units. This is the ordinary bootstrap, with counts in place of indices. No unit gives
    resamples x 0.
    """
    if not num_units:
        return np.zeros((resamples, 0), dtype=np.int64)
    drawn_BN = rng.integers(0, num_units, size=(resamples, num_units))
    cells_BN = drawn_BN + np.arange(resamples)[:, None] * num_units
    return np.bincount(cells_BN.ravel(), minlength=resamples * num_units).reshape(resamples, num_units)


def resample_patient_counts(patients_N: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each image was drawn, int64 resamples x N, when whole patients are drawn: their images stay together.

    As many patients are drawn as there are; rows sum to N only on average. `patients_N`: any labels; the resamples
    depend on which images share a label and on the labels' order, not on the order of the images.
    """
    labels, patient_N = np.unique(patients_N, return_inverse=True)
    return resample_counts(len(labels), resamples, rng)[:, patient_N]


def percentile_interval(values_B: np.ndarray, level: float) -> tuple[float, float]:
    """Lower and upper end of the percentile interval of one value: `interval` of a single column, NaN as there."""
    low_1, high_1 = interval(np.asarray(values_B)[:, None], level)
    return float(low_1[0]), float(high_1[0])
