"""Average precision of the pixels of many images taken together: exact, and binned so that resamples are cheap.

M maps (one per image), H W image grid, P pixels of all images, L distinct scores, S bins, B resamples. Definition:
docs/metrics.md#pooled-ap.
"""

from __future__ import annotations

import numpy as np

BINS = 1001  # 0.001 wide, and one for 1.0 alone, as in Choe et al. 2020's code


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
    bin_MHW = (maps_MHW.astype(np.float64) * (BINS - 1)).astype(np.int64)
    cells_MHW = (2 * np.arange(num_maps)[:, None, None] + masks_MHW.astype(bool)) * BINS + bin_MHW
    return np.bincount(cells_MHW.ravel(), minlength=num_maps * 2 * BINS).reshape(num_maps, 2, BINS)


def binned_average_precision(histograms_B2S: np.ndarray) -> np.ndarray:
    """PxAP of each histogram, float64 of shape B (any leading axes): each bin of `score_histograms` is one tie.

    NaN without a pixel inside. It differs from the exact one by the order of values within a bin of 0.001.
    """
    return _average_precision(np.asarray(histograms_B2S, dtype=np.float64))


def _average_precision(counts_B2L: np.ndarray) -> np.ndarray:
    """Sum over the levels, the highest last, of precision times the step of recall; float64 B."""
    outside, inside = (counts_B2L[..., side, ::-1] for side in (0, 1))
    hits = np.cumsum(inside, axis=-1)
    reached = hits + np.cumsum(outside, axis=-1)
    precision = np.divide(hits, reached, out=np.zeros_like(reached), where=reached > 0)
    with np.errstate(invalid="ignore"):
        return (precision * inside).sum(axis=-1) / hits[..., -1]
