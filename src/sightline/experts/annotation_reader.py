"""The readers' files, checked: single annotations or finished consensus masks, white-on-black PNGs of any size.

All problems are reported at once, with file and row. H W image grid, A annotations, C images.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from sightline.aspect import misfit
from sightline.counts import counted
from sightline.experts.findings import finding_groups
from sightline.experts.masks import shrunk_and_saved
from sightline.experts.outlines import clean_drawing
from sightline.experts.repeats import ROUND, is_repeat, repeats_in
from sightline.formats.mask_png import png_mask
from sightline.formats.mask_values import mixed_whites, white_of
from sightline.names import image_name, stem_of
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

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
    path = folder / "annotations.csv"
    table = annotation_table(folder)
    groups = finding_groups(table, findings, str(path), adjudicated)
    table["repeat"] = table["repeat"].replace(ROUND, "0")
    if not len(table):
        raise StudyError(
            f"{path}: holds no annotation; annotate images (sightline annotate) or set consensus.source: none"
        )
    table["image"] = table["image"].map(image_name)
    index = index.assign(image=index["image"].map(image_name))
    drawn_as = table["drawn"].str.lower().tolist()
    test = _test_sources(index)
    problems, masks, counts = [], [], []
    whites: dict[str, int] = {}
    wrong_texts = _wrong_texts(table, drawn_as)
    place = folder / "masks"
    spelled = {image_name(file.name): file for file in place.iterdir()} if place.is_dir() else {}
    images, names = table["image"].tolist(), table["mask"].tolist()
    for group in groups:
        drawn: list[tuple[np.ndarray, bool]] = []
        for row in group:
            image, mask = images[row], names[row]
            where = f"{path}, row {row + 2}:"
            problems += [f"{where} {wrong}" for wrong in wrong_texts[row]]
            stranger = _why_not_test(image, index)
            if stranger:
                problems.append(f"{where} {stranger}")
            if mask in ("", ".", "..") or Path(mask).name != mask or "\\" in mask:
                problems.append(f"{where} mask {mask!r} must be the plain name of a file in {place}")
                continue
            path_of_mask = spelled.get(image_name(mask), place / mask)
            try:
                inside_hw, whites[mask] = _checked_mask(path_of_mask, test.get(image), grid)
            except ValueError as error:
                problems.append(f"{where} mask {path_of_mask}: {error}")
                continue
            drawn.append((inside_hw, cleanup == "none" or (cleanup == "auto" and drawn_as[row] == "region")))
        if not problems:
            mask_HW, *count = _on_grid(drawn, grid)
            masks.append(mask_HW)
            counts.append(count)
    problems += [f"{path}: mask {line}" for line in mixed_whites(whites)]
    if problems:
        raise StudyError(f"{path}: {counted(len(problems), 'wrong annotation')}; correct or remove them", problems)
    table = table.iloc[[group[0] for group in groups]].reset_index(drop=True)
    table["profession"] = table.profession.str.strip().replace("", "unstated")
    answers = folder / "readings.csv"
    table["is_answer"] = table.annotation.isin(
        read_csv(answers, {"annotation": str}).annotation if answers.exists() else []
    ) | (table["repeat"] != "")
    table[["num_saved", "num_thin"]] = counts
    rank = {image: number for number, image in enumerate(index.image)}
    order = sorted(range(len(table)), key=lambda row: (rank[table.image[row]], table.annotation[row]))
    return table.iloc[order].reset_index(drop=True), np.stack(masks)[order]


def annotation_table(folder: Path) -> pd.DataFrame:
    """The rows of annotations.csv as text: COLUMNS, and `drawn`, `finding` and `repeat`, "" where it has none."""
    path = folder / "annotations.csv"
    optional = {"drawn", "finding"} & set(csv_columns(path))
    table = read_csv(path, dict.fromkeys([*COLUMNS, *sorted(optional)], str))
    for name in {"drawn", "finding"} - optional:
        table[name] = ""
    table["finding"] = table["finding"].str.strip()
    table["repeat"] = repeats_in(folder, table["annotation"])
    return table


def _on_grid(drawn: list[tuple[np.ndarray, bool]], grid: tuple[int, int]) -> tuple[np.ndarray, int, int]:
    """Masks united and clean, bool H x W; how many regions keep one pixel, and how many outlines are too thin.

    `drawn`: masks, bool h x w, each with whether it holds regions. Regions of one size are united before they shrink.
    """
    regions = [inside_hw for inside_hw, is_region in drawn if is_region]
    if len({inside_hw.shape for inside_hw in regions}) == 1:
        regions = [np.logical_or.reduce(regions)]
    shrunk = [shrunk_and_saved(inside_hw, *grid) for inside_hw in regions]
    clean = [clean_drawing(inside_hw, *grid) for inside_hw, is_region in drawn if not is_region]
    mask_HW = np.logical_or.reduce([mask_HW for mask_HW, _ in (*shrunk, *clean)])
    return mask_HW, sum(count for _, count in shrunk), sum(count for _, count in clean)


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
    test = _test_sources(index)
    problems, num_saved = [], 0
    masks: dict[str, np.ndarray] = {}
    whites: dict[str, int] = {}
    for path in paths:
        if path.suffix.lower() != ".png":
            problems.append(f"{path}: not a .png; the folder holds one mask per image and nothing else")
            continue
        image = stem_of(path.name)
        stranger = _why_not_test(image, index)
        if stranger:
            problems.append(f"{path}: {stranger}")
            continue
        if image in masks:
            problems.append(f"{path}: a second mask of image {image!r}")
            continue
        try:
            inside_hw, whites[str(path)] = _checked_mask(path, test[image], grid)
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


def _test_sources(index: pd.DataFrame) -> dict[str, str]:
    """Source of each test image by its name, in the index's order."""
    test = index[index.split == "test"]
    return dict(zip(test.image, test.source, strict=True))


