"""Boxes of VinDr-CXR and VinDr-PCXR: one row per box, or per reader who found nothing, with the reader's id.

Kaggle form: image_id, class_name, class_id, rad_id, x_min, y_min, x_max, y_max. PhysioNet form: image_id, rad_id (also
rad_ID), class_name and the box. In the original film's pixels; no sizes in the file. The test set is a consensus and
names no reader. Source: Nguyen et al. 2022, VinDr-CXR (Scientific Data 9:429).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.box_table import SIDES, BoxTable, drawings_of, read_columns

NOTHING = "No finding"
CORNERS = ["x_min", "y_min", "x_max", "y_max"]
NO_BOX = (0.0, 0.0, 1.0, 1.0)  # written for "No finding" in the form in which Kaggle took predictions


def read_vindr(path: Path, options: ImportOptions) -> FileContents:
    """Each reader's drawing of each image that the file gives this reader; empty where only other findings are marked.

    What is wrong with single rows goes into `problems`; StudyError if it is not such a file.
    """
    table = read_columns(path, ["image_id", "class_name"], CORNERS, optional=["rad_id"])
    rows = table.rename(columns={"image_id": "image", "class_name": "label", "rad_id": "annotator"})
    rows = rows.rename(columns=dict(zip(CORNERS, SIDES, strict=True)))
    says_nothing = rows.label.str.strip().str.casefold() == NOTHING.casefold()
    rows.loc[says_nothing, "label"] = NOTHING
    rows.loc[says_nothing & (rows[SIDES].to_numpy() == np.array(NO_BOX)).all(axis=1), SIDES] = np.nan
    return drawings_of(
        BoxTable(
            rows=rows,
            frame_of=lambda image, reach: options.frame_of(image, None, reach),
            nothing=frozenset({NOTHING}),
        ),
        options,
    )
