"""Average precision of the pixels of many images taken together: exact, and binned so that resamples are cheap.

M maps (one per image), A candidates, H W image grid, P pixels of all images, L distinct scores, S bins, G patients, B
resamples, b of one batch. Definition: docs/metrics.md#pooled-ap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sightline.statistics.patient_draws import PatientDraws

BINS = 1001  # 0.001 wide, and one for 1.0 alone, as in Choe et al. 2020's code
IMAGES = 256  # whose histograms are held at once
CELLS = 12_000_000  # numbers of resampled histograms held at once
DRAWN = 64_000_000  # counts of patients held at once, a byte or two each
ROWS = 64  # of resampled histograms worked on at once
SMALLEST = np.finfo(np.float64).tiny
EXACT_FLOAT32 = 2**24  # whole numbers up to it are exact


def pooled_average_precision(scores_P: np.ndarray, inside_P: np.ndarray, weights_P: np.ndarray | None = None) -> float:
    """PxAP, in [0, 1]: average precision of the pixels of many images taken together (Choe et al. 2020, section 4).

    `scores_P`: map values of any range, NaN raises ValueError; `inside_P`: bool; `weights_P`: not negative, for
    example how often a resample drew the pixel's image; 1 by default. Ties are one step, so flat maps score the
    prevalence. NaN without a pixel inside. Exact; `binned_average_precision` is for resamples.
    """
    scores_P, inside_P = np.ravel(scores_P), np.ravel(inside_P).astype(bool)
    if np.isnan(scores_P).any():
        raise ValueError("a score is NaN")
    if not inside_P.any():
        return float("nan")
    weights_P = np.ones(len(scores_P)) if weights_P is None else np.ravel(weights_P).astype(np.float64)
    order_P = np.argsort(scores_P)
    sorted_P = scores_P[order_P]
    starts_L = np.flatnonzero(np.concatenate([[True], sorted_P[1:] != sorted_P[:-1]]))  # of each run of equal scores
    counts_2L = np.add.reduceat(weights_P[order_P] * [~inside_P[order_P], inside_P[order_P]], starts_L, axis=1)
    return float(_average_precision(counts_2L))


def score_histograms(maps_MHW: np.ndarray, masks_MHW: np.ndarray) -> np.ndarray:
    """Pixels outside (0) and inside (1) the mask by the map's value, int64 M x 2 x S: bins of 0.001, one for 1.0.

    `maps_MHW` in [0, 1], else ValueError. `binned_average_precision` takes weighted sums of these, one row per
    resample: `np.tensordot(weights_BM, histograms_M2S, 1)`.
    """
    if maps_MHW.size and not (maps_MHW.min() >= 0 and maps_MHW.max() <= 1):
        raise ValueError("maps: expected values in [0, 1], got others or NaN")
    num_maps = len(maps_MHW)
    counts_M2S = np.empty((num_maps, 2, BINS), np.int64)
    for counts_2S, map_HW, mask_HW in zip(counts_M2S, maps_MHW, masks_MHW, strict=True):
        bin_HW = (map_HW.astype(np.float64) * (BINS - 1)).astype(np.intp)
        counts_2S[1] = np.bincount(bin_HW[mask_HW.astype(bool, copy=False)], minlength=BINS)
        counts_2S[0] = np.bincount(bin_HW.ravel(), minlength=BINS) - counts_2S[1]
    return counts_M2S


def binned_average_precision(histograms_B2S: np.ndarray) -> np.ndarray:
    """PxAP of each histogram, float64 of shape B (any leading axes): each bin of `score_histograms` is one tie.

    NaN without a pixel inside. It differs from the exact one by the order of values within a bin of 0.001.
    """
    return _average_precision(np.asarray(histograms_B2S, dtype=np.float64))


def resampled_precision(
    histograms: Sequence[np.ndarray] | np.ndarray, draws: PatientDraws
) -> tuple[np.ndarray, np.ndarray]:
    """PxAP of all images, float64 A, and in each resample of patients, float64 B x A: `binned_average_precision`.

    `histograms`: whole numbers A x 2 x S of each image in turn, read by row, a few passes over all; one image or more.
    Counts of pixels are added up as whole numbers, so the order of images does not matter.
    """
    num_candidates = len(histograms[0])
    value_A, spread_BA = np.empty(num_candidates), np.empty((draws.resamples, num_candidates))
    for rows, counts_bG in draws.compact_batches(DRAWN):
        together = max(1, CELLS // (2 * BINS * len(counts_bG)))
        for first in range(0, num_candidates, together):
            columns = slice(first, min(first + together, num_candidates))
            value_A[columns], spread_BA[rows, columns] = _resampled(histograms, columns, counts_bG, draws)
    return value_A, spread_BA


def _resampled(
    histograms: Sequence[np.ndarray] | np.ndarray, columns: slice, counts_bG: np.ndarray, draws: PatientDraws
) -> tuple[np.ndarray, np.ndarray]:
    """PxAP of some candidates, float64 a, and by resample, float64 b x a."""
    num_a, by_patient = columns.stop - columns.start, draws.by_patient
    total_X, summed_bX = np.zeros(num_a * 2 * BINS), np.zeros((0, 0))
    for patients_g, images in by_patient.parts(IMAGES):
        cumulated_gX = _cumulated(histograms, columns, len(patients_g), images)
        total_X += cumulated_gX.sum(axis=0)
        if len(patients_g) == by_patient.num_patients:  # a small study: the resamples need not be held
            spread_ba = _spread(counts_bG, cumulated_gX).reshape(-1, num_a)
            break
        if not summed_bX.size:
            summed_bX = np.zeros((len(counts_bG), len(total_X)))
        for start in range(0, len(counts_bG), IMAGES):
            part = slice(start, start + IMAGES)
            summed_bX[part] += counts_bG[part, patients_g].astype(float) @ cumulated_gX
    else:
        spread_ba = _precision(summed_bX.reshape(-1, 2, BINS)).reshape(-1, num_a)
    return _precision(total_X.reshape(-1, 2, BINS)), spread_ba


def _cumulated(
    histograms: Sequence[np.ndarray] | np.ndarray, columns: slice, num_patients: int, images: list[tuple[int, int]]
) -> np.ndarray:
    """By patient, pixels of all kinds and inside at or above each bin, the highest first; g x (a, 2, S) in one row.

    `images`: which patient, by its place, and which image. Sums of these over patients are those of the sums.
    """
    num_a = columns.stop - columns.start
    cumulated_ga2S = np.zeros((num_patients, num_a, 2, BINS))
    for place, image in images:
        cumulated_ga2S[place] += histograms[image][columns]
    cumulated_ga2S[:, :, 0] += cumulated_ga2S[:, :, 1]
    return np.cumsum(cumulated_ga2S[..., ::-1], axis=-1).reshape(num_patients, -1)


def _spread(counts_bG: np.ndarray, cumulated_GX: np.ndarray) -> np.ndarray:
    """`_precision` of each resample and candidate, in one row."""
    # whole numbers, which float32 adds up in half the time and without error while they are small
    most = float((counts_bG @ cumulated_GX.max(axis=1)).max())
    cumulated_GX = cumulated_GX.astype(np.float32 if most < EXACT_FLOAT32 else np.float64)
    return np.concatenate(
        [
            _precision((counts_bG[start : start + ROWS].astype(cumulated_GX.dtype) @ cumulated_GX).reshape(-1, 2, BINS))
            for start in range(0, len(counts_bG), ROWS)
        ]
    )


def _precision(cumulated_Z2S: np.ndarray) -> np.ndarray:
    """Average precision from pixels of all kinds (0) and inside (1) at or above each bin, the highest first."""
    precision_Z = np.empty(len(cumulated_Z2S))
    for start in range(0, len(precision_Z), ROWS):
        reached_zS, hits_zS = cumulated_Z2S[start : start + ROWS].transpose(1, 0, 2)
        hits_zS = hits_zS.astype(np.float64, copy=False)
        inside_zS = hits_zS.copy()
        inside_zS[:, 1:] -= hits_zS[:, :-1]
        precision_Z[start : start + ROWS] = _by_steps(inside_zS, hits_zS, reached_zS)
    return precision_Z


def _average_precision(counts_B2L: np.ndarray) -> np.ndarray:
    """Sum over the levels, the highest last, of precision times the step of recall; float64 B."""
    outside, inside = (counts_B2L[..., side, ::-1] for side in (0, 1))
    hits = np.cumsum(inside, axis=-1)
    reached = hits + np.cumsum(outside, axis=-1)
    return _by_steps(inside, hits, reached)


def _by_steps(inside: np.ndarray, hits: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """Precision times the step of recall, summed over the last axis; NaN without a hit."""
    steps = inside * hits
    steps /= np.maximum(reached, SMALLEST)  # 0 where nothing is reached
    with np.errstate(invalid="ignore"):
        return steps.sum(axis=-1) / hits[..., -1]
