"""Experts' regions made elsewhere, as `sightline score` takes them: annotations.csv and its masks, and all `formats/`.

Every problem with a file goes into `problems`, one line per case; StudyError is raised only where nothing is left to
read. H W common grid, R readers, A annotations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from sightline.aspect import Size
from sightline.experts.annotation_reader import (
    Cleanup,
    annotation_table,
    first_readings,
    read_annotations,
    reading_order,
)
from sightline.experts.findings import finding_groups, findings_in, united_drawings
from sightline.experts.masks import shrunk
from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import nearest_name
from sightline.formats.readers import read_files
from sightline.images.film_size import film_size
from sightline.names import image_name
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns

# Pixels of the common grid unless --size says more: 3,000 pixels cost 30 times as much and show nothing further.
LONGEST_SIDE = 512


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user asks of the regions."""

    images: frozenset[str]
    """Those that have a map of every model; the regions of others are only named."""
    sizes: Mapping[str, Size] = field(default_factory=dict)
    """(rows, columns) of the images' films as shown, where they are known."""
    grid: Size | None = None
    """To which all masks are brought; None: the most common size of the masks, its longer side at most LONGEST_SIDE."""
    cleanup: Cleanup = "auto"
    """Of annotations.csv, as in `read_annotations`."""
    findings: Sequence[str] | None = None
    """Those that count, together; None: the only one there is."""
    format: str | None = None
    """A key of `formats.readers.FORMATS`; None: recognised."""
    image_size: Size | None = None
    """(rows, columns) in which files without sizes count; None: as their images."""


@dataclass(frozen=True, kw_only=True)
class Regions:
    """Expert regions on one grid."""

    grid: Size
    masks: dict[str, np.ndarray]
    """By image asked for, bool R x H x W: a mask per reader, without empty ones; of finished regions R is at most 1."""
    images: set[str]
    """All images with a region, or with a reader's word that there is none, whether asked for or not."""
    sizes: dict[str, list[tuple[Size, str]]]
    """By image asked for, (rows, columns) of each mask as it was made, and where it is."""
    is_single: bool
    """Whether these are single readers' annotations, which need a consensus, rather than finished regions."""
    names: dict[str, list[str]] | None = None
    """By image who drew each mask of `masks`; None: finished regions."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Names of unused inputs, by reason."""
    notes: list[str] = field(default_factory=list)
    """What the readers of the files left out or took to be, in sentences."""


@dataclass(frozen=True)
class _Part:
    """The annotations at one of the paths, and how to bring them to a grid."""

    table: pd.DataFrame
    """Columns image, annotator, created_at, annotation and, where it is stated, repeat."""
    sizes: list[tuple[Size | None, str]]
    """(rows, columns) of each row's mask as it was made, None where it cannot be read, and where it is."""
    on: Callable[[Size], Callable[[int], np.ndarray]]
    """For a grid, the mask of each row by its number, bool H x W; StudyError with all problems of a folder."""


def read_regions(paths: Sequence[Path], asked: Asked, problems: list[str]) -> Regions:
    """The regions at all `paths` together: folders with annotations.csv, and files and folders of `formats/`.

    A reader keeps the name in the files; where a file names nobody, each of several `paths` is a reader, named by it.
    An image with masks of several readers needs a consensus. Annotations without a region, and a reader's second
    annotation of an image, by time, are left out and named.
    """
    parts, contents = [], []
    folder_labels: set[str] = set()
    for path in paths:
        if is_annotation_folder(path):
            table, findings = annotation_table(path), asked.findings or ()
            folder_labels |= set(findings_in(table))
            parts.append(_annotated(path, table, asked.cleanup, sorted({*findings} & {*findings_in(table)})))
        else:
            contents.append(_contents(path, asked, _reader_name(path, paths)))
            parts.append(_drawn(path, contents[-1].drawings))
    problems += _finding_problems(contents, folder_labels, asked)
    problems += [problem for one in contents for problem in one.problems]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    sizes = [size for part in parts for size in part.sizes]
    rows = np.flatnonzero(table["image"].isin(asked.images)).tolist()
    grid = asked.grid or common_size(size for row in rows or range(len(sizes)) if (size := sizes[row][0]))
    sizes_of: dict[str, list[tuple[Size, str]]] = {}
    for row in rows:
        size, where = sizes[row]
        if size is not None:
            sizes_of.setdefault(table["image"].iloc[row], []).append((size, where))
    images = set(table["image"])
    try:
        on_grid = [part.on(grid) for part in parts]
    except StudyError as error:
        problems += error.cases or [str(error)]
        return Regions(grid=grid, masks={}, images=images, sizes=sizes_of, is_single=True)
    starts = np.cumsum([0, *(len(part.table) for part in parts)])

    def mask_of(row: int) -> np.ndarray:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        return on_grid[part](row - int(starts[part]))

    masks, names, left_out = _by_image(table.iloc[rows], [mask_of(row) for row in rows], grid)
    is_single = any(len(masks_RHW) > 1 for masks_RHW in masks.values())
    if not is_single:  # then these are the images whose region is empty, which are named anyway
        del left_out["annotations without a region"]
    undrawn = {image for one in contents for image in one.images} - images
    left_out["images of the files without a drawing of the finding"] = sorted(undrawn)
    return Regions(
        grid=grid, masks=masks, images=images, sizes=sizes_of, is_single=is_single, left_out=left_out,
        names=names if is_single else None, notes=[note for one in contents for note in one.notes],
    )  # fmt: skip


