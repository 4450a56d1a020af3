"""Boxes of MS-CXR's CSV: dicom_id, category_name, label_text, path, x, y, w, h, image_width, image_height, split.

A row is a box of a phrase of the report; the category is its finding. No reader is named, and a film without a box
of a finding may have it. Its `split` is not MIMIC-CXR's and is not read. MS-CXR's JSON is COCO's. Source: Boecking et
al. 2022 (ECCV), PhysioNet ms-cxr 1.1.0.
"""

from __future__ import annotations

from pathlib import Path

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.box_table import BoxTable, drawings_of, read_columns
from sightline.formats.fields import MAX_SIDE
from sightline.formats.repeats import Repeats
from sightline.names import stem_of

BOX = ["x", "y", "w", "h"]
SIDES = ["image_height", "image_width"]


def read_ms_cxr(path: Path, options: ImportOptions) -> FileContents:
    """One drawing by the user's reader per film with a box of a finding that counts; sizes are the file's.

    What is wrong with single rows goes into `problems`; StudyError if it is not such a file.
    """
    table = read_columns(path, ["dicom_id", "category_name"], [*BOX, *SIDES])
    repeats = Repeats()
    sizes: dict[str, tuple[int, int]] = {}
    for row, (image, rows, cols) in enumerate(zip(table.dicom_id, table[SIDES[0]], table[SIDES[1]], strict=True)):
        if not all(1 <= side <= MAX_SIDE and side % 1 == 0 for side in (rows, cols)):
            problem = f"image size {rows:g} x {cols:g}, expected whole numbers from 1 to {MAX_SIDE}"
            repeats.add(f"row {row + 2}", problem)
        elif sizes.setdefault(stem_of(image), (int(rows), int(cols))) != (int(rows), int(cols)):
            repeats.add(f"row {row + 2}", f"image {image!r} has another size in an earlier row; correct one of them")
    rows = table.assign(
        image=table.dicom_id, annotator="", label=table.category_name, x0=table.x, y0=table.y,
        x1=table.x + table.w, y1=table.y + table.h,
    )  # fmt: skip
    largest = (MAX_SIDE, MAX_SIDE)  # for images whose size is a problem already
    return drawings_of(
        BoxTable(rows=rows, frame_of=lambda image, _: sizes.get(image, largest), is_complete=False), options, repeats
    )
