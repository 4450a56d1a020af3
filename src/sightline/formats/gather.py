"""The shapes of a document, gathered by image and reader, and the drawing that each reader's shapes of an image make.

Documents of different tools differ in where they keep images, readers, labels and shapes; what follows is the same. H W
image grid.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import MAX_SIDE, shown
from sightline.formats.repeats import Repeats
from sightline.formats.rle import counts_at
from sightline.names import stem_of


class Patch(NamedTuple):
    """Marked pixels as a bool h x w mask at row `top` and column `left` of an image, and none elsewhere."""

    mask_hw: np.ndarray
    top: int
    left: int


Draw = Callable[[tuple[int, int]], Patch]
"""The pixels of a shape on an image of (rows, columns); ValueError if it is broken or reaches out of it."""


@dataclass
class _Reading:
    where: str
    created_at: str
    shapes: list[tuple[str, Draw]] = field(default_factory=list)
    is_wrong: bool = False
    counts: np.ndarray | None = None
    """Run lengths of the mask of a whole image, which has no shapes."""


@dataclass
class Gathering:
    """What has been read of a file so far; `finished` makes its drawings."""

    options: ImportOptions
    contents: FileContents = field(default_factory=FileContents)
    problems: Repeats = field(default_factory=Repeats)
    _readings: dict[tuple[str, str], _Reading] = field(default_factory=dict)
    _sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def image(self, name: str) -> str:
        """The stem of an image's name, now one of the file's images.

        ValueError if it is empty, holds control characters, or is the stem of another name too.
        """
        stem = stem_of(name)
        if not stem:
            raise ValueError("its image has no name; enter it")
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in stem):
            raise ValueError(f"image name {shown(name)} holds control characters; correct it")
        if self._names.setdefault(stem, name) != name:
            raise ValueError(f"image {shown(name)} has the stem of {shown(self._names[stem])}; names must differ in it")
        self.contents.images.add(stem)
        return stem

    def counts(self, labels: Collection[str]) -> bool:
        """Whether a shape with these labels counts; they are now among the file's labels."""
        self.contents.labels.update(labels)
        return self.options.labels is None or not set(labels).isdisjoint(self.options.labels)

    def size(self, image: str, size: tuple[int, int]) -> None:
        """States the (rows, columns) of an image; ValueError beyond MAX_SIDE, or if it was stated otherwise before."""
        if max(size) > MAX_SIDE:
            raise ValueError(f"its marks reach to {max(size):,} pixels, expected {MAX_SIDE:,} at most")
        if (stated := self._sizes.setdefault(image, size)) != size:
            raise ValueError(
                f"image {image!r} has {size[0]} x {size[1]} (rows x columns) here and {stated[0]} x {stated[1]} before"
            )

    def reading(self, image: str, reader: str, where: str, created_at: str = "") -> _Reading:
        """The reader's reading of an image, which is empty until it has shapes; an empty name: of nobody named."""
        key = image, reader or self.options.annotator or ""
        return self._readings.setdefault(key, _Reading(where, created_at))

    def shape(self, image: str, reader: str, where: str, draw: Draw, created_at: str = "") -> None:
        """Adds a shape that counts to the reader's reading of an image."""
        self.reading(image, reader, where, created_at).shapes.append((where, draw))

    def mask(self, image: str, reader: str, where: str, mask_HW: np.ndarray) -> None:
        """Adds the mask of a whole image; ValueError where the reader has one of it already."""
        if (image, reader or self.options.annotator or "") in self._readings:
            raise ValueError(f"a second mask of image {image!r}; keep one")
        self.size(image, (mask_HW.shape[0], mask_HW.shape[1]))
        patch = cut_out(mask_HW)
        counts = counts_at(patch.mask_hw, patch.top, patch.left, self._sizes[image])
        self.reading(image, reader, where).counts = counts

    def is_empty(self, image: str, reader: str) -> bool:
        """Whether the reader's reading of an image has no shape yet."""
        reading = self._readings.get((image, reader))
        return reading is None or not reading.shapes

    def drop_empty(self, image: str, reader: str) -> None:
        """Takes back the reader's reading of an image if it has no shape."""
        if (reading := self._readings.get((image, reader))) is not None and not reading.shapes:
            del self._readings[image, reader]

    def sized(self) -> set[str]:
        """Images whose size is stated."""
        return set(self._sizes)

    def wrong(self, where: str, problem: object, image: str = "", reader: str = "") -> None:
        """Adds a problem; with an image, the reader's drawing of it is not made."""
        self.problems.add(where, str(problem))
        if image:
            self.reading(image, reader, where).is_wrong = True

    def finished(self) -> FileContents:
        """The contents with one drawing per image and reader, in the order of the file."""
        sizeless = set()
        for (image, reader), reading in self._readings.items():
            if reading.is_wrong:
                continue
            if image not in self._sizes:
                sizeless.add(image)
            elif not reader:
                self.contents.num_nameless += 1
            else:
                self._add(image, reader, reading)
        for image in sorted(sizeless):
            self.problems.add(
                f"image {image!r}", "the file does not state its size; give --images, or --image-size ROWSxCOLS"
            )
        self.contents.problems = self.problems.lines()
        return self.contents

    def _add(self, image: str, reader: str, reading: _Reading) -> None:
        """Adds the drawing of a reading, or what is wrong with its shapes."""
        fields = {"image": image, "annotator": reader, "created_at": reading.created_at, "source": reading.where}
        if reading.counts is not None:
            self.contents.drawings.append(Drawing(size=self._sizes[image], counts=reading.counts, **fields))
            return
        patches = []
        for where, draw in reading.shapes:
            try:
                patch = draw(self._sizes[image])
                (h, w), (rows, cols) = patch.mask_hw.shape, self._sizes[image]
                if not patch.mask_hw.any():
                    raise ValueError("marks no pixel; remove it")
                if min(patch.top, patch.left) < 0 or patch.top + h > rows or patch.left + w > cols:
                    raise ValueError(
                        f"a mask of {w} x {h} at x {patch.left}, y {patch.top} leaves {cols} x {rows} pixels"
                    )
                patches.append(patch)
            except ValueError as error:
                self.problems.add(where, str(error))
        if len(patches) == len(reading.shapes):
            mask_hw, top, left = united(patches)
            self.contents.drawings.append(Drawing.at(mask_hw, top, left, self._sizes[image], **fields))


def united(patches: Collection[Patch]) -> Patch:
    """The union of patches that each have a pixel; 0 x 0 at (0, 0) for none."""
    if not patches:
        return Patch(np.zeros((0, 0), bool), 0, 0)
    top, left = min(patch.top for patch in patches), min(patch.left for patch in patches)
    bottom = max(patch.top + patch.mask_hw.shape[0] for patch in patches)
    right = max(patch.left + patch.mask_hw.shape[1] for patch in patches)
    mask_hw = np.zeros((bottom - top, right - left), bool)
    for patch in patches:
        h, w = patch.mask_hw.shape
        mask_hw[patch.top - top : patch.top - top + h, patch.left - left : patch.left - left + w] |= patch.mask_hw
    return Patch(mask_hw, top, left)


def cut_out(mask_HW: np.ndarray) -> Patch:
    """The patch of a whole image's mask: as small as its pixels allow, 0 x 0 at (0, 0) if there are none."""
    rows, cols = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    if not len(rows):
        return Patch(np.zeros((0, 0), bool), 0, 0)
    (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (cols[0], cols[-1] + 1)
    return Patch(mask_HW[top:bottom, left:right].copy(), int(top), int(left))
