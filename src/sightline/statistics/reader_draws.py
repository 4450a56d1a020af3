"""Resampled means over images that belong to patients and were read by several readers.

M images, m of them with a reading, G patients, R readers, B resamples, b of one batch, N readings (a reader's of an
image), A candidates (models, methods or baselines, all resampled alike), R_m readings of image m. Definitions and
sources: docs/metrics.md#resampling.

Resamples are drawn in batches of at most CELLS numbers, so that what is held does not grow with the study. Studies of
which one batch holds all resamples (2,000 of them: 4,000 patients, or 4,000 readings drawn within images) have the
draws that they would have without batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from sightline.statistics.patient_draws import count_batches
from sightline.statistics.resampling import hierarchical_weights, resample_counts

CELLS = 8_000_000  # of one batch of resamples
WIDTH = 256  # resamples taken together in the sums
PART_CELLS = 1_000_000  # of one array of the sums


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The values of all candidates at every reading."""

    values_AN: np.ndarray
    """float64."""
    image_N: np.ndarray
    """int, rising: the readings of an image stand together."""
    num_images: int
    """Images without a reading too."""

    @staticmethod
    def of(values_by_image: Sequence[np.ndarray]) -> Readings:
        """From an A x R_m array per image; ValueError without an image."""
        if not len(values_by_image):
            raise ValueError("values_by_image: expected at least one image, got none")
        arrays = [np.asarray(values_AR, dtype=float) for values_AR in values_by_image]
        return Readings(
            values_AN=np.concatenate(arrays, axis=1),
            image_N=np.repeat(np.arange(len(arrays)), [values_AR.shape[1] for values_AR in arrays]),
            num_images=len(arrays),
        )

    @cached_property
    def known_A(self) -> np.ndarray:
        """bool: the candidates with any value."""
        return np.array([not np.isnan(values_N).all() for values_N in self.values_AN], dtype=bool)

    @cached_property
    def complete_N(self) -> np.ndarray:
        """bool: the readings at which all candidates of `known_A` have a value; none without a candidate."""
        complete_N = np.full(len(self.image_N), self.known_A.any())
        for row in np.flatnonzero(self.known_A).tolist():
            complete_N &= ~np.isnan(self.values_AN[row])
        return complete_N

    @property
    def complete_values_An(self) -> np.ndarray:
        """The values of the candidates of `known_A` at the readings of `complete_N`."""
        if self.known_A.all() and self.complete_N.all():
            return self.values_AN
        return self.values_AN[np.ix_(self.known_A, self.complete_N)]


