"""Experts' regions made elsewhere, as `sightline score` takes them: annotations.csv and its masks, and all `formats/`.

Every problem with a file goes into `problems`, one line per case; StudyError is raised only where nothing is left to
read. H W common grid, R readers, A annotations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sightline.aspect import Size
from sightline.columns import joined
from sightline.experts.annotation_reader import Cleanup, annotation_table, first_readings, reading_order
from sightline.experts.findings import findings_in
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import nearest_name
from sightline.formats.readers import files_at, read_files
from sightline.packed_masks import PackedGroups, PackedMasks, is_empty, row_bytes
from sightline.rows_on_disk import RowFile
from sightline.scoring.region_files import COLUMNS, Part, drawn_part, folder_part, png_part
from sightline.scoring.work import Work
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
    asked: list[str]
    """The images asked for that are in the files, sorted by name."""
    readers: PackedGroups
    """Of each of them bool R x H x W: a mask per reader, without empty ones; of finished regions R is at most 1."""
    images: set[str]
    """All images with a region, or with a reader's word that there is none, whether asked for or not."""
    sizes: dict[str, list[tuple[Size, str]]]
    """By image asked for, (rows, columns) of each mask as it was made, and where it is."""
    is_single: bool
    """Whether these are single readers' annotations, which need a consensus, rather than finished regions."""
    names: list[list[str]] | None = None
    """Of each image asked for who drew its masks; None: finished regions."""
    left_out: dict[str, list[str]] = field(default_factory=dict)
    """Names of unused inputs, by reason."""
    notes: list[str] = field(default_factory=list)
    """What the readers of the files left out or took to be, in sentences."""


def read_regions(paths: Sequence[Path], asked: Asked, problems: list[str], work: Work | None = None) -> Regions:
    """The regions at all `paths` together: folders with annotations.csv, and files and folders of `formats/`.

    A reader keeps the name in the files; where a file names nobody, each of several `paths` is a reader, named by it.
    An image with masks of several readers needs a consensus. Annotations without a region, and a reader's second
    annotation of an image, by time, are left out and named. One mask at a time is held on the grid; all go to `work`.
    """
    work = work or Work()
    parts: list[Part] = []
    contents = []
    folder_labels: set[str] = set()
    for path in paths:
        if is_annotation_folder(path):
            table, findings = annotation_table(path), asked.findings or ()
            folder_labels |= set(findings_in(table))
            parts.append(folder_part(path, table, asked.cleanup, sorted({*findings} & {*findings_in(table)}), work))
        elif files_at(path, asked.format) == [(path, "png")]:
            part, of_folder = png_part(path, _reader_name(path, paths), work)
            contents.append(of_folder)
            parts.append(part)
        else:
            contents.append(_contents(path, asked, _reader_name(path, paths)))
            parts.append(drawn_part(path, contents[-1].drawings))
    problems += _finding_problems(contents, folder_labels, asked)
    problems += [problem for one in contents for problem in one.problems]
    whole = joined((part.table for part in parts), COLUMNS)
    sizes = [size for part in parts for size in part.sizes]
    image_of = whole["image"]
    is_asked_A = np.array([image in asked.images for image in image_of], bool)
    rows = np.flatnonzero(is_asked_A).tolist()
    grid = asked.grid or common_size(size for row in rows or range(len(sizes)) if (size := sizes[row][0]))
    sizes_of: dict[str, list[tuple[Size, str]]] = {}
    for row in rows:
        size, where = sizes[row]
        if size is not None:
            sizes_of.setdefault(image_of[row], []).append((size, where))
    images = set(image_of)
    try:
        masks, has_region, wrong = _masks_on_grid(parts, is_asked_A, grid, work)
    except StudyError as error:
        problems += error.cases or [str(error)]
        nothing = PackedGroups(PackedMasks(RowFile(work.file("drawn"), row_bytes(grid)), grid, []), [])
        return Regions(grid=grid, asked=[], readers=nothing, images=images, sizes=sizes_of, is_single=True)
    problems += wrong
    rows_of, names, left_out = _by_image(_picked(whole, rows), has_region)
    asked_images = sorted(rows_of)
    by_image = [rows_of[image] for image in asked_images]
    readers = PackedGroups(masks.of([row for rows in by_image for row in rows]), [len(rows) for rows in by_image])
    is_single = bool((readers.sizes_G > 1).any())
    if not is_single:  # then these are the images whose region is empty, which are named anyway
        del left_out["annotations without a region"]
    undrawn = {image for one in contents for image in one.images} - images
    left_out["images of the files without a drawing of the finding"] = sorted(undrawn)
    return Regions(
        grid=grid, asked=asked_images, readers=readers, images=images, sizes=sizes_of, is_single=is_single,
        left_out=left_out, names=[names[image] for image in asked_images] if is_single else None,
        notes=[note for one in contents for note in one.notes],
    )  # fmt: skip


