"""Presence: do two readers of an image agree on whether there is anything to mark?

Letters: N readings, M images, G patients, S readers. Definition: docs/metrics.md#presence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sightline.experts.crosswise import Estimate, crosswise, mean_of_sums, patient_sums, sums_by_patient
from sightline.experts.readings import Readings

ValueOf = Callable[[np.ndarray], np.ndarray]
SumsOf = Callable[[np.ndarray, np.ndarray], np.ndarray]
NO_PAIR = "no image was read by two readers"


@dataclass(frozen=True, kw_only=True)
class Presence:
    """How far readers agree that an image has something to mark, whatever they mark."""

    agreement: Estimate
    """In [0, 1]: share of an image's pairs of readers who agree, over a patient's images, then over patients."""
    alpha: Estimate
    """Krippendorff's alpha of marked or not; in (-1, 1], 0 by chance."""
    marked_share: float
    """Prevalence, in [0, 1]: share of the first readings of images with two readers that mark anything."""
    num_readings: int
    """First readings, alone or beside others."""
    num_empty: int
    """Of these, without a mark."""
    num_pairs: int
    num_images: int
    """Images with two readers."""
    num_annotators: int
    """Readers who are in a pair."""


def presence_agreement(readings: Readings, patients_N: np.ndarray, level: float = 0.95) -> Presence:
    """Agreement on presence over the first readings, with intervals over patients and readers (`crosswise`).

    `patients_N`: the patient of each reading's image, any labels. alpha is Krippendorff's for nominal data with missing
    values: 1 - D_o / D_e over all judgements of images with two readers, each image's pairs weighted 1 / (readers - 1),
    D_e from the judgements' totals without replacement. NaN, with a note, without two readers of one image; alpha also
    where all of them, or none, mark something, because then nothing can disagree by chance.
    """
    chosen = readings.is_first
    marked_n = readings.is_marked[chosen].astype(float)
    images, image_n = np.unique(readings.images[chosen], return_inverse=True)
    annotators, annotator_n = np.unique(readings.annotators[chosen], return_inverse=True)
    patient_M = np.zeros(len(images), int)
    patient_M[image_n] = np.unique(np.asarray(patients_N)[chosen], return_inverse=True)[1]
    votes_SM2 = np.zeros((len(annotators), len(images), 2))  # of each reader: a mark, and none
    votes_SM2[annotator_n, image_n, 0] = marked_n
    votes_SM2[annotator_n, image_n, 1] = 1 - marked_n

    all_1M2 = votes_SM2.sum(axis=0)[None]
    without_SM2 = all_1M2 - votes_SM2
    has_pair_M = all_1M2[0].sum(axis=1) > 1
    rows = np.flatnonzero((votes_SM2[:, has_pair_M].sum(axis=(1, 2))) > 0)

    def estimate(value_of: ValueOf, sums_of: SumsOf, bounds: tuple[float, float], undefined: str) -> Estimate:
        sums_GK, without_SGK = sums_of(all_1M2, patient_M)[0], sums_of(without_SM2, patient_M)
        return crosswise(value_of, sums_GK, without_SGK, [rows], level, bounds, undefined)

    judged_2 = all_1M2[0, has_pair_M].sum(axis=0)
    readers_M = all_1M2[0].sum(axis=1)
    return Presence(
        agreement=estimate(mean_of_sums, agreement_sums, (0.0, 1.0), NO_PAIR),
        alpha=estimate(alpha_of_sums, alpha_sums, (-1.0, 1.0), why_no_alpha(all_1M2[0, has_pair_M])),
        marked_share=float(judged_2[0] / judged_2.sum()) if judged_2.sum() else float("nan"),
        num_readings=len(marked_n),
        num_empty=int((marked_n == 0).sum()),
        num_pairs=int((readers_M * (readers_M - 1) / 2).sum()),
        num_images=int(has_pair_M.sum()),
        num_annotators=len(rows),
    )


def agreement_sums(votes_nM2: np.ndarray, patient_M: np.ndarray) -> np.ndarray:
    """Sums for `mean_of_sums`, n x G x 2, from the numbers of readers who mark and do not mark each image."""
    readers_nM = votes_nM2.sum(axis=2)
    pairs_nM = readers_nM * (readers_nM - 1)
    agree_nM = (votes_nM2 * (votes_nM2 - 1)).sum(axis=2)
    share_nM = np.divide(agree_nM, pairs_nM, out=np.full(pairs_nM.shape, np.nan), where=pairs_nM > 0)
    return patient_sums(share_nM, patient_M, alike=True)


def alpha_sums(votes_nM2: np.ndarray, patient_M: np.ndarray) -> np.ndarray:
    """Sums for `alpha_of_sums`, n x G x 3: disagreement, marks and empty judgements of images with two readers."""
    readers_nM = votes_nM2.sum(axis=2)
    paired_nM = readers_nM > 1
    differ_nM = 2 * votes_nM2.prod(axis=2) / np.maximum(readers_nM - 1, 1)
    counted_nM = (differ_nM, votes_nM2[:, :, 0] * paired_nM, votes_nM2[:, :, 1] * paired_nM)
    return np.stack([sums_by_patient(values_nM, patient_M) for values_nM in counted_nM], axis=2)


def alpha_of_sums(sums_nK: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha, float n: 1 - D_o / D_e = 1 - (votes - 1) disagreement / (2 marks empty); NaN if 0 / 0."""
    differ_n, marks_n, empty_n = sums_nK.T
    chance_n = 2 * marks_n * empty_n
    observed_n = (marks_n + empty_n - 1) * differ_n
    return 1 - np.divide(observed_n, chance_n, out=np.full(len(chance_n), np.nan), where=chance_n > 0)


def why_no_alpha(votes_m2: np.ndarray) -> str:
    """Why alpha is NaN, if it is, from the votes on the images with two readers."""
    if not len(votes_m2):
        return NO_PAIR
    return "every reading marks something" if votes_m2[:, 0].any() else "no reading marks anything"
