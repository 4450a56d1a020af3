"""Intervals over patients and readers at once, who are crossed: each reader has marked images of many patients.

Letters: G patients, S readers, K sums, n leave-outs. Definition: docs/metrics.md#crosswise.

A statistic is a function of K sums over patients, such as a sum of scores and their number. Each patient is left out in
turn, each reader is left out of all images in turn, and each reader is left out of one patient's images in turn. The
variance is that over patients plus what the readers add: that over readers minus that over cells (a patient and a
reader), at least 0, because variation that belongs to neither alone is in both (Cameron, Gelbach and Miller 2011, who
do the same with residuals; the jackknife does it with leave-outs: Efron and Stein 1981). The ends are those of a t
interval with Satterthwaite's degrees of freedom for these two parts on Fisher's z scale, so they stay within the
statistic's bounds and nothing is clipped.

Why readers are left out and not drawn with replacement: a mean over *pairs* damps the effect of a reader who is drawn
twice, because the two copies are no pair. What 95% intervals of the mean pairwise IoU cover in the paper's design (50
images, 5.6 of 14 readers each), in 2,000 simulated studies each (tests/experts/test_crosswise.py; Monte-Carlo error
0.5%; measured on 2026-11-26):

    SD of the readers' leniency          0      0.025   0.05    0.08    0.115
    leave-outs                           96.2%  93.5%  93.5%  94.3%  94.9%
    draws with replacement, percentiles  99.2%  96.6%   93.0%   89.3%   87.5%
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

FEWEST = 3  # units: a variance from two says nothing, and its t interval spans nearly the whole range


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A value with its interval, and in words what is missing."""

    value: float
    """NaN where undefined."""
    low: float
    """Within the statistic's bounds, like `high`; NaN without an interval."""
    high: float
    over_annotators: bool
    """False if the interval holds for these readers only: leaving one out leaves nothing to compare."""
    note: str
    """Why there is no value or no interval, or what the interval does not cover; empty otherwise."""


def crosswise(
    value_of: Callable[[np.ndarray], np.ndarray],
    sums_GK: np.ndarray,
    without_SGK: np.ndarray | None,
    groups: Sequence[np.ndarray],
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
    undefined: str = "nothing to compare",
    unit: str = "patients",
) -> Estimate:
    """The statistic of all patients and readers, with its interval at `level`.

    `value_of`: the statistic of sums, float n x K to n; NaN where undefined; in `bounds`. `sums_GK`: float, the sums of
    each patient; rows of zeros count as no patient. `without_SGK`: the same without each reader; None where `sums_GK`
    has no readers below it. `groups`: rows of the S that are a sample of many readers each, int, independent of each
    other. `undefined`: the note of a statistic that is NaN; `unit`: what the G are, for the notes.

    No interval, and a note: fewer than FEWEST patients; a statistic that is NaN without one of the patients; no spread
    at all, as at a bound. Leaving out a reader may leave nothing; the interval is then over patients alone.
    """
    total_K = sums_GK.sum(axis=0)
    value = float(value_of(total_K[None])[0])
    patients_n = value_of(total_K - sums_GK[(sums_GK != 0).any(axis=1)])
    if without_SGK is None:
        return estimate(value, patients_n, None, [], level, bounds, undefined, unit)
    readers, cells = [], []
    for rows in groups:
        readers.append(value_of(without_SGK[rows].sum(axis=1)))
        changed_SG = (without_SGK[rows] != sums_GK).any(axis=2)
        cells.append(value_of((total_K - sums_GK + without_SGK[rows])[changed_SG]))
    return estimate(value, patients_n, readers, cells, level, bounds, undefined, unit)


