"""How far annotators agree beyond chance, with intervals: alpha of whole regions, kappa of pixels.

Letters: A annotations of all images, a annotations of one part, M and m their images, G patients, R readers of one
image, S readers, H W image grid, P pixels of a domain, n leave-outs. An image is named by its row among the M, an int
from 0. Intervals are over patients and readers: `crosswise`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.experts.crosswise import Estimate, crosswise, estimate, sums_by_patient
from sightline.experts.pairwise_iou import PartIou
from sightline.experts.reader_pairs import patient_rows


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Agreement corrected for chance: 1 is full agreement, 0 chance agreement, below 0 less than chance."""

    value: float
    """1 - observed / expected; NaN if the expected disagreement is 0, or without two readers of one image."""
    low: float
    """NaN without an interval, like `high`."""
    high: float
    over_annotators: bool
    """False if the interval holds for these readers only: without one of them nothing is left."""
    note: str
    """Why there is no value or no interval, or what the interval does not cover; empty otherwise."""
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
    patients_M: Sequence[str] | np.ndarray | None = None,
    level: float = 0.95,
) -> Reliability:
    """Krippendorff's alpha with the distance 1 - IoU of two annotations, and its interval.

    `iou_AA`: float in [0, 1], of each annotation with each, as `agreement.iou_matrix` gives it, or a `PartIou`, of
    which only different images within one part are compared; `images_A`: int.
    Observed: each annotation's mean distance from the other annotators' annotations of its image, averaged over
    annotations. Expected: mean distance of two annotations by different annotators of *different* images, which share
    the anatomy and the places where experts tend to mark; alpha is the agreement on this image beyond that.

    A NaN IoU (both masks empty) is left out and counted; pass 1 to let two empty masks agree. Annotations of images
    that no other annotator marked are left out on both sides.

    Definition: docs/metrics.md#alpha. Source: Krippendorff, Content Analysis (2018), ch. 12. Departures: his expected
    disagreement includes pairs within an image and pairs by one person; ours does not, since one person's annotations
    share a habit.
    """
    images_A, annotators_A = np.asarray(images_A, int), np.asarray(annotators_A)
    patient_A = patient_rows(images_A, patients_M)[images_A]
    parts = iou_AA.parts() if isinstance(iou_AA, PartIou) else [(np.arange(len(images_A)), np.asarray(iou_AA, float))]
    total_4 = np.zeros(4)
    changes: dict[tuple[str, ...], np.ndarray] = {}  # of the total, where a patient, a reader or a cell is left out
    undefined = 0
    for rows, iou_aa in parts:
        names_a = annotators_A[rows]
        known_aa = ~np.isnan(iou_aa)
        distinct_aa = names_a[:, None] != names_a
        same_aa = images_A[rows][:, None] == images_A[rows]
        pairs = RegionPairs(
            distance_aa=np.where(known_aa, 1 - iou_aa, 0),
            within_aa=(same_aa & distinct_aa & known_aa).astype(float),
            between_aa=(~same_aa & distinct_aa & known_aa).astype(float),
        )
        own_4 = pairs.sums(np.ones((1, len(rows))))[0]
        total_4 += own_4
        undefined += int(np.triu(~known_aa & distinct_aa, 1).sum())
        paired_a = pairs.within_aa.sum(axis=1) > 0
        for kind, left_out in leave_outs(patient_A[rows], names_a, paired_a).items():
            keep_na = np.array([~gone_a for gone_a in left_out.values()], float).reshape(len(left_out), len(rows))
            for key, sums_4 in zip(left_out, pairs.sums(keep_na), strict=True):
                changes[(kind, *key)] = changes.get((kind, *key), 0) + sums_4 - own_4

    def values(kind: str) -> np.ndarray:
        left_out = [total_4 + change_4 for key, change_4 in changes.items() if key[0] == kind]
        return alpha_of(np.array(left_out).reshape(-1, 4))

    value = float(alpha_of(total_4[None])[0])
    found = estimate(
        value, values("patient"), [values("reader")], [values("cell")], level, (-np.inf, 1.0),
        "no two readers of one image, or nothing that could differ",
    )  # fmt: skip
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: undefined, as promised
        observed, expected = total_4[[0, 2]] / total_4[[1, 3]]
    return reliability(found, float(observed), float(expected), int(total_4[1]), undefined)


@dataclass(frozen=True, kw_only=True)
class RegionPairs:
    """The annotations of one part, pair by pair."""

    distance_aa: np.ndarray
    """float in [0, 1]; 0 where unknown."""
    within_aa: np.ndarray
    """1 for pairs by different readers of one image, 0 otherwise."""
    between_aa: np.ndarray
    """1 for pairs by different readers of different images, 0 otherwise."""

    def sums(self, keep_na: np.ndarray) -> np.ndarray:
        """Float n x 4 for n sets of annotations (0 or 1): observed distances and their number, expected and theirs."""
        partners_na = keep_na @ self.within_aa
        pairable_na = keep_na * (partners_na > 0)
        mean_na = keep_na @ (self.within_aa * self.distance_aa) / np.maximum(partners_na, 1)
        expected_n, pairs_n = (
            ((pairable_na @ matrix_aa) * pairable_na).sum(axis=1)
            for matrix_aa in (self.between_aa * self.distance_aa, self.between_aa)
        )
        return np.stack([(mean_na * pairable_na).sum(axis=1), pairable_na.sum(axis=1), expected_n, pairs_n], axis=1)


