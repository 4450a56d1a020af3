"""Run lengths of the SIIM-ACR Pneumothorax Segmentation challenge: ImageId and EncodedPixels, one row per region.

EncodedPixels is -1 for a film without a pneumothorax, else pairs of a gap and a length: the gap counts from the end of
the run before, not from the first pixel, and pixels go column by column. Films of 1024 x 1024 pixels; no reader is
named. Source: the challenge's mask_functions.py (rle2mask).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.box_table import read_columns
from sightline.formats.fields import shown
from sightline.formats.repeats import Repeats
from sightline.formats.rle import united_counts
from sightline.names import stem_of

SIZE = (1024, 1024)
FINDING = "Pneumothorax"
NOTHING = "-1"
NUMBERS = re.compile(r"[0-9]{1,9}( +[0-9]{1,9})*")


def read_siim(path: Path, options: ImportOptions) -> FileContents:
    """One drawing by the user's reader per film, the regions of its rows united; empty for -1.

    What is wrong with single rows goes into `problems`; StudyError if it is not such a file.
    """
    table = read_columns(path, ["ImageId", "EncodedPixels"], [])
    contents = FileContents(labels={FINDING})
    counts_as = options.labels is None or FINDING in options.labels
    repeats = Repeats()
    rows_by_image: dict[str, list[int]] = {}
    for row, image in enumerate(table.ImageId.map(stem_of)):
        if image:
            rows_by_image.setdefault(image, []).append(row)
        else:
            repeats.add(f"row {row + 2}", "its image has no name; enter it")
    texts = table.EncodedPixels.str.strip().tolist()
    contents.images = set(rows_by_image)
    for image, rows in rows_by_image.items():
        rows, size = list(rows), options.frame_of(image, SIZE)
        where = f"row {rows[0] + 2}"
        says_nothing = [texts[row] == NOTHING for row in rows]
        if any(says_nothing) and not all(says_nothing):
            repeats.add(where, f"image {image!r} has both -1 and run lengths; remove one of them")
            continue
        regions = [np.array([size[0] * size[1]], np.int64)]
        for row in rows if not says_nothing[0] else []:
            try:
                regions.append(_counts(texts[row], size))
            except ValueError as error:
                repeats.add(f"row {row + 2}", f"image {image!r}: {error}")
        if not options.annotator:
            contents.num_nameless += 1
            continue
        fields = {"image": image, "annotator": options.annotator, "created_at": "", "source": where}
        counts = united_counts(regions) if counts_as and len(regions) > 1 else regions[0]
        contents.drawings.append(Drawing(size=size, counts=counts, **fields))
    contents.problems = repeats.lines()
    return contents


def _counts(text: str, size: tuple[int, int]) -> np.ndarray:
    """Run lengths as in rle.py of a cell; ValueError where it is not pairs of numbers, or fills more than the image."""
    if not NUMBERS.fullmatch(text):
        raise ValueError(f"EncodedPixels is {shown(text)}, expected -1 or whole numbers")
    runs = np.array(text.split(), np.int64)
    if len(runs) % 2:
        raise ValueError("an odd number of run lengths, expected pairs of a gap and a length")
    left = size[0] * size[1] - int(runs.sum())
    if left < 0:
        raise ValueError(
            f"run lengths fill {runs.sum()} pixels, the image has {size[0] * size[1]}; "
            "each gap counts from the end of the run before, and the image must have its original size"
        )
    if not runs[1::2].any():
        raise ValueError("its run lengths mark no pixel; enter -1")
    return np.append(runs, left) if left else runs