def is_annotation_folder(path: Path) -> bool:
    """Whether it is a folder with the study's own annotations.csv; VinDr's table of boxes has the same name."""
    table = path / "annotations.csv"
    return table.is_file() and {"annotation", "mask"} <= set(csv_columns(table))


def common_size(sizes: Iterable[Size]) -> Size:
    """The most common of sizes, the largest of equally common ones, shrunk to LONGEST_SIDE; 224 x 224 of none."""
    counts = Counter(sizes)
    rows, cols = max(counts, key=lambda size: (counts[size], size)) if counts else (224, 224)
    shrink = min(1.0, LONGEST_SIDE / max(rows, cols))
    return max(1, round(rows * shrink)), max(1, round(cols * shrink))


def _reader_name(path: Path, paths: Sequence[Path]) -> str:
    """Who drew what names nobody: one reader for each path, by its stem, or in full where two have one stem."""
    if len(paths) == 1:
        return "unnamed"
    stems = Counter(other.resolve().stem for other in paths)
    stem = path.resolve().stem
    return stem if stems[stem] == 1 else str(path)


def _contents(path: Path, asked: Asked, reader: str) -> FileContents:
    options = ImportOptions(
        images=asked.sizes or asked.images, labels=asked.findings, annotator=reader, size=asked.image_size
    )
    try:
        return read_files([path], options, asked.format)
    except ModuleNotFoundError as error:
        raise StudyError(f"{path}: the package {error.name} is missing; pip install 'sightline[annotate]'") from None


def _finding_problems(contents: Sequence[FileContents], folder_labels: set[str], asked: Asked) -> list[str]:
    """What is wrong with the findings asked for; StudyError where the user has to choose."""
    labels = {label for one in contents for label in one.labels} | folder_labels
    if asked.findings is None and len(labels) > 1:
        raise StudyError(f"MASKS hold several findings; say with --finding which to take: {', '.join(sorted(labels))}")
    unknown = sorted(set(asked.findings or ()) - labels) if contents or folder_labels else []
    return [f"--finding {name}: is not in the files{nearest_name(name, labels)}" for name in unknown]


def _drawn(path: Path, drawings: Sequence[Drawing]) -> _Part:
    """The drawings; those of several findings by one reader at one reading of an image are one."""
    drawings = united_drawings(drawings)
    table = pd.DataFrame(
        [(d.image, d.annotator, d.created_at, f"{place:09}", d.repeat) for place, d in enumerate(drawings)],
        columns=["image", "annotator", "created_at", "annotation", "repeat"],
        dtype=str,
    )
    sizes: list[tuple[Size | None, str]] = [(drawing.size, f"{path}: {drawing.source}") for drawing in drawings]
    return _Part(table, sizes, lambda grid: lambda row: shrunk(drawings[row].mask, *grid))


def _annotated(folder: Path, table: pd.DataFrame, cleanup: Cleanup, findings: Sequence[str]) -> _Part:
    """The rows of a folder's annotations.csv that are of `findings`, of all where none is named."""
    groups = finding_groups(table, findings, str(folder / "annotations.csv"))
    table = table.iloc[[group[0] for group in groups]].reset_index(drop=True)
    table["image"] = table["image"].map(image_name)
    # the sizes of films are checked for all masks alike, so that the reader has no sources to check
    index = pd.DataFrame({"image": sorted(set(table["image"])), "split": "test", "source": None})
    paths = [folder / "masks" / Path(name).name for name in table["mask"]]
    sizes = [(film_size(path), str(path)) for path in paths]

    def on(grid: Size) -> Callable[[int], np.ndarray]:
        read, masks_AHW = read_annotations(folder, index, grid, cleanup, findings)
        place = {name: row for row, name in enumerate(read["annotation"].tolist())}
        return lambda row: masks_AHW[place[table["annotation"].iloc[row]]]

    return _Part(table[["image", "annotator", "created_at", "annotation", "repeat"]], sizes, on)


def _by_image(
    table: pd.DataFrame, masks_AHW: Sequence[np.ndarray], grid: Size
) -> tuple[dict[str, np.ndarray], dict[str, list[str]], dict[str, list[str]]]:
    """Masks by image, each reader's first one with a region; who drew them; and what is left out, by reason."""
    in_time = reading_order(table).tolist()
    valid = [row for row in in_time if masks_AHW[row].any()]
    images, annotators = table["image"].tolist(), table["annotator"].tolist()
    first, again = first_readings(table.iloc[valid])
    alone = sorted({*range(len(valid))} - {*first.tolist()} - {later for _, later in again})
    masks: dict[str, list[np.ndarray]] = {image: [] for image in images}
    names: dict[str, list[str]] = {image: [] for image in images}
    for row in (valid[place] for place in first.tolist()):
        masks[images[row]].append(masks_AHW[row])
        names[images[row]].append(annotators[row])
    left_out = {
        "annotations without a region": [images[row] for row in in_time if not masks_AHW[row].any()],
        "second annotations of an image by one reader": [
            images[valid[later]] for later in sorted(later for _, later in again)
        ],
        "hidden second readings whose first reading has no region": [images[valid[row]] for row in alone],
    }
    return {image: np.array(drawn, bool).reshape(-1, *grid) for image, drawn in masks.items()}, names, left_out
