"""The contrast with images and readers resampled crosswise: every draw takes patients, and readers of the whole study.

A few readers mark many images each. A reader who is lenient is so on all of them, which a bootstrap that draws readers
within images cannot show. Here a reader's weight in a draw applies to all readings.

M images, A maps, N readings (pairs of an image and a reader, each with a region: the consensus of the other readers),
m, a, n those of one block, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.statistics.contrast import Weigh
from sightline.statistics.resampling import interval, resample_counts

CELLS = 4_000_000  # numbers of one array held at once


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How often each resample drew each image's patient and each reading's reader."""

    image_BM: np.ndarray
    """int B x M; 0 for images without a reading."""
    reader_BN: np.ndarray
    """int B x N."""


def crossed_draws(
    patients_M: np.ndarray, image_N: np.ndarray, reader_N: np.ndarray, resamples: int, rng: np.random.Generator
) -> Draws:
    """So many draws of patients and, independently, of readers, both with replacement over the whole study.

    `image_N`: int in [0, M), the image of each reading; `reader_N`: any labels. As many patients are drawn as have a
    reading, and as many readers as there are; images of one patient come together.
    """
    patients_M, image_N = np.asarray(patients_M), np.asarray(image_N, dtype=int)
    labels, reader_n = np.unique(np.asarray(reader_N), return_inverse=True)
    image_BM = np.zeros((resamples, len(patients_M)), dtype=np.int64)
    if not len(image_N):
        return Draws(image_BM=image_BM, reader_BN=np.zeros((resamples, 0), dtype=np.int64))
    read = np.unique(patients_M[image_N])
    of_read_M = np.searchsorted(read, patients_M).clip(max=len(read) - 1)
    has_reading_M = np.isin(patients_M, read)
    drawn_BG = resample_counts(len(read), resamples, rng)
    image_BM[:, has_reading_M] = drawn_BG[:, of_read_M[has_reading_M]]
    return Draws(image_BM=image_BM, reader_BN=resample_counts(len(labels), resamples, rng)[:, reader_n])