def _why_not_test(image: str, index: pd.DataFrame) -> str:
    """Why an image cannot be scored, or '' if it is a test image."""
    splits = index.split[index.image == image].tolist()
    if not splits:
        return f"image {image!r} is not in the index of prepared images"
    return "" if "test" in splits else f"image {image!r} is in split {splits[0]}; only test images have a consensus"


def _checked_mask(path: Path, film: str | None, grid: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The mask at its own size, bool, and what is white in its file; ValueError with the reason.

    Images are squashed to the grid, so a mask may have the aspect of the grid or of its film as displayed.
    """
    inside_hw, values = png_mask(path)
    if film is not None:
        wrong = misfit(inside_hw.shape, grid, film)
        if wrong:
            raise ValueError(wrong)
    return inside_hw, white_of(values)


def is_time(texts: pd.Series) -> pd.Series:
    """Which texts are times in ISO 8601, bool; dates may have slashes, the year first."""
    return _times(texts).notna()


def _times(texts: pd.Series) -> pd.Series:
    """As times in UTC, NaT for what is none. Slashes after a leading year, as COCO has them, leave no doubt either."""
    dashed = texts.str.replace(r"^(\d{4})/(\d{2})/(\d{2})", r"\1-\2-\3", regex=True)
    return pd.to_datetime(dashed, format="ISO8601", utc=True, errors="coerce")


def reading_order(table: pd.DataFrame) -> np.ndarray:
    """Row numbers of the table in order of time, int: by created_at (ISO 8601), then by the annotation's name.

    Rows whose created_at is empty come last; what is not a time counts as empty, and `read_annotations` refuses it.
    """
    at = _times(table.created_at)
    order = pd.DataFrame({"at": at.to_numpy(), "annotation": table.annotation.to_numpy()})
    return order.sort_values(["at", "annotation"], kind="stable", na_position="last").index.to_numpy()


def first_readings(table: pd.DataFrame) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Rows of each annotator's first annotation of each image, and pairs of first and later row; both sorted.

    A hidden second reading (`repeats.is_repeat`) is never the first: where the first one is not in the table, such as
    "cannot judge", it is in neither. Of other rows the first is that by `reading_order`. A row is its number in the
    table, whatever the table's index.
    """
    images, annotators, is_later = table.image.tolist(), table.annotator.tolist(), is_repeat(table).tolist()
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
