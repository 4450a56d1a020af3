"""The readers' files, checked: single annotations or finished consensus masks, white-on-black PNGs of any size.

All problems are reported at once, with file and row. H W image grid, A annotations, C images.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from sightline.counts import counted
from sightline.experts.findings import finding_groups
from sightline.experts.masks import shrunk_and_saved
from sightline.experts.repeats import ROUND, Table, is_repeat, repeats_in
from sightline.experts.sheets import OnGrid, Sheet, checked_mask, reading_on_grid, refuse_wrong
from sightline.formats.mask_values import mixed_whites
from sightline.names import image_name, stem_of
from sightline.processes import in_processes
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

if TYPE_CHECKING:  # pandas takes most of a light stage's start-up: it loads where a table is made
    import pandas as pd

Cleanup = Literal["auto", "paper", "none"]
COLUMNS = ("annotation", "image", "annotator", "profession", "mask", "created_at")
DRAWN = ("region", "stroke", "")  # of the optional column `drawn`; "" says nothing and counts as a stroke


def read_annotations(
    folder: Path,
    index: pd.DataFrame,
    grid: tuple[int, int],
    cleanup: Cleanup = "auto",
    findings: Collection[str] = (),
    adjudicated: bool = False,
) -> tuple[pd.DataFrame, np.ndarray]:
    """The A rows of annotations.csv and their clean masks, bool A x H x W, empty ones included.

    `findings`: those that count, none for all; a reader's rows about several of them at one reading of an image become
    one, with their masks united (`findings.finding_groups`). `adjudicated`: answers of a second round take the place of
    the first (`repeats.counts_now`), and count as first readings.

    `cleanup` auto: the masks whose column `drawn` says region are regions already and are brought to the grid by area
    (`masks.shrunk`); all others are strokes, which the published clean-up turns into regions (`outlines`). paper, none:
    all are strokes, all are regions.

    Sorted by image as in `index` (columns image, split, source) and then by annotation, whatever the file's order; an
    empty profession becomes "unstated". Columns are added: `is_answer`, True for those in readings.csv of the same
    folder, the page's table of answers, and for those that state `repeat`: an empty one says that there is nothing to
    mark; `repeat`, "0" for a first reading, "1" for a hidden second one, "" where the files do not say (`repeats_in`),
    as in other tools' annotations, whose order is that of time; `num_saved`, the
    regions of the mask that are smaller than a pixel of the grid and keep one; `num_thin`, the outlines that are
    thinner than a pixel of the grid. Raises StudyError with all problems: an image that is not a test image, a mask
    that is missing, broken, of another aspect, of values that can mean several things, or named by a path, a repeated
    annotation, an empty annotator, a time that is not ISO 8601.
    """
    table, readings = readings_in(folder, index, cleanup, findings, adjudicated)
    on_grid = list(in_processes(_on_grid, grid, readings))
    whites = {mask: white for one in on_grid for mask, white in one.whites.items()}
    refuse_wrong(folder, [problem for one in on_grid for problem in one.problems], whites)
    table["profession"] = table.profession.str.strip().replace("", "unstated")
    answers = folder / "readings.csv"
    table["is_answer"] = table.annotation.isin(
        read_csv(answers, {"annotation": str}).annotation if answers.exists() else []
    ) | (table["repeat"] != "")
    table[["num_saved", "num_thin"]] = [(one.num_saved, one.num_thin) for one in on_grid]
    rank = {image: number for number, image in enumerate(index["image"].map(image_name))}
    images, names = table["image"].tolist(), table["annotation"].tolist()
    order = sorted(range(len(table)), key=lambda row: (rank[images[row]], names[row]))
    return table.iloc[order].reset_index(drop=True), np.stack([on_grid[row].mask_HW for row in order])


def _on_grid(grid: tuple[int, int], sheets: list[Sheet]) -> OnGrid:
    return reading_on_grid(sheets, grid)


def readings_in(
    folder: Path,
    index: pd.DataFrame,
    cleanup: Cleanup = "auto",
    findings: Collection[str] = (),
    adjudicated: bool = False,
) -> tuple[pd.DataFrame, list[list[Sheet]]]:
    """The first row of each reading that counts, in the file's order, and the sheets of each: no mask is read yet.

    As in `read_annotations`; a second round's `repeat` is "0". StudyError for a table without a row.
    """
    path, place = folder / "annotations.csv", folder / "masks"
    table = annotation_table(folder)
    groups = finding_groups(table, findings, str(path), adjudicated)
    table["repeat"] = table["repeat"].replace(ROUND, "0")
    if not len(table):
        raise StudyError(
            f"{path}: holds no annotation; annotate images (sightline annotate) or set consensus.source: none"
        )
    index = _spelled(index)
    test, splits = _test_sources(index), _splits_of(index)
    wrong_texts = _wrong_texts(table, table["drawn"].str.lower().tolist())
    sheets = []
    files = mask_files(folder, table["mask"])
    rows = zip(table["image"], table["mask"], files, table["drawn"].str.lower(), wrong_texts, strict=True)
    for row, (image, mask, named, drawn_as, wrong) in enumerate(rows):
        wrong = [*wrong, *filter(None, [_why_not_test(image, splits)])]
        is_plain = mask not in ("", ".", "..") and Path(mask).name == mask and "\\" not in mask
        if not is_plain:
            wrong.append(f"mask {mask!r} must be the plain name of a file in {place}")
        file = named if is_plain else None
        is_region = cleanup == "none" or (cleanup == "auto" and drawn_as == "region")
        sheets.append(Sheet(f"{path}, row {row + 2}:", wrong, mask, file, test.get(image), is_region))
    firsts = table.iloc[[group[0] for group in groups]].reset_index(drop=True)
    return firsts, [[sheets[row] for row in group] for group in groups]


def annotation_table(folder: Path) -> pd.DataFrame:
    """The rows of annotations.csv as text: COLUMNS, and `drawn`, `finding` and `repeat`, "" where it has none.

    Images and annotators in one spelling each (`names.image_name`): rows are grouped by them.
    """
    path = folder / "annotations.csv"
    optional = {"drawn", "finding"} & set(csv_columns(path))
    table = read_csv(path, dict.fromkeys([*COLUMNS, *sorted(optional)], str))
    for name in {"drawn", "finding"} - optional:
        table[name] = ""
    for name in ("image", "annotator"):
        table[name] = table[name].map(image_name)
    table["finding"] = table["finding"].str.strip()
    table["repeat"] = repeats_in(folder, table["annotation"])
    return table


def mask_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """By name its file in masks/: the one spelled so, else one that `image_name` spells alike; a missing one too."""
    place = folder / "masks"
    files = {file.name: file for file in place.iterdir()} if place.is_dir() else {}
    alike = {image_name(name): file for name, file in files.items()}
    return [files.get(name) or alike.get(image_name(name)) or place / Path(name).name for name in names]


def _wrong_texts(table: pd.DataFrame, drawn_as: list[str]) -> list[list[str]]:
    """For each row what is wrong with its names, time and word, whatever its image and mask are."""
    repeated = table.annotation.duplicated(keep="first").tolist()
    is_good_time = (is_time(table["created_at"]) | (table["created_at"] == "")).tolist()
    columns = (table[name].tolist() for name in ("annotation", "annotator", "created_at", "repeat"))
    told = []
    for row, (annotation, annotator, created_at, repeat) in enumerate(zip(*columns, strict=True)):
        named = {"annotation": annotation, "annotator": annotator}
        wrong = [f"{name} is empty" for name, value in named.items() if not value.strip()]
        if repeated[row]:
            wrong.append(f"annotation {annotation!r} is in an earlier row too")
        if drawn_as[row] not in DRAWN:
            wrong.append(f"drawn is {drawn_as[row]!r}, expected region, stroke or nothing")
        if not (repeat == "" or (repeat.isascii() and repeat.isdigit())):
            wrong.append(f"repeat is {repeat!r}, expected 0 for a first reading, 1 for a second one, or nothing")
        if not is_good_time[row]:
            wrong.append(
                f"created_at {created_at!r} is not an ISO 8601 time such as 2026-12-01T09:00:00Z; of a reader's "
                "annotations of an image the first counts, so write it so or leave the cell empty"
            )
        told.append(wrong)
    return told


class Finished(NamedTuple):
    """Finished consensus masks."""

    images: list[str]
    """C names, in the index's order."""
    masks_CHW: np.ndarray
    """bool."""
    num_saved: int
    """Regions that are smaller than a pixel of the grid and keep one."""


