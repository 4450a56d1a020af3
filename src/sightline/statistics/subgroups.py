"""Results within a part of the films: of one view, one sex, one band of age, one site.

Subgroups describe and do not test: each has values and intervals, no p-value, and nothing chooses among them. n images
of a subgroup, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.statistics.blocks import Weigh, image_weights
from sightline.statistics.classification import DECISION_THRESHOLD, six_metrics
from sightline.statistics.means import weighted_means
from sightline.statistics.proportions import Proportion, proportion
from sightline.statistics.resampling import interval_with_width, resample_counts, resample_patient_counts

BANDS = ((18, "under 18"), (40, "18 to 39"), (65, "40 to 64"), (math.inf, "65 or more"))  # below so many years
OLDEST = 110  # years; public sets state ages of 148 and more, which are mistakes
NOT_STATED = "not stated"
AUROC = 4  # its place in `six_metrics`


def age_band(text: str) -> str:
    """The band of an age in years; NOT_STATED where the text is no number from 0 to OLDEST."""
    try:
        years = float(text)
    except ValueError:
        return NOT_STATED
    return next(words for top, words in BANDS if years < top) if 0 <= years <= OLDEST else NOT_STATED


def levels_of(column: str, values_N: Sequence[str]) -> tuple[list[str], list[str]]:
    """The level of each of N films, and the levels there are, in order: by band of age, else by name; NOT_STATED last.

    `column`: `age` has bands, any other its values as they are. An empty value is NOT_STATED.
    """
    level_N = [age_band(value) if column == "age" else value.strip() or NOT_STATED for value in values_N]
    bands = [words for _, words in BANDS]

    def rank(level: str) -> tuple[bool, int, str]:
        return level == NOT_STATED, bands.index(level) if column == "age" and level in bands else 0, level

    return level_N, sorted(set(level_N), key=rank)


def classified(
    label_n: np.ndarray,
    probability_n: np.ndarray,
    patients_n: np.ndarray,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, dict[str, float]]:
    """Accuracy, sensitivity, specificity and AUROC with {value, low, high}, fractions; NaN where a class is lacking.

    The first three, at probability 0.5, have exact intervals for the effective number of images
    (`proportions.proportion`), which keep their width at 0 and 1. AUROC's is the expanded percentile interval of
    resampled patients, without ends where all resamples agree.
    """
    is_positive_n = np.asarray(label_n) == 1
    is_right_n = (np.asarray(probability_n) >= DECISION_THRESHOLD) == is_positive_n
    patients_n = np.asarray(patients_n)
    shares = {
        "accuracy": proportion(is_right_n, patients_n, level),
        "sensitivity": proportion(is_right_n[is_positive_n], patients_n[is_positive_n], level),
        "specificity": proportion(is_right_n[~is_positive_n], patients_n[~is_positive_n], level),
    }
    weights_Bn = np.concatenate([np.ones((1, len(label_n))), resample_patient_counts(patients_n, resamples, rng)])
    auroc_B = six_metrics(weights_Bn, label_n, probability_n)[:, AUROC]
    low_1, high_1 = interval_with_width(auroc_B[1:, None], level, len(np.unique(patients_n)))
    shares["auroc"] = Proportion(float(auroc_B[0]), float(low_1[0]), float(high_1[0]))
    return {name: share._asdict() for name, share in shares.items()}


def contrasted(
    d_n: np.ndarray, patients_n: np.ndarray, weigh: Weigh, resamples: int, level: float, rng: np.random.Generator
) -> dict[str, float]:
    """The mean of the images' contrasts with {value, low, high}, weighed as the verdict weighs; NaN without an image.

    `d_n`: own - (row + col) / 2 of each image, which compares it with other patients of the whole study, in and out of
    the subgroup (`statistics.contrast`); NaN is left out. The interval resamples the subgroup's patients and is
    expanded for few of them; the other patients stay as they are. One patient has no interval.
    """
    is_known_n = ~np.isnan(d_n)
    known_n, patients_n = np.asarray(d_n)[is_known_n], np.asarray(patients_n)[is_known_n]
    if not len(known_n):
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    weight_n = image_weights(patients_n, weigh)
    _, patient_n = np.unique(patients_n, return_inverse=True)
    num_patients = int(patient_n.max()) + 1
    drawn_BG = resample_counts(num_patients, resamples, rng)
    distribution_B1 = weighted_means(known_n[None], drawn_BG[:, patient_n] * weight_n)
    low_1, high_1 = interval_with_width(distribution_B1, level, num_patients)
    return {"value": float(weight_n @ known_n), "low": float(low_1[0]), "high": float(high_1[0])}


def counts(label_n: np.ndarray, patients_n: np.ndarray) -> dict[str, Any]:
    """Numbers of `images`, `patients` and `positives`."""
    return {
        "images": len(label_n),
        "patients": len(np.unique(np.asarray(patients_n))),
        "positives": int((np.asarray(label_n) == 1).sum()),
    }
