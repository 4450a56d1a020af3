"""Intervals of proportions that keep a width at 0 and at 1, for images that patients may share.

N images, G patients. A resampled proportion of 0 or 1 never varies, so its percentile interval has no width; these
intervals come from the binomial distribution itself. Definitions: docs/metrics.md#classification.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

NAN = float("nan")


class Proportion(NamedTuple):
    """A share and its interval, all in [0, 1]; NaN without an image."""

    value: float
    low: float
    high: float


def clopper_pearson(share: float, trials: float, level: float) -> tuple[float, float]:
    """Both ends of the exact binomial interval of `share` in `trials`; NaN without a trial.

    `trials` may be a fraction, an effective number. An end is 0 at share 0, and 1 at share 1. Clopper and Pearson 1934.
    """
    if not trials > 0:
        return NAN, NAN
    tail = (1 - level) / 2
    hits, misses = share * trials, (1 - share) * trials
    low = 0.0 if hits <= 0 else float(scipy.special.betaincinv(hits, misses + 1, tail))
    high = 1.0 if misses <= 0 else float(scipy.special.betaincinv(hits + 1, misses, 1 - tail))
    return low, high


def proportion(is_hit_N: np.ndarray, patients_N: np.ndarray, level: float) -> Proportion:
    """The share of hits and its Clopper-Pearson interval, for the effective number of images (`effective_number`).

    `is_hit_N`: bool; `patients_N`: any labels. With one image per patient it is the plain Clopper-Pearson interval. In
    simulations (tests/statistics/test_proportions.py) 95% intervals cover 95% to 99%.
    """
    is_hit_N = np.asarray(is_hit_N, dtype=bool)
    if not len(is_hit_N):
        return Proportion(NAN, NAN, NAN)
    share = float(is_hit_N.mean())
    return Proportion(share, *clopper_pearson(share, effective_number(is_hit_N, patients_N, level), level))


def effective_number(is_hit_N: np.ndarray, patients_N: np.ndarray, level: float) -> float:
    """How many independent images would tell as much about the share as these, in [1, N].

    N for one image per patient. Else N divided by the design effect, which is the variance of the share with patients
    as the units over its variance with images as the units, and by the squared ratio of Student's t at G - 1 and at
    N - 1 degrees of freedom. Where all are hits or none is, that variance is 0 and says nothing: then G, as if a
    patient's images were copies of each other. Korn and Graubard 1998, Survey Methodology 24.
    """
    hit_N = np.asarray(is_hit_N, dtype=float)
    num_images = len(hit_N)
    labels, patient_N = np.unique(np.asarray(patients_N), return_inverse=True)
    num_patients = len(labels)
    if num_patients == num_images:
        return float(num_images)
    share = hit_N.mean()
    if share in (0, 1) or num_patients == 1:
        return float(num_patients)
    sums_G = np.bincount(patient_N, hit_N - share)
    by_patient = num_patients / (num_patients - 1) * (sums_G**2).sum() / num_images**2
    by_image = share * (1 - share) / (num_images - 1)
    tail = (1 - level) / 2
    wider = (scipy.special.stdtrit(num_patients - 1, tail) / scipy.special.stdtrit(num_images - 1, tail)) ** 2
    number = num_images * by_image / (by_patient * wider) if by_patient > 0 else num_images
    return float(min(max(number, 1), num_images))


def mean_of_two(first: Proportion, second: Proportion) -> Proportion:
    """The mean of two proportions of different images and its interval, from the intervals of both.

    Each end lies as far from the mean as half the root of the summed squares of the two distances: no width is lost
    at 0 or 1. The two are taken as independent. NaN where either is. Zou and Donner 2008, Statistics in Medicine 27.
    """
    value = (first.value + second.value) / 2
    below = math.hypot(first.value - first.low, second.value - second.low) / 2
    above = math.hypot(first.high - first.value, second.high - second.value) / 2
    return Proportion(value, value - below, value + above)
