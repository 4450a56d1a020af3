"""The folder of annotations that the stage `consensus` reads: annotations.csv and one PNG per annotation in masks/.

The folder is written whole, or annotations are added to those that it holds. Masks and tables are made in
`.<name>.partial` beside the folder and then moved in, each by one rename: masks first, annotations.csv next; masks that
it no longer names are deleted last. A run that is killed at any point therefore leaves an annotations.csv, the old or
the new one, whose masks are all there and whole; with the old one, a mask of a name that both use may already be the
new mask.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from sightline.counts import counted
from sightline.experts.annotation_reader import COLUMNS
from sightline.formats.annotations import Annotation
from sightline.names import image_name
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, not_written, read_csv, write_csv

WHERE_STATED = ("repeat", "drawn", "finding")  # columns of annotations.csv
MAX_NAME = 200  # bytes of an annotation's name; file systems take 255, with `.png` and some room for a copy's suffix


def write_folder(
    folder: str | Path, rows: Iterable[Annotation], readings: pd.DataFrame | None = None, *, replace: bool = False
) -> int:
    """Writes `rows`, sorted by image and annotation, and `readings` as readings.csv; returns the number of rows.

    The same rows give the same bytes in whatever order they come. They are taken one by one, so that a generator
    keeps one mask in memory. Only with `replace` does the folder lose what it held before: annotations.csv, the PNGs in
    masks/ and readings.csv (also where `readings` is None, since it describes annotations that are gone). Other files
    stay. Columns WHERE_STATED are written where a row states which reading it is, what its mask holds, what it marks.

    StudyError with all problems: names that are empty, repeated, not file names or not text, masks that are not bool
    H x W, no row at all, annotations in the folder without `replace`, a disk that is full or may not be written. The
    folder is then unchanged.
    """
    folder = Path(folder).resolve()
    _refuse_occupied(folder, replace)
    with _partial(folder) as partial:
        table = _write_masks(rows, partial / "masks", folder)
        write_csv(partial / "annotations.csv", table)
        if readings is not None:
            write_csv(partial / "readings.csv", readings)
        _move_in(partial, folder)
        if readings is None:
            (folder / "readings.csv").unlink(missing_ok=True)
        named = set(table["mask"])
        for path in _masks_in(folder):
            if path.name not in named:
                path.unlink()
    return len(table)


def append_to_folder(folder: str | Path, rows: Iterable[Annotation]) -> int:
    """Adds `rows` to the annotations that the folder holds; returns the number of rows added.

    What is there stays: rows with all their columns, masks, readings.csv. The table is sorted as by `write_folder`.
    StudyError, and the folder unchanged, as for `write_folder` and where a row has the name of an annotation that is
    there, upper and lower case alike. A folder without annotations.csv is written as by `write_folder`.
    """
    folder = Path(folder).resolve()
    if not (folder / "annotations.csv").exists():
        return write_folder(folder, rows)
    earlier = earlier_rows(folder)
    with _partial(folder) as partial:
        added = _write_masks(rows, partial / "masks", folder, earlier)
        together = pd.concat([earlier, added]).fillna("").sort_values(["image", "annotation"], kind="stable")
        write_csv(partial / "annotations.csv", together)
        _move_in(partial, folder)
    return len(added)


def earlier_rows(folder: Path) -> pd.DataFrame:
    """The rows of the folder's annotations.csv with all their columns, as text; StudyError where it cannot be read."""
    path = folder / "annotations.csv"
    return read_csv(path, dict.fromkeys([*COLUMNS, *csv_columns(path)], str))


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """A folder beside `folder`, with an empty masks/, that is gone when the block ends; what fails is a StudyError."""
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        _remove(partial)  # what a killed run left
        (partial / "masks").mkdir(parents=True)
        yield partial
    except OSError as error:
        raise not_written(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _refuse_occupied(folder: Path, replace: bool) -> None:
    """StudyError where the folder holds annotations that may not be replaced, or where it is not a folder."""
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"{folder}: is a file; name a folder")
    occupants = ["annotations.csv"] if (folder / "annotations.csv").exists() else []
    masks = _masks_in(folder)
    occupants += [f"{len(masks)} PNGs in masks/"] if masks else []
    if occupants and not replace:
        raise StudyError(
            f"{folder}: holds annotations already ({' and '.join(occupants)}); say --replace to put the new ones in "
            "their place, or name another folder"
        )


