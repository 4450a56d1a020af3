"""How well the annotators of one profession agree, and whether they agree more than those of another.

Letters: A annotations of all images, M images, S annotators, C pairs of annotators, F permutations. An image is named
by its row among the M, an int from 0. Intervals: `crosswise`. Definitions: docs/metrics.md#professions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from sightline.experts.crosswise import crosswise, mean_of_sums, patient_sums
from sightline.experts.pairwise_iou import PartIou
from sightline.experts.reader_pairs import annotator_pairs, blocks, patient_rows
from sightline.statistics.means import means_along


@dataclass(frozen=True, kw_only=True)
class ProfessionAgreement:
    """How well the annotators of one profession agree with each other."""

    mean_iou: float
    """In [0, 1]: per image over the pairs of distinct annotators, then over images; NaN without a pair."""
    low: float
    """In [0, 1], like `high`; NaN without an interval."""
    high: float
    over_annotators: bool
    """False if the interval holds for these people only: there are two, or no pair is left without one of them."""
    note: str
    """Why there is no value or no interval, or what the interval does not cover; empty otherwise."""
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
    """In [-1, 1], like `high`; NaN without an interval."""
    high: float
    over_annotators: bool
    """As in ProfessionAgreement, for both."""
    note: str
    """As in ProfessionAgreement."""
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
    patients_M: Sequence[str] | np.ndarray | None = None,
    level: float = 0.95,
) -> dict[str, ProfessionAgreement]:
    """Mean pairwise IoU within each profession, by its name, with an interval over patients and annotators.

    `iou_AA`: float in [0, 1], of each annotation with each, as `agreement.iou_matrix` or `PartIou` gives it; a NaN
    (both masks empty) is left out. `images_A`: int. `patients_M`: any labels; by default each image is a patient. All
    images weigh alike. Fewer than three patients with a pair: the value alone.
    """
    patient_M = patient_rows(images_A, patients_M)
    pairs = annotator_pairs(iou_AA, images_A, annotators_A, professions_A, len(patient_M))
    by_profession = {}
    for profession in np.unique(pairs.professions_S).tolist():
        member_S = pairs.professions_S == profession
        rows = np.flatnonzero(member_S)
        mean_1M = pairs.image_means(member_S[None].astype(float))
        without_SM = pairs.image_means(member_S * (1.0 - np.eye(len(member_S))))
        found = crosswise(
            mean_of_sums,
            patient_sums(mean_1M, patient_M, alike=False)[0],
            patient_sums(without_SM, patient_M, alike=False),
            [rows],
            level,
            undefined="no image with two of them",
        )
        within_C = member_S[pairs.first_C] & member_S[pairs.second_C]
        by_profession[str(profession)] = ProfessionAgreement(
            mean_iou=found.value,
            low=found.low,
            high=found.high,
            over_annotators=found.over_annotators,
            note=found.note,
            num_annotators=len(rows),
            num_images=int((~np.isnan(mean_1M)).sum()),
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
    patients_M: Sequence[str] | np.ndarray | None = None,
    level: float = 0.95,
) -> ProfessionDifference:
    """Whether the `first` profession agrees more than the `second`: paired by image, with an interval and a p-value.

    Interval: as in `profession_agreement`. p: the two professions' names are permuted over
    their annotators, who keep all of their annotations; the null hypothesis is that a person's profession has nothing
    to do with how, or on which images, that person marks. All assignments are enumerated if there are at most
    `permutations`; otherwise p = (1 + #{permuted >= observed}) / (1 + permutations) (Phipson and Smyth 2010).
    Assignments that leave no image with pairs of both are left out, which keeps the level. Few annotators cannot
    reach a small p: see `smallest_p`.
    """
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, got {permutations}")
    patient_M = patient_rows(images_A, patients_M)
    pairs = annotator_pairs(iou_AA, images_A, annotators_A, professions_A, len(patient_M))
    first_S, second_S = pairs.professions_S == first, pairs.professions_S == second
    if first == second or not first_S.any() or not second_S.any():
        raise ValueError(f"professions: expected two of {np.unique(pairs.professions_S).tolist()}")

    def differences(votes_BS: np.ndarray, one_FS: np.ndarray = first_S, other_FS: np.ndarray = second_S) -> np.ndarray:
        return pairs.image_means(votes_BS * one_FS) - pairs.image_means(votes_BS * other_FS)

    everyone_1S = np.ones((1, len(first_S)))
    difference_1M = differences(everyone_1S)
    found = crosswise(
        mean_of_sums,
        patient_sums(difference_1M, patient_M, alike=False)[0],
        patient_sums(differences(1 - np.eye(len(first_S))), patient_M, alike=False),
        [np.flatnonzero(first_S), np.flatnonzero(second_S)],
        level,
        bounds=(-1.0, 1.0),
        undefined="no image with two of each",
    )
    observed = found.value
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
                means_along(differences(everyone_1S, chosen_FS[rows], rest_FS[rows]), axis=1)
                for rows in blocks(len(chosen_FS), len(patient_M))
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
        low=found.low,
        high=found.high,
        over_annotators=found.over_annotators,
        note=found.note,
        p_greater=p_greater,
        p_two_sided=p_two_sided,
        smallest_p=smallest,
        num_images=int((~np.isnan(difference_1M)).sum()),
    )
