"""Place: how far the masks of two readers overlap where both marked something.

Letters: A annotations, M images. Definition: docs/metrics.md#place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.experts.crosswise import Estimate, crosswise, mean_of_sums, patient_sums
from sightline.experts.pairwise_iou import PartIou
from sightline.experts.reader_pairs import AnnotatorPairs, annotator_pairs

NO_PAIR = "no image was marked by two readers"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Overlap of the readers who both marked an image."""

    iou: Estimate
    """In [0, 1]: mean over an image's pairs of readers, over a patient's images, then over patients."""
    num_pairs: int
    num_images: int
    """Images that two readers marked."""
    num_annotators: int
    """Readers who are in a pair."""


def place_agreement(
    masks_AHW: np.ndarray,
    images_A: np.ndarray,
    annotators_A: np.ndarray,
    patients_M: np.ndarray,
    level: float = 0.95,
) -> Place:
    """Mean IoU over pairs of distinct readers, with an interval over patients and readers (`crosswise`).

    `masks_AHW`: bool, each with a mark, the first reading of its reader and image. `images_A`: int, rows of the M;
    `patients_M`: any labels. NaN, with a note, without a pair.
    """
    patient_M = np.unique(np.asarray(patients_M), return_inverse=True)[1]
    iou = PartIou(np.asarray(masks_AHW), np.asarray(images_A, int))  # each image a part: pairs across are not needed
    nobody_A = np.zeros(len(images_A), int)  # professions do not matter
    pairs = annotator_pairs(iou, images_A, annotators_A, nobody_A, len(patient_M))
    return place_of_pairs(pairs, patient_M, level)


def place_of_pairs(pairs: AnnotatorPairs, patient_M: np.ndarray, level: float = 0.95) -> Place:
    """The same from the IoU of each pair of readers on each image; `patient_M`: int, from 0 without gaps."""
    num_readers = len(pairs.professions_S)
    mean_1M = pairs.image_means(np.ones((1, num_readers)))
    found = crosswise(
        mean_of_sums,
        patient_sums(mean_1M, patient_M, alike=True)[0],
        patient_sums(pairs.image_means(1 - np.eye(num_readers)), patient_M, alike=True),
        [pairs.readers],
        level,
        undefined=NO_PAIR,
    )
    return Place(
        iou=found,
        num_pairs=int(pairs.num_CM.sum()),
        num_images=int((~np.isnan(mean_1M)).sum()),
        num_annotators=len(pairs.readers),
    )
