"""A network trained from several seeds: the mean over its trainings, and how far they lie apart.

S seeds, M images, G patients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.statistics.means import mean_known, means_along


@dataclass(frozen=True, kw_only=True)
class Family:
    """One metric of the trainings of one network."""

    value: float
    """Mean over seeds."""
    low: float
    high: float
    """Ends of the interval of the mean over all trainings, and all images if their variance was given; else NaN."""
    sd: float
    """Between trainings, with divisor S - 1; NaN for one seed."""
    smallest: float
    largest: float
    seeds: int
    """With a value."""


def family_summary(
    value_S: Sequence[float] | np.ndarray,
    level: float,
    image_variance: float = 0.0,
    image_degrees: float = math.inf,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Family:
    """Mean, spread and t interval of a metric over the seeds of one network, a random effect; NaN values are left out.

    `image_variance`: of the mean over these seeds, were other images drawn (`clustered_variance`, or the variance of
    that mean under resamples of patients), with its degrees of freedom. The variance of the mean is A + B, A = SD^2 / S
    and B = image_variance. Each part has its own t quantile, and their weighted mean is that of the sum (Cochran 1964):

        (A t[S - 1] + B t[image_degrees]) / (A + B) * sqrt(A + B)

    What 95% intervals cover, by simulation (tests/statistics/test_families.py): 94-99% with two seeds, 96-98% with
    three, 95-96% with five; rather too long, also because a seed's luck on one image counts in both parts.
    Satterthwaite's degrees give 88-97% with two seeds and 92-96% with three, so they are not used. Without
    image_variance the interval is a statement about these images alone. Ends are cut at `limits`, the metric's range.
    NaN ends where fewer than two seeds have a value, or where neither seeds nor images vary at all: that is no evidence
    of an exact value.
    """
    known_S = np.asarray(value_S, dtype=float)
    known_S = known_S[~np.isnan(known_S)]
    seeds = len(known_S)
    if not seeds:
        return Family(value=math.nan, low=math.nan, high=math.nan, sd=math.nan, smallest=math.nan, largest=math.nan,
                      seeds=0)  # fmt: skip
    value = float(known_S.mean())
    smallest, largest = float(known_S.min()), float(known_S.max())
    low = high = sd = math.nan
    if seeds > 1:
        sd = float(known_S.std(ddof=1)) if largest > smallest else 0.0  # equal numbers, without the mean's rounding
        seed_part = sd**2 / seeds
        total = seed_part + image_variance
        if total > 0:
            quantile_seeds, quantile_images = scipy.special.stdtrit([seeds - 1, image_degrees], (1 + level) / 2)
            half = (seed_part * quantile_seeds + image_variance * quantile_images) / math.sqrt(total)
            low, high = (float(np.clip(value + end, *limits)) for end in (-half, half))
    return Family(value=value, low=low, high=high, sd=sd, smallest=smallest, largest=largest, seeds=seeds)


def score_family(
    score_SM: np.ndarray,
    patients_M: np.ndarray,
    level: float,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Family:
    """`family_summary` of the seeds' mean scores over images, with the variance over patients.

    NaN scores are left out of their seed's mean, and of the image's mean over seeds.
    """
    variance, degrees = clustered_variance(means_along(score_SM, axis=0), patients_M)
    return family_summary(means_along(score_SM, axis=1), level, variance, degrees, limits)


def clustered_variance(value_M: np.ndarray, patients_M: np.ndarray) -> tuple[float, float]:
    """Variance of the mean over images where images of one patient belong together, and its degrees of freedom, G - 1.

    The sum over patients of the squared sum of deviations from the mean, over M^2, times G / (G - 1) (Liang and Zeger
    1986): with one image per patient, the variance of the values with divisor M - 1, over M. NaN values are left out.
    (0, inf), no statement about other images, for fewer than two patients.
    """
    known_M = ~np.isnan(value_M)
    value_m, (labels, patient_m) = value_M[known_M], np.unique(patients_M[known_M], return_inverse=True)
    if len(labels) < 2:
        return 0.0, math.inf
    sums_G = np.bincount(patient_m, weights=value_m - mean_known(value_m))
    variance = (sums_G**2).sum() / len(value_m) ** 2 * len(labels) / (len(labels) - 1)
    return float(variance), len(labels) - 1
