"""All readings of a study: who marked anything on which image, at the first look and when the image came again.

Empty annotations count here even where the consensus drops them. N readings, in the order of annotations.csv as
`read_annotations` sorts it. Definition: docs/metrics.md#readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sightline.experts.agreement import iou_matrix
from sightline.experts.annotation_reader import first_readings
from sightline.experts.repeats import is_alone, is_repeat

if TYPE_CHECKING:  # pandas takes most of a light stage's start-up: it loads where a table is made
    import pandas as pd

PREFIX = "reading_"  # of the arrays' names in the file of annotations


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The N readings of all images, one row each; annotations that are a false start are not among them."""

    annotations: np.ndarray
    """str N, the reading's name."""
    images: np.ndarray
    """str N."""
    annotators: np.ndarray
    """str N."""
    is_marked: np.ndarray
    """bool N, whether the reading marks anything."""
    first: np.ndarray
    """int N, row of the same reader's first reading of the image; its own row if it is the first."""
    self_iou: np.ndarray
    """float N in [0, 1], IoU of a repeat with that first reading; NaN for first readings and where both are empty."""

    @property
    def is_first(self) -> np.ndarray:
        """bool N."""
        return np.asarray(self.first == np.arange(len(self.first)))

    def place_rows(self, annotations_A: np.ndarray) -> np.ndarray:
        """int, rows of the annotations, by name, that are a reader's first reading of an image and mark something."""
        return np.flatnonzero(np.isin(annotations_A, self.annotations[self.is_first & self.is_marked]))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by the name under which they are stored."""
        return {PREFIX + name: values for name, values in vars(self).items()}


def readings_of(table: pd.DataFrame, masks_AHW: np.ndarray, is_answer_A: np.ndarray) -> Readings:
    """The readings among the A annotations in `table` (columns of annotations.csv) with their masks, bool.

    `is_answer_A`: bool, whether an annotation without a mark says that there is nothing to mark. Otherwise it says so
    only if the reader gave no other annotation of the image; beside one that marks something it is a false start, and
    left out. A hidden second reading is no such other annotation. Which of a reader's readings is the first:
    `first_readings`; a hidden second reading without a first one, which could not be judged, is left out.
    """
    is_marked_A = np.array([mask_HW.any() for mask_HW in masks_AHW], bool)
    pairs = list(zip(table.image, table.annotator, strict=True))
    answered = np.flatnonzero(is_marked_A | is_answer_A)
    is_later_A = is_repeat(table)
    has_answer = {pairs[row] for row in answered.tolist() if not is_later_A[row]}
    silent = np.array([pair not in has_answer for pair in pairs], bool)
    first_silent = np.flatnonzero(silent)[first_readings(table[silent])[0]]
    kept = np.sort(np.concatenate([answered, first_silent]))
    kept = kept[~is_alone(table)[kept]]
    chosen = table.iloc[kept]
    first_N, self_iou_N = np.arange(len(kept)), np.full(len(kept), np.nan)
    for first, again in first_readings(chosen)[1]:
        first_N[again] = first
        self_iou_N[again] = iou_matrix(masks_AHW[[kept[first]]], masks_AHW[[kept[again]]])[0, 0]
    columns = {name: np.array(chosen[name[:-1]].tolist(), str) for name in ("annotations", "images", "annotators")}
    return Readings(**columns, is_marked=is_marked_A[kept], first=first_N, self_iou=self_iou_N)


def stored_readings(arrays: Mapping[str, np.ndarray]) -> Readings:
    """The readings as `Readings.arrays` stored them.

    A file without them, of an earlier version or another maker, has one reading per row of `masks`, all of them first.
    """
    if PREFIX + "images" in arrays:
        return Readings(**{name: arrays[PREFIX + name] for name in Readings.__dataclass_fields__})
    num = len(arrays["images"])
    return Readings(
        annotations=arrays["annotations"],
        images=arrays["images"],
        annotators=arrays["annotators"],
        is_marked=np.array([mask_HW.any() for mask_HW in arrays["masks"]], bool),
        first=np.arange(num),
        self_iou=np.full(num, np.nan),
    )
