"""Findings in annotations.csv: which rows count, and which belong together as one reading of an image.

A study that names findings has a row for each of them, a reader's reading of an image then has several. The consensus
is about one of them, or about all united.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from sightline.study.errors import StudyError


def findings_in(table: pd.DataFrame) -> list[str]:
    """The findings that the rows name, sorted; none in a study without them."""
    return sorted(set(table["finding"]) - {""})


def finding_groups(table: pd.DataFrame, findings: Collection[str], where: str) -> list[list[int]]:
    """Row numbers of the annotations that count, those of one reading together; in the order of their first rows.

    `table`: columns image, annotator, repeat, created_at and finding, "" for an annotation of no finding in particular,
    which stays alone. `findings`: those that count, none for all rows. StudyError, with the file `where`, for one that
    no row has.
    """
    known = findings_in(table)
    unknown = sorted(set(findings) - set(known))
    if unknown:
        has = f"it has {', '.join(known)}" if known else "its rows name none"
        raise StudyError(f"{where}: no row is of finding {', '.join(map(repr, unknown))}; {has}")
    groups: dict[tuple[object, ...], list[int]] = {}
    columns = (table[name].tolist() for name in ("image", "annotator", "repeat", "created_at", "finding"))
    for row, (*reading, finding) in enumerate(zip(*columns, strict=True)):
        if not findings or finding in findings:
            groups.setdefault((*reading, None if finding else row), []).append(row)
    return list(groups.values())
