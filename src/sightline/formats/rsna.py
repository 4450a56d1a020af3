"""Boxes of the RSNA Pneumonia Detection Challenge, stage_2_train_labels.csv: patientId, x, y, width, height, Target.

One row per box, or one with empty numbers and Target 0; films of 1024 x 1024 pixels; no reader is named. Source: Shih
et al. 2019 (Radiology: Artificial Intelligence 1:e180041).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.box_table import BoxTable, drawings_of, read_columns
from sightline.formats.repeats import Repeats
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns

SIZE = (1024, 1024)
FINDING = "Lung Opacity"  # the challenge's class of films with boxes
NUMBERS = ["x", "y", "width", "height", "Target"]


def read_rsna(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per film by the user's reader; empty for Target 0.

    Rows whose Target and box contradict each other go into `problems`. StudyError for the file of classes.
    """
    if {column.lower() for column in csv_columns(path)} == {"patientid", "class"}:
        raise StudyError(f"{path}: has classes of whole films and no boxes; the boxes are in stage_2_train_labels.csv")
    table = read_columns(path, ["patientId"], NUMBERS)
    is_target_N = table.Target.to_numpy() == 1
    has_box_N = table[NUMBERS[:4]].notna().any(axis=1).to_numpy()
    repeats = Repeats()
    for row in np.flatnonzero(~is_target_N & (table.Target.to_numpy() != 0)):
        repeats.add(f"row {row + 2}", f"Target is {table.Target.tolist()[row]:g}, expected 0 or 1")
    for row in np.flatnonzero(is_target_N & ~has_box_N):
        repeats.add(f"row {row + 2}", "Target 1 without a box; enter the box, or Target 0")
    for row in np.flatnonzero((table.Target.to_numpy() == 0) & has_box_N):
        repeats.add(f"row {row + 2}", "Target 0 with a box; remove the box, or enter Target 1")
    wrong_N = is_target_N != has_box_N
    rows = table.assign(
        image=table.patientId, annotator="", label=np.where(is_target_N, FINDING, ""), x0=table.x, y0=table.y,
        x1=table.x + table.width, y1=table.y + table.height,
    )  # fmt: skip
    return drawings_of(
        BoxTable(
            rows=rows[~wrong_N] if wrong_N.any() else rows,
            frame_of=lambda image, reach: options.frame_of(image, SIZE, reach),
            nothing=frozenset({""}),
            aliases={"Pneumonia": FINDING},
        ),
        options,
        repeats,
    )
