"""Means that leave NaN out: of numbers, along an axis, of groups, and under the weights of resamples.

A score is NaN where it is undefined, for example on an image with an empty region. Such a value has no weight in a
mean, and the mean of nothing is NaN. A rows, M images, B resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_known(values: np.ndarray | Sequence[float]) -> float:
    """Mean of all values that are not NaN; NaN if none is left."""
    values = np.asarray(values, dtype=float)
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def means_along(values: np.ndarray, axis: int) -> np.ndarray:
    """Means of the values that are not NaN along `axis`, float64 of the other axes' shape; NaN where none is left."""
    return _ratio(np.nansum(values, axis=axis), (~np.isnan(values)).sum(axis=axis))


def group_means(values: np.ndarray, starts: np.ndarray, axis: int) -> np.ndarray:
    """Means of neighbouring values along `axis`, NaN left out: one per group, float64; NaN where none is left.

    `starts`: where each group begins along `axis`, rising from 0; a group ends where the next begins.
    """
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), starts, axis=axis)
    return _ratio(sums, np.add.reduceat(known.astype(int), starts, axis=axis))


def weighted_means(values_AM: np.ndarray, weights_BM: np.ndarray) -> np.ndarray:
    """Mean of each row of values under each row of weights, float64 B x A; NaN where the known values have no weight.

    `weights_BM`: 0 or above, for example how often each resample drew each image; a row of ones gives plain means.
    """
    known_AM = ~np.isnan(values_AM)
    weights_BM = np.asarray(weights_BM, dtype=float)
    return _ratio(weights_BM @ np.where(known_AM, values_AM, 0.0).T, weights_BM @ known_AM.T.astype(float))


def _ratio(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.divide(sums, counts, out=np.full(np.shape(sums), np.nan), where=counts > 0)
