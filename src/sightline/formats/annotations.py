"""Annotations as files hold them: drawings out of another tool's file, and what goes out under a pseudonym.

A reader of a foreign format takes a path and `ImportOptions` and returns `FileContents`. H W image grid.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from sightline.formats.rle import counts_of, mask_of


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What the user asks of an import."""

    images: Collection[str] | Mapping[str, tuple[int, int]] | None = None
    """File stems that may be annotated, with (rows, columns) where they are known; None: any."""
    labels: Collection[str] | None = None
    """Labels that count; None: all."""
    annotator: str | None = None
    """Who made the drawings for which the file names nobody."""

    def size_of(self, image: str) -> tuple[int, int] | None:
        """(rows, columns) of a known image, None where they are not known."""
        return self.images.get(image) if isinstance(self.images, Mapping) else None


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

    @classmethod
    def of(cls, mask_HW: np.ndarray, **fields: str) -> Drawing:
        """The drawing of a bool H x W mask; `fields` are all others but size and counts."""
        rows, cols = mask_HW.shape
        return cls(size=(rows, cols), counts=np.asarray(counts_of(mask_HW), np.int64), **fields)

    @property
    def mask(self) -> np.ndarray:
        """bool H x W."""
        return mask_of(self.counts.tolist(), *self.size)


@dataclass
class FileContents:
    """What a foreign file holds."""

    drawings: list[Drawing] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One line for each image or annotation that cannot be read."""
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