def estimate(
    value: float,
    patients_n: np.ndarray,
    readers: Sequence[np.ndarray] | None,
    cells: Sequence[np.ndarray],
    level: float,
    bounds: tuple[float, float],
    undefined: str,
    unit: str = "patients",
) -> Estimate:
    """The value with its interval from leave-outs, float n each: of patients, of each group's readers and its cells.

    A cell that changes nothing may be missing. The rules are those of `crosswise`.
    """
    nan = float("nan")

    def without_interval(note: str) -> Estimate:
        return Estimate(value=value, low=nan, high=nan, over_annotators=False, note=note)

    num = len(patients_n)
    if np.isnan(value):
        return without_interval(undefined)
    if num < FEWEST:
        return without_interval(f"no interval: fewer than {FEWEST} {unit} ({num})")
    by_patient = jackknife(patients_n)
    if np.isnan(by_patient):
        return without_interval(f"no interval: undefined without one of the {unit}")
    by_reader = [jackknife(left_out) for left_out in readers or []]
    shared = sum(float(np.sum((left_out - value) ** 2)) for left_out in cells)
    over_annotators = bool(by_reader) and not np.isnan([shared, *by_reader]).any()
    beyond = max(sum(by_reader) - shared, 0.0) if over_annotators else 0.0  # what readers add to the patients' variance
    variance = by_patient + beyond
    if variance <= 1e-18:  # leave-outs differ in the last bits alone
        return without_interval(f"no interval: the same whichever of the {unit} is left out")
    squares = by_patient**2 / (num - 1)
    if beyond:
        shares = zip(by_reader, readers or [], strict=True)
        squares += sum((beyond * part / sum(by_reader)) ** 2 / (len(left_out) - 1) for part, left_out in shares)
    freedom = variance**2 / squares
    low, high = bounded_ends(
        value, float(np.sqrt(variance)), float(scipy.special.stdtrit(freedom, (1 + level) / 2)), bounds
    )
    if np.isnan(low):
        return without_interval(f"no interval: {value:.3g} is the end of its range")
    note = "the interval holds for these readers only" if readers is not None and not over_annotators else ""
    return Estimate(value=value, low=low, high=high, over_annotators=over_annotators, note=note)


def jackknife(left_out_n: np.ndarray) -> float:
    """Variance of a statistic from its values with each of n units left out; NaN if one is, or for fewer than two."""
    num = len(left_out_n)
    return float((num - 1) * left_out_n.var()) if num > 1 else float("nan")


def bounded_ends(value: float, error: float, quantile: float, bounds: tuple[float, float]) -> tuple[float, float]:
    """Ends of value -+ quantile standard errors on the scale atanh(u), u in (-1, 1) the place within `bounds`.

    For bounds (0, 1) that is the logit scale, for (-1, 1) Fisher's z. For (-inf, most) the scale is log(most - value).
    NaN at a bound.
    """
    least, most = bounds
    if least == -np.inf:
        if not value < most:
            return float("nan"), float("nan")
        factor = float(np.exp(min(quantile * error / (most - value), 700.0)))  # exp(710) overflows
        return most - (most - value) * factor, most - (most - value) / factor
    middle, reach = (least + most) / 2, (most - least) / 2
    place = (value - middle) / reach
    if not abs(place) < 1:
        return float("nan"), float("nan")
    half = quantile * error / reach / (1 - place**2)
    low, high = np.tanh(np.arctanh(place) + np.array([-half, half]))
    return float(middle + reach * low), float(middle + reach * high)


def sums_by_patient(values_nM: np.ndarray, patient_M: np.ndarray) -> np.ndarray:
    """Sums of the images of each patient, float n x G; `patient_M`: int, each of 0 to G - 1 at least once."""
    order_M = np.argsort(patient_M, kind="stable")
    starts_G = np.flatnonzero(np.diff(patient_M[order_M], prepend=-1))
    if not len(starts_G):
        return np.zeros((len(values_nM), 0))
    return np.add.reduceat(np.asarray(values_nM, float)[:, order_M], starts_G, axis=1)


def patient_sums(values_nM: np.ndarray, patient_M: np.ndarray, *, alike: bool) -> np.ndarray:
    """Sum of each patient's known values and their number, float n x G x 2; NaN values are left out.

    `alike`: the mean of a patient's values and 1 instead, so that patients weigh alike; without it, images do.
    """
    known_nM = ~np.isnan(values_nM)
    sums_nG = sums_by_patient(np.where(known_nM, values_nM, 0.0), patient_M)
    known_nG = sums_by_patient(known_nM, patient_M)
    if alike:
        sums_nG, known_nG = sums_nG / np.maximum(known_nG, 1), np.minimum(known_nG, 1)
    return np.stack([sums_nG, known_nG], axis=2)


def mean_of_sums(sums_nK: np.ndarray) -> np.ndarray:
    """The mean that `patient_sums` stand for: sum over number, float n; NaN where the number is 0."""
    return np.divide(sums_nK[:, 0], sums_nK[:, 1], out=np.full(len(sums_nK), np.nan), where=sums_nK[:, 1] > 0)
