"""PadChest-GR's grounded reports -> drawings: a study's sentences, each with boxes of up to two readers.

Boxes are [x1, y1, x2, y2] as shares of the image's sides. `boxes` are the first reader's, `extra_boxes` those of a
second one who saw the same sentences, not the boxes. The file names neither: here they are reader1 and reader2. A team
of 14 took turns, so compare the two on one image, not reader1 of one image with reader1 of another. Every study was
read by reader1: where no box is, the reading is empty. That reader2 read a study is known only if some extra_boxes of
it has a box: of the other studies, normal ones among them, the file does not tell a second reader who marked nothing
from none at all. Format: grounded_reports_20240819.json; Castro et al. 2024, arXiv:2411.05085.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import of_type, read_json, shown
from sightline.formats.gather import Gathering, Patch
from sightline.formats.shapes import boxes_mask
from sightline.study.errors import StudyError

READERS = {"boxes": "reader1", "extra_boxes": "reader2"}
GRID = (1000, 1000)  # where sizes are neither known nor needed: shares of a side to a thousandth, whatever its aspect


def read_padchest_gr(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per study and reader, the boxes of all abnormal findings that count united.

    Boxes of sentences that are not abnormal are left out, with a note. What is wrong with single studies goes into
    `problems`.
    """
    studies = read_json(path)
    if not isinstance(studies, list):
        raise StudyError(f"{path}: not PadChest-GR's JSON; expected a list of ImageID and findings")
    gathering = Gathering(options)
    num_normal = num_nameless = 0
    places: dict[str, int] = {}
    for place, study in enumerate(studies, start=1):
        where = f"study {place}"
        try:
            name = of_type(study, "ImageID", str)
            where = f"study {place} ({shown(name)})"
            image = gathering.image(name)
            if places.setdefault(image, place) != place:
                raise ValueError(f"is of the same image as study {places[image]}; keep one")
            gathering.size(image, _size_of(image, options))
            findings = [_Finding(finding) for finding in of_type(study, "findings", list)]
        except ValueError as error:
            gathering.wrong(where, error)
            continue
        gathering.reading(image, READERS["boxes"], where)
        if any(finding.boxes["extra_boxes"] for finding in findings):
            gathering.reading(image, READERS["extra_boxes"], where)
        for number, finding in enumerate(findings, start=1):
            num_boxes = sum(map(len, finding.boxes.values()))
            num_normal += bool(num_boxes) and not finding.is_abnormal
            num_nameless += bool(num_boxes) and not finding.labels
            if finding.is_abnormal and gathering.counts(finding.labels):
                for key, boxes in finding.boxes.items():
                    for box in boxes:
                        draw = partial(_patch, box)
                        gathering.shape(image, READERS[key], f"{where}, finding {number}, {key}", draw)
    if num_normal:
        gathering.contents.notes.append(
            f"boxes of findings that are not abnormal were left out; such findings: {num_normal:,}"
        )
    if num_nameless and options.labels is not None:
        gathering.contents.notes.append(f"findings with boxes but without a label were left out: {num_nameless:,}")
    return gathering.finished()


class _Finding:
    """A sentence of a report, checked."""

    def __init__(self, finding: Any) -> None:
        """ValueError if its fields are of other types."""
        self.is_abnormal = of_type(finding, "abnormal", bool)
        labels = of_type(finding, "labels", list) if self.is_abnormal else finding.get("labels") or []
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise ValueError(f"labels are {shown(labels)}, expected names of findings")
        self.labels = [label.strip() for label in labels if label.strip()]
        if self.is_abnormal and "boxes" not in finding:
            raise ValueError("lacks 'boxes'")
        self.boxes = {key: finding.get(key) or [] for key in READERS}
        for key, boxes in self.boxes.items():
            if not isinstance(boxes, list):
                raise ValueError(f"{key} are {shown(boxes)}, expected a list of [x1, y1, x2, y2]")


def _size_of(image: str, options: ImportOptions) -> tuple[int, int]:
    """(rows, columns): the user's or the image's; GRID where neither is known or needed."""
    known = options.size or options.size_of(image)
    return known or (options.frame_of(image) if options.is_size_needed else GRID)


def _patch(box: Any, size: tuple[int, int]) -> Patch:
    """Pixels of a box in shares of the sides; ValueError unless it is four numbers from 0 to 1."""
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError(f"a box is {shown(box)}, expected [x1, y1, x2, y2]")
    try:
        sides = np.array(box, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"a box is {shown(box)}, expected [x1, y1, x2, y2]") from None
    if not ((sides >= 0) & (sides <= 1)).all():  # written so that NaN fails
        raise ValueError(f"a box is {shown(box)}, expected shares of the sides from 0 to 1")
    return Patch(*boxes_mask([sides * (size[1], size[0], size[1], size[0])], size))
