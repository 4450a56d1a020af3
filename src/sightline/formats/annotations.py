"""Annotations as files hold them: drawings out of another tool's file, and what goes out under a pseudonym.

A reader of a foreign format takes a path and `ImportOptions` and returns `FileContents`. H W image grid.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from sightline.formats.rle import counts_at, counts_of, mask_of


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the user asks of an import."""

    images: Collection[str] | Mapping[str, tuple[int, int]] | None = None
    """File stems that may be annotated, with (rows, columns) where they are known; None: any."""
    labels: Collection[str] | None = None
    """Labels that count; None: all."""
    annotator: str | None = None
    """Who made the drawings for which the file names nobody."""
    size: tuple[int, int] | None = None
    """(rows, columns) of the pixels in which a file without sizes counts; None: as its format or its images say."""
    is_size_needed: bool = True
    """False where sizes do not matter, as for the IoU of two readers: see `frame_of`."""

    def size_of(self, image: str) -> tuple[int, int] | None:
        """(rows, columns) of a known image, None where they are not known."""
        return self.images.get(image) if isinstance(self.images, Mapping) else None

    def frame_of(
        self, image: str, of_format: tuple[int, int] | None = None, reach: tuple[float, float] = (1, 1)
    ) -> tuple[int, int]:
        """(rows, columns) of the pixels in which a file that states no sizes counts on this image.

        The user's `size`; else `of_format`, where all files of the format have one size; else the image's own size.
        Where none is known: ValueError, or, unless sizes are needed, `reach` (the furthest y and x of the image's
        marks), rounded up.
        """
        known = self.size or of_format or self.size_of(image)
        if known is None and self.is_size_needed:
            raise ValueError("the file does not state the image's size; give --images, or --image-size ROWSxCOLS")
        return known or (max(1, math.ceil(reach[0])), max(1, math.ceil(reach[1])))


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """One annotator's drawing on one image; the mask is kept as run lengths, since a study's masks fill gigabytes."""

    image: str
    """File stem."""
    annotator: str
    """As the file names them: for nobody else's eyes."""
    created_at: str
    """As in the file, "" if it does not say."""
    source: str
    """Its place in the file, for messages."""
    size: tuple[int, int]
    """Rows, columns."""
    counts: np.ndarray
    """int64 run lengths, see rle.py."""
    profession: str = ""
    repeat: str = ""
    """0 for the reader's first reading of the image, 1 for the hidden second one; "" if the file does not say."""
    finding: str = ""
    """What it marks, where the file keeps findings apart."""

    @classmethod
    def of(cls, mask_HW: np.ndarray, **fields: str) -> Drawing:
        """The drawing of a bool H x W mask; `fields` are all others but size and counts."""
        rows, cols = mask_HW.shape
        return cls(size=(rows, cols), counts=np.asarray(counts_of(mask_HW), np.int64), **fields)

    @classmethod
    def at(cls, mask_hw: np.ndarray, top: int, left: int, size: tuple[int, int], **fields: str) -> Drawing:
        """The drawing whose pixels are those of a bool h x w mask at row `top` and column `left`, and no others.

        For regions on large images: the whole image's mask is never made. A h or w of 0 is an empty drawing.
        """
        return cls(size=size, counts=counts_at(mask_hw, top, left, size), **fields)

    @property
    def mask(self) -> np.ndarray:
        """bool H x W."""
        return mask_of(self.counts.tolist(), *self.size)


@dataclass
class FileContents:
    """What a foreign file holds."""

    drawings: list[Drawing] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One line for each image or annotation that cannot be read; with any, nothing of the file is used."""
    notes: list[str] = field(default_factory=list)
    """What a user should know although the file is used, such as drawings that were left out; one line per kind."""
    images: set[str] = field(default_factory=set)
    """Stems of all images that the file names, also those without a drawing."""
    labels: set[str] = field(default_factory=set)
    """All labels in the file, also those that do not count."""
    num_skipped: int = 0
    """Annotations that their annotator skipped or cancelled."""
    num_nameless: int = 0
    """Drawings for which neither the file nor the user names an annotator."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Annotation:
    """One annotation as it goes into the study's folder or a COCO file."""

    annotation: str
    """Its name, unique; in the folder the mask is masks/<annotation>.png."""
    image: str
    """File stem of the image."""
    annotator: str
    """A pseudonym, never a name."""
    profession: str
    """As the study lists them; "" where it is not known."""
    created_at: str
    """ISO 8601 with its zone, or "" where it is not known."""
    mask: np.ndarray
    """bool H x W in image pixels; all False says that the annotator saw no region."""
    repeat: int | None = None
    """0 for the reader's first reading of the image, 1 for the hidden second one; None where it is not known."""
    drawn: Literal["", "region", "stroke"] = ""
    """What the mask holds: a region as it is, or strokes that stand for one; "" where it is not stated."""
    finding: str = ""
    """What it marks, in a study that names findings."""
