"""The contrast: how much better maps score on their own patient's region than maps and regions of other patients do.

    own_i   = s(S_i, G_i)
    row_i   = mean over images j of other patients of s(S_i, G_j)      this map on other patients' regions
    col_i   = mean over images j of other patients of s(S_j, G_i)      other patients' maps on this region
    d_i     = own_i - (row_i + col_i) / 2
    D       = mean over patients of the mean of d_i over their images

Whatever is the same on every image has D = 0 in expectation: average anatomy, the centre of the image, an atlas.

M images, m images of one block, G patients. Up to 129 patients, all images are one block. Above, patients
are put at random into blocks of 65 to 129, and the other patients are those of the block: a sample of at least 64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.statistics.blocks import Block, Matrices, Weigh, check_blocks, complete_kinds, image_weights

ROUNDING = 1e-12  # of the largest score: a standard error below it is 0


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The parts of the contrast by image and, weighed as D is, as a whole."""

    own_M: np.ndarray
    """float64 M: the map on the region of its image. This and the next three are NaN for images left out."""
    row_M: np.ndarray
    """float64 M: the map on other patients' regions, mean over images."""
    col_M: np.ndarray
    """float64 M: other patients' maps on the region, mean over images."""
    d_M: np.ndarray
    """float64 M: own - (row + col) / 2."""
    own: float
    """Mean of `own_M`; NaN, as the next three, without an image left in."""
    row: float
    col: float
    value: float
    """D = own - (row + col) / 2."""