def crossed_contrast(
    blocks: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    image_A: np.ndarray,
    reader_A: np.ndarray | None,
    image_N: np.ndarray,
    reader_N: np.ndarray,
    patients_M: np.ndarray,
    draws: Draws,
    weigh: Weigh = "patients",
) -> tuple[float, np.ndarray]:
    """D against regions without one reader each, and D in each draw (float64 B), NaN where a draw leaves no pair.

    A map belongs to an image (`image_A`) and, for experts, to a reader (`reader_A`; None for a model, with one map per
    image). Region n is the consensus of image `image_N[n]` without reader `reader_N[n]`. `blocks`: indices of images,
    from `contrast.patient_blocks`; `scores`: per block float a x n, the maps and readings of the block's images in the
    order of A and of N.

    own of reading n: the map of its image, for experts its reader's, on region n. row: that map on the regions of other
    patients' images, mean over images of the mean over readings by reader weight. col: other patients' maps on region
    n, mean over images of the maps' mean by reader weight. d_n = own - (row + col) / 2. Then come the mean over the
    readings of an image by reader weight, over the images of a patient, and over patients (or over images,
    `weigh="images"`). An image none of whose readers was drawn is left out of that draw.

    A reading whose own score is NaN or whose map is missing is left out; so is a map without a reading. A score of two
    patients that is NaN otherwise takes the mean of its map's known scores with other patients. With one reading per
    image and all weights 1 it is `contrast.contrast`. For D of a model over D of the experts, draw by draw, call it
    twice with the same draws.
    """
    if weigh not in ("patients", "images"):
        raise ValueError(f"weigh: expected patients or images, got {weigh!r}")
    _, patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
    image_A, image_N = np.asarray(image_A, dtype=int), np.asarray(image_N, dtype=int)
    own_map_N = _own_maps(image_A, reader_A, image_N, reader_N)
    parts = []
    for images_m, scores_an in zip(blocks, scores, strict=True):
        maps_a, readings_n = np.flatnonzero(np.isin(image_A, images_m)), np.flatnonzero(np.isin(image_N, images_m))
        if np.shape(scores_an) != (len(maps_a), len(readings_n)):
            raise ValueError(f"scores: expected {len(maps_a)} x {len(readings_n)}, got {np.shape(scores_an)}")
        part = _complete_part(
            np.asarray(scores_an, dtype=float), maps_a, readings_n, own_map_N, image_N, patient_M, reader_A is None
        )
        if part is not None:
            parts.append(part)
    value_1 = _values(parts, np.ones((1, len(patient_M))), np.ones((1, len(image_N))), weigh)
    num_draws = len(draws.image_BM)
    values_B = np.full(num_draws, np.nan)
    step = max(1, CELLS // max(len(image_N), 1))
    for start in range(0, num_draws, step):
        rows = slice(start, start + step)
        values_B[rows] = _values(parts, draws.image_BM[rows], draws.reader_BN[rows], weigh)
    return float(value_1[0]), values_B


def crossed_interval(value: float, values_B: np.ndarray, level: float, num_patients: int) -> tuple[float, float]:
    """Both ends of the interval of a value from its crossed draws: `resampling.interval`, expanded for few patients.

    It serves D_h, D / D_h and D - (1 - margin) D_h alike, so that the second excludes 1 - margin exactly where the last
    excludes 0 (as long as D_h is above 0 in all draws). A value that is NaN has NaN ends; draws that are NaN are left
    out, and draws that all agree bound nothing: NaN.

    Simulated coverage of 95% intervals (5.6 of 14 readers per image, reader SD 0 to 0.115, symmetric and skewed effects
    of images; docs/error-rates.md): with 50 images 93 to 97% for all three, with 16 and 21 images 94 to 96% for the
    ratio and 96 to 98% for the two others: somewhat too long, since crossed draws count the noise of single readings
    more than once. The plain percentiles cover 92% of ratios at 16 images, basic and t intervals 98 to 99% at 21.
    """
    values_B = np.asarray(values_B, dtype=float)
    known_B = values_B[~np.isnan(values_B)]
    if np.isnan(value) or not len(known_B) or np.ptp(known_B) <= 1e-12 * np.abs(known_B).max():
        return float("nan"), float("nan")
    low_1, high_1 = interval(known_B[:, None], level, num_patients)
    return float(low_1[0]), float(high_1[0])


@dataclass(frozen=True, kw_only=True)
class _Part:
    """The maps and readings of one block that take part."""

    scores_an: np.ndarray  # no NaN
    map_n: np.ndarray  # row of scores_an of each reading's own map
    readings_n: np.ndarray  # which of the N
    images_m: np.ndarray  # which of the M
    image_n: np.ndarray  # place in images_m
    image_a: np.ndarray
    patient_m: np.ndarray
    is_by_reader: bool  # one map per reading, else per image


def _own_maps(
    image_A: np.ndarray, reader_A: np.ndarray | None, image_N: np.ndarray, reader_N: np.ndarray
) -> np.ndarray:
    """Int N: the map of each reading, -1 where there is none. Two maps of one image (and reader) are an error."""
    keys_A = image_A.tolist() if reader_A is None else list(zip(image_A.tolist(), map(str, reader_A), strict=True))
    keys_N = image_N.tolist() if reader_A is None else list(zip(image_N.tolist(), map(str, reader_N), strict=True))
    place = {key: index for index, key in enumerate(keys_A)}
    if len(place) < len(keys_A):
        raise ValueError("maps: expected one per image, or per image and reader; some have two")
    return np.array([place.get(key, -1) for key in keys_N], dtype=int)


def _complete_part(
    scores_an: np.ndarray,
    maps_a: np.ndarray,
    readings_n: np.ndarray,
    own_map_N: np.ndarray,
    image_N: np.ndarray,
    patient_M: np.ndarray,
    is_model: bool,
) -> _Part | None:
    """A block without readings that have no own score and maps that have no reading; None if nothing is left."""
    has_map_n = own_map_N[readings_n] >= 0
    map_n = np.where(has_map_n, np.searchsorted(maps_a, own_map_N[readings_n]), 0)
    kept = has_map_n.copy()
    if len(maps_a):
        kept &= ~np.isnan(scores_an[map_n, np.arange(len(readings_n))])
    while kept.any():
        used_a, place_n = np.unique(map_n[kept], return_inverse=True)
        left_an = scores_an[np.ix_(used_a, kept)]
        image_n = image_N[readings_n[kept]]
        image_a = image_n[np.unique(place_n, return_index=True)[1]]
        known_an = ~np.isnan(left_an) & (patient_M[image_a][:, None] != patient_M[image_n])
        has_others_n = known_an.any(axis=1)[place_n] & known_an.any(axis=0)
        if has_others_n.all():
            images_m, both = np.unique(np.concatenate([image_n, image_a]), return_inverse=True)
            mean_a = np.where(known_an, left_an, 0).sum(axis=1) / known_an.sum(axis=1)
            return _Part(
                scores_an=np.where(np.isnan(left_an), mean_a[:, None], left_an),
                map_n=place_n,
                readings_n=readings_n[kept],
                images_m=images_m,
                image_n=both[: len(image_n)],
                image_a=both[len(image_n) :],
                patient_m=patient_M[images_m],
                is_by_reader=not is_model,
            )
        kept[np.flatnonzero(kept)[~has_others_n]] = False
    return None


def _values(parts: Sequence[_Part], image_BM: np.ndarray, reader_BN: np.ndarray, weigh: Weigh) -> np.ndarray:
    """Float64 B: D under each row of weights of images and of readings."""
    sum_B, total_B = np.zeros((2, len(image_BM)))
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: no pair left, NaN as promised
        for part in parts:
            is_of_nm = (part.image_n[:, None] == np.arange(len(part.images_m))).astype(float)
            is_other_mm = (part.patient_m[:, None] != part.patient_m).astype(float)
            reader_Bn = reader_BN[:, part.readings_n].astype(float)
            readers_Bm = reader_Bn @ is_of_nm
            count_Bm = image_BM[:, part.images_m] * (readers_Bm > 0)
            share_Bn = reader_Bn / np.where(readers_Bm > 0, readers_Bm, 1)[:, part.image_n]  # of its image, sum 1
            others_Bm = count_Bm @ is_other_mm
            off_an = part.scores_an * is_other_mm[np.ix_(part.image_a, part.image_n)]
            region_Bn = count_Bm[:, part.image_n] * share_Bn
            row_Ba = region_Bn @ off_an.T / others_Bm[:, part.image_a]
            if part.is_by_reader:  # one map per reading, in the order of map_n
                map_Ba = np.zeros(row_Ba.shape)
                map_Ba[:, part.map_n] = region_Bn
            else:
                map_Ba = count_Bm[:, part.image_a]
            col_Bn = map_Ba @ off_an / others_Bm[:, part.image_n]
            own_n = part.scores_an[part.map_n, np.arange(len(part.map_n))]
            d_Bn = own_n - (row_Ba[:, part.map_n] + col_Bn) / 2
            weight_Bm = count_Bm.astype(float)
            if weigh == "patients":
                same_mm = 1 - is_other_mm
                num_Bm = (readers_Bm > 0) @ same_mm  # the patient's images that are in
                weight_Bm /= np.where(num_Bm > 0, num_Bm, 1)
            weight_Bn = weight_Bm[:, part.image_n] * share_Bn
            sum_B += np.where(weight_Bn > 0, weight_Bn * d_Bn, 0).sum(axis=1)
            total_B += weight_Bm.sum(axis=1)
        return sum_B / total_B
