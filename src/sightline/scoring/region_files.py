"""The annotations at one path, known by their rows, and each of their masks brought to the grid by itself.

H W common grid, A annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.aspect import Size
from sightline.columns import from_rows
from sightline.experts.annotation_reader import Cleanup, mask_files, readings_in
from sightline.experts.findings import finding_groups, united_drawings
from sightline.experts.masks import shrunk
from sightline.experts.sheets import Sheet, reading_on_grid, refuse_wrong
from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.gather import Gathering
from sightline.formats.mask_png import png_mask
from sightline.formats.mask_values import mixed_whites, white_of
from sightline.formats.png_folder import png_files, png_size
from sightline.images.film_size import film_size
from sightline.packed_masks import packed, row_bytes
from sightline.scoring.work import Work

if TYPE_CHECKING:  # pandas takes most of the start-up: it loads where a table is read
    import pandas as pd

COLUMNS = ["image", "annotator", "created_at", "annotation", "repeat"]


@dataclass(frozen=True)
class Part:
    """The annotations at one of the paths."""

    table: dict[str, list[str]]
    """`COLUMNS` by name, of which repeat is "" where it is not stated."""
    sizes: list[tuple[Size | None, str]]
    """(rows, columns) of each row's mask as it was made, None where it cannot be read, and where it is."""
    readings: Callable[[], Sequence[Any]]
    """What `on_grid` takes of each row; StudyError for a folder that cannot be read."""
    on_grid: Callable[[Any, Size], tuple[bytes, Any]]
    """A row's packed mask, of no pixel where it is wrong, and what `check` takes, as JSON; for any process."""
    check: Callable[[list[Any]], list[str]] | None = None
    """What is wrong with the masks, of which all are read; None: those not asked for are not read."""


def drawn_part(path: Path, drawings: Sequence[Drawing]) -> Part:
    """The drawings; those of several findings by one reader at one reading of an image are one."""
    drawings = united_drawings(drawings)
    rows = [(d.image, d.annotator, d.created_at, f"{place:09}", d.repeat) for place, d in enumerate(drawings)]
    sizes: list[tuple[Size | None, str]] = [(drawing.size, f"{path}: {drawing.source}") for drawing in drawings]
    return Part(from_rows(rows, COLUMNS), sizes, lambda: drawings, _drawing)


def _drawing(drawing: Drawing, grid: Size) -> tuple[bytes, None]:
    return packed(shrunk(drawing.mask, *grid)), None


def png_part(path: Path, reader: str, work: Work) -> tuple[Part, FileContents]:
    """A folder of PNG masks by one reader; and its images and notes, as of `read_png_folder`.

    Each mask is decoded once, when it goes to the grid; until then its size is known.
    """
    files, notes = png_files(path)
    gathering = Gathering(ImportOptions(annotator=reader))
    images, unnamed = [], {}
    for place, file in enumerate(files):
        try:
            images.append(gathering.image(file.name))
        except ValueError as error:
            unnamed[place] = str(error)
    named = [file for place, file in enumerate(files) if place not in unnamed]
    rows = [(image, reader, "", f"{place:09}", "") for place, image in enumerate(images)]
    sizes = [(size, f"{path}: {file.name}") for file, size in zip(named, _sizes(png_size, named, work), strict=True)]

    def check(known: list[Any]) -> list[str]:
        whites: dict[str, int] = {}
        of_named = iter(zip(images, known, strict=True))
        for place, file in enumerate(files):
            if place in unnamed:
                gathering.wrong(file.name, unnamed[place])
                continue
            image, of_mask = next(of_named)
            if isinstance(of_mask, str):
                gathering.wrong(file.name, of_mask)
                continue
            whites[file.name] = of_mask["white"]
            try:
                gathering.size(image, (of_mask["size"][0], of_mask["size"][1]))
            except ValueError as error:
                gathering.wrong(file.name, error)
        for problem in mixed_whites(whites):
            gathering.wrong(*problem.split(": ", 1))
        return gathering.finished().problems

    part = Part(from_rows(rows, COLUMNS), sizes, lambda: named, _png, check)
    return part, FileContents(images=gathering.contents.images, notes=notes)


def _sizes(size_of: Callable[[Path], Size | None], paths: list[Path], work: Work) -> Iterator[Size | None]:
    found = work.each("mask sizes", size_of, paths)
    return (None if size is None else (size[0], size[1]) for size in found)


def _png(file: Path, grid: Size) -> tuple[bytes, dict[str, Any] | str]:
    """The row, and the mask's size and `white_of` it, or what is wrong with it."""
    try:
        inside_hw, values = png_mask(file)
        known = {"size": inside_hw.shape, "white": white_of(values)}
    except ValueError as error:
        return bytes(row_bytes(grid)), str(error)
    return packed(shrunk(inside_hw, *grid)), known


def folder_part(folder: Path, table: pd.DataFrame, cleanup: Cleanup, findings: Sequence[str], work: Work) -> Part:
    """The rows of a folder's annotations.csv that are of `findings`, of all where none is named."""
    groups = finding_groups(table, findings, str(folder / "annotations.csv"))
    table = table.iloc[[group[0] for group in groups]].reset_index(drop=True)
    paths = mask_files(folder, table["mask"])
    sizes = [(size, str(path)) for path, size in zip(paths, _sizes(film_size, paths, work), strict=True)]

    def readings() -> list[list[Sheet]]:
        import pandas as pd

        # the sizes of films are checked for all masks alike, so that the reader has no sources to check
        index = pd.DataFrame({"image": sorted(set(table["image"])), "split": "test", "source": None})
        return readings_in(folder, index, cleanup, findings)[1]

    def check(known: list[Any]) -> list[str]:
        problems = [problem for of_reading in known for problem in of_reading["problems"]]
        refuse_wrong(folder, problems, {name: white for one in known for name, white in one["whites"].items()})
        return []

    return Part({name: table[name].tolist() for name in COLUMNS}, sizes, readings, _reading, check)


def _reading(sheets: list[Sheet], grid: Size) -> tuple[bytes, dict[str, Any]]:
    """The row, and what is wrong with the reading's sheets and what is white in them."""
    reading = reading_on_grid(sheets, grid)
    row = bytes(row_bytes(grid)) if reading.problems else packed(reading.mask_HW)
    return row, {"problems": reading.problems, "whites": reading.whites}
