"""The films of a `table` study: a CSV with a row for each film, its path and label, and whatever else is known of it.

Columns: `path` and `label`; optional are `image`, `patient`, `split`, `view`, `sex`, `age`, `site` and `exclude`; any
further column is kept in the index as it is. Rows are counted as a spreadsheet does: the header is row 1.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sightline.counts import counted
from sightline.images.folder import ImageFile
from sightline.images.listing import Excluded, Listing
from sightline.images.source import Data, view_of
from sightline.names import image_name, stem_of
from sightline.study.errors import StudyError
from sightline.study.files import csv_columns, read_csv

SPLITS = ("train", "val", "test", "external")
OF_THE_INDEX = ("source", "sha256")  # columns that the index writes itself
NOT_KEPT = ("path", "label", "image", "patient", "split", "exclude")  # what they say is in the index, or not needed
SEXES = {"MALE": "M", "FEMALE": "F"}


def table_films(data: Data) -> Listing:
    """The films that the study's table lists, in order of split, label and name.

    The table lies below `data.root`, and paths are below it too, so that DVC sees a change of either. A film's name is
    its file's stem, or what the column `image` says. `label`: 0 or 1, or `data.negative` or `data.positive`. Without a
    column `split` all films are test images; with one, every row must name its split. A row with a reason in `exclude`
    is left out: its file need not exist, nor its label be known. Rows without any content are ignored.

    A StudyError lists all problems at once, by row: paths that are empty, missing, no file or outside of `data.root`;
    unknown labels and splits; ages that are no number; names and paths that two rows share.
    """
    root, path = Path(data.root), Path(data.root) / data.table
    if _is_outside(data.table, root):
        raise StudyError(f"data.table: {data.table} lies outside of data.root, {root}; put it there")
    rows = _read(path)
    problems: list[str] = []
    files: list[ImageFile] = []
    kept: list[int] = []
    excluded: list[Excluded] = []
    numbers: dict[str, list[int]] = defaultdict(list)
    same_file: dict[Path, list[int]] = defaultdict(list)
    for number, row in zip(rows.index + 2, rows.to_dict("records"), strict=True):
        where = f"{path}, row {number}"
        is_excluded = bool(row.get("exclude"))
        label = label_of(row["label"], data.negative, data.positive)
        if label is None and (row["label"] or not is_excluded):
            problems.append(f"{where}: label {row['label']!r}; expected 0 or {data.negative}, 1 or {data.positive}")
        part = row["split"].lower() if "split" in row else "test"
        if part not in SPLITS and (part or not is_excluded):
            problems.append(f"{where}: split {row['split']!r}; expected {', '.join(SPLITS)}{_nearest(part, SPLITS)}")
        if is_excluded:
            excluded.append(Excluded(part, label, row["exclude"]))
            continue
        if row.get("age") and years_of(row["age"]) is None:
            problems.append(f"{where}: age {row['age']!r}; expected years, such as 67")
        film, problem = _film(row["path"], root)
        if problem:
            problems.append(f"{where}: {problem}")
        else:
            same_file[film].append(number)
        name = image_name(row.get("image", "")) or stem_of(row["path"])
        if name:
            numbers[name].append(number)
        files.append(ImageFile(name, part, label or 0, film))
        kept.append(number - 2)
    problems += [
        f"{path}, rows {', '.join(map(str, same))}: the same file, {film}"
        for film, same in same_file.items()
        if len(same) > 1
    ]
    problems += [
        f"{path}, rows {', '.join(map(str, same))}: {len(same)} films of the name {name!r}; take the further ones out, "
        "or name each film in a column image"
        for name, same in numbers.items()
        if len(same) > 1
    ]
    if problems:
        raise StudyError(f"{path}: {counted(len(problems), 'problem')}; correct them and run again", problems)
    if not files:
        raise StudyError(f"{path}: lists no film" + (" that is not excluded" if excluded else ""))
    order = sorted(range(len(files)), key=lambda place: _rank(files[place]))
    columns = rows.loc[[kept[place] for place in order]].reset_index(drop=True)
    return Listing(
        files=[files[place] for place in order],
        patients=columns["patient"].tolist() if "patient" in columns else [""] * len(order),
        columns=tidied(columns[[name for name in columns if name not in NOT_KEPT]]),
        excluded=excluded,
    )


def label_of(text: str, negative: str, positive: str) -> int | None:
    """0 or 1 for the name of a class or its number, also as 0.0 or 1.0; None for anything else."""
    if text in (negative, positive):
        return int(text == positive)
    try:
        return {0.0: 0, 1.0: 1}.get(float(text))
    except ValueError:
        return None


def years_of(text: str) -> float | None:
    """An age in years: a number, or DICOM's form of three digits and Y, M, W or D; None for anything else."""
    per_year = {"Y": 1, "M": 12, "W": 365.25 / 7, "D": 365.25}
    unit = per_year.get(text[-1:].upper())
    try:
        years = float(text[:-1]) / unit if unit else float(text)
    except ValueError:
        return None
    return years if 0 <= years < float("inf") else None


def tidied(columns: pd.DataFrame) -> pd.DataFrame:
    """The same with views, sexes and ages written as those of DICOM headers: LATERAL, M and F, years."""
    columns = columns.copy()
    if "view" in columns:
        columns["view"] = [view_of(view) for view in columns["view"]]
    if "sex" in columns:
        columns["sex"] = [SEXES.get(sex.upper(), sex.upper()) for sex in columns["sex"]]
    if "age" in columns:
        columns["age"] = ["" if (years := years_of(age)) is None else f"{years:g}" for age in columns["age"]]
    return columns


def _read(path: Path) -> pd.DataFrame:
    """All rows with any content, every cell as text without blanks around it."""
    if not path.is_file():
        raise StudyError(f"{path}: no such table; data.root and data.table name it")
    names = [name for name in csv_columns(path) if name]
    known = ("path", "label", "image", "patient", "split", "view", "sex", "age", "site", "exclude")
    meant = {name.lower(): name for name in known}
    problems = [f"{name}: write it as {meant[name.lower()]}" for name in names if meant.get(name.lower(), name) != name]
    problems += [f"{name}: the index writes a column of that name; rename it" for name in names if name in OF_THE_INDEX]
    problems += [f"{name}: two columns of that name" for name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise StudyError(f"{path}: {counted(len(problems), 'problem')} with the columns", problems)
    rows = read_csv(path, dict.fromkeys(("path", "label", *names), str))[list(dict.fromkeys(names))]
    rows = rows.apply(lambda column: column.str.strip())
    return rows[(rows != "").any(axis=1)]


def _film(text: str, root: Path) -> tuple[Path, str]:
    """Where the film lies, and what is wrong with that; a name with an accent is found in either spelling."""
    if not text:
        return root, "no path"
    text = text if (root / text).exists() else text.replace("\\", "/")
    if _is_outside(text, root):
        return root, f"{text} lies outside of data.root, {root}; put the films there, or name a folder that holds all"
    forms = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    film = next((root / form for form in forms if (root / form).is_file()), root / text)
    if not film.is_file():
        return film, f"{film} is no file" if film.exists() else f"{film}: no such file"
    return film, ""


def _is_outside(text: str, root: Path) -> bool:
    if not Path(text).is_absolute() and ".." not in Path(text).parts:
        return False
    return not (root / text).resolve().is_relative_to(root.resolve())


def _rank(file: ImageFile) -> tuple[int, int, str]:
    return SPLITS.index(file.part), file.label, file.image


def _nearest(name: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else ""
