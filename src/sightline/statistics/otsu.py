"""Otsu's threshold, the cut with the largest variance between the two classes that it makes (Otsu 1979), twice.

- `otsu_cut` of one set of values looks at every gap between two neighbouring values: no bins, no arbitrary number. The
  outline of the body uses it, on some 4,000 cells per image.
- `otsu_thresholds` of many maps looks at 256 bins, and its cut is a bin's centre. That is scikit-image's definition,
  and the threshold rule `otsu` equals it, unless a value lies on the edge of two bins to rounding: there NumPy's
  histogram may take the other bin, and the cut moves past that value (some 1% of maps of one-digit values, none of
  maps whose values are not round). Bins also make the sums whole numbers, so that ties are exact.

The two differ by up to half a bin, and more where the optimum is flat; neither can stand in for the other without a
change of results. `otsu_threshold` is the same of one map whose values are sorted already, in a fifth of the
time. M maps, P pixels, S bins.
"""

from __future__ import annotations

import numpy as np

BINS = 256


def otsu_cut(values: np.ndarray) -> float:
    """The cut of values of any shape, half-way between the two neighbours that it separates.

    If all values are equal, it is that value. Of equally good cuts it is the lowest.
    """
    ordered = np.sort(values, axis=None)
    below = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    between = (sums[-1] * below / ordered.size - sums[:-1]) ** 2 / (below * (ordered.size - below))
    between[np.diff(ordered) == 0] = -1  # no cut between equals
    if not between.size or between.max() <= 0:
        return float(ordered[0])
    place = int(np.argmax(between))
    return float(ordered[place] + ordered[place + 1]) / 2


def otsu_thresholds(maps_MHW: np.ndarray) -> np.ndarray:
    """Each map's threshold, float64 M: the centre of the bin below the cut, which salient values exceed.

    The 256 bins run from the map's lowest to its highest value; of equally good bins it is the lowest. A flat map gets
    infinity, which nothing exceeds.
    """
    maps_MP = maps_MHW.reshape(len(maps_MHW), int(np.prod(maps_MHW.shape[1:])))
    counts_MS, ends_2M = np.empty((len(maps_MP), BINS), np.int64), np.empty((2, len(maps_MP)))
    place_P, bin_P = np.empty(maps_MP.shape[1]), np.empty(maps_MP.shape[1], np.intp)
    for row, values_P in enumerate(maps_MP):  # one map's arrays stay in a core's cache
        np.copyto(place_P, values_P)
        low, high = ends_2M[:, row] = place_P.min(), place_P.max()
        place_P -= low
        place_P /= _width(high - low)
        np.copyto(bin_P, place_P, casting="unsafe")
        counts_S = np.bincount(bin_P, minlength=BINS + 1)
        counts_MS[row] = counts_S[:BINS]
        counts_MS[row, -1] += counts_S[BINS]  # the highest value ends the last bin
    low_M, span_M = ends_2M[0], ends_2M[1] - ends_2M[0]
    threshold_M = low_M + (_best_bin(counts_MS) + 0.5) * _width(span_M)
    return np.where(span_M > 0, threshold_M, np.inf)


def _width(span: np.ndarray) -> np.ndarray:
    """Of a bin, from the lowest to the highest value; of a flat map it does not matter."""
    return np.where(span > 0, span, 1) / BINS


def otsu_threshold(ascending_P: np.ndarray) -> float:
    """`otsu_thresholds` of one map, whose values are given from the lowest up."""
    low, span = float(ascending_P[0]), float(ascending_P[-1]) - float(ascending_P[0])
    if not span > 0:
        return float("inf")
    wide_P, width, bins_S = ascending_P.astype(np.float64), span / BINS, np.arange(1, BINS)
    first_S = np.searchsorted(wide_P, low + bins_S * width)
    # The edge of a bin may be rounded past a value: the quotient decides, as in `otsu_thresholds`.
    before_S, here_S = (((wide_P[place_S] - low) / width) >= bins_S for place_S in (first_S - 1, first_S))
    first_S = np.where(before_S, np.searchsorted(wide_P, wide_P[first_S - 1]), first_S)
    first_S = np.where(here_S, first_S, np.searchsorted(wide_P, wide_P[first_S], side="right"))
    counts_S = np.diff(first_S, prepend=0, append=len(wide_P))
    return low + (float(_best_bin(counts_S[None])[0]) + 0.5) * width


def _best_bin(counts_MS: np.ndarray) -> np.ndarray:
    """int M: the last bin below the best cut, from the pixels in each bin; the lowest of equally good ones."""
    places_S = np.arange(BINS)  # in whole bins, all sums are exact: equal variances are equal
    below_MS, sum_MS = np.cumsum(counts_MS, axis=1), np.cumsum(counts_MS * places_S, axis=1)
    above_MS = below_MS[:, -1:] - below_MS
    with np.errstate(invalid="ignore", divide="ignore"):
        gap_MS = sum_MS / below_MS - (sum_MS[:, -1:] - sum_MS) / above_MS
    # all pixels in one class at the last bin: no split
    return np.argmax(np.where(above_MS > 0, below_MS * above_MS * gap_MS**2, -1.0), axis=1)
