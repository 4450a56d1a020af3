"""What readers marked, by image and reader. R readers, H W a mask's grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightline.api.arrays import Names, array_of, parts_of, rows_of
from sightline.formats.annotations import Drawing
from sightline.formats.mask_values import inside

Marks = dict[str, dict[str, np.ndarray]]
"""By image and reader, a mask: bool H x W."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotations:
    """What readers drew; give it to `score` as its regions, or to `agreement`."""

    drawings: Sequence[Drawing]
    """One for each reader's reading of an image, as run lengths; an empty one marks nothing."""
    findings: Sequence[str]
    """All that the files name, sorted, also those that were not asked for."""
    notes: Sequence[str] = ()
    """What to know of the files, in sentences."""

    @property
    def masks(self) -> Marks:
        """By image and reader, bool H x W in the file's own pixels; of a reader's several drawings the first."""
        marks: Marks = {}
        for drawing in self.drawings:
            marks.setdefault(drawing.image, {}).setdefault(drawing.annotator, drawing.mask)
        return marks

    def to_frame(self) -> pd.DataFrame:
        """A row for each drawing: image, reader, created_at, rows, cols, and pixels, the marked ones."""
        rows = [
            (one.image, one.annotator, one.created_at, *one.size, int(one.counts[1::2].sum())) for one in self.drawings
        ]
        return pd.DataFrame(rows, columns=["image", "reader", "created_at", "rows", "cols", "pixels"])

    def __repr__(self) -> str:
        images, readers = ({getattr(one, name) for one in self.drawings} for name in ("image", "annotator"))
        return f"<{len(self.drawings)} annotations of {len(images)} images by {len(readers)} readers>"


def marks_of(regions: Any, names: Names, problems: list[str]) -> Marks:
    """Bool H x W by image and reader; what is no mask goes into `problems`.

    Readers without a name are called by their place, "reader 1" and so on: the same place is the same reader.
    """
    if isinstance(regions, Annotations):
        regions = regions.masks
    marks: Marks = {}
    for image, value in parts_of("regions", regions, names).items():
        marks[image] = {}
        for reader, mask in _by_reader(value):
            if mask.ndim != 2 or mask.dtype.kind not in "biuf":
                problems.append(
                    f"regions: {image}, {reader}: {mask.dtype} of shape {mask.shape}; expected H x W, or R x H x W for "
                    "R readers"
                )
                continue
            try:
                marks[image][reader] = inside(mask)
            except ValueError as error:
                problems.append(f"regions: {image}, {reader}: {error}")
    return marks


def _by_reader(value: Any) -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, Mapping):
        for reader, mask in value.items():
            yield str(reader).strip() or "unnamed", array_of(mask)
        return
    is_list = isinstance(value, Sequence) and len(value) > 0 and array_of(value[0]).ndim == 2
    masks = rows_of(value) if is_list or array_of(value).ndim == 3 else [array_of(value)]
    for place, mask in enumerate(masks, start=1):
        yield f"reader {place}", mask
