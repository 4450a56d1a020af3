"""How well the annotators of one profession agree, and whether they agree more than those of another.

Letters: A annotations of all images, M images, S annotators, C pairs of annotators, Q pairs of annotations,
B resamples, F permutations. An image is named by its row among the M, an int from 0.
Definitions: docs/metrics.md#professions.

Intervals are over images and annotators, which are crossed: each annotator has seen many images. The variance over
images is that of the caller's resamples `weights_BM` (for example by patient, from `resampling.hierarchical_weights`).
The variance over annotators is the jackknife's (each left out in turn, with all of that person's pairs). The two add
up to a t interval with Satterthwaite's degrees of freedom. Variation that is due to neither alone counts in both: the
intervals are too wide where people hardly differ (simulated: 98-100% for 95%) and about right where they do (93-97%).
Why annotators are not resampled: a mean over pairs damps the effect of a person who is drawn twice, and 95% intervals
of five annotators then contained the truth in 86% of the simulated studies, of thirty annotators in 91%.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from scipy.special import stdtrit

from sightline.experts.pairwise_iou import PartIou, same_image_pairs
from sightline.experts.reliability import image_count

BLOCK = 4_000_000  # products of two annotators' weights held at once


@dataclass(frozen=True, kw_only=True)
class ProfessionAgreement:
    """How well the annotators of one profession agree with each other."""

    mean_iou: float
    """In [0, 1]: per image over the pairs of distinct annotators, then over images; NaN without a pair."""
    low: float
    high: float
    over_annotators: bool
    """False if the interval holds for these people only: there are two, or no pair is left without one of them."""
    num_annotators: int
    num_images: int
    """Images with at least one pair."""
    num_pairs: int


@dataclass(frozen=True, kw_only=True)
class ProfessionDifference:
    """Mean agreement within one profession minus that within another, on the images where both have a pair."""

    difference: float
    """In [-1, 1]; NaN without such an image, as are then all other values."""
    low: float
    high: float
    over_annotators: bool
    """As in ProfessionAgreement, for both."""
    p_greater: float
    """p-value of "the first agrees more than the second", in (0, 1]."""
    p_two_sided: float
    smallest_p: float
    """Smallest p_greater that this number of annotators can reach."""
    num_images: int


def profession_agreement(
    iou_AA: np.ndarray | PartIou,
    images_A: np.ndarray,
    annotators_A: Sequence[str] | np.ndarray,
    professions_A: Sequence[str] | np.ndarray,
    weights_BM: np.ndarray | None = None,
    level: float = 0.95,
) -> dict[str, ProfessionAgreement]:
    """Mean pairwise IoU within each profession, by its name, with an interval over images and annotators.

    `iou_AA`: float in [0, 1], of each annotation with each, as `agreement.iou_matrix` or `PartIou` gives it; a NaN
    (both masks empty) is left out. `images_A`: int. Without `weights_BM` the interval is NaN.
    """
    pairs = annotator_pairs(iou_AA, images_A, annotators_A, professions_A, weights_BM)
    by_profession = {}
    for profession in np.unique(pairs.professions_S).tolist():
        member_S = pairs.professions_S == profession

        def means(votes_BS: np.ndarray, member_S: np.ndarray = member_S) -> np.ndarray:
            return pairs.image_means(votes_BS * member_S)

        mean_M = means(np.ones((1, len(member_S))))[0]
        low, high, over_annotators = interval(means, [member_S], weights_BM, level)
        within_C = member_S[pairs.first_C] & member_S[pairs.second_C]
        by_profession[str(profession)] = ProfessionAgreement(
            mean_iou=float(mean_over_images(mean_M[None])[0]),
            low=max(low, 0.0),
            high=min(high, 1.0),
            over_annotators=over_annotators,
            num_annotators=int(member_S.sum()),
            num_images=int((~np.isnan(mean_M)).sum()),
            num_pairs=int(pairs.num_CM[within_C].sum()),
        )
    return by_profession


def profession_difference(
    iou_AA: np.ndarray | PartIou,
    images_A: np.ndarray,
    annotators_A: Sequence[str] | np.ndarray,
    professions_A: Sequence[str] | np.ndarray,
    first: str,
    second: str,
    permutations: int,
    rng: np.random.Generator,
    weights_BM: np.ndarray | None = None,
    level: float = 0.95,
) -> ProfessionDifference:
    """Whether the `first` profession agrees more than the `second`: paired by image, with an interval and a p-value.

    Interval: as in `profession_agreement`; NaN without `weights_BM`. p: the two professions' names are permuted over
    their annotators, who keep all of their annotations; the null hypothesis is that a person's profession has nothing
    to do with how, or on which images, that person marks. All assignments are enumerated if there are at most
    `permutations`; otherwise p = (1 + #{permuted >= observed}) / (1 + permutations) (Phipson and Smyth 2010).
    Assignments that leave no image with pairs of both are left out, which keeps the level. Few annotators cannot
    reach a small p: see `smallest_p`.
    """
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, got {permutations}")
    pairs = annotator_pairs(iou_AA, images_A, annotators_A, professions_A, weights_BM)
    first_S, second_S = pairs.professions_S == first, pairs.professions_S == second
    if first == second or not first_S.any() or not second_S.any():
        raise ValueError(f"professions: expected two of {np.unique(pairs.professions_S).tolist()}")

    def differences(votes_BS: np.ndarray, one_FS: np.ndarray = first_S, other_FS: np.ndarray = second_S) -> np.ndarray:
        return pairs.image_means(votes_BS * one_FS) - pairs.image_means(votes_BS * other_FS)

    everyone_1S = np.ones((1, len(first_S)))
    difference_M = differences(everyone_1S)[0]
    observed = float(mean_over_images(difference_M[None])[0])
    low, high, over_annotators = interval(differences, [first_S, second_S], weights_BM, level)
    p_greater = p_two_sided = smallest = float("nan")
    if not np.isnan(observed):
        either = np.flatnonzero(first_S | second_S)
        exact = comb(len(either), int(first_S.sum())) <= permutations
        chosen_FS = np.zeros((comb(len(either), int(first_S.sum())) if exact else permutations, len(first_S)), bool)
        if exact:
            for row_S, names in zip(chosen_FS, combinations(either, int(first_S.sum())), strict=True):
                row_S[list(names)] = True
        else:
            chosen_FS[:, either] = rng.permuted(np.tile(first_S[either], (permutations, 1)), axis=1)
        rest_FS = (first_S | second_S) & ~chosen_FS
        permuted_F = np.concatenate(
            [
                mean_over_images(differences(everyone_1S, chosen_FS[rows], rest_FS[rows]))
                for rows in blocks(len(chosen_FS), len(difference_M))
            ]
        )
        permuted_F = permuted_F[~np.isnan(permuted_F)]
        added = 0 if exact else 1  # the observed assignment is one of the enumerated
        tie = 1e-12  # sums of the same numbers in another order differ in the last bits and count as equal
        total = len(permuted_F) + added
        p_greater = float(added + (permuted_F >= observed - tie).sum()) / total
        p_two_sided = float(added + (np.abs(permuted_F) >= abs(observed) - tie).sum()) / total
        smallest = 1 / total
    return ProfessionDifference(
        difference=observed,
        low=low,
        high=high,
        over_annotators=over_annotators,
        p_greater=p_greater,
        p_two_sided=p_two_sided,
        smallest_p=smallest,
        num_images=int((~np.isnan(difference_M)).sum()),
    )


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

    def image_means(self, votes_BS: np.ndarray) -> np.ndarray:
        """Mean IoU of each image, float64 B x M; a pair weighs the product of its annotators' votes; NaN without."""
        means_BM = np.empty((len(votes_BS), self.iou_CM.shape[1]))
        for rows in blocks(len(votes_BS), max(len(self.first_C), 1)):
            both_BC = votes_BS[rows][:, self.first_C] * votes_BS[rows][:, self.second_C]
            with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: an image without a pair
                means_BM[rows] = (both_BC @ self.iou_CM) / (both_BC @ self.num_CM)
        return means_BM


def annotator_pairs(
    iou_AA: np.ndarray | PartIou,
    images_A: np.ndarray,
    annotators_A: Sequence[str] | np.ndarray,
    professions_A: Sequence[str] | np.ndarray,
    weights_BM: np.ndarray | None,
) -> AnnotatorPairs:
    """Sums the IoU matrix by pair of annotators and image; an annotator with two professions is a ValueError."""
    images_A = np.asarray(images_A, int)
    num_images = image_count(images_A, weights_BM)
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


def interval(
    means: Callable[[np.ndarray], np.ndarray],
    groups: Sequence[np.ndarray],
    weights_BM: np.ndarray | None,
    level: float,
) -> tuple[float, float, bool]:
    """Low and high end for the mean over images, and whether it is over annotators too; see the module's docstring.

    `means` gives each image's value from the annotators' votes (B x S to B x M); `groups`: bool S each, annotators
    that are a sample of many, independent between groups.
    """
    everyone_1S = np.ones((1, len(groups[0])))
    value_M = means(everyone_1S)[0]
    estimate = mean_over_images(value_M[None])[0]
    if weights_BM is None or np.isnan(estimate):
        return float("nan"), float("nan"), False
    resampled_B = mean_over_images(value_M[None], weights_BM)
    resampled_B = resampled_B[~np.isnan(resampled_B)]
    num_images = int((~np.isnan(value_M)).sum())
    if num_images < 2 or len(resampled_B) < 2:
        return float("nan"), float("nan"), False
    # (variance, degrees of freedom), both by image even if patients were drawn: a little narrow for few patients; the
    # bootstrap's variance is too small by the share of one image
    parts = [(float(resampled_B.var()) * num_images / (num_images - 1), num_images - 1)]
    over_annotators = True
    for member_S in groups:
        num = int(member_S.sum())
        without_BS = 1 - np.eye(len(member_S))[member_S]
        left_out_B = mean_over_images(means(without_BS))
        if np.isnan(left_out_B).any():
            over_annotators = False
        else:
            parts.append(((num - 1) * float(left_out_B.var()), num - 1))
    if not over_annotators:
        parts = parts[:1]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return float(estimate), float(estimate), over_annotators
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    half = float(stdtrit(freedom, (1 + level) / 2)) * np.sqrt(variance)
    return float(estimate - half), float(estimate + half), over_annotators


def mean_over_images(values_BM: np.ndarray, weights_BM: np.ndarray | None = None) -> np.ndarray:
    """Mean of each row, weighted if weights are given: float64 B; NaN values are left out; NaN if none is left.

    One row of values or of weights serves for all B.
    """
    known_BM = ~np.isnan(values_BM)
    weights_BM = np.ones((1, values_BM.shape[1])) if weights_BM is None else weights_BM
    with np.errstate(invalid="ignore"):
        return (np.where(known_BM, values_BM, 0) * weights_BM).sum(axis=1) / (known_BM * weights_BM).sum(axis=1)


def blocks(num_rows: int, width: int) -> Iterator[slice]:
    """Slices of rows that hold at most BLOCK values; a slice has at least one row."""
    step = max(1, BLOCK // max(width, 1))
    return (slice(start, start + step) for start in range(0, num_rows, step))
