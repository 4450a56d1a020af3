"""cheXlocalize's two JSON forms -> drawings: segmentations (run lengths) and annotations (polygons).

Format: rajpurkarlab/cheXlocalize, sample/gt_segmentations_val.json and sample/gt_annotations_val.json. Neither form
names who drew, nor tells a finding that was not drawn from one that nobody looked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import of_type, one_line, read_json, shown, size_from
from sightline.formats.rle import segmentation_mask
from sightline.formats.shapes import polygon_mask
from sightline.names import stem_of
from sightline.study.errors import StudyError

SIZE = "img_size"  # [rows, columns], beside the findings in the form with polygons


def read_chexlocalize(path: Path, options: ImportOptions) -> FileContents:
    """The drawings of the findings in `options.labels`, united per image; None: of the only one, else a StudyError.

    An image whose findings are all absent or empty has no drawing, but is among `images`. What is wrong with single
    images goes into `problems`.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not _has_findings(document):
        raise StudyError(
            f"{path}: not a cheXlocalize file; expected {{image: {{finding: {{size, counts}}}}}} or "
            "{image: {img_size, finding: polygons}}"
        )
    contents = FileContents(labels={key for entry in document.values() for key in entry if key != SIZE})
    labels = sorted(options.labels or (contents.labels if len(contents.labels) == 1 else ()))
    if not labels:
        named = one_line(", ".join(sorted(contents.labels)), 500)
        raise StudyError(f"{path}: choose findings with --finding: {named}")
    for image, entry in document.items():
        where, stem = one_line(image), stem_of(image)
        if not stem or stem in contents.images:
            wrong = f"has the name {shown(stem)} of an earlier image" if stem else "has no name"
            contents.problems.append(f"{where}: {wrong}")
            continue
        contents.images.add(stem)
        try:
            masks = [mask for finding in labels if (mask := _finding_mask(entry, finding)) is not None]
        except ValueError as error:
            contents.problems.append(f"{where}: {error}")
            continue
        if len({mask.shape for mask in masks}) > 1:
            contents.problems.append(f"{where}: its findings differ in size")
        elif masks and not options.annotator:
            contents.num_nameless += 1
        elif masks:
            fields = {"image": stem, "annotator": options.annotator or "", "created_at": "", "source": where}
            contents.drawings.append(Drawing.of(np.logical_or.reduce(masks), **fields))
    return contents


def _has_findings(document: dict[str, Any]) -> bool:
    """Whether all entries are objects, and those that are not empty of either form, the broken ones apart."""
    entries = list(document.values())
    if not all(isinstance(entry, dict) for entry in entries):
        return False
    looks = [SIZE in entry or any(isinstance(v, dict) and "counts" in v for v in entry.values()) for entry in entries]
    return any(looks) or not any(entries)


def _finding_mask(entry: dict[str, Any], finding: str) -> np.ndarray | None:
    """Pixels of a finding, bool; None if it was not drawn, for which segmentations have an empty mask."""
    if finding not in entry:
        return None
    if SIZE not in entry:
        segmentation = of_type(entry, finding, dict)
        size = of_type(segmentation, "size", list)
        mask_HW = segmentation_mask(segmentation, size_from(*size) if len(size) == 2 else size_from(None, None))
        return mask_HW if mask_HW.any() else None
    size = of_type(entry, SIZE, list)
    rows, cols = size_from(*size) if len(size) == 2 else size_from(None, None)
    polygons = of_type(entry, finding, list)
    if not polygons:
        return None
    mask_HW = np.logical_or.reduce([polygon_mask(points, (rows, cols)) for points in polygons])
    if not mask_HW.any():
        raise ValueError(f"{finding} marks no pixel; remove it")
    return mask_HW
