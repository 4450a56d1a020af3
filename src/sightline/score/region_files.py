"""The annotations at one path, known by their rows, and each of their masks brought to the grid by itself.

H W common grid, A annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from sightline.aspect import Size
from sightline.experts.annotation_reader import Cleanup, readings_in
from sightline.experts.findings import finding_groups, united_drawings
from sightline.experts.masks import shrunk
from sightline.experts.sheets import OnGrid, Sheet, reading_on_grid, refuse_wrong
from sightline.formats.annotations import Drawing
from sightline.images.film_size import film_size
from sightline.names import image_name
from sightline.packed_masks import packed
from sightline.score.cores import Cores


@dataclass(frozen=True)
class Part:
    """The annotations at one of the paths."""

    table: pd.DataFrame
    """Columns image, annotator, created_at, annotation and, where it is stated, repeat."""
    sizes: list[tuple[Size | None, str]]
    """(rows, columns) of each row's mask as it was made, None where it cannot be read, and where it is."""
    masks: Callable[[Size, np.ndarray, Cores], Iterator[bytes]]
    """For a grid, the packed mask of each row that is asked for (bool A); StudyError with all problems of a folder."""


def drawn_part(path: Path, drawings: Sequence[Drawing]) -> Part:
    """The drawings; those of several findings by one reader at one reading of an image are one."""
    drawings = united_drawings(drawings)
    table = pd.DataFrame(
        [(d.image, d.annotator, d.created_at, f"{place:09}", d.repeat) for place, d in enumerate(drawings)],
        columns=["image", "annotator", "created_at", "annotation", "repeat"],
        dtype=str,
    )
    sizes: list[tuple[Size | None, str]] = [(drawing.size, f"{path}: {drawing.source}") for drawing in drawings]

    def masks(grid: Size, is_asked_A: np.ndarray, cores: Cores) -> Iterator[bytes]:
        asked = [drawings[row] for row in np.flatnonzero(is_asked_A).tolist()]
        return cores.map(partial(_packed_drawing, grid=grid), asked)

    return Part(table, sizes, masks)


def _packed_drawing(drawing: Drawing, grid: Size) -> bytes:
    return packed(shrunk(drawing.mask, *grid))


def folder_part(folder: Path, table: pd.DataFrame, cleanup: Cleanup, findings: Sequence[str], cores: Cores) -> Part:
    """The rows of a folder's annotations.csv that are of `findings`, of all where none is named."""
    groups = finding_groups(table, findings, str(folder / "annotations.csv"))
    table = table.iloc[[group[0] for group in groups]].reset_index(drop=True)
    table["image"] = table["image"].map(image_name)
    paths = [folder / "masks" / Path(name).name for name in table["mask"]]
    sizes = [(size, str(path)) for path, size in zip(paths, cores.map(film_size, paths), strict=True)]

    def masks(grid: Size, is_asked_A: np.ndarray, cores: Cores) -> Iterator[bytes]:
        # the sizes of films are checked for all masks alike, so that the reader has no sources to check
        index = pd.DataFrame({"image": sorted(set(table["image"])), "split": "test", "source": None})
        _, readings = readings_in(folder, index, cleanup, findings)
        problems: list[str] = []
        whites: dict[str, int] = {}
        on_grid = cores.map(partial(_packed_reading, grid=grid), readings)
        for is_asked, (reading, row) in zip(is_asked_A.tolist(), on_grid, strict=True):
            problems += reading.problems
            whites |= reading.whites
            if is_asked and not reading.problems:
                yield row
        refuse_wrong(folder, problems, whites)

    return Part(table[["image", "annotator", "created_at", "annotation", "repeat"]], sizes, masks)


def _packed_reading(sheets: list[Sheet], grid: Size) -> tuple[OnGrid, bytes]:
    """What is known of a reading, without its mask, and the mask packed."""
    reading = reading_on_grid(sheets, grid)
    return reading._replace(mask_HW=np.zeros((0, 0), bool)), packed(reading.mask_HW)