def _masks_on_grid(
    parts: Sequence[Part], is_asked_A: np.ndarray, grid: Size, work: Work
) -> tuple[PackedMasks, list[bool], list[str]]:
    """The masks of the annotations asked for, in the order of the parts and their rows; which have a region; problems.

    The masks of annotations not asked for are checked too, where masks are checked at all. StudyError with all problems
    of a folder with annotations.csv.
    """
    readings: list[_Reading] = []
    ends: list[int] = []
    asked: list[bool] = []
    start = 0
    for part in parts:
        end = start + len(part.table["image"])
        asked_a, start = is_asked_A[start:end].tolist(), end
        for is_asked, reading in zip(asked_a, part.readings(), strict=True):
            if is_asked or part.check is not None:
                asked.append(is_asked)
                readings.append(_Reading(part.on_grid, reading))
        ends.append(len(readings))
    file, known = work.rows("masks", partial(_on_grid, grid=grid), readings, row_bytes(grid))
    problems: list[str] = []
    for part, begin, end in zip(parts, [0, *ends], ends, strict=False):
        if part.check is not None:
            problems += part.check([of_reading for of_reading, _ in known[begin:end]])
    rows = np.flatnonzero(asked)
    return PackedMasks(file, grid, rows), [known[row][1] for row in rows.tolist()], problems


class _Reading(NamedTuple):
    on_grid: Callable[[Any, Size], tuple[bytes, Any]]
    reading: Any


def _on_grid(one: _Reading, grid: Size) -> tuple[bytes, tuple[Any, bool]]:
    """The row of a mask; what its part has to check, and whether the mask has a region."""
    row, known = one.on_grid(one.reading, grid)
    return row, (known, not is_empty(row))


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
    return read_files([path], options, asked.format)


def _finding_problems(contents: Sequence[FileContents], folder_labels: set[str], asked: Asked) -> list[str]:
    """What is wrong with the findings asked for; StudyError where the user has to choose."""
    labels = {label for one in contents for label in one.labels} | folder_labels
    if asked.findings is None and len(labels) > 1:
        raise StudyError(f"MASKS hold several findings; say with --finding which to take: {', '.join(sorted(labels))}")
    unknown = sorted(set(asked.findings or ()) - labels) if contents or folder_labels else []
    return [f"--finding {name}: is not in the files{nearest_name(name, labels)}" for name in unknown]


def _picked(table: Mapping[str, list[str]], rows: Iterable[int]) -> dict[str, list[str]]:
    rows = list(rows)
    return {name: [column[row] for row in rows] for name, column in table.items()}


def _by_image(
    table: Mapping[str, list[str]], has_region: Sequence[bool]
) -> tuple[dict[str, list[int]], dict[str, list[str]], dict[str, list[str]]]:
    """Rows by image, each reader's first one with a region; who drew them; and what is left out, by reason."""
    in_time = reading_order(table).tolist()
    valid = [row for row in in_time if has_region[row]]
    images, annotators = table["image"], table["annotator"]
    first, again = first_readings(_picked(table, valid))
    alone = sorted({*range(len(valid))} - {*first.tolist()} - {later for _, later in again})
    rows: dict[str, list[int]] = {image: [] for image in images}
    names: dict[str, list[str]] = {image: [] for image in images}
    for row in (valid[place] for place in first.tolist()):
        rows[images[row]].append(row)
        names[images[row]].append(annotators[row])
    left_out = {
        "annotations without a region": [images[row] for row in in_time if not has_region[row]],
        "second annotations of an image by one reader": [
            images[valid[later]] for later in sorted(later for _, later in again)
        ],
        "hidden second readings whose first reading has no region": [images[valid[row]] for row in alone],
    }
    return rows, names, left_out