def read_finished(folder: Path, index: pd.DataFrame, grid: tuple[int, int]) -> Finished:
    """A folder of finished consensus masks, named by image and brought to the grid by area (`masks.shrunk`).

    Raises StudyError with all problems.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise StudyError(f"{folder}: not a readable folder ({error.strerror}); see consensus.folder") from None
    if not paths:
        raise StudyError(f"{folder}: holds no mask; put PNGs there or set consensus.source: none")
    index = _spelled(index)
    test, splits = _test_sources(index), _splits_of(index)
    problems, num_saved = [], 0
    masks: dict[str, np.ndarray] = {}
    whites: dict[str, int] = {}
    for path in paths:
        if path.suffix.lower() != ".png":
            problems.append(f"{path}: not a .png; the folder holds one mask per image and nothing else")
            continue
        image = stem_of(path.name)
        stranger = _why_not_test(image, splits)
        if stranger:
            problems.append(f"{path}: {stranger}")
            continue
        if image in masks:
            problems.append(f"{path}: a second mask of image {image!r}")
            continue
        try:
            inside_hw, whites[str(path)] = checked_mask(path, test[image], grid)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        masks[image], saved = shrunk_and_saved(inside_hw, *grid)
        num_saved += saved
    problems += mixed_whites(whites)
    if problems:
        raise StudyError(f"{folder}: {counted(len(problems), 'wrong mask')}; correct or remove them", problems)
    images = [image for image in test if image in masks]
    return Finished(images, np.stack([masks[image] for image in images]), num_saved)


def _spelled(index: pd.DataFrame) -> pd.DataFrame:
    """The index with its images in the one spelling of `image_name`."""
    return index.assign(image=index["image"].map(image_name))


def _test_sources(index: pd.DataFrame) -> dict[str, str]:
    """Source of each test image by its name, in the index's order."""
    test = index[index.split == "test"]
    return dict(zip(test.image, test.source, strict=True))


