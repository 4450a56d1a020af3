"""Whether one score per image is larger than another: the paper's test, and one that respects pairs and groups.

N images, G groups (patients), F flips.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sightline.statistics.ranks import mann_whitney_p

BLOCK = 4_000_000  # signs held at once


def mann_whitney_greater(x_N: np.ndarray, y_N: np.ndarray) -> float:
    """One-sided p-value of "x tends to be larger than y" by Mann-Whitney's U, in [0, 1]: the test as published.

    Paper: section on alignment. The test takes all values as independent, which scores of the same images are not: it
    is reported for the record, beside `sign_flip_p`. Pairs with a NaN on either side are dropped; no pair left gives
    NaN; all values equal gives 1, since nothing is larger. The method is scipy's choice: exact for 8 pairs or fewer
    without ties, else normal with continuity and tie correction.
    """
    x_N, y_N = np.asarray(x_N, dtype=float), np.asarray(y_N, dtype=float)
    both = ~(np.isnan(x_N) | np.isnan(y_N))
    x_N, y_N = x_N[both], y_N[both]
    if not len(x_N):
        return float("nan")
    if (x_N == x_N[0]).all() and (y_N == x_N[0]).all():
        return 1.0
    return mann_whitney_p(x_N, y_N)


def sign_flip_p(differences_N: np.ndarray, groups_N: np.ndarray, flips: int, rng: np.random.Generator) -> float:
    """One-sided p-value, in (0, 1], of "the mean difference is above 0" by flipping the signs of whole groups.

    Null hypothesis: each group's differences are as likely as their negatives, for example because x and y of
    `x - y` are exchangeable within a patient. All images of a group flip together, so they need not be independent
    of each other; the statistic is the mean over images. p = (1 + #{flipped >= observed}) / (1 + flips), which is
    never 0 and keeps the level for any number of flips, since the observed pattern itself counts (Phipson and Smyth
    2010). If there are at most `flips` sign patterns, 2**G, they are enumerated instead and p is their exact share;
    `rng` is then not used.

    It tests exchange, not a mean of 0. Skewed differences with mean 0 are not as likely as their negatives: at 5%,
    with 16 to 200 groups, it rejects 8 to 11% of studies whose differences are skewed to the left (an exponential
    distribution, mirrored; log-normal 10 to 17%) and 2 to 4% of those skewed to the right (log-normal 1 to 2%). Hits
    minus their chance are of the second kind: p is about 2 ** -hits whatever the chance, and power is lost. Dividing by
    the standard error does not help, since flips leave the sum of squares as it is. Use it where labels are
    exchangeable, as between two models on the same images.

    A NaN difference is dropped; no difference left gives NaN; all 0 gives 1.
    """
    return _flipped(differences_N, groups_N, flips, rng)[0]


def two_sided_sign_flip_p(
    differences_N: np.ndarray, groups_N: np.ndarray, flips: int, new_rng: Callable[[], np.random.Generator]
) -> float:
    """Twice the smaller of the two one-sided `sign_flip_p`, at most 1: for two models on the same images.

    `new_rng` makes a generator at the start of the same stream, so that both sides have the same flips; NaN as there.
    """
    return float(np.minimum(1.0, 2 * np.minimum(*_flipped(differences_N, groups_N, flips, new_rng()))))


def _flipped(
    differences_N: np.ndarray, groups_N: np.ndarray, flips: int, rng: np.random.Generator
) -> tuple[float, float]:
    """`sign_flip_p` of the differences, and of their negatives under the same flips."""
    if flips < 1:
        raise ValueError(f"flips: expected at least 1, got {flips}")
    differences_N = np.asarray(differences_N, dtype=float)
    known = ~np.isnan(differences_N)
    if not known.any():
        return float("nan"), float("nan")
    _, group_N = np.unique(np.asarray(groups_N)[known], return_inverse=True)
    sums_G = np.bincount(group_N, weights=differences_N[known])
    # Sums of the same numbers in another order differ in the last bits and count as equal.
    observed, rounding = sums_G.sum(), 1e-12 * np.abs(sums_G).sum()
    num_groups = len(sums_G)
    if num_groups < 63 and 2**num_groups <= flips:
        patterns = np.arange(2**num_groups)
        signs_FG = 1 - 2 * (patterns[:, None] >> np.arange(num_groups) & 1)
        sums_F = signs_FG @ sums_G
        return float((sums_F >= observed - rounding).mean()), float((sums_F <= observed + rounding).mean())
    above = below = 0
    block = max(1, BLOCK // num_groups)
    for start in range(0, flips, block):
        bits_FG = rng.integers(0, 2, size=(min(block, flips - start), num_groups), dtype=np.int8)
        sums_F = (1 - 2 * bits_FG) @ sums_G
        above += int(np.count_nonzero(sums_F >= observed - rounding))
        below += int(np.count_nonzero(sums_F <= observed + rounding))
    return (1 + above) / (1 + flips), (1 + below) / (1 + flips)