def _write_masks(
    rows: Iterable[Annotation], place: Path, folder: Path, earlier: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Writes each row's mask into `place`; returns the table of COLUMNS, sorted by image and annotation.

    With columns WHERE_STATED where a row states them. No row may have the name of one of the `earlier` rows or of its
    mask.
    """
    lines: list[tuple[str, ...]] = []
    problems: list[str] = []
    seen = set() if earlier is None else {_one_file(name) for name in earlier["annotation"]}
    seen |= set() if earlier is None else {_one_file(name.removesuffix(".png")) for name in earlier["mask"]}
    for number, row in enumerate(rows, start=1):
        where = f"annotation {number} ({row.annotation!r}, image {row.image!r}):"
        wrong = _problems_of(row, seen)
        problems += [f"{where} {problem}" for problem in wrong]
        seen.add(_one_file(row.annotation))
        if problems:
            continue  # nothing will be kept: look for further problems, write no more masks
        name = f"{row.annotation}.png"
        with open(place / name, "wb") as file:
            Image.fromarray(np.where(row.mask, 255, 0).astype(np.uint8)).save(file, format="PNG")
            file.flush()
            os.fsync(file.fileno())
        repeat = "" if row.repeat is None else str(row.repeat)
        who = (row.annotation, row.image, row.annotator, row.profession, name, row.created_at)
        lines.append((*who, repeat, row.drawn, row.finding))
    if problems:
        raise StudyError(f"{folder}: {counted(len(problems), 'problem')} with the annotations to be written", problems)
    if not lines:
        raise StudyError(f"{folder}: there is no annotation to write; the folder is left as it was")
    ordered = sorted(lines, key=lambda line: (line[1], line[0]))
    table = pd.DataFrame(ordered, columns=[*COLUMNS, *WHERE_STATED])
    return table[[*COLUMNS, *(name for name in WHERE_STATED if table[name].any())]]


def _problems_of(row: Annotation, seen: set[str]) -> list[str]:
    """What keeps a row out of the folder; `seen` are the earlier rows' names by `_one_file`."""
    name = row.annotation
    texts = {field: getattr(row, field) for field in ("annotation", "image", "annotator", "profession", "finding")}
    problems = [f"{field} holds half a character" for field, text in texts.items() if not _is_whole(text)]
    if problems:
        return problems
    is_plain = name == name.strip() and not name.startswith(".") and not any(c in "/\\:" or ord(c) < 32 for c in name)
    if not name or not is_plain or len(name.encode()) > MAX_NAME:
        problems.append(f"annotation must be a plain file name of 1 to {MAX_NAME} bytes")
    elif _one_file(name) in seen:
        problems.append(
            "a second annotation of that name (upper and lower case, and both spellings of an accent, are one)"
        )
    named = {"image": row.image, "annotator": row.annotator}
    problems += [f"{field} is empty" for field, value in named.items() if not value.strip()]
    if row.mask.ndim != 2 or row.mask.dtype != np.bool_ or not row.mask.size:
        problems.append(f"its mask is {row.mask.dtype} {row.mask.shape}, expected bool rows x columns")
    return problems


def _one_file(name: str) -> str:
    """Equal for names that macOS or Windows take for one file: `A` and `a`, an accent composed or not."""
    return image_name(image_name(name).casefold())


def _is_whole(text: str) -> bool:
    """Whether UTF-8 can hold it: JSON may name one half of a pair that makes a character."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _move_in(partial: Path, folder: Path) -> None:
    """Moves masks and then tables from `partial` to their places."""
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    for path in sorted((partial / "masks").iterdir()):
        os.replace(path, folder / "masks" / path.name)
    for name in ("annotations.csv", "readings.csv"):
        if (partial / name).exists():
            os.replace(partial / name, folder / name)


def _masks_in(folder: Path) -> list[Path]:
    """The PNGs in masks/, including those that no table names, which a killed run or a user left there."""
    place = folder / "masks"
    return sorted(path for path in place.iterdir() if path.suffix == ".png") if place.is_dir() else []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
