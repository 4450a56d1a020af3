"""Intervals for means over images that belong to patients and were read by several readers.

M images, G patients, B resamples, A candidates (models, methods or baselines, all resampled alike), R_m readers of
image m. A resample is a row of counts: how often it drew each image. Definitions and sources are in
docs/metrics.md#resampling and docs/metrics.md#intervals.

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

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import ndtr, stdtrit

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


def reader_means(values_by_image: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over the readers of each image, float64 A x M; its mean over images is what `hierarchical_means` resamples.

    `values_by_image`: per image an A x R_m array; R_m may differ. A reader with a NaN for one candidate is left out
    of that image for all candidates, so that they are compared on the same readings; an image without a reader left
    is NaN for all. A candidate that is NaN everywhere stays NaN and removes no reading of the others.
    """
    known_A, readings, _ = _complete_readings(values_by_image)
    means_AM = np.full((len(known_A), len(values_by_image)), np.nan)
    for image, values_AR in enumerate(readings):
        if values_AR.shape[1]:
            means_AM[known_A, image] = values_AR.mean(axis=1)
    return means_AM


def hierarchical_means(
    values_by_image: Sequence[np.ndarray],
    patients_M: np.ndarray,
    num_resamples: int,
    rng: np.random.Generator,
    deepest: Literal["patients", "images", "readers"] = "readers",
) -> np.ndarray:
    """Resampled means over images of the mean over readers, float64 num_resamples x A.

    Patients are drawn with replacement, then images of each drawn patient, then readers of each drawn image, as many
    as there are at each level; `deepest` stops earlier. All candidates see the same draws: the difference of two
    columns is that of a paired bootstrap. Every image weighs the same however many read it.

    `values_by_image`: per image an A x R_m array. NaN as in `reader_means`: a reading that one candidate lacks is
    left out for all, and so is an image without any reading, before anything is drawn. No image left gives NaN.

    The result shows how the mean varies over other patients, images and readings of them. Readers are drawn within an
    image, as if each image had its own. If a few readers read all images and some of them are lenient throughout, the
    resamples cannot show it: as a statement about other readers the interval is then too short (14 readers, 6 per
    image, whose leniency varies half as much as images do: 88% for a nominal 95%); `crossed_means` is for these.
    Otherwise drawing readers again makes it rather too long, as in `hierarchical_weights`: up to 98% where readings
    vary more than images.
    """
    known_A, readings, _ = _complete_readings(values_by_image)
    means_BA = np.full((num_resamples, len(known_A)), np.nan)
    num_readers_M = np.array([values_AR.shape[1] for values_AR in readings], dtype=int)
    kept = np.flatnonzero(num_readers_M)
    if not len(kept) or not known_A.any():
        return means_BA
    patients_m = np.asarray(patients_M)[kept]
    weights_Bm = hierarchical_weights(
        patients_m, num_resamples, rng, deepest="patients" if deepest == "patients" else "images"
    )
    sums_BA = np.zeros((num_resamples, int(known_A.sum())))
    for num_readers in np.unique(num_readers_M[kept]):
        of_size = np.flatnonzero(num_readers_M[kept] == num_readers)
        values_mAR = np.stack([readings[image] for image in kept[of_size]])
        weights_Bk = weights_Bm[:, of_size]
        if deepest != "readers" or num_readers == 1:
            sums_BA += weights_Bk @ values_mAR.mean(axis=2)
            continue
        # an image drawn w times adds w means of R readers: w * R draws, divided by R
        drawn_BkR = rng.multinomial(weights_Bk * num_readers, np.full(num_readers, 1 / num_readers))
        values_kRA = values_mAR.transpose(0, 2, 1).reshape(-1, values_mAR.shape[1])
        sums_BA += drawn_BkR.reshape(num_resamples, -1) @ values_kRA / num_readers
    means_BA[:, known_A] = sums_BA / weights_Bm.sum(axis=1, keepdims=True)
    return means_BA