def reader_means(values_by_image: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over the readers of each image, float64 A x M; its mean over images is what `hierarchical_means` resamples.

    `values_by_image`: per image an A x R_m array; R_m may differ. A reader with a NaN for one candidate is left out
    of that image for all candidates, so that they are compared on the same readings; an image without a reader left
    is NaN for all. A candidate that is NaN everywhere stays NaN and removes no reading of the others.
    """
    readings = Readings.of(values_by_image)
    means_AM = np.full((len(readings.values_AN), readings.num_images), np.nan)
    complete_N, known_A = readings.complete_N, np.flatnonzero(readings.known_A)
    for image in np.unique(readings.image_N[complete_N]).tolist():
        own_N = complete_N & (readings.image_N == image)
        means_AM[known_A, image] = readings.values_AN[np.ix_(known_A, own_N)].mean(axis=1)
    return means_AM


def hierarchical_means(
    values_by_image: Sequence[np.ndarray],
    patients_M: np.ndarray,
    num_resamples: int,
    rng: np.random.Generator,
    deepest: Literal["patients", "images", "readers"] = "readers",
) -> np.ndarray:
    """Resampled means over images of the mean over readers, float64 num_resamples x A.

    Patients are drawn with replacement, then images of each drawn patient, then readers of each drawn image, as many
    as there are at each level; `deepest` stops earlier. All candidates see the same draws: the difference of two
    columns is that of a paired bootstrap. Every image weighs the same however many read it.

    `values_by_image`: per image an A x R_m array. NaN as in `reader_means`: a reading that one candidate lacks is
    left out for all, and so is an image without any reading, before anything is drawn. No image left gives NaN.

    The result shows how the mean varies over other patients, images and readings of them. Readers are drawn within an
    image, as if each image had its own. If a few readers read all images and some of them are lenient throughout, the
    resamples cannot show it: as a statement about other readers the interval is then too short (14 readers, 6 per
    image, whose leniency varies half as much as images do: 88% for a nominal 95%); `crossed_means` is for these.
    Otherwise drawing readers again makes it rather too long, as in `hierarchical_weights`: up to 98% where readings
    vary more than images.
    """
    return nested_means(Readings.of(values_by_image), patients_M, num_resamples, rng, deepest)


def nested_means(
    readings: Readings,
    patients_M: np.ndarray,
    num_resamples: int,
    rng: np.random.Generator,
    deepest: Literal["patients", "images", "readers"] = "readers",
) -> np.ndarray:
    """`hierarchical_means` of readings."""
    complete_N, values_An = readings.complete_N, readings.complete_values_An
    kept_m, starts_m, number_m = np.unique(readings.image_N[complete_N], return_index=True, return_counts=True)
    patients_m = np.asarray(patients_M)[kept_m]

    def means(size: int) -> np.ndarray:
        weights_bm = hierarchical_weights(
            patients_m, size, rng, deepest="patients" if deepest == "patients" else "images"
        )
        sums_bA = np.zeros((len(weights_bm), len(values_An)))
        for number in np.unique(number_m).tolist():
            of_number = np.flatnonzero(number_m == number)
            values_AkR = values_An[:, starts_m[of_number][:, None] + np.arange(number)]
            weights_bk = weights_bm[:, of_number]
            if deepest != "readers" or number == 1:
                sums_bA += weights_bk @ values_AkR.mean(axis=2).T
                continue
            # an image drawn w times adds w means of R readings: w * R draws, divided by R
            drawn_bkR = rng.multinomial(weights_bk * number, np.full(number, 1 / number))
            sums_bA += drawn_bkR.reshape(len(sums_bA), -1) @ values_AkR.reshape(len(values_AkR), -1).T / number
        return np.asarray(sums_bA / weights_bm.sum(axis=1, keepdims=True))

    return _in_batches(readings, num_resamples, values_An.shape[1] if deepest == "readers" else len(kept_m), means)


def _in_batches(
    readings: Readings, num_resamples: int, num_drawn: int, means: Callable[[int], np.ndarray]
) -> np.ndarray:
    """All resamples' means, float64 num_resamples x A, of batches of at most CELLS numbers; all NaN without a reading.

    `means(size)`: so many resamples of the candidates of `known_A`, float64 size x their number; `num_drawn`: how many
    numbers each resample draws.
    """
    means_BA = np.full((num_resamples, len(readings.values_AN)), np.nan)
    if readings.complete_N.any():
        step = max(1, CELLS // num_drawn)
        for start in range(0, num_resamples, step):
            stop = min(start + step, num_resamples)
            means_BA[start:stop, readings.known_A] = means(stop - start)
    return means_BA


def crossed_means(
    values_by_image: Sequence[np.ndarray],
    patients_M: np.ndarray,
    readers_by_image: Sequence[Sequence[str]],
    num_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Resampled means over images of the mean over readers, float64 num_resamples x A: patients and readers crosswise.

    Each resample draws patients with replacement, whose images stay together, and, independently, readers with
    replacement over the whole study: a reader drawn twice counts twice on every image that they read. So it shows how
    the mean varies over other patients and over other readers, lenient or strict throughout. An image none of whose
    readers is drawn is left out of that resample; a resample without an image is NaN.

    `values_by_image`: per image an A x R_m array; `readers_by_image`: the R_m names beside it; ValueError where the
    two differ. NaN as in `hierarchical_means`. A reader who marked one image only is drawn like any other.

    Few readers cannot speak for others: R drawn readers vary by a factor 1 - 1 / R too little, and no resample leaves
    their range. Coverage of expanded 95% intervals if readers vary as much as images do (50 images that all readers
    mark; 1,000 studies each): 66% with 2 readers, 78% with 3, 85% with 4, 88% with 5, 90% with 8, 93% with 10 or 14. If
    readers do not differ, 94 to 97% with 2, 3 and 5.

    Source: the pigeonhole bootstrap, Owen 2007, Annals of Applied Statistics 1; right for the two main effects with
    many patients and readers, and somewhat too long where readings vary more than patients and readers do.
    """
    for image, (values_AR, names) in enumerate(zip(values_by_image, readers_by_image, strict=True)):
        if len(names) != np.shape(values_AR)[1]:
            raise ValueError(f"image {image}: {np.shape(values_AR)[1]} readings and {len(names)} names of readers")
    readers_N = np.array([name for names in readers_by_image for name in names])
    return pigeonhole_means(Readings.of(values_by_image), patients_M, readers_N, num_resamples, rng)


def pigeonhole_means(
    readings: Readings, patients_M: np.ndarray, readers_N: np.ndarray, num_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """`crossed_means` of readings, drawn by the readers of these names."""
    complete_N, values_An = readings.complete_N, readings.complete_values_An
    kept_m, place_n = np.unique(readings.image_N[complete_N], return_inverse=True)
    labels_G, patient_m = np.unique(np.asarray(patients_M)[kept_m], return_inverse=True)
    labels_R, reader_n = np.unique(np.asarray(readers_N)[complete_N], return_inverse=True)
    times = _Times(patient_m[place_n], place_n, reader_n)

    def means(size: int) -> np.ndarray:
        patients_Gb = np.empty((len(labels_G), size), dtype=np.min_scalar_type(len(labels_G)))
        for part, counts in count_batches(len(labels_G), size, rng):
            patients_Gb[:, part] = counts.T
        readers_Rb = resample_counts(len(labels_R), size, rng).T.astype(float)
        means_bA = np.full((size, len(values_An)), np.nan)
        for first in range(0, size, WIDTH):
            part = slice(first, first + WIDTH)
            sums_Ab, images_b = times.weighed(values_An, patients_Gb[:, part], readers_Rb[:, part])
            np.divide(sums_Ab.T, images_b[:, None], out=means_bA[part], where=images_b[:, None] > 0)
        return means_bA

    return _in_batches(readings, num_resamples, len(labels_G), means)


class _Times:
    """How often a reading counts: as often as its patient, times its reader's share of the image's drawn readers."""

    def __init__(self, patient_n: np.ndarray, place_n: np.ndarray, reader_n: np.ndarray) -> None:
        self.patient_n = patient_n
        # Images with the same readers share their sums, and readings of a reader on these their shares.
        readers_by_image = np.split(reader_n, np.flatnonzero(np.diff(place_n)) + 1)
        patterns: dict[bytes, int] = {}
        pattern_m = np.array([patterns.setdefault(own.tobytes(), len(patterns)) for own in readers_by_image])
        self.patterns = [np.frombuffer(own, dtype=reader_n.dtype) for own in patterns]
        pairs_n2 = np.stack([pattern_m[place_n], reader_n], axis=1)
        self.pairs_S2, self.share_n = np.unique(pairs_n2, axis=0, return_inverse=True)

    def weighed(
        self, values_An: np.ndarray, patients_Gb: np.ndarray, readers_Rb: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sums of the values over readings, float64 A x b, and how many images they are of, float64 b."""
        drawn_Pb = np.array([readers_Rb[own].sum(axis=0) for own in self.patterns])
        pattern_S, reader_S = self.pairs_S2.T
        share_Sb = readers_Rb[reader_S] / np.maximum(drawn_Pb, 1)[pattern_S]
        sums_Ab, images_b = np.zeros((len(values_An), readers_Rb.shape[1])), np.zeros(readers_Rb.shape[1])
        step = max(1, PART_CELLS // WIDTH)
        for start in range(0, len(self.patient_n), step):
            part = slice(start, start + step)
            times_nb = patients_Gb[self.patient_n[part]] * share_Sb[self.share_n[part]]
            sums_Ab += values_An[:, part] @ times_nb
            images_b += times_nb.sum(axis=0)
        return sums_Ab, images_b
