"""Ranks with ties, and Mann-Whitney's U.

scipy.stats has both, but its import takes a second in each stage, which only ranks a few numbers (benchmarks/NOTES.md).
Tests hold this file equal to scipy. A rows, N values.
"""

from __future__ import annotations

from math import erfc, sqrt

import numpy as np

EXACT_UP_TO = 8  # values on either side, without ties: scipy's choice


def average_ranks(values_AN: np.ndarray) -> np.ndarray:
    """Ranks from 1 along the last axis, float64, any number of axes; ties get the mean of their ranks.

    A row with a NaN is all NaN.
    """
    values_AN = np.asarray(values_AN)
    order_AN = np.argsort(values_AN, axis=-1)
    sorted_AN = np.take_along_axis(values_AN, order_AN, axis=-1)
    is_first_AN = np.ones(values_AN.shape, bool)
    is_first_AN[..., 1:] = sorted_AN[..., 1:] != sorted_AN[..., :-1]
    is_last_AN = np.roll(is_first_AN, -1, axis=-1)  # the next value begins a run; at the end, the first value does
    places_N = np.arange(values_AN.shape[-1])
    first_AN = np.maximum.accumulate(np.where(is_first_AN, places_N, 0), axis=-1)
    ends_AN = np.where(is_last_AN, places_N, values_AN.shape[-1])
    last_AN = np.minimum.accumulate(ends_AN[..., ::-1], axis=-1)[..., ::-1]
    ranks_AN = np.empty(values_AN.shape)
    np.put_along_axis(ranks_AN, order_AN, (first_AN + last_AN) / 2 + 1, axis=-1)
    ranks_AN[np.isnan(values_AN).any(axis=-1)] = np.nan
    return ranks_AN


def normalised_ranks(ranks_AN: np.ndarray) -> np.ndarray:
    """The ranks of `average_ranks`, each row centred and of length 1: two rows' product is Spearman's correlation.

    A constant row becomes all 0, so that it correlates 0 with every row; a row with a NaN is all NaN.
    """
    centred_AN = ranks_AN - ranks_AN.mean(axis=1, keepdims=True)
    length_A = np.sqrt((centred_AN**2).sum(axis=1, keepdims=True))
    return centred_AN / np.where(length_A == 0, 1, length_A)


def mann_whitney_p(x_N: np.ndarray, y_K: np.ndarray) -> float:
    """One-sided p-value of "x tends to be larger than y", in (0, 1], as `scipy.stats.mannwhitneyu` computes it.

    Exact if either side has 8 values or fewer and no two of all are equal, else normal with tie and continuity
    correction. At least one value on each side, no NaN; all values equal gives 1.
    """
    num_x, num_y = len(x_N), len(y_K)
    ranks = average_ranks(np.concatenate([x_N, y_K]))
    larger = float(ranks[:num_x].sum()) - num_x * (num_x + 1) / 2  # pairs in which x is larger, ties half
    _, ties = np.unique(ranks, return_counts=True)
    if min(num_x, num_y) <= EXACT_UP_TO and (ties == 1).all():
        return _exact_upper(num_x, num_y, round(larger))
    count = num_x + num_y
    spread = sqrt(num_x * num_y / 12 * (count + 1 - (ties.astype(float) ** 3 - ties).sum() / (count * (count - 1))))
    return erfc((larger - num_x * num_y / 2 - 0.5) / spread / sqrt(2)) / 2 if spread else 1.0


def _exact_upper(num_x: int, num_y: int, least: int) -> float:
    """P(U >= least) when all orders of both sides' values are equally likely."""
    few, many = sorted((num_x, num_y))
    # Numbers of ways as Python's integers: the generating function is the product over k of
    # (1 - q**(many + k)) / (1 - q**k). To multiply by 1 - q**a is a difference a apart; to divide by 1 - q**b is a
    # running sum b apart.
    ways = [1] + [0] * (few * many)
    for k in range(1, few + 1):
        for place in range(few * many, many + k - 1, -1):
            ways[place] -= ways[place - many - k]
        for place in range(k, few * many + 1):
            ways[place] += ways[place - k]
    return sum(ways[least:]) / sum(ways)
