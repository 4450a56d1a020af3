"""How many patients a study needs: simulated from its own spread, seeded.

Patients are drawn with replacement from the study, and each drawn patient brings one map and its region. A map "half as
good as an expert" is the expert's own on half of the patients and another patient's on the rest. A simulated study
rejects where the mean own score lies above its permutation mean by 1.645 permutation standard deviations (for a level
of 5%): the normal form of `matching.matching_p`, whose exact variance is that of Hoeffding (1951).

N maps of the study, G patients of it, n patients of a simulated study, Q simulated studies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

MOST_PATIENTS = 150  # of a simulated study; z grows with the square root of n beyond
STUDIES = 500
MOST_NEEDED = 100_000
ROUNDING = 1e-12  # of the largest score: scores that differ by less have no spread


@dataclass(frozen=True, kw_only=True)
class Power:
    """Of one simulated effect."""

    power: float
    """Share of simulated studies of the study's own size that find it, in [0, 1]; NaN with fewer than 3 patients."""
    patients_needed: float
    """Patients for the power asked for; NaN where the effect is not above 0 or more than 100,000 were needed."""


class Studies:
    """The simulated studies: which maps take part in each. Those of the same patients and size are drawn once."""

    def __init__(self, new_rng: Callable[[], np.random.Generator]) -> None:
        """`new_rng` makes a generator at the start of the same stream each time."""
        self._new_rng = new_rng
        self._kept: dict[tuple[bytes, int], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def of(self, size_G: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """For each drawn patient its map, another patient's map, and a number in [0, 1) to choose by: Q x n each.

        Maps by number, in order of patients, which have `size_G` of them.
        """
        key = (size_G.tobytes(), n)
        if key not in self._kept:
            rng, starts_G, num_known = self._new_rng(), np.cumsum(size_G) - size_G, len(size_G)
            own_Qn, other_Qn = np.empty((2, STUDIES, n), dtype=int)
            chance_Qn = np.empty((STUDIES, n))
            for study in range(STUDIES):
                patients_n = rng.integers(num_known, size=n)
                strangers_n = (patients_n + rng.integers(1, num_known, size=n)) % num_known
                own_Qn[study] = starts_G[patients_n] + rng.integers(size_G[patients_n])
                other_Qn[study] = starts_G[strangers_n] + rng.integers(size_G[strangers_n])
                chance_Qn[study] = rng.random(n)
            self._kept[key] = own_Qn, other_Qn, chance_Qn
        return self._kept[key]


def find_power(
    scores_NN: np.ndarray,
    patients_N: np.ndarray,
    share: float,
    num_patients: int,
    level: float,
    power: float,
    studies: Studies,
) -> Power:
    """`scores_NN`: of map n (row) on region n (column); a drawn patient brings one of its maps with that map's region.

    `share`: of drawn patients whose own map is used; `num_patients`: of the study whose power is asked for, which may
    be more than those in `patients_N`. Fewer than 3 patients, or a NaN among the scores, give NaN.
    """
    order_N = np.argsort(patients_N, kind="stable")
    size_G = np.unique(np.asarray(patients_N)[order_N], return_counts=True)[1]
    scores_NN = scores_NN[np.ix_(order_N, order_N)]
    if len(size_G) < 3 or np.isnan(scores_NN).any():
        return Power(power=float("nan"), patients_needed=float("nan"))
    n = int(np.clip(num_patients, 3, MOST_PATIENTS))
    own_Qn, other_Qn, chance_Qn = studies.of(size_G, n)
    z_Q = _statistics(scores_NN, size_G, own_Qn, other_Qn, chance_Qn < share) * np.sqrt(num_patients / n)
    bar = scipy.special.ndtri(level)
    needed = float("nan")
    if z_Q.mean() > 0:
        # z of N patients: its mean grows with sqrt(N), its spread does not
        needed = num_patients * ((bar + scipy.special.ndtri(power) * z_Q.std()) / z_Q.mean()) ** 2
        needed = float(np.ceil(needed)) if needed <= MOST_NEEDED else float("nan")
    return Power(power=float((z_Q > bar).mean()), patients_needed=needed)


def _statistics(
    scores_NN: np.ndarray, size_G: np.ndarray, own_Qn: np.ndarray, other_Qn: np.ndarray, knows_Qn: np.ndarray
) -> np.ndarray:
    """z of each simulated study, float64 Q; the N are in order of patients.

    A study's n x n scores are a selection of rows and columns of N x N, except for the own scores on its diagonal. So
    their sums are products with the numbers of times that each map and each region was drawn.
    """
    group_N = np.repeat(np.arange(len(size_G)), size_G)
    is_other_NN = group_N[:, None] != group_N
    # Two copies of one patient are two patients: the map of one is worth what a stranger's is on the other's region.
    off_NN = scores_NN * is_other_NN
    num_N = is_other_NN.sum(axis=0)
    stranger_NN = (off_NN.sum(axis=0) / num_N + (off_NN.sum(axis=1) / num_N)[:, None]) / 2
    off_NN = np.where(is_other_NN, scores_NN, stranger_NN)
    # z does not change with what a map has on all regions, or a region from all maps; without it, sums of squares lose
    # no digits.
    shared_NN = off_NN.mean(axis=0) + off_NN.mean(axis=1, keepdims=True) - off_NN.mean()
    off_NN, own_N = off_NN - shared_NN, np.diagonal(scores_NN - shared_NN)
    n = own_Qn.shape[1]
    map_Qn = np.where(knows_Qn, own_Qn, other_Qn)
    maps_QN, regions_QN = _counts(map_Qn, len(off_NN)), _counts(own_Qn, len(off_NN))
    more_Qn = np.where(knows_Qn, (own_N - np.diagonal(off_NN))[own_Qn], 0)
    row_Qn = np.take_along_axis(regions_QN @ off_NN.T, map_Qn, axis=1) + more_Qn  # sums over the n
    col_Qn = np.take_along_axis(maps_QN @ off_NN, own_Qn, axis=1) + more_Qn
    squares_Q = ((maps_QN @ off_NN**2) * regions_QN).sum(axis=1)
    squares_Q += np.where(knows_Qn, (own_N**2 - np.diagonal(off_NN) ** 2)[own_Qn], 0).sum(axis=1)
    sum_Q = row_Qn.sum(axis=1)
    centred_Q = squares_Q - ((row_Qn**2).sum(axis=1) + (col_Qn**2).sum(axis=1)) / n + (sum_Q / n) ** 2
    excess_Q = (off_NN[map_Qn, own_Qn] + more_Qn).sum(axis=1) / n - sum_Q / n**2
    has_spread_Q = centred_Q > (ROUNDING * np.abs(scores_NN).max() * n) ** 2
    error_Q = np.sqrt(np.where(has_spread_Q, centred_Q, 1) / (n**2 * (n - 1)))
    return np.where(has_spread_Q, excess_Q / error_Q, 0.0)


def _counts(places_Qn: np.ndarray, num: int) -> np.ndarray:
    """Float64 Q x N: how often each place occurs in its row."""
    cells_Qn = places_Qn + np.arange(len(places_Qn))[:, None] * num
    return np.bincount(cells_Qn.ravel(), minlength=len(places_Qn) * num).reshape(-1, num).astype(float)


def needed_for_end(ends: tuple[float, float, float], level: float, num_patients: int, power: float) -> float:
    """Patients for an interval that leaves 0 out on the value's side with that power; NaN where none would do.

    `ends`: value, low and high of the interval of `level` at `num_patients`, whose length shrinks with the root of n.
    """
    value, low, high = ends
    spread = (high - low) / (2 * scipy.special.ndtri((1 + level) / 2))
    if value == 0 or not spread > 0:
        return float("nan")
    needed = (
        num_patients * ((scipy.special.ndtri((1 + level) / 2) + scipy.special.ndtri(power)) * spread / abs(value)) ** 2
    )
    return float(np.ceil(needed)) if needed <= MOST_NEEDED else float("nan")
