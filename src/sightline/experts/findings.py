"""Findings in annotations.csv: which rows count, and which belong together as one reading of an image.

A study that names findings has a row for each of them, a reader's reading of an image then has several. The consensus
is about one of them, or about all united.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sightline.experts.repeats import counts_now
from sightline.formats.annotations import Drawing
from sightline.formats.rle import counts_of
from sightline.study.errors import StudyError

if TYPE_CHECKING:  # pandas takes most of a light stage's start-up: it loads where a table is made
    import pandas as pd


def findings_in(table: pd.DataFrame) -> list[str]:
    """The findings that the rows name, sorted; none in a study without them."""
    return sorted(set(table["finding"]) - {""})


def finding_groups(
    table: pd.DataFrame, findings: Collection[str], where: str, adjudicated: bool = False
) -> list[list[int]]:
    """Row numbers of the annotations that count, those of one reading together; in the order of their first rows.

    `table`: columns image, annotator, repeat and finding, "" for an annotation of no finding in particular, which stays
    alone. A reader's first row of each finding belongs to one reading of the image, the second of each to another, and
    so on, apart for hidden second readings. `adjudicated`: see `repeats.counts_now`. `findings`: those that count, none
    for all rows. StudyError, with the file `where`, for one that no row has.
    """
    known = findings_in(table)
    unknown = sorted(set(findings) - set(known))
    if unknown:
        has = f"it has {', '.join(known)}" if known else "its rows name none"
        raise StudyError(f"{where}: no row is of finding {', '.join(map(repr, unknown))}; {has}")
    groups: dict[tuple[object, ...], list[int]] = {}
    times: Counter[tuple[object, ...]] = Counter()
    columns = (table[name].tolist() for name in ("image", "annotator", "repeat", "finding"))
    is_counted = counts_now(table, adjudicated).tolist()
    for row, (*reading, finding) in enumerate(zip(*columns, strict=True)):
        if is_counted[row] and (not findings or finding in findings):
            times[(*reading, finding)] += 1
            groups.setdefault((*reading, times[(*reading, finding)] if finding else f"row {row}"), []).append(row)
    return list(groups.values())


def united_drawings(drawings: Sequence[Drawing]) -> list[Drawing]:
    """The drawings with those of several findings at one reading of an image united (`finding_groups`).

    The first one's fields stay. Drawings that differ in size are not united, for the caller to refuse.
    """
    import pandas as pd

    columns = ("image", "annotator", "repeat", "finding")
    table = pd.DataFrame([[getattr(one, name) for name in columns] for one in drawings], columns=columns, dtype=str)
    together = []
    for group in finding_groups(table, (), "drawings"):
        members = [drawings[row] for row in group]
        if len(members) == 1 or len({one.size for one in members}) > 1:
            together += members
            continue
        counts = np.asarray(counts_of(np.logical_or.reduce([one.mask for one in members])), np.int64)
        together.append(replace(members[0], counts=counts, finding=""))
    return together