def crossed_means(
    values_by_image: Sequence[np.ndarray],
    patients_M: np.ndarray,
    readers_by_image: Sequence[Sequence[str]],
    num_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Resampled means over images of the mean over readers, float64 num_resamples x A: patients and readers crosswise.

    Each resample draws patients with replacement, whose images stay together, and, independently, readers with
    replacement over the whole study: a reader drawn twice counts twice on every image that they read. So it shows how
    the mean varies over other patients and over other readers, lenient or strict throughout. An image none of whose
    readers is drawn is left out of that resample; a resample without an image is NaN.

    `values_by_image`: per image an A x R_m array; `readers_by_image`: the R_m names beside it; ValueError where the
    two differ. NaN as in `hierarchical_means`. A reader who marked one image only is drawn like any other.

    Source: the pigeonhole bootstrap, Owen 2007, Annals of Applied Statistics 1; never too short for the two main
    effects, and somewhat too long where readings vary more than patients and readers do.
    """
    known_A, readings, complete_by_image = _complete_readings(values_by_image)
    names: list[list[str]] = []
    for image, (names_R, complete_R) in enumerate(zip(readers_by_image, complete_by_image, strict=True)):
        if len(names_R) != len(complete_R):
            raise ValueError(f"image {image}: {len(complete_R)} readings and {len(names_R)} names of readers")
        names.append([name for name, is_complete in zip(names_R, complete_R, strict=True) if is_complete])
    place_of = {name: place for place, name in enumerate(sorted({name for names_R in names for name in names_R}))}
    means_BA = np.full((num_resamples, len(known_A)), np.nan)
    kept = [image for image, names_R in enumerate(names) if names_R]
    if not kept:
        return means_BA
    patients_Bm = resample_patient_counts(np.asarray(patients_M)[kept], num_resamples, rng)
    readers_BR = resample_counts(len(place_of), num_resamples, rng).astype(float)
    sums_BA, weights_B = np.zeros((num_resamples, int(known_A.sum()))), np.zeros(num_resamples)
    for image, times_B in zip(kept, patients_Bm.T, strict=True):
        readers_Br = readers_BR[:, [place_of[name] for name in names[image]]]
        drawn_B = readers_Br.sum(axis=1)
        image_B = np.where(drawn_B > 0, times_B, 0)
        sums_BA += (image_B / np.maximum(drawn_B, 1))[:, None] * (readers_Br @ readings[image].T)
        weights_B += image_B
    has_image_B = weights_B > 0
    known_BA = np.full(sums_BA.shape, np.nan)
    known_BA[has_image_B] = sums_BA[has_image_B] / weights_B[has_image_B, None]
    means_BA[:, known_A] = known_BA
    return means_BA


def _complete_readings(
    values_by_image: Sequence[np.ndarray],
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Which candidates have any value, bool A; per image, the readings that all of these have; and which, bool R_m."""
    if not len(values_by_image):
        raise ValueError("values_by_image: expected at least one image, got none")
    arrays = [np.asarray(values_AR, dtype=float) for values_AR in values_by_image]
    known_A = np.any([~np.isnan(values_AR).all(axis=1) for values_AR in arrays], axis=0)
    chosen = [values_AR[known_A] for values_AR in arrays]
    complete = [~np.isnan(values_AR).any(axis=0) for values_AR in chosen]
    return (
        known_A,
        [values_AR[:, is_complete] for values_AR, is_complete in zip(chosen, complete, strict=True)],
        complete,
    )


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
        share = float(ndtr(stdtrit(degrees, share) * np.sqrt(num_patients / degrees))) if degrees else 0.0
    distribution_BA = np.asarray(distribution_BA, dtype=float)
    low_A, high_A = np.full((2, distribution_BA.shape[1]), np.nan)
    known_A = ~np.isnan(distribution_BA).all(axis=0)
    if known_A.any():
        low_A[known_A], high_A[known_A] = np.nanquantile(distribution_BA[:, known_A], [share, 1 - share], axis=0)
    return low_A, high_A


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
    known_BA = np.where(np.isnan(distribution_BA), np.broadcast_to(low_A, distribution_BA.shape), distribution_BA)
    with np.errstate(invalid="ignore"):
        width_A = np.ptp(known_BA, axis=0) if len(known_BA) else np.zeros(len(low_A))
        is_point_A = width_A <= 1e-12 * np.abs(known_BA).max(axis=0, initial=0)
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
