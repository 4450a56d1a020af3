"""How many patients a study needs: simulated from its own spread, seeded.

Patients are drawn with replacement from the study, and each drawn patient brings one map and its region. A map "half as
good as an expert" is the expert's own on half of the patients and another patient's on the rest. A simulated study
rejects where the mean own score lies above its permutation mean by 1.645 permutation standard deviations (for a level
of 5%): the normal form of `matching.matching_p`, whose exact variance is that of Hoeffding (1951).

N maps of the study, G patients of it, n patients of a simulated study, Q simulated studies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

MOST_PATIENTS = 150  # of a simulated study; z grows with the square root of n beyond
STUDIES = 500
MOST_NEEDED = 100_000


@dataclass(frozen=True, kw_only=True)
class Power:
    """Of one simulated effect."""

    power: float
    """Share of simulated studies of the study's own size that find it, in [0, 1]; NaN with fewer than 3 patients."""
    patients_needed: float
    """Patients for the power asked for; NaN where the effect is not above 0 or more than 100,000 were needed."""


def find_power(
    scores_NN: np.ndarray,
    patients_N: np.ndarray,
    share: float,
    num_patients: int,
    level: float,
    power: float,
    rng: np.random.Generator,
) -> Power:
    """`scores_NN`: of map n (row) on region n (column); a drawn patient brings one of its maps with that map's region.

    `share`: of drawn patients whose own map is used; `num_patients`: of the study whose power is asked for, which may
    be more than those in `patients_N`. Fewer than 3 patients, or a NaN among the scores, give NaN.
    """
    order_N = np.argsort(patients_N, kind="stable")
    _, starts_G, size_G = np.unique(np.asarray(patients_N)[order_N], return_index=True, return_counts=True)
    scores_NN = scores_NN[np.ix_(order_N, order_N)]
    if len(size_G) < 3 or np.isnan(scores_NN).any():
        return Power(power=float("nan"), patients_needed=float("nan"))
    n = int(np.clip(num_patients, 3, MOST_PATIENTS))
    z_Q = _statistics(scores_NN, starts_G, size_G, share, n, rng) * np.sqrt(num_patients / n)
    bar = ndtri(level)
    needed = float("nan")
    if z_Q.mean() > 0:
        # z of N patients: its mean grows with sqrt(N), its spread does not
        needed = num_patients * ((bar + ndtri(power) * z_Q.std()) / z_Q.mean()) ** 2
        needed = float(np.ceil(needed)) if needed <= MOST_NEEDED else float("nan")
    return Power(power=float((z_Q > bar).mean()), patients_needed=needed)


def _statistics(
    scores_NN: np.ndarray, starts_G: np.ndarray, size_G: np.ndarray, share: float, n: int, rng: np.random.Generator
) -> np.ndarray:
    """z of each simulated study, float64 Q; the N are in order of patients."""
    num_known = len(size_G)
    group_N = np.repeat(np.arange(num_known), size_G)
    is_other_NN = group_N[:, None] != group_N
    # Two copies of one patient are two patients: the map of one is worth what a stranger's is on the other's region.
    off_NN = scores_NN * is_other_NN
    num_N = is_other_NN.sum(axis=0)
    stranger_NN = (off_NN.sum(axis=0) / num_N + (off_NN.sum(axis=1) / num_N)[:, None]) / 2
    off_NN = np.where(is_other_NN, scores_NN, stranger_NN)
    z_Q = np.empty(STUDIES)
    for study in range(STUDIES):
        patients_n = rng.integers(num_known, size=n)
        strangers_n = (patients_n + rng.integers(1, num_known, size=n)) % num_known
        own_n, other_n = (starts_G[drawn] + rng.integers(size_G[drawn]) for drawn in (patients_n, strangers_n))
        knows_n = rng.random(n) < share
        scores_nn = off_NN[np.ix_(np.where(knows_n, own_n, other_n), own_n)]
        known_n = np.flatnonzero(knows_n)
        scores_nn[known_n, known_n] = scores_NN[own_n[known_n], own_n[known_n]]
        centred_nn = scores_nn - scores_nn.mean(axis=0) - scores_nn.mean(axis=1, keepdims=True) + scores_nn.mean()
        variance = (centred_nn**2).sum() / (n**2 * (n - 1))
        excess = np.trace(scores_nn) / n - scores_nn.mean()
        z_Q[study] = excess / np.sqrt(variance) if variance > 0 else 0.0
    return z_Q


def needed_for_end(ends: tuple[float, float, float], level: float, num_patients: int, power: float) -> float:
    """Patients for an interval that leaves 0 out on the value's side with that power; NaN where none would do.

    `ends`: value, low and high of the interval of `level` at `num_patients`, whose length shrinks with the root of n.
    """
    value, low, high = ends
    spread = (high - low) / (2 * ndtri((1 + level) / 2))
    if value == 0 or not spread > 0:
        return float("nan")
    needed = num_patients * ((ndtri((1 + level) / 2) + ndtri(power)) * spread / abs(value)) ** 2
    return float(np.ceil(needed)) if needed <= MOST_NEEDED else float("nan")