def patient_blocks(patients_M: np.ndarray, rng: np.random.Generator, least: int = 65) -> list[np.ndarray]:
    """Int indices of the images of each block, rising; images of one patient are in one block.

    There are max(1, G // least) blocks of patients put together at random, whose numbers of patients differ by at most
    one: `least` to 2 `least` - 1 patients each, or all patients if they are fewer. `patients_M`: any labels. Which
    patients are together does not depend on the order of the images. No image gives no block.
    """
    labels, patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
    if not len(labels):
        return []
    num_blocks = max(1, len(labels) // least)
    shuffled_G = rng.permutation(len(labels)) if num_blocks > 1 else np.arange(len(labels))
    return [np.flatnonzero(np.isin(patient_M, part)) for part in np.array_split(shuffled_G, num_blocks)]


class Contrasts:
    """The contrasts of several kinds of maps on the same images, put together block by block."""

    def __init__(self, num_kinds: int, patients_M: np.ndarray, weigh: Weigh) -> None:
        _, self.patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
        self._weigh = weigh
        shape_KM = (num_kinds, len(self.patient_M))
        self._own_KM, self._row_KM, self._col_KM = np.full((3, *shape_KM), np.nan)
        self._among_KM = np.zeros(shape_KM)  # among others, times the sum of the weights
        self._scale_K = np.zeros(num_kinds)
        self._weights: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}  # by which images take part

    def add(self, block: Block) -> None:
        """A block of `blocks.complete_kinds`."""
        other_mm = block.is_other_mm.astype(float)
        num_m = other_mm.sum(axis=1)
        off_kmm = block.scores_kmm * other_mm
        row_km, col_km = off_kmm.sum(axis=2) / num_m, off_kmm.sum(axis=1) / num_m
        share_m = _shares(block.patient_m, self._weigh) / num_m
        both_km = share_m @ off_kmm + off_kmm @ share_m
        place = np.ix_(block.kinds_k, block.images_m)
        self._own_KM[place] = np.diagonal(block.scores_kmm, axis1=1, axis2=2)
        self._row_KM[place], self._col_KM[place] = row_km, col_km
        self._among_KM[place] = both_km - (share_m * (row_km + col_km)) @ other_mm
        self._scale_K[block.kinds_k] = np.maximum(
            self._scale_K[block.kinds_k], np.abs(block.scores_kmm).max(axis=(1, 2))
        )

    def contrast(self, kind: int) -> Contrast:
        """Of the kind of that number."""
        own_M, row_M, col_M = self._own_KM[kind], self._row_KM[kind], self._col_KM[kind]
        own = row = col = float("nan")
        in_m = np.flatnonzero(~np.isnan(own_M))
        if len(in_m):
            _, weight_m = self._groups(in_m)
            own, row, col = (float(weight_m @ values_M[in_m]) for values_M in (own_M, row_M, col_M))
        return Contrast(
            own_M=own_M,
            row_M=row_M,
            col_M=col_M,
            d_M=own_M - (row_M + col_M) / 2,
            own=own,
            row=row,
            col=col,
            value=own - (row + col) / 2,
        )

    def _groups(self, in_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of the images that take part, the patients' numbers, int m, and the weights."""
        key = in_m.tobytes()
        if key not in self._weights:
            _, group_m = np.unique(self.patient_M[in_m], return_inverse=True)
            self._weights[key] = group_m, image_weights(group_m, self._weigh)
        return self._weights[key]

    def interval(self, kind: int, level: float) -> tuple[float, float]:
        """As `contrast_interval`."""
        in_m = np.flatnonzero(~np.isnan(self._own_KM[kind]))
        if not len(in_m):
            return float("nan"), float("nan")
        group_m, weight_m = self._groups(in_m)
        d_m = self._own_KM[kind, in_m] - (self._row_KM[kind, in_m] + self._col_KM[kind, in_m]) / 2
        value = float(weight_m @ d_m)
        num_patients = int(group_m.max()) + 1
        among_m = self._among_KM[kind, in_m] / (num_patients if self._weigh == "patients" else len(in_m))
        influence_G = np.bincount(group_m, weight_m * (d_m - value) - among_m / 2) * num_patients
        error = np.sqrt((influence_G**2).sum() / (num_patients * (num_patients - 1)))
        if error <= ROUNDING * self._scale_K[kind]:
            return float("nan"), float("nan")
        reach = float(scipy.special.stdtrit(num_patients - 1, (1 + level) / 2) * error)
        return value - reach, value + reach


def _shares(patient_m: np.ndarray, weigh: Weigh) -> np.ndarray:
    """`image_weights` times their sum, which other blocks add to."""
    if weigh == "images":
        return np.ones(len(patient_m))
    _, group_m, size_G = np.unique(patient_m, return_inverse=True, return_counts=True)
    return np.asarray(1 / size_G[group_m])


def _of_one(blocks: Sequence[np.ndarray], scores: Matrices, patients_M: np.ndarray, weigh: Weigh) -> Contrasts:
    contrasts = Contrasts(1, patients_M, weigh)
    check_blocks(blocks, scores)
    for place, images_m in enumerate(blocks):
        for block in complete_kinds(images_m, [scores[place]], contrasts.patient_M):
            contrasts.add(block)
    return contrasts


def contrast(
    blocks: Sequence[np.ndarray], scores: Matrices, patients_M: np.ndarray, weigh: Weigh = "patients"
) -> Contrast:
    """The contrast of maps scored on the regions of their block, as the module says.

    `blocks`: from `patient_blocks`; `scores`: per block float m x m, of any metric, [i, j] the map of image
    `blocks[b][i]` on the region of image `blocks[b][j]`. `weigh="images"`: all images weigh alike in D and in the means
    of its parts. Images are left out as `blocks.complete_blocks` says; without two patients all is NaN.
    """
    return _of_one(blocks, scores, patients_M, weigh).contrast(0)


def contrast_interval(
    blocks: Sequence[np.ndarray],
    scores: Matrices,
    patients_M: np.ndarray,
    level: float,
    weigh: Weigh = "patients",
) -> tuple[float, float]:
    """Lower and upper end of the interval of D: D plus and minus t standard errors, t with G - 1 degrees of freedom.

    1. A patient's influence is G times the derivative of D by the patient's weight, which counts its maps and its
       regions, in its own d and among the others of other patients. With one image each it is about own - row - col,
       less its mean.
    2. The standard error is the root of the sum of squared influences over G (G - 1): the infinitesimal jackknife,
       the limit of a bootstrap of patients in both indices of the matrix in which no patient is its own "other".

    D - D_a of two kinds of maps on the same images: give the differences of their scores, in which D is linear. Images
    left out as in `contrast`. NaN for fewer than two patients, and where no patient has any influence: the same scores
    everywhere show no spread and bound nothing.

    Simulated coverage of 95% intervals (phantom regions, 16 to 200 patients, maps that know none, some or all of their
    patients, one or several images each; docs/error-rates.md): 93 to 97%. Tried beside it, at 16 and 21 patients: the
    bootstrap's percentiles 92 to 98%, expanded 94 to 99%, BCa 92 to 98%, bootstrap-t 93 to 97%. Where scores are very
    skewed (nearly all 0, a few near 1) and maps are blind all of them cover 87 to 92%, and then lie too low.
    """
    return _of_one(blocks, scores, patients_M, weigh).interval(0, level)