def leave_outs(
    patient_a: np.ndarray, names_a: np.ndarray, paired_a: np.ndarray
) -> dict[str, dict[tuple[str, ...], np.ndarray]]:
    """The annotations of each patient, each reader and each cell (both), bool a, by kind and name.

    Annotations without a partner (`paired_a`) count nowhere, so they make no unit.
    """
    units: dict[str, dict[tuple[str, ...], np.ndarray]] = {"patient": {}, "reader": {}, "cell": {}}
    for patient, name in sorted(set(zip(patient_a[paired_a].tolist(), names_a[paired_a].tolist(), strict=True))):
        of_patient_a, by_reader_a = patient_a == patient, names_a == name
        units["patient"][(str(patient),)] = of_patient_a
        units["reader"][(str(name),)] = by_reader_a
        units["cell"][(str(patient), str(name))] = of_patient_a & by_reader_a
    return units


def alpha_of(sums_n4: np.ndarray) -> np.ndarray:
    """1 - observed / expected of the sums of `RegionPairs`, float n; NaN if undefined or nothing could differ."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values_n = 1 - (sums_n4[:, 0] / sums_n4[:, 1]) / (sums_n4[:, 2] / sums_n4[:, 3])
    return np.where(np.isfinite(values_n), values_n, np.nan)


def pixel_kappa(
    masks_by_image: Sequence[np.ndarray],
    annotators_by_image: Sequence[np.ndarray] | None = None,
    domains: Sequence[np.ndarray] | None = None,
    patients_M: Sequence[str] | np.ndarray | None = None,
    level: float = 0.95,
) -> Reliability:
    """Fleiss' kappa of the pixels inside the lungs, pooled over M images, and its interval.

    `masks_by_image`: bool R x H x W of different annotators, R may differ; `annotators_by_image`: their names, str R,
    without which the interval is over patients alone; `domains`: bool H x W, each image's lungs (outside, all agree
    that there is nothing, which inflates kappa), None is the whole image; `patients_M`: any labels, by default each
    image is a patient. An image with fewer than two readers is left out and counted; an empty domain adds nothing.

    With equal R this is Fleiss (1971), who does not treat a varying number of readers: ours weighs a pixel's
    disagreeing pairs by 1 / (R - 1), so that each vote counts once, as Krippendorff's nominal alpha does. Alpha =
    1 - (1 - kappa)(n - 1) / n for n votes, the same to six digits on real images. The readers need not be the same
    people on every image. Neighbouring pixels are not independent: only an interval over patients is honest.
    Definition: docs/metrics.md#kappa.
    """
    num_images = len(masks_by_image)
    patient_M = patient_rows(np.arange(num_images), patients_M)
    names = sorted({name for image in annotators_by_image or [] for name in image.tolist()})
    row_of = {name: row for row, name in enumerate(names)}
    sums_M3 = np.zeros((num_images, 3))
    left_out: list[tuple[int, int, np.ndarray]] = []  # reader, image, the image's sums without the reader
    for image, masks_RHW in enumerate(masks_by_image):
        masks_RP = np.asarray(masks_RHW, bool).reshape(len(masks_RHW), -1)
        if domains is not None:
            masks_RP = masks_RP[:, np.asarray(domains[image], bool).ravel()]
        marks_P = masks_RP.sum(axis=0, dtype=np.int32)
        sums_M3[image] = vote_sums(marks_P, len(masks_RP))
        if annotators_by_image is not None and len(masks_RP) > 1:
            left_out += [
                (row_of[name], image, vote_sums(marks_P - mask_P, len(masks_RP) - 1))
                for name, mask_P in zip(annotators_by_image[image].tolist(), masks_RP, strict=True)
            ]
    without_SM3 = np.repeat(sums_M3[None], len(names), axis=0)
    for reader, image, without_3 in left_out:
        without_SM3[reader, image] = without_3
    by_patient = [sums_by_patient(sums_M3.T, patient_M).T]
    by_patient += [sums_by_patient(without_M3.T, patient_M).T for without_M3 in without_SM3]
    found = crosswise(
        kappa_of,
        by_patient[0],
        np.stack(by_patient[1:]) if names else None,
        [np.unique([reader for reader, _, _ in left_out])] if left_out else [],
        level,
        bounds=(-1.0, 1.0),
        undefined="no two readers of one image, or nothing that could differ",
    )
    differ, marked, votes = sums_M3.sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: undefined, as promised
        observed, expected = differ / votes, 2 * (marked / votes) * (1 - marked / votes)
    alone = sum(len(masks_RHW) < 2 for masks_RHW in masks_by_image)
    return reliability(found, float(observed), float(expected), int(votes), alone)


def vote_sums(marks_P: np.ndarray, num_readers: int) -> np.ndarray:
    """Disagreement, marks and votes of an image's pixels, float 3; zeros for fewer than two readers."""
    if num_readers < 2:
        return np.zeros(3)
    marks = np.arange(num_readers + 1)
    pixels_by_marks = np.bincount(marks_P, minlength=num_readers + 1)
    disagreement = 2 * marks * (num_readers - marks) / (num_readers - 1)
    return np.array([pixels_by_marks @ disagreement, pixels_by_marks @ marks, num_readers * len(marks_P)], float)


def kappa_of(sums_n3: np.ndarray) -> np.ndarray:
    """Kappa of sums of `vote_sums`, float n; NaN without votes, or where all or none of them are marks."""
    differ_n, marked_n, votes_n = sums_n3.T
    chance_n = 2 * marked_n * (votes_n - marked_n)
    return 1 - np.divide(differ_n * votes_n, chance_n, out=np.full(len(chance_n), np.nan), where=chance_n > 0)


def reliability(
    found: Estimate, observed: float, expected: float, num_judgements: int, num_undefined: int
) -> Reliability:
    """The estimate with what it was made from."""
    return Reliability(
        **vars(found),
        observed=observed,
        expected=expected,
        num_judgements=num_judgements,
        num_undefined=num_undefined,
    )
