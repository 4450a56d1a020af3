"""The pairs of distinct readers of an image, and their IoU by pair and image.

Letters: A annotations of all images, M images, S readers, C pairs of readers, Q pairs of annotations, B rows of votes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sightline.experts.pairwise_iou import PartIou, same_image_pairs

BLOCK = 4_000_000  # products of two readers' votes held at once


class IouOfPairs(Protocol):
    """Gives the IoU of pairs of annotations of one image."""

    def __getitem__(self, pair: tuple[np.ndarray, np.ndarray], /) -> np.ndarray:
        """Float Q for two int Q of rows; NaN where both masks are empty."""


@dataclass(frozen=True, kw_only=True)
class AnnotatorPairs:
    """The pairs of distinct annotators with annotations of the same image, and their IoU by pair and image."""

    professions_S: np.ndarray
    """Profession of each annotator, in the order of their names."""
    first_C: np.ndarray
    """int, first annotator of the pair; < second."""
    second_C: np.ndarray
    iou_CM: np.ndarray
    """float64, sum of the pair's IoU on each image."""
    num_CM: np.ndarray
    """float64, number of IoUs in the sum: 0 or 1 if nobody marks an image twice."""

    @property
    def readers(self) -> np.ndarray:
        """int, rows of the S who are in a pair."""
        return np.unique(np.concatenate([self.first_C, self.second_C]))

    def image_means(self, votes_BS: np.ndarray) -> np.ndarray:
        """Mean IoU of each image, float64 B x M; a pair weighs the product of its annotators' votes; NaN without."""
        means_BM = np.empty((len(votes_BS), self.iou_CM.shape[1]))
        for rows in blocks(len(votes_BS), max(len(self.first_C), 1)):
            both_BC = votes_BS[rows][:, self.first_C] * votes_BS[rows][:, self.second_C]
            with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: an image without a pair
                means_BM[rows] = (both_BC @ self.iou_CM) / (both_BC @ self.num_CM)
        return means_BM


def annotator_pairs(
    iou_AA: np.ndarray | PartIou | IouOfPairs,
    images_A: np.ndarray,
    annotators_A: Sequence[str] | np.ndarray,
    professions_A: Sequence[str] | np.ndarray,
    num_images: int,
) -> AnnotatorPairs:
    """Sums the IoU matrix by pair of annotators and image; NaN (both masks empty) is left out.

    `images_A`: int, rows of `num_images`. An annotator with two professions is a ValueError.
    """
    images_A = np.asarray(images_A, int)
    names_S, first_row_S, annotator_A = np.unique(np.asarray(annotators_A), return_index=True, return_inverse=True)
    professions_A = np.asarray(professions_A)
    professions_S = professions_A[first_row_S]
    two = professions_S[annotator_A] != professions_A
    if two.any():
        raise ValueError(f"annotator {names_S[annotator_A[two][0]]} has more than one profession")
    first_Q, second_Q = same_image_pairs(images_A)
    iou_Q = iou_AA[first_Q, second_Q]
    counts_Q = (annotator_A[first_Q] != annotator_A[second_Q]) & ~np.isnan(iou_Q)
    first_Q, second_Q, iou_Q = first_Q[counts_Q], second_Q[counts_Q], iou_Q[counts_Q]
    low_Q, high_Q = np.sort(np.stack([annotator_A[first_Q], annotator_A[second_Q]]), axis=0)
    code_C, pair_Q = np.unique(low_Q * len(names_S) + high_Q, return_inverse=True)
    cell_Q = pair_Q * num_images + images_A[first_Q]
    size = len(code_C) * num_images
    return AnnotatorPairs(
        professions_S=professions_S,
        first_C=code_C // max(len(names_S), 1),
        second_C=code_C % max(len(names_S), 1),
        iou_CM=np.bincount(cell_Q, iou_Q, minlength=size).reshape(len(code_C), num_images),
        num_CM=np.bincount(cell_Q, minlength=size).reshape(len(code_C), num_images).astype(float),
    )


def blocks(num_rows: int, width: int) -> Iterator[slice]:
    """Slices of rows that hold at most BLOCK values; a slice has at least one row."""
    step = max(1, BLOCK // max(width, 1))
    return (slice(start, start + step) for start in range(0, num_rows, step))


def patient_rows(images_A: np.ndarray, patients_M: Sequence[str] | np.ndarray | None) -> np.ndarray:
    """The patient of each image, int M from 0; without patients each image up to the highest row is one.

    Rows outside the M are a ValueError.
    """
    num_images = int(np.max(images_A)) + 1 if len(images_A) else 0
    if patients_M is None:
        patients_M = np.arange(num_images)
    if len(images_A) and (np.min(images_A) < 0 or num_images > len(patients_M)):
        raise ValueError(
            f"images: expected rows from 0 to {len(patients_M) - 1}, got {np.min(images_A)} to {num_images - 1}"
        )
    return np.unique(np.asarray(patients_M), return_inverse=True)[1]
