"""Blocks of images whose maps are scored on each other's regions, and which of the images take part.

M images, m images of one block, K kinds of maps scored on the same images, k of them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from sightline.statistics.patient_draws import unique_rows

Weigh = Literal["patients", "images"]


class Matrices(Protocol):
    """Of one kind of map, per block float m x m: row i, column j is the map of image i on the region of image j.

    Images in the order of the block; NaN where undefined. A list, or anything that reads or makes a block's matrix when
    asked for it: only a few blocks are held at once.
    """

    def __len__(self) -> int: ...
    def __getitem__(self, block: int, /) -> np.ndarray: ...


@dataclass(frozen=True, kw_only=True)
class Block:
    """The images of a block that take part, with a score for every pair of them from two patients."""

    images_m: np.ndarray
    """int m: which of the M images."""
    patient_m: np.ndarray
    """int m: 0, 1, ... by `patients_M`, in order of labels."""
    kinds_k: np.ndarray
    """int k: the kinds of maps of which these images take part."""
    scores_kmm: np.ndarray
    """float64 k x m x m: the map of the image of the row on the region of the image of the column; no NaN."""

    @cached_property
    def is_other_mm(self) -> np.ndarray:
        """bool m x m: the two images are of two patients."""
        return self.patient_m[:, None] != self.patient_m[None, :]


def complete_blocks(blocks: Sequence[np.ndarray], scores: Matrices, patients_M: np.ndarray) -> list[Block]:
    """The images of each block that take part, of one kind of map; a block without any is dropped.

    An image whose own score is NaN (no region, or no map) is left out with its row and its column; so is an image
    without a known score with any other patient. A score of two patients that is NaN though both images are in (a
    region moved out of the image) takes the mean of its map's known scores with other patients.
    """
    check_blocks(blocks, scores)
    _, patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
    return [
        block for place, images_m in enumerate(blocks) for block in complete_kinds(images_m, [scores[place]], patient_M)
    ]


def check_blocks(blocks: Sequence[np.ndarray], scores: Matrices) -> None:
    """ValueError unless there is a matrix for every block."""
    if len(blocks) != len(scores):
        raise ValueError(f"scores: expected {len(blocks)} blocks, got {len(scores)}")


def complete_kinds(images_m: np.ndarray, scores: Sequence[np.ndarray], patient_M: np.ndarray) -> list[Block]:
    """`complete_blocks` of one block and K kinds of maps: a block for all kinds in which the same images take part.

    `patient_M`: int, of labels in order.
    """
    images_m = np.asarray(images_m)
    for scores_mm in scores:
        if np.shape(scores_mm) != (len(images_m), len(images_m)):
            raise ValueError(
                f"scores: expected {len(images_m)} x {len(images_m)} for a block, got {np.shape(scores_mm)}"
            )
    scores_Kmm = np.array(scores, dtype=float).reshape(len(scores), len(images_m), len(images_m))
    is_other_mm = patient_M[images_m][:, None] != patient_M[images_m]
    kept_Km = np.zeros(scores_Kmm.shape[:2], dtype=bool)
    with_nan_K = np.isnan(scores_Kmm).any(axis=(1, 2))
    kept_Km[~with_nan_K] = is_other_mm.any(axis=1)
    for kind in np.flatnonzero(with_nan_K).tolist():
        kept_Km[kind] = _fill(scores_Kmm[kind], is_other_mm)
    which_K, kept_Um = unique_rows(kept_Km)
    found = []
    for place, kept_m in enumerate(kept_Um):
        if kept_m.any():
            kinds_k, own = np.flatnonzero(which_K == place), images_m[kept_m]
            is_whole = kept_m.all() and len(kinds_k) == len(scores_Kmm)
            scores_kmm = scores_Kmm if is_whole else scores_Kmm[np.ix_(kinds_k, kept_m, kept_m)]
            found.append(Block(images_m=own, patient_m=patient_M[own], kinds_k=kinds_k, scores_kmm=scores_kmm))
    return found


def _fill(scores_mm: np.ndarray, is_other_mm: np.ndarray) -> np.ndarray:
    """bool m: the images that take part; the scores that these lack are filled in place."""
    kept_m = ~np.isnan(np.diagonal(scores_mm))
    while True:
        kept = np.ix_(kept_m, kept_m)
        known_mm = ~np.isnan(scores_mm[kept]) & is_other_mm[kept]
        has_others_m = known_mm.any(axis=1) & known_mm.any(axis=0)
        if has_others_m.all():
            break
        kept_m[np.flatnonzero(kept_m)[~has_others_m]] = False
    if kept_m.any():
        left_mm = scores_mm[kept]
        mean_m = np.where(known_mm, left_mm, 0).sum(axis=1) / known_mm.sum(axis=1)
        scores_mm[kept] = np.where(np.isnan(left_mm), mean_m[:, None], left_mm)
    return kept_m


def image_weights(patient_m: np.ndarray, weigh: Weigh) -> np.ndarray:
    """Float64 m, sum 1: each image's weight in the mean over patients of the mean over their images, or over images."""
    if weigh not in ("patients", "images"):
        raise ValueError(f"weigh: expected patients or images, got {weigh!r}")
    if not len(patient_m):
        return np.zeros(0)
    _, group_m, size_G = np.unique(patient_m, return_inverse=True, return_counts=True)
    weight_m = 1 / size_G[group_m] if weigh == "patients" else np.ones(len(patient_m))
    return weight_m / weight_m.sum()
