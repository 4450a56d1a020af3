"""The paper's Table 1: how many annotations there are, how large, and how far readers agree beyond random masks.

C images, H W image grid. Definitions: docs/metrics.md#pairwise-iou.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sightline.experts.agreement import Agreement, image_agreement
from sightline.experts.crosswise import mean_of_sums, patient_sums
from sightline.experts.place import place_agreement
from sightline.experts.presence import presence_agreement
from sightline.experts.votes import Votes
from sightline.processes import in_processes
from sightline.statistics.means import mean_known
from sightline.statistics.significance import mann_whitney_greater, sign_flip_p

FLIPS = 10_000  # of the paired test; no parameter, because they cost nothing
OF_ANNOTATIONS = (  # the numbers that finished masks cannot give
    *("annotations", "valid_annotations", "annotations_per_image", "annotators", "active_pixels_percent"),
    *("expert_expert_iou_percent", "expert_expert_iou_by_image_percent", "expert_random_iou_percent"),
    *("p_value_published", "p_value_permutation", "repeats", "self_iou_percent"),
)
IMAGE_COLUMNS = ["image", "annotations", "iou", "random_iou"]


def agreements(
    votes: Votes, num_random: int, generator_of: Callable[[str], np.random.Generator]
) -> dict[str, Agreement]:
    """The agreement of each image's annotations, beside `num_random` random masks; the images by all cores.

    `generator_of` gives the generator of an image's random masks by the image's name, whatever process asks.
    """
    found = in_processes(_agreement, (votes, num_random, generator_of), list(votes.rows_of))
    return dict(zip(votes.rows_of, found, strict=True))


def _agreement(work: tuple[Votes, int, Callable[[str], np.random.Generator]], image: str) -> Agreement:
    votes, num_random, generator_of = work
    rows = votes.rows_of[image]
    return image_agreement(votes.masks_AHW[rows], votes.table.annotator[rows].tolist(), num_random, generator_of(image))


def image_table(votes: Votes, by_image: dict[str, Agreement]) -> pd.DataFrame:
    """IMAGE_COLUMNS: one row per image; NaN IoU without a pair of annotators."""
    return pd.DataFrame(
        [
            (image, len(votes.rows_of[image]), found.mean_iou, found.mean_random_iou)
            for image, found in by_image.items()
        ],
        columns=IMAGE_COLUMNS,
    )


def table_one(
    votes: Votes,
    consensus_CHW: np.ndarray,
    by_image: dict[str, Agreement],
    by_profession: pd.DataFrame,
    patients: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """All numbers of Table 1 by name; undefined ones are NaN.

    `consensus_CHW`, `by_image` and `patients` in the order of `votes.rows_of`; `by_profession` as
    `agreement.profession_table` gives it; `rng` flips the signs of the paired test.
    """
    pairs = np.concatenate([found.iou for found in by_image.values()])
    random_pairs = np.concatenate([found.random_iou for found in by_image.values()])
    num_pairs = np.array([len(found.iou) for found in by_image.values()])
    iou_C = np.array([found.mean_iou for found in by_image.values()])
    random_iou_C = np.array([found.mean_random_iou for found in by_image.values()])
    return {
        **consensus_numbers(consensus_CHW),
        "annotations": votes.num_annotations,
        "valid_annotations": len(votes.table),
        "annotations_per_image": len(votes.table) / len(votes.rows_of),
        "annotators": votes.table.annotator.nunique(),
        "repeats": len(votes.self_iou),
        "self_iou_percent": 100 * mean_known(votes.self_iou),
        "active_pixels_percent": 100 * mean_known(votes.masks_AHW.mean(axis=(1, 2))),
        # Paper: Table 1 takes the mean over all pairs, to which an image with many annotations contributes more
        "expert_expert_iou_percent": 100 * mean_known(pairs),
        "expert_expert_iou_by_image_percent": 100 * mean_known(iou_C),
        "expert_random_iou_percent": 100 * mean_known(np.repeat(random_iou_C, num_pairs)),
        "p_value_published": mann_whitney_greater(pairs, random_pairs),
        "p_value_permutation": sign_flip_p(iou_C - random_iou_C, np.asarray(patients), FLIPS, rng),
        **presence_and_place(votes, by_image, patients),
        "professions": {
            str(name): {"annotators": annotators, "annotations": annotations, "pairs": num, "iou_percent": 100 * iou}
            for name, annotators, annotations, num, iou in by_profession.itertuples(index=False)
        },
    }


def presence_and_place(votes: Votes, by_image: dict[str, Agreement], patients: Sequence[str]) -> dict[str, Any]:
    """`presence` and `place` of the readers by name, without intervals: those are of the stage reliability.

    `random_iou_percent` is the mean over the random masks of the same images, for readers and masks that are not empty.
    """
    row_of = {image: row for row, image in enumerate(votes.rows_of)}
    patients_C, readings = np.asarray(patients), votes.readings
    presence = presence_agreement(readings, patients_C[[row_of[image] for image in readings.images.tolist()]])
    rows = readings.place_rows(votes.table.annotation.to_numpy(str))
    shown = votes.table.iloc[rows]
    images_A = np.array([row_of[image] for image in shown.image], int)
    place = place_agreement(votes.masks_AHW[rows], images_A, shown.annotator.to_numpy(str), patients_C)
    patient_C = np.unique(patients_C, return_inverse=True)[1]
    random_1C = np.array([[found.mean_marked_random_iou for found in by_image.values()]])
    chance = mean_of_sums(patient_sums(random_1C, patient_C, alike=True).sum(axis=1))[0]
    return {
        "presence": {
            "agreement_percent": 100 * presence.agreement.value,
            "alpha": presence.alpha.value,
            "alpha_note": presence.alpha.note if np.isnan(presence.alpha.value) else "",
            "marked_percent": 100 * presence.marked_share,
            "readings": presence.num_readings,
            "empty": presence.num_empty,
            "false_starts": votes.num_annotations - votes.num_alone - len(readings.images),
            "pairs": presence.num_pairs,
            "images": presence.num_images,
        },
        "place": {
            "iou_percent": 100 * place.iou.value,
            "random_iou_percent": 100 * float(chance),
            "pairs": place.num_pairs,
            "images": place.num_images,
        },
    }


def table_one_of_finished(consensus_CHW: np.ndarray) -> dict[str, Any]:
    """Table 1 of finished masks: what needs single annotations is None."""
    split: dict[str, Any] = {"presence": {}, "place": {}, "professions": {}}
    return {**dict.fromkeys(OF_ANNOTATIONS), **consensus_numbers(consensus_CHW), **split}


def consensus_numbers(consensus_CHW: np.ndarray) -> dict[str, Any]:
    """What Table 1 says of the consensus itself; its area is the mean over images whose consensus is not empty."""
    nonempty = consensus_CHW.any(axis=(1, 2))
    return {
        "test_images": len(consensus_CHW),
        "nonempty_consensus": int(nonempty.sum()),
        "consensus_pixels_percent": 100 * mean_known(consensus_CHW[nonempty].mean(axis=(1, 2))),
    }
