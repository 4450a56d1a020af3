"""Resamples of patients of a study of any size: drawn in batches of bounded memory, used for many means at once.

All means of a study are over the same images, so one row of counts by patient serves them all, and a sum over a
patient's images takes the place of the images. What is held at once does not grow with the number of resamples.

M images, G patients, B resamples, A rows of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.statistics.means import means_along
from sightline.statistics.resampling import Difference, interval_with_width, resample_counts

CELLS = 2_000_000  # numbers of one array held at once


def count_batches(num_units: int, resamples: int, rng: np.random.Generator) -> Iterator[tuple[slice, np.ndarray]]:
    """`resample_counts` in batches of at most CELLS counts: which rows, and their counts. The draws are the same."""
    step = max(1, CELLS // max(num_units, 1))
    for start in range(0, resamples, step):
        rows = slice(start, min(start + step, resamples))
        yield rows, resample_counts(num_units, rows.stop - start, rng)


def compact_counts(num_units: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """`resample_counts` of the smallest type that holds them: as a rule a byte each."""
    counts_BN = np.zeros((resamples, num_units), dtype=np.uint8)
    for rows, drawn_bN in count_batches(num_units, resamples, rng):
        least = np.min_scalar_type(int(drawn_bN.max(initial=0)))
        if not np.can_cast(least, counts_BN.dtype):
            counts_BN = counts_BN.astype(least)
        counts_BN[rows] = drawn_bN
    return counts_BN


class ByPatient:
    """Sums over the images of each patient."""

    def __init__(self, patients_M: np.ndarray) -> None:
        labels, self.patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
        """The labels' places, int M, as `resampling.resample_patient_counts` draws them."""
        self.num_patients = len(labels)
        self._order_M = np.argsort(self.patient_M, kind="stable")
        self._starts_G = np.searchsorted(self.patient_M[self._order_M], np.arange(self.num_patients))

    def sums(self, values_AM: np.ndarray) -> np.ndarray:
        """Float64 A x G."""
        ordered_AM = np.asarray(values_AM, dtype=float)[:, self._order_M]
        if self.num_patients in (0, ordered_AM.shape[1]):
            return ordered_AM
        return np.add.reduceat(ordered_AM, self._starts_G, axis=1)

    def parts(self, num_images: int) -> Iterator[tuple[np.ndarray, list[tuple[int, int]]]]:
        """The patients in parts of some `num_images` images: int g, and (place in g, image) of each of their images.

        A part has at least one patient; patients with more images are parts of their own.
        """
        stops_G = np.append(self._starts_G[1:], len(self._order_M))
        first = 0
        while first < self.num_patients:
            stop = max(first + 1, int(np.searchsorted(stops_G, self._starts_G[first] + num_images, side="right")))
            images = self._order_M[self._starts_G[first] : stops_G[stop - 1]]
            places = self.patient_M[images] - first
            yield np.arange(first, stop), list(zip(places.tolist(), images.tolist(), strict=True))
            first = stop


@dataclass(frozen=True)
class PatientDraws:
    """How often each resample drew each patient, whose images stay together; the same whenever it is asked."""

    patients_M: np.ndarray
    """Any labels; the draws are those of `resampling.resample_patient_counts`."""
    resamples: int
    new_rng: Callable[[], np.random.Generator]
    """Makes a generator at the start of the same stream each time."""

    @cached_property
    def by_patient(self) -> ByPatient:
        return ByPatient(self.patients_M)

    def batches(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Which resamples, and float64 b x G: drawn again each time, except for small studies."""
        if self.resamples * self.by_patient.num_patients <= CELLS:
            return iter(self._kept)
        return self._drawn()

    def compact_batches(self, cells: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Which resamples, and whole numbers b x G of the smallest type, at most `cells` at once."""
        num_patients = self.by_patient.num_patients
        step = min(self.resamples, max(1, cells // max(num_patients, 1)))
        kept_bG = np.empty((step, num_patients), np.min_scalar_type(num_patients))
        start = filled = 0
        for _, counts_bG in self.batches():
            while len(counts_bG):
                taken = min(step - filled, len(counts_bG))
                kept_bG[filled : filled + taken] = counts_bG[:taken]
                counts_bG, filled = counts_bG[taken:], filled + taken
                if filled == step or start + filled == self.resamples:
                    yield slice(start, start + filled), kept_bG[:filled]
                    start, filled = start + filled, 0

    def _drawn(self) -> Iterator[tuple[slice, np.ndarray]]:
        for rows, counts_bG in count_batches(self.by_patient.num_patients, self.resamples, self.new_rng()):
            yield rows, counts_bG.astype(float)

    @cached_property
    def _kept(self) -> list[tuple[slice, np.ndarray]]:
        return list(self._drawn())

    def means(self, values_AM: np.ndarray) -> np.ndarray:
        """Mean of each row over the images of each resample, float64 B x A; NaN is left out, NaN where none is left.

        The values of `means.weighted_means` under the images' counts, to rounding.
        """
        return self.means_of([values_AM])

    def means_of(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """`means` of the rows of all arrays, in one pass over the draws and with their sums by patient alone held."""
        sums = [np.zeros((0, self.by_patient.num_patients))]
        numbers: list[np.ndarray] = []
        patterns: list[int] = []
        places: dict[bytes, int] = {}  # rows that are known on the same images are divided by the same numbers
        for values_AM in values:
            known_AM = ~np.isnan(values_AM)
            sums.append(self.by_patient.sums(np.where(known_AM, values_AM, 0.0)))
            for known_M in known_AM:
                patterns.append(places.setdefault(known_M.tobytes(), len(places)))
                if patterns[-1] == len(numbers):
                    numbers.append(self.by_patient.sums(known_M[None])[0])
        sums_AG, pattern_A = np.concatenate(sums), np.array(patterns, dtype=int)
        number_UG = np.array(numbers) if numbers else sums_AG
        means_BA = np.full((self.resamples, len(sums_AG)), np.nan)
        for rows, counts_bG in self.batches():
            number_bA = (counts_bG @ number_UG.T)[:, pattern_A]
            np.divide(counts_bG @ sums_AG.T, number_bA, out=means_BA[rows], where=number_bA > 0)
        return means_BA

    def mean_differences(self, values: Sequence[np.ndarray], level: float) -> Difference:
        """Mean over images of each row of all arrays, with its interval: `resampling.paired_difference` with 0."""
        estimates = [np.zeros(0), *(means_along(np.asarray(values_AM, dtype=float), axis=1) for values_AM in values)]
        ends = interval_with_width(self.means_of(values), level, self.by_patient.num_patients)
        return Difference(np.concatenate(estimates), *ends)


def unique_rows(rows_AM: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Int A, which of the distinct rows each row is; and these, in order of first appearance."""
    places: dict[bytes, int] = {}
    first: list[int] = []
    place_A = np.zeros(len(rows_AM), dtype=int)
    for row, values_M in enumerate(rows_AM):
        key = values_M.tobytes()
        if key not in places:
            places[key] = len(first)
            first.append(row)
        place_A[row] = places[key]
    return place_A, rows_AM[first]
