"""Boxes of NIH's ChestX-ray14, BBox_List_2017.csv: image, finding, x, y, width, height by position.

Its first line is literally `Image Index,Finding Label,Bbox [x,y,w,h],,,`, which splits the last name at its commas.
Films of 1024 x 1024 pixels; no reader is named. Few of a film's findings have a box, so a film without a box of a
finding may have that finding. Source: Wang et al. 2017 (CVPR), ChestX-ray8.
"""

from __future__ import annotations

from pathlib import Path

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.box_table import BoxTable, columns_by_position, drawings_of
from sightline.study.files import read_csv

SIZE = (1024, 1024)
FIRST = ("Image Index", "Finding Label")
ALIASES = {"Infiltration": "Infiltrate"}  # the labels of whole films call it so


def read_nih(path: Path, options: ImportOptions) -> FileContents:
    """One drawing by the user's reader per film with a box of a finding that counts.

    What is wrong with single rows goes into `problems`; StudyError if it is not such a file.
    """
    image, label, x, y, width, height = columns_by_position(path, FIRST, 6)
    table = read_csv(path, {image: str, label: str} | dict.fromkeys((x, y, width, height), float))
    rows = table.assign(
        image=table[image], annotator="", label=table[label], x0=table[x], y0=table[y],
        x1=table[x] + table[width], y1=table[y] + table[height],
    )  # fmt: skip
    return drawings_of(
        BoxTable(
            rows=rows,
            frame_of=lambda stem, reach: options.frame_of(stem, SIZE, reach),
            aliases=ALIASES,
            is_complete=False,
        ),
        options,
    )
