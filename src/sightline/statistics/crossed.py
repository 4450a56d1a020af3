"""The contrast with images and readers resampled crosswise: every draw takes patients, and readers of the whole study.

A few readers mark many images each. A reader who is lenient is so on all of them, which a bootstrap that draws readers
within images cannot show. Here a reader's weight in a draw applies to all readings.

M images, A maps, N readings (pairs of an image and a reader, each with a region: the consensus of the other readers),
m, a, n those of one block, G patients and R readers with a reading, B resamples, b of one chunk, k kinds of maps.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sightline.statistics.blocks import Matrices, Weigh
from sightline.statistics.crossed_parts import Part, complete_part, part_sums
from sightline.statistics.patient_draws import compact_counts
from sightline.statistics.resampling import interval

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Draws:
    """How often each resample drew each patient and each reader."""

    patient_BG: np.ndarray
    """Whole numbers, the smallest type that holds them."""
    place_M: np.ndarray
    """int, which of the patients each image is of; -1 for images of patients without a reading."""
    reader_BR: np.ndarray
    """As `patient_BG`."""
    place_N: np.ndarray
    """int, which of the readers each reading is of."""

    @property
    def image_BM(self) -> np.ndarray:
        """int B x M, how often each image was drawn; 0 for images of patients without a reading."""
        return self.of_images(np.arange(len(self.place_M)))

    @property
    def reader_BN(self) -> np.ndarray:
        """int B x N, how often each reading's reader was drawn."""
        return self.reader_BR[:, self.place_N].astype(np.int64)

    def of_images(self, images_m: np.ndarray) -> np.ndarray:
        """`image_BM` of some images."""
        place_m = self.place_M[images_m]
        counts_Bm = np.zeros((len(self.patient_BG), len(place_m)), dtype=np.int64)
        counts_Bm[:, place_m >= 0] = self.patient_BG[:, place_m[place_m >= 0]]
        return counts_Bm


def crossed_draws(
    patients_M: np.ndarray, image_N: np.ndarray, reader_N: np.ndarray, resamples: int, rng: np.random.Generator
) -> Draws:
    """So many draws of patients and, independently, of readers, both with replacement over the whole study.

    `image_N`: int in [0, M), the image of each reading; `reader_N`: any labels. As many patients are drawn as have a
    reading, and as many readers as there are; images of one patient come together.
    """
    patients_M, image_N = np.asarray(patients_M), np.asarray(image_N, dtype=int)
    labels, place_N = np.unique(np.asarray(reader_N), return_inverse=True)
    read, place_M = np.zeros(0), np.full(len(patients_M), -1)
    if len(image_N):
        read = np.unique(patients_M[image_N])
        place_M = np.searchsorted(read, patients_M).clip(max=len(read) - 1)
        place_M[~np.isin(patients_M, read)] = -1
    return Draws(
        patient_BG=compact_counts(len(read), resamples, rng),
        place_M=place_M,
        reader_BR=compact_counts(len(labels), resamples, rng),
        place_N=place_N,
    )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One kind of map on the readings."""

    scores: Matrices
    """Per block float a x n: the maps and readings of the block's images in the order of A and of N."""
    image_A: np.ndarray
    """int, the image of each map."""
    reader_A: np.ndarray | None
    """The reader of each map of an expert, any labels; None for a model, with one map per image."""


def crossed_contrast(
    blocks: Sequence[np.ndarray],
    scores: Matrices,
    image_A: np.ndarray,
    reader_A: np.ndarray | None,
    image_N: np.ndarray,
    reader_N: np.ndarray,
    patients_M: np.ndarray,
    draws: Draws,
    weigh: Weigh = "patients",
) -> tuple[float, np.ndarray]:
    """D against regions without one reader each, and D in each draw (float64 B), NaN where a draw leaves no pair.

    A map belongs to an image (`image_A`) and, for experts, to a reader (`reader_A`; None for a model, with one map per
    image). Region n is the consensus of image `image_N[n]` without reader `reader_N[n]`. `blocks`: indices of images,
    from `contrast.patient_blocks`; `scores`: per block float a x n, the maps and readings of the block's images in the
    order of A and of N.

    own of reading n: the map of its image, for experts its reader's, on region n. row: that map on the regions of other
    patients' images, mean over images of the mean over readings by reader weight. col: other patients' maps on region
    n, mean over images of the maps' mean by reader weight. d_n = own - (row + col) / 2. Then come the mean over the
    readings of an image by reader weight, over the images of a patient, and over patients (or over images,
    `weigh="images"`). An image none of whose readers was drawn is left out of that draw.

    A reading whose own score is NaN or whose map is missing is left out; so is a map without a reading. A score of two
    patients that is NaN otherwise takes the mean of its map's known scores with other patients. With one reading per
    image and all weights 1 it is `contrast.contrast`. For D of a model over D of the experts, draw by draw, call it
    twice with the same draws.
    """
    seen = Seen(scores=scores, image_A=image_A, reader_A=reader_A)
    return crossed_contrasts(blocks, {"": seen}, image_N, reader_N, patients_M, draws, weigh)[""]


