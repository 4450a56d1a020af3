"""How far annotators agree beyond chance, with intervals: alpha of whole regions, kappa of pixels.

Letters: A annotations of all images, a annotations of one part, M and m their images, R readers of one image, H W image
grid, P pixels of a domain, B resamples. An image is named by its row among the M, an int from 0.
Resamples come from the caller as `weights_BM`, how often each image was drawn, for example by patient from
`resampling.hierarchical_weights`. Without them an interval is NaN. Intervals are percentile intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.experts.pairwise_iou import PartIou
from sightline.statistics.resampling import percentile_interval


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Agreement corrected for chance: 1 is full agreement, 0 chance agreement, below 0 less than chance."""

    value: float
    """1 - observed / expected; NaN if the expected disagreement is 0, or without two readers of one image."""
    low: float
    high: float
    observed: float
    """Mean disagreement of two annotators about one image, in [0, 1]."""
    expected: float
    """Mean disagreement by chance, in [0, 1]."""
    num_judgements: int
    """Annotations, or votes on pixels, of images that another annotator marked too."""
    num_undefined: int
    """Left out: pairs of annotations without an IoU, or images with fewer than two readers."""


def alpha_iou(
    iou_AA: np.ndarray | PartIou,
    images_A: np.ndarray,
    annotators_A: Sequence[str] | np.ndarray,
    weights_BM: np.ndarray | None = None,
    level: float = 0.95,
) -> Reliability:
    """Krippendorff's alpha with the distance 1 - IoU of two annotations, and its interval over images.

    `iou_AA`: float in [0, 1], of each annotation with each, as `agreement.iou_matrix` gives it, or a `PartIou`, of
    which only different images within one part are compared; `images_A`: int.
    Observed: each annotation's mean distance from the other annotators' annotations of its image, averaged over
    annotations. Expected: mean distance of two annotations by different annotators of *different* images, which share
    the anatomy and the places where experts tend to mark; alpha is the agreement on this image beyond that.

    A NaN IoU (both masks empty) is left out and counted; pass 1 to let two empty masks agree. Annotations of images
    that no other annotator marked are left out on both sides. Copies of one image in a resample are not different
    images. The interval moves with the images only: it holds for these annotators.

    Definition: docs/metrics.md#alpha. Source: Krippendorff, Content Analysis (2018), ch. 12. Departures: his expected
    disagreement includes pairs within an image and pairs by one person; ours does not, since one person's annotations
    share a habit.
    """
    images_A, annotators_A = np.asarray(images_A, int), np.asarray(annotators_A)
    num_images = image_count(images_A, weights_BM)
    parts = iou_AA.parts() if isinstance(iou_AA, PartIou) else [(np.arange(len(images_A)), np.asarray(iou_AA, float))]
    observed_M, annotations_M = np.zeros((2, num_images))
    chances = []  # for each part: its images, the sums of distances between them, and the numbers of pairs
    num_judgements = undefined = 0
    for rows, iou_aa in parts:
        part_m, image_a = np.unique(images_A[rows], return_inverse=True)
        known_aa = ~np.isnan(iou_aa)
        same_aa = image_a[:, None] == image_a
        distinct_aa = annotators_A[rows][:, None] != annotators_A[rows]
        within_aa = same_aa & distinct_aa & known_aa
        distance_aa = np.where(known_aa, 1 - iou_aa, 0)
        partners_a = within_aa.sum(axis=1)
        pairable_a = partners_a > 0
        between_aa = ~same_aa & distinct_aa & known_aa & pairable_a[:, None] & pairable_a
        mean_a = (distance_aa * within_aa).sum(axis=1) / np.maximum(partners_a, 1)
        belongs_am = (image_a[:, None] == np.arange(len(part_m))).astype(float)
        observed_M[part_m], annotations_M[part_m] = mean_a @ belongs_am, pairable_a @ belongs_am
        between_mm = (belongs_am.T @ (values_aa @ belongs_am) for values_aa in (distance_aa * between_aa, between_aa))
        chances.append((part_m, *between_mm))
        num_judgements += int(pairable_a.sum())
        undefined += int(np.triu(~known_aa & distinct_aa, 1).sum())

    def disagreements(weights_BM: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights_BM = np.asarray(weights_BM, float)
        observed_B = weights_BM @ observed_M / (weights_BM @ annotations_M)
        expected_B, pairs_B = np.zeros((2, len(weights_BM)))
        for part_m, expected_mm, pairs_mm in chances:
            weights_Bm = weights_BM[:, part_m]
            expected_B += ((weights_Bm @ expected_mm) * weights_Bm).sum(axis=1)
            pairs_B += ((weights_Bm @ pairs_mm) * weights_Bm).sum(axis=1)
        return observed_B, expected_B / pairs_B

    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is NaN: undefined, as promised
        observed_1, expected_1 = disagreements(np.ones((1, num_images)))
        resampled = None if weights_BM is None else disagreements(weights_BM)
    return reliability(observed_1, expected_1, resampled, level, num_judgements, undefined)


def pixel_kappa(
    masks_by_image: Sequence[np.ndarray],
    domains: Sequence[np.ndarray] | None = None,
    weights_BM: np.ndarray | None = None,
    level: float = 0.95,
) -> Reliability:
    """Fleiss' kappa of the pixels inside the lungs, pooled over M images, and its interval over images.

    `masks_by_image`: bool R x H x W of different annotators, R may differ; `domains`: bool H x W, each image's lungs
    (outside, all agree that there is nothing, which inflates kappa); None is the whole image. An image with fewer than
    two readers is left out and counted; an empty domain adds nothing.

    With equal R this is Fleiss (1971), who does not treat a varying number of readers: ours weighs a pixel's
    disagreeing pairs by 1 / (R - 1), so that each vote counts once, as Krippendorff's nominal alpha does. Alpha =
    1 - (1 - kappa)(n - 1) / n for n votes, the same to six digits on real images. The readers need not be the same
    people on every image. Neighbouring pixels are not independent: only the interval over images is honest.
    Definition: docs/metrics.md#kappa.
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
    """Number of images, from the weights' columns or else the highest row; rows outside it are a ValueError."""
    least = int(images_A.max()) + 1 if len(images_A) else 0
    num_images = least if weights_BM is None else weights_BM.shape[1]
    if least > num_images or (len(images_A) and images_A.min() < 0):
        raise ValueError(f"images: expected rows from 0 to {num_images - 1}, got {images_A.min()} to {least - 1}")
    return num_images
