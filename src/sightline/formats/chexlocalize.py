"""cheXlocalize's two JSON forms -> drawings: segmentations (run lengths) and annotations (polygons).

Format: rajpurkarlab/cheXlocalize, sample/gt_segmentations_val.json and sample/gt_annotations_val.json. Neither form
names who drew, and a finding that was not drawn is not told from one that no one looked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.coco import run_lengths_mask
from sightline.formats.shapes import Found, Wanted, drawn, of_type, polygon_mask, read_json, size_from, stem_of
from sightline.study.errors import StudyError

SIZE = "img_size"  # [rows, columns], beside the findings in the form with polygons


def read_chexlocalize(path: Path, wanted: Wanted) -> Found:
    """The drawings of the findings in `wanted.labels`, united on each image; StudyError unless some are named.

    What is wrong with single images is in `problems`.
    """
    document = read_json(path)
    if not isinstance(document, dict) or not all(isinstance(entry, dict) for entry in document.values()):
        raise StudyError(f"{path}: not a file of cheXlocalize; expected {{image: {{finding: ...}}}}")
    found = Found(labels={key for entry in document.values() for key in entry if key != SIZE})
    if not wanted.labels:
        raise StudyError(f"{path}: say with --labels which findings to take: {', '.join(sorted(found.labels))}")
    for image, entry in document.items():
        masks = []
        try:
            masks = [mask for finding in sorted(wanted.labels) if (mask := _finding_mask(entry, finding)) is not None]
        except ValueError as error:
            found.problems.append(f"{image}: {error}")
        if len({mask.shape for mask in masks}) > 1:
            found.problems.append(f"{image}: its findings have several sizes")
        elif masks and not wanted.annotator:
            found.num_nameless += 1
        elif masks:
            fields = {"image": stem_of(image), "annotator": wanted.annotator or "", "created_at": "", "source": image}
            found.drawings.append(drawn(np.logical_or.reduce(masks), **fields))
    return found


def _finding_mask(entry: dict[str, Any], finding: str) -> np.ndarray | None:
    """Pixels of a finding, bool; None if it was not drawn, which the segmentations tell by a mask without a pixel."""
    if finding not in entry:
        return None
    if SIZE not in entry:
        segmentation = of_type(entry, finding, dict)
        size = of_type(segmentation, "size", list)
        mask_HW = run_lengths_mask(segmentation, size_from(*size) if len(size) == 2 else size_from(None, None))
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
