"""Whether accuracy and alignment go together over a handful of models: exact Spearman, and the Pareto front.

N points (models), F orders (all, or drawn).
"""

from __future__ import annotations

from math import factorial
from typing import NamedTuple

import numpy as np

from sightline.statistics.ranks import average_ranks

MOST_ENUMERATED = 9  # points: 9! = 362,880 orders
BLOCK = 4_000_000  # ranks held at once


class Spearman(NamedTuple):
    """Rank correlation of a few points, and the strongest evidence that they could have given."""

    rho: float
    """In [-1, 1]; NaN if there are fewer than two points or one side is constant."""
    p: float
    """Two-sided p-value by permutation, in (0, 1]; NaN where rho is NaN."""
    smallest_p: float
    """The smallest p that these points could have reached; NaN where rho is NaN."""


def spearman_exact(x_N: np.ndarray, y_N: np.ndarray, draws: int, rng: np.random.Generator) -> Spearman:
    """Spearman's rank correlation (mid-ranks for ties) with its permutation p-value and the smallest possible one.

    Up to 9 points p is exact: the share of all N! pairings with |rho| at least the observed; `draws` and `rng` are
    then not used. Above, p = (1 + #{drawn >= observed}) / (1 + draws). Every order keeps the ties, and the comparison
    is of whole numbers. Points with a NaN are left out.

    `smallest_p` is 2 / N! without ties: 1 for two points, 0.33 for three, 0.083 for four, 0.017 for five; so with
    four models no rho can be significant at 5%. With ties, up to 9 points, it is the share of orders that reach the
    largest |rho| that the ties allow. Above 9 points it is 2 / N! or 1 / (1 + draws), whichever is larger.
    """
    if draws < 1:
        raise ValueError(f"draws: expected at least 1, got {draws}")
    x_N, y_N = np.asarray(x_N, dtype=float), np.asarray(y_N, dtype=float)
    known = ~(np.isnan(x_N) | np.isnan(y_N))
    # twice the ranks, centred: whole numbers, also with ties
    x_n, y_n = (np.rint(2 * average_ranks(values[known])).astype(np.int64) - known.sum() - 1 for values in (x_N, y_N))
    scale = float(np.sqrt(float(x_n @ x_n) * float(y_n @ y_n)))
    if scale == 0:
        return Spearman(np.nan, np.nan, np.nan)
    num_points, observed = len(x_n), abs(int(x_n @ y_n))
    rho = float(x_n @ y_n) / scale
    if num_points <= MOST_ENUMERATED:
        products_F = np.abs(y_n[_all_orders(num_points)] @ x_n)
        return Spearman(rho, float((products_F >= observed).mean()), float((products_F == products_F.max()).mean()))
    reached = 0
    block = max(1, BLOCK // num_points)
    for start in range(0, draws, block):
        orders_Fn = rng.permuted(np.tile(y_n, (min(block, draws - start), 1)), axis=1)
        reached += int(np.count_nonzero(np.abs(orders_Fn @ x_n) >= observed))
    return Spearman(rho, (1 + reached) / (1 + draws), max(2 / factorial(num_points), 1 / (1 + draws)))


def _all_orders(num_points: int) -> np.ndarray:
    """All orders of num_points things, int8 num_points! x num_points."""
    orders = np.zeros((1, 0), dtype=np.int8)
    for size in range(num_points):
        orders = np.concatenate([np.insert(orders, place, size, axis=1) for place in range(size + 1)])
    return orders


def pareto_front(x_N: np.ndarray, y_N: np.ndarray) -> np.ndarray:
    """The points that no other point beats, bool N; larger is better on both axes.

    A point is beaten by one that is at least as good on both axes and better on one; equal points do not beat each
    other. A point with a NaN is not on the front and beats no other.
    """
    x_N, y_N = np.asarray(x_N, dtype=float), np.asarray(y_N, dtype=float)
    known_N = ~(np.isnan(x_N) | np.isnan(y_N))
    at_least_NN = (x_N[None, :] >= x_N[:, None]) & (y_N[None, :] >= y_N[:, None])  # column against row; NaN: False
    better_NN = (x_N[None, :] > x_N[:, None]) | (y_N[None, :] > y_N[:, None])
    return known_N & ~(at_least_NN & better_NN).any(axis=1)
