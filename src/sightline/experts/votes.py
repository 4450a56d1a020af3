"""Which annotations vote: of each reader and image the first that is valid, and with what weight.

A annotations that vote, H W image grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sightline.experts.agreement import iou_matrix
from sightline.experts.annotation_reader import COLUMNS, first_readings
from sightline.experts.consensus import ConsensusRule
from sightline.experts.readings import Readings, readings_of
from sightline.experts.repeats import is_alone
from sightline.study.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Votes:
    """The annotations that vote, and what the others tell."""

    table: pd.DataFrame
    """Their A rows of annotations.csv, numbered from 0; one per annotator and image."""
    masks_AHW: np.ndarray
    """bool."""
    rows_of: dict[str, np.ndarray]
    """The rows of each annotated image, int; none where all of its annotations were dropped."""
    num_annotations: int
    """Of all annotations, dropped and repeated ones included."""
    num_alone: int
    """Of hidden second readings whose first could not be judged (`repeats.is_alone`)."""
    self_iou: np.ndarray
    """IoU of each valid repeat with the same annotator's first valid one of the image; NaN where both are empty."""
    readings: Readings
    """Of all annotations, dropped and repeated ones included."""


def valid_votes(table: pd.DataFrame, masks_AHW: np.ndarray, empty_votes: bool) -> Votes:
    """The votes among all annotations of `table` (as `read_annotations` sorts them) and their masks.

    An annotation without a region votes if `empty_votes`, against every pixel, and is dropped otherwise. An annotator
    has one vote per image, the first valid annotation in time; later ones only tell how far annotators agree with
    themselves. Where a column `repeat` names hidden second readings, none of them votes, not even where the first is
    empty and dropped or could not be judged (`first_readings`). A column `is_answer` of the table names annotations
    that are a reading even where they are empty; all are if `empty_votes`.
    """
    is_answer_A = np.full(len(table), empty_votes) | table.get("is_answer", np.zeros(len(table), bool))
    valid = np.flatnonzero(masks_AHW.any(axis=(1, 2)) | empty_votes)
    first, again = first_readings(table.iloc[valid])
    self_iou = np.array([iou_matrix(masks_AHW[[valid[a]]], masks_AHW[[valid[b]]])[0, 0] for a, b in again])
    voting = table.iloc[valid[first]].reset_index(drop=True)
    return Votes(
        table=voting,
        masks_AHW=masks_AHW[valid[first]],
        rows_of={image: np.flatnonzero(voting.image == image) for image in dict.fromkeys(table.image)},
        num_annotations=len(table),
        num_alone=int(is_alone(table).sum()),
        self_iou=self_iou,
        readings=readings_of(table, masks_AHW, np.asarray(is_answer_A, bool)),
    )


def no_votes(grid: tuple[int, int]) -> Votes:
    """A study without single annotations, on a grid of rows and columns."""
    table = pd.DataFrame(columns=list(COLUMNS), dtype=str)
    return valid_votes(table, np.zeros((0, *grid), bool), empty_votes=False)


def vote_weights(votes: Votes, rule: ConsensusRule, weights: Mapping[str, float]) -> np.ndarray:
    """The weight of each annotation's vote, float64 A: 1 unless the rule is `weighted`, then by profession.

    Professions without a weight are a StudyError that names them.
    """
    if rule != "weighted":
        return np.ones(len(votes.table))
    unknown = sorted(set(votes.table.profession) - set(weights))
    if unknown:
        raise StudyError("consensus.weights: professions without a weight; add them", unknown)
    return votes.table.profession.map(weights).to_numpy(float)