def crossed_contrasts(
    blocks: Sequence[np.ndarray],
    kinds: Mapping[Key, Seen],
    image_N: np.ndarray,
    reader_N: np.ndarray,
    patients_M: np.ndarray,
    draws: Draws,
    weigh: Weigh = "patients",
) -> dict[Key, tuple[float, np.ndarray]]:
    """`crossed_contrast` of several kinds of maps by the same draws, in one pass over the blocks."""
    if weigh not in ("patients", "images"):
        raise ValueError(f"weigh: expected patients or images, got {weigh!r}")
    _, patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
    image_N = np.asarray(image_N, dtype=int)
    images_A = {key: np.asarray(seen.image_A, dtype=int) for key, seen in kinds.items()}
    own_maps_N = {
        key: _own_maps(images_A[key], seen.reader_A, image_N, np.asarray(reader_N)) for key, seen in kinds.items()
    }
    # The first column is the estimate: everything counts once.
    sums = {key: np.zeros((2, 1 + len(draws.patient_BG))) for key in kinds}
    for place, images_m in enumerate(blocks):
        readings_n = np.flatnonzero(np.isin(image_N, images_m))
        alike: dict[tuple[bytes, ...], list[tuple[Key, Part]]] = {}
        for key, seen in kinds.items():
            maps_a = np.flatnonzero(np.isin(images_A[key], images_m))
            scores_an = np.asarray(seen.scores[place], dtype=float)
            if scores_an.shape != (len(maps_a), len(readings_n)):
                raise ValueError(f"scores: expected {len(maps_a)} x {len(readings_n)}, got {scores_an.shape}")
            part = complete_part(
                scores_an, maps_a, readings_n, own_maps_N[key], image_N, patient_M, seen.reader_A is None
            )
            if part is not None:
                alike.setdefault(part.signature, []).append((key, part))
        for members in alike.values():
            first = members[0][1]
            ones = np.ones((1, len(first.images_m)), dtype=np.int64), np.ones((1, len(first.readings_n)))
            image_Bm = np.concatenate([ones[0], draws.of_images(first.images_m)])
            reader_Bn = np.concatenate([ones[1], draws.reader_BR[:, draws.place_N[first.readings_n]]])
            sums_kB, total_B = part_sums([part for _, part in members], image_Bm, reader_Bn, weigh)
            for (key, _), sums_B in zip(members, sums_kB, strict=True):
                sums[key] += sums_B, total_B
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0: no pair left, NaN as promised
        values = {key: sums_B / total_B for key, (sums_B, total_B) in sums.items()}
    return {key: (float(values_B[0]), values_B[1:]) for key, values_B in values.items()}


def crossed_interval(value: float, values_B: np.ndarray, level: float, num_patients: int) -> tuple[float, float]:
    """Both ends of the interval of a value from its crossed draws: `resampling.interval`, expanded for few patients.

    It serves D_h, D / D_h and D - (1 - margin) D_h alike, so that the second excludes 1 - margin exactly where the last
    excludes 0 (as long as D_h is above 0 in all draws). A value that is NaN has NaN ends; draws that are NaN are left
    out, and draws that all agree bound nothing: NaN.

    Simulated coverage of 95% intervals (5.6 of 14 readers per image, reader SD 0 to 0.115, symmetric and skewed effects
    of images; docs/error-rates.md): with 50 images 93 to 97% for all three, with 16 and 21 images 94 to 96% for the
    ratio and 96 to 98% for the two others: somewhat too long, since crossed draws count the noise of single readings
    more than once. That is of 14 readers: `num_patients` lengthens nothing for few readers. With 2 to 5 who differ as
    much as images do, the interval is far too short (`reader_draws.crossed_means` has numbers), and holds for these
    readers only. The plain percentiles cover 92% of ratios at 16 images, basic and t intervals 98 to 99% at 21.
    """
    values_B = np.asarray(values_B, dtype=float)
    known_B = values_B[~np.isnan(values_B)]
    if np.isnan(value) or not len(known_B) or np.ptp(known_B) <= 1e-12 * np.abs(known_B).max():
        return float("nan"), float("nan")
    low_1, high_1 = interval(known_B[:, None], level, num_patients)
    return float(low_1[0]), float(high_1[0])


def _own_maps(
    image_A: np.ndarray, reader_A: np.ndarray | None, image_N: np.ndarray, reader_N: np.ndarray
) -> np.ndarray:
    """Int N: the map of each reading, -1 where there is none. Two maps of one image (and reader) are an error."""
    keys_A = image_A.tolist() if reader_A is None else list(zip(image_A.tolist(), map(str, reader_A), strict=True))
    keys_N = image_N.tolist() if reader_A is None else list(zip(image_N.tolist(), map(str, reader_N), strict=True))
    place = {key: index for index, key in enumerate(keys_A)}
    if len(place) < len(keys_A):
        raise ValueError("maps: expected one per image, or per image and reader; some have two")
    return np.array([place.get(key, -1) for key in keys_N], dtype=int)