def _splits_of(index: pd.DataFrame) -> dict[str, list[str]]:
    """By image its split, or splits where the index has it twice."""
    splits: dict[str, list[str]] = {}
    for image, split in zip(index["image"], index["split"], strict=True):
        splits.setdefault(image, []).append(split)
    return splits


def _why_not_test(image: str, splits: dict[str, list[str]]) -> str:
    """Why an image cannot be scored, or '' if it is a test image; `splits`: of `_splits_of`."""
    if image not in splits:
        return f"image {image!r} is not in the index of prepared images"
    own = splits[image]
    return "" if "test" in own else f"image {image!r} is in split {own[0]}; only test images have a consensus"


def is_time(texts: pd.Series) -> pd.Series:
    """Which texts are times in ISO 8601, bool; dates may have slashes, the year first."""
    return _times(texts).notna()


def _times(texts: pd.Series) -> pd.Series:
    """As times in UTC, NaT for what is none. Slashes after a leading year, as COCO has them, leave no doubt either."""
    import pandas as pd

    dashed = texts.str.replace(r"^(\d{4})/(\d{2})/(\d{2})", r"\1-\2-\3", regex=True)
    return pd.to_datetime(dashed, format="ISO8601", utc=True, errors="coerce")


def reading_order(table: Table) -> np.ndarray:
    """Row numbers of the table in order of time, int: by created_at (ISO 8601), then by the annotation's name.

    Rows whose created_at is empty come last; what is not a time counts as empty, and `read_annotations` refuses it.
    """
    times, names = list(table["created_at"]), list(table["annotation"])
    if not any(times):
        return np.array(sorted(range(len(names)), key=names.__getitem__), int)
    import pandas as pd

    order = pd.DataFrame({"at": _times(pd.Series(times)).to_numpy(), "annotation": names})
    return order.sort_values(["at", "annotation"], kind="stable", na_position="last").index.to_numpy()


def first_readings(table: Table) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Rows of each annotator's first annotation of each image, and pairs of first and later row; both sorted.

    A hidden second reading (`repeats.is_repeat`) is never the first: where the first one is not in the table, such as
    "cannot judge", it is in neither. Of other rows the first is that by `reading_order`. A row is its number in the
    table, whatever the table's index.
    """
    images, annotators, is_later = list(table["image"]), list(table["annotator"]), is_repeat(table).tolist()
    in_time = reading_order(table).tolist()
    first: dict[tuple[str, str], int] = {}
    again = []
    for row in sorted(in_time, key=lambda row: is_later[row]):  # a stable sort: within each group by time
        who = (images[row], annotators[row])
        if who in first:
            again.append((first[who], row))
        elif not is_later[row]:
            first[who] = row
    return np.array(sorted(first.values()), int), sorted(again)
