"""How far annotators agree beyond chance, with intervals: alpha of whole regions, kappa of pixels.

Letters: A annotations of all images, M images, R readers of one image, H W image grid, P pixels of a domain,
B resamples. An image is named by its row among the M, an int from 0.
Resamples come from the caller as `weights_BM`, how often each image was drawn: by patient, say, with
`classification.resample_patient_counts`. Without them an interval is NaN. Intervals are percentile intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.classification import percentile_interval


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Agreement corrected for chance: 1 is full agreement, 0 is chance, below 0 less than chance."""

    value: float
    """1 - observed / expected; NaN if nothing is expected to differ, or without two readers of one image."""
    low: float
    high: float
    observed: float
    """Mean disagreement of two annotators about one image, in [0, 1]."""
    expected: float
    """Mean disagreement by chance, in [0, 1]."""
    num_judgements: int
    """Annotations, or votes on pixels, that have another annotator's beside them."""
    num_undefined: int
    """What was left out: pairs of annotations without an IoU, or images with fewer than two readers."""


def alpha_iou(
    iou_AA: np.ndarray,
    images_A: np.ndarray,
    annotators_A: Sequence[str] | np.ndarray,
    weights_BM: np.ndarray | None = None,
    level: float = 0.95,
) -> Reliability:
    """Krippendorff's alpha with the distance 1 - IoU of two annotations, and its interval over images.

    `iou_AA`: float in [0, 1], of each annotation with each, as `agreement.iou_matrix` gives it; `images_A`: int.
    Observed: each annotation's mean distance from the other annotators' of its image, mean over annotations.
    Expected: mean distance of two annotations by different annotators of *different* images, which shares the
    anatomy and where experts tend to mark; the alpha is agreement on this image beyond that.

    A NaN IoU (both masks empty) is left out and counted; who wants two empty masks to agree passes 1. Annotations
    with no other annotator's beside them are left out on both sides. Copies of one image in a resample are not
    different images. Low and high move with the images only: they are for these annotators.

    Source: Krippendorff, Content Analysis (2018), ch. 12; spec, section 5. Departures: his expected disagreement
    includes the pairs within an image, ours (the spec's) does not, nor pairs by one person, whose habit they share.
    """
    iou_AA = np.asarray(iou_AA, float)
    images_A, annotators_A = np.asarray(images_A, int), np.asarray(annotators_A)
    num_images = image_count(images_A, weights_BM)
    known_AA = ~np.isnan(iou_AA)
    same_AA = images_A[:, None] == images_A
    distinct_AA = annotators_A[:, None] != annotators_A
    within_AA = same_AA & distinct_AA & known_AA
    distance_AA = np.where(known_AA, 1 - iou_AA, 0)
    partners_A = within_AA.sum(axis=1)
    pairable_A = partners_A > 0
    between_AA = ~same_AA & distinct_AA & known_AA & pairable_A[:, None] & pairable_A
    mean_A = (distance_AA * within_AA).sum(axis=1) / np.maximum(partners_A, 1)
    belongs_AM = images_A[:, None] == np.arange(num_images)
    observed_M, annotations_M = mean_A @ belongs_AM, pairable_A.astype(float) @ belongs_AM
    members_AM = belongs_AM.astype(float)
    expected_MM = members_AM.T @ (distance_AA * between_AA) @ members_AM
    pairs_MM = members_AM.T @ between_AA @ members_AM

    def disagreements(weights_BM: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights_BM = np.asarray(weights_BM, float)
        observed_B = weights_BM @ observed_M / (weights_BM @ annotations_M)
        expected_B = ((weights_BM @ expected_MM) * weights_BM).sum(axis=1)
        return observed_B, expected_B / ((weights_BM @ pairs_MM) * weights_BM).sum(axis=1)

    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is NaN: undefined, as promised
        observed_1, expected_1 = disagreements(np.ones((1, num_images)))
        resampled = None if weights_BM is None else disagreements(weights_BM)
    undefined = np.triu(~known_AA & distinct_AA, 1).sum()
    return reliability(observed_1, expected_1, resampled, level, int(pairable_A.sum()), int(undefined))


def pixel_kappa(
    masks_by_image: Sequence[np.ndarray],
    domains: Sequence[np.ndarray] | None = None,
    weights_BM: np.ndarray | None = None,
    level: float = 0.95,
) -> Reliability:
    """Fleiss' kappa of the pixels inside the lungs, pooled over M images, and its interval over images.

    `masks_by_image`: bool R x H x W of different annotators, R may differ; `domains`: bool H x W, each image's lungs
    (outside, all agree on nothing, which inflates kappa); None is the whole image. An image with fewer than two
    readers is left out and counted; an empty domain adds nothing.

    With equal R it is Fleiss (1971). He does not say what to do with a varying number: ours weighs a pixel's
    disagreeing pairs by 1 / (R - 1), so that each vote counts once, as Krippendorff's nominal alpha does. Alpha =
    1 - (1 - kappa)(n - 1) / n for n votes, the same to six digits on real images. The readers need not be the same
    people from image to image. Neighbouring pixels are not independent: only the interval over images is honest.
    """
    num_images = len(masks_by_image)
    sums_M3 = np.zeros((num_images, 3))  # disagreement, marks, votes
    for image, masks_RHW in enumerate(masks_by_image):
        num_readers = len(masks_RHW)
        if num_readers > 1:
            marks_HW = np.asarray(masks_RHW, bool).sum(axis=0, dtype=np.int32)
            marks_P = marks_HW.ravel() if domains is None else marks_HW[np.asarray(domains[image], bool)]
            pixels_by_marks = np.bincount(marks_P, minlength=num_readers + 1)
            marks = np.arange(num_readers + 1)
            disagreement = 2 * marks * (num_readers - marks) / (num_readers - 1)
            sums_M3[image] = pixels_by_marks @ disagreement, pixels_by_marks @ marks, num_readers * len(marks_P)

    def disagreements(weights_BM: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        differ_B, marked_B, votes_B = (np.asarray(weights_BM, float) @ sums_M3).T
        return differ_B / votes_B, 2 * (marked_B / votes_B) * (1 - marked_B / votes_B)

    if weights_BM is not None:
        image_count(np.arange(num_images), weights_BM)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is NaN: undefined, as promised
        observed_1, expected_1 = disagreements(np.ones((1, num_images)))
        resampled = None if weights_BM is None else disagreements(weights_BM)
    alone = sum(len(masks_RHW) < 2 for masks_RHW in masks_by_image)
    return reliability(observed_1, expected_1, resampled, level, int(sums_M3[:, 2].sum()), alone)


def reliability(
    observed_1: np.ndarray,
    expected_1: np.ndarray,
    resampled: tuple[np.ndarray, np.ndarray] | None,
    level: float,
    num_judgements: int,
    num_undefined: int,
) -> Reliability:
    """1 - observed / expected, with the percentile interval of the resamples in which it is defined."""
    low = high = float("nan")
    with np.errstate(divide="ignore", invalid="ignore"):
        if resampled is not None:
            values_B = 1 - resampled[0] / resampled[1]
            low, high = percentile_interval(values_B[np.isfinite(values_B)], level)
        value = 1 - observed_1[0] / expected_1[0]
    return Reliability(
        value=float(value) if np.isfinite(value) else float("nan"),
        low=low,
        high=high,
        observed=float(observed_1[0]),
        expected=float(expected_1[0]),
        num_judgements=num_judgements,
        num_undefined=num_undefined,
    )


def image_count(images_A: np.ndarray, weights_BM: np.ndarray | None) -> int:
    """How many images there are, by the weights' columns or the highest row; refuses rows that are none."""
    least = int(images_A.max()) + 1 if len(images_A) else 0
    num_images = least if weights_BM is None else weights_BM.shape[1]
    if least > num_images or (len(images_A) and images_A.min() < 0):
        raise ValueError(f"images: expected rows from 0 to {num_images - 1}, got {images_A.min()} to {least - 1}")
    return num_images
