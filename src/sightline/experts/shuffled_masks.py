"""Do annotators agree on this image, or only on where opacities tend to lie?

A annotations, P pairs of them, F shuffles, H W image grid. Definition: docs/metrics.md#beyond-anatomy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sightline.experts.pairwise_iou import PartIou, image_parts, same_image_pairs
from sightline.statistics.means import group_means, means_along

BLOCK = 4_000_000  # IoUs held at once


class ShuffledAgreement(NamedTuple):
    """Agreement between annotators, beside the agreement that their habits and the anatomy alone would give."""

    observed: float
    """Mean pairwise IoU, in [0, 1]: per image over pairs of distinct annotators, then over images; NaN without any."""
    null_mean: float
    """Mean of the same value over the shuffles, which deal each annotator's masks to that annotator's images."""
    p: float
    """One-sided p-value of "more than shuffled", in (0, 1]."""


def shuffled_agreement_p(
    masks_AHW: np.ndarray,
    images_A: np.ndarray,
    annotators_A: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> ShuffledAgreement:
    """Mean pairwise IoU, its mean when image labels are shuffled within annotators, and the p-value of the excess.

    `masks_AHW`: bool, one per annotation; `images_A`, `annotators_A`: any labels. A shuffle deals each annotator's
    masks at random to the images that this annotator marked. Each annotator's size and style stay, and so do the
    places where opacities generally lie; who marked which image stays too, so the pairs are always the same. Null
    hypothesis: given the annotator, a mask does not depend on which of these images it was drawn on.
    p = (1 + #{shuffled >= observed}) / (1 + permutations). Images count as exchangeable: two images of one patient are
    alike, and their agreement counts as chance, which makes the test conservative.

    A pair of empty masks has no IoU and is left out, as is an image without a pair, in observed and shuffled values
    alike; no pair at all gives NaN three times. Annotators with one mask are never shuffled; if all have one, null_mean
    is the observed value and p is 1. Masks are dealt within `pairwise_iou.image_parts`, which are all images of a study
    of usual size: a permutation within parts is as valid, and time and memory grow with the images.
    """
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, got {permutations}")
    _, image_A = np.unique(np.asarray(images_A), return_inverse=True)
    _, annotator_A = np.unique(np.asarray(annotators_A), return_inverse=True)
    first_P, second_P = same_image_pairs(image_A)
    is_pair = annotator_A[first_P] != annotator_A[second_P]
    first_P, second_P = first_P[is_pair], second_P[is_pair]
    if not len(first_P):
        return ShuffledAgreement(np.nan, np.nan, np.nan)
    by_image = np.argsort(image_A[first_P], kind="stable")
    first_P, second_P = first_P[by_image], second_P[by_image]
    starts = np.flatnonzero(np.diff(image_A[first_P], prepend=-1))
    part_A = image_parts(image_A, rng)
    iou = PartIou(np.asarray(masks_AHW), part_A)
    _, dealer_A = np.unique(
        annotator_A * (part_A.max() + 1) + part_A, return_inverse=True
    )  # one per annotator and part

    observed = float(_mean_iou(iou, np.arange(len(image_A))[None], first_P, second_P, starts)[0])
    places_A = np.argsort(dealer_A, kind="stable")
    block = max(1, BLOCK // max(len(first_P), len(image_A)))
    shuffled = []
    for start in range(0, permutations, block):
        keys_FA = dealer_A + rng.random((min(block, permutations - start), len(image_A)))
        dealt_FA = np.empty(keys_FA.shape, dtype=np.intp)
        dealt_FA[:, places_A] = np.argsort(keys_FA, axis=1)  # each annotator's masks, in random order
        shuffled.append(_mean_iou(iou, dealt_FA, first_P, second_P, starts))
    shuffled_F = np.concatenate(shuffled)
    known_F = ~np.isnan(shuffled_F)
    if np.isnan(observed) or not known_F.any():
        return ShuffledAgreement(observed, np.nan, np.nan)
    reached = int(np.count_nonzero(shuffled_F >= observed - 1e-12))
    return ShuffledAgreement(observed, float(shuffled_F[known_F].mean()), (1 + reached) / (1 + permutations))


def _mean_iou(
    iou: PartIou, dealt_FA: np.ndarray, first_P: np.ndarray, second_P: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Float64 F: mean over images of the mean IoU over their pairs, when place a holds the mask dealt[a]."""
    iou_FP = iou[dealt_FA[:, first_P], dealt_FA[:, second_P]]
    return means_along(group_means(iou_FP, starts, axis=1), axis=1)
