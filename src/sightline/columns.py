"""Tables that stages write and read again, as columns: arrays of one length by name.

Why not a library: pandas adds 0.28 s to a stage that reads data/ladder.csv of 2,400 rows, Python's csv module with the
checks below 0.03 s (CPU, best of five, 2026-11-27). Eleven stages that load no pandas otherwise would take 2.8 s more.
NumPy's genfromtxt takes 0.05 s, but knows no quotes and names no wrong cell. Tables that people write have many forms
and are read by `study.files.read_csv`, with pandas.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.study.errors import StudyError
from sightline.study.files import text_of_csv, written_whole

Columns = dict[str, np.ndarray]


def read_columns(path: str | Path, kinds: Mapping[str, type]) -> Columns:
    """These columns of the CSV that a stage wrote, each of its kind: str, int (int64) or float (float64).

    As `read_csv`: text keeps `NA` and leading zeros and loses blanks around it, an empty cell is "" or NaN. A missing
    file or column, a row of another length and a wrong value are a StudyError that lists all wrong values.
    """
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text_of_csv(path))) if row]
    except (csv.Error, ValueError) as error:
        reason = error if isinstance(error, csv.Error) else "it is empty"
        raise StudyError(f"{path}: not a readable CSV ({reason}); run the stage that writes it") from None
    missing = [name for name in kinds if name not in header]
    if missing:
        raise StudyError(f"{path}: lacks columns {', '.join(missing)}; it has {', '.join(header)}")
    uneven = [number for number, row in enumerate(rows, 2) if len(row) != len(header)]
    if uneven:
        raise StudyError(
            f"{path}, row {uneven[0]}: expected {len(header)} cells, as the first row has; run the stage that writes it"
        )
    found: Columns = {}
    wrong: list[str] = []
    for name, kind in kinds.items():
        place = header.index(name)
        cells = [row[place].strip() for row in rows]
        if kind is str:
            found[name] = np.array(cells, str)
            continue
        numbers = [_number(cell, kind) for cell in cells]
        wrong += [
            f"{path}, row {row}: {name} is {cell!r}, expected {kind.__name__}"
            for row, (cell, number) in enumerate(zip(cells, numbers, strict=True), 2)
            if number is None
        ]
        found[name] = np.array([0 if number is None else number for number in numbers], kind)
    if wrong:
        raise StudyError(f"{path}: wrong values", wrong)
    return found


def _number(cell: str, kind: type) -> float | None:
    """The cell as a number; NaN for an empty one of kind float; None for what is none of its kind."""
    if not cell:
        return float("nan") if kind is float else None
    try:
        number = float(cell)
    except ValueError:
        return None
    if number != number or "_" in cell or (kind is int and number % 1):
        return None
    return number


def write_columns(path: str | Path, columns: Mapping[str, Iterable[Any]]) -> None:
    """Writes the columns as `write_csv` writes a table: floats with 6 significant digits, NaN and None empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(_cells(column) for column in columns.values()), strict=True))
    with written_whole(path) as beside:
        beside.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def _cells(column: Iterable[Any]) -> list[str]:
    values = column.tolist() if isinstance(column, np.ndarray) else list(column)
    return ["" if value is None or value != value else f"{value:.6g}" if isinstance(value, float) else str(value)
            for value in values]  # fmt: skip


def from_rows(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> dict[str, list[Any]]:
    """Columns by name from rows; without rows, each is empty."""
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def joined(parts: Iterable[Mapping[str, Iterable[Any]]], names: Sequence[str]) -> dict[str, list[Any]]:
    """The rows of tables of the same columns, one table after the other."""
    whole: dict[str, list[Any]] = {name: [] for name in names}
    for part in parts:
        for name, column in whole.items():
            column += part[name]
    return whole


def wide(table: Columns, by: str, values: str, images: Sequence[str]) -> dict[str, np.ndarray]:
    """By the text in column `by`, sorted: column `values` of `images`, float64 in their order, NaN where there is none.

    Column `image` names the images; rows of others are left out.
    """
    row_of = {image: row for row, image in enumerate(images)}
    found: dict[str, np.ndarray] = {}
    for name, image, value in zip(*(table[column].tolist() for column in (by, "image", values)), strict=True):
        if image in row_of:
            found.setdefault(name, np.full(len(images), np.nan))[row_of[image]] = value
    return dict(sorted(found.items()))
