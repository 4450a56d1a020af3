"""Hidden second readings: which annotations are a reader's second look at an image, which never votes.

The experts' page writes it down (column `repeat`: 0 for the first reading, 1 for the hidden second, 2 for the answer of
a second round, which replaces the first only where the study says so). No clock is asked: it may have stepped back.
Other tools do not write it; there the time decides (`annotation_reader.reading_order`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

from sightline.study.files import csv_columns, read_csv

if TYPE_CHECKING:  # pandas takes most of a light stage's start-up: it loads where a table is made
    import pandas as pd

Table: TypeAlias = Union["pd.DataFrame", Mapping[str, Sequence[str]]]
"""Columns by name."""

ROUND = "2"  # the `repeat` of an answer of a second round


def repeats_in(folder: Path, annotations: pd.Series) -> pd.Series:
    """For each of the annotations, by name, its `repeat` as text; "" where neither table of the folder states it.

    annotations.csv is asked first, then readings.csv, the page's table of answers, which exports of before 2026-12
    alone have it in. The result has the index of `annotations`.
    """
    stated: dict[str, str] = {}
    for table in (folder / "readings.csv", folder / "annotations.csv"):
        if table.is_file() and {"annotation", "repeat"} <= set(csv_columns(table)):
            rows = read_csv(table, {"annotation": str, "repeat": str})
            stated |= {name: text for name, text in zip(rows.annotation, rows.repeat, strict=True) if text}
    return annotations.map(lambda name: stated.get(name, ""))


def counts_now(table: pd.DataFrame, adjudicated: bool) -> np.ndarray:
    """Which rows count, bool: all but those of a second round.

    Where the study is `adjudicated`, a reader's answer of the second round counts in place of all others by the reader
    about the image, the hidden second reading included. "Cannot judge" is no row, so that the first answer then stays.
    """
    is_round = (table["repeat"] == ROUND).to_numpy(bool)
    if not adjudicated:
        return ~is_round
    pairs = list(zip(table["image"], table["annotator"], strict=True))
    again = {pair for pair, later in zip(pairs, is_round.tolist(), strict=True) if later}
    return is_round | ~np.array([pair in again for pair in pairs], bool)


def is_repeat(table: Table) -> np.ndarray:
    """Which rows are hidden second readings, bool, by the column `repeat` (text); none where the table lacks it."""
    repeat = table.get("repeat")
    if repeat is None:
        return np.zeros(len(table["image"]), bool)
    return np.array([text == text and text not in ("", "0") for text in repeat], bool)  # NaN says nothing


def is_alone(table: pd.DataFrame) -> np.ndarray:
    """Which rows are hidden second readings whose first is not in the table, since it could not be judged; bool.

    They are no votes, no repeats (there is nothing to compare them with) and no false starts.
    """
    is_later = is_repeat(table)
    pairs = list(zip(table.image, table.annotator, strict=True))
    has_first = {pair for pair, later in zip(pairs, is_later.tolist(), strict=True) if not later}
    return is_later & ~np.array([pair in has_first for pair in pairs], bool)
