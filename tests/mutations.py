"""Broken copies of valid files, for tests that readers answer each with contents or a refusal, never a traceback.

A seeded generator makes them, so a failure comes back with its number.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import FileContents
from sightline.study.errors import StudyError

# what other tools, people and accidents put in place of a value
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e308, -1e308, 10**30, float("nan"), float("inf"), "", " ", "0", "-1",
    "a", "None", "../../x", "a\nb", "\ud800", "é", "1,2", [], [[]], [1], [1, 2], [None], ["a"], {}, {"a": 1},
    [[1, 2], [3, 4]],
)  # fmt: skip


def mutated_json(document: Any, rng: np.random.Generator) -> Any:
    """A copy of a JSON document with 1 to 3 places changed.

    A place is any value in it. It is deleted, doubled, replaced by a strange one or by another one of the document, its
    number changed, or its key renamed.
    """
    changed = copy.deepcopy(document)
    for _ in range(rng.integers(1, 4)):
        places = _places(changed)
        if not places:
            return STRANGE[rng.integers(len(STRANGE))]
        holder, key = places[rng.integers(len(places))]
        kind = rng.integers(6)
        value = holder[key]
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(value))
        elif kind == 2 and isinstance(holder, dict):
            holder[f"{key}s" if rng.random() < 0.5 else str(key).upper()] = holder.pop(key)
        elif kind == 3 and isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = value * [-1, 0, 0.5, 10, 1000, 1e9][rng.integers(6)] + [0, 0, 1, 0.25][rng.integers(4)]
        elif kind == 4:
            other, its_key = places[rng.integers(len(places))]
            holder[key] = copy.deepcopy(other[its_key])
        else:
            holder[key] = copy.deepcopy(STRANGE[rng.integers(len(STRANGE))])
    return changed


# what people and spreadsheets put in place of a cell
STRANGE_CELLS = (
    "", " ", "nan", "NaN", "NULL", "-", "-1", "0", "1e308", "-1e308", "1e999", "9" * 30, "1,5", "1.5.2", "0x10", "inf",
    "TRUE", "12 px", '"', 'a"b', "a\x00b", "é", "e\u0301", "../../x", "a\tb", "01/02/2026", "x" * 300, "=1+1", "[1, 2]",
)  # fmt: skip


def mutated_table(text: str, rng: np.random.Generator) -> bytes:
    """A CSV with 1 to 3 changes of cells, columns and rows, with some separator, line ends and encoding."""
    rows = [row.split(",") for row in text.rstrip("\n").split("\n")]
    for _ in range(rng.integers(1, 4)):
        row = rows[rng.integers(len(rows))]
        column = int(rng.integers(max(1, len(rows[0]))))
        kind = rng.integers(8)
        if kind == 0:
            rows.remove(row)
        elif kind == 1:
            rows.append(list(row))
        elif kind == 2:
            rows[rng.integers(len(rows))].append("x")
        elif kind == 3 and len(rows[0]) > 1:
            rows = [[cell for place, cell in enumerate(line) if place != column] for line in rows]
        elif kind == 4:
            rows = [[*line, *line[column : column + 1]] for line in rows]
        elif kind == 5 and row:
            del row[rng.integers(len(row)) :]
        elif row:
            row[rng.integers(len(row))] = STRANGE_CELLS[rng.integers(len(STRANGE_CELLS))]
        if not rows:
            return b""
    separator = rng.choice([",", ",", ",", ";", "\t"])
    changed = rng.choice(["\n", "\n", "\r\n", "\r"]).join(separator.join(row) for row in rows)
    encoding = rng.choice(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"])
    return changed.encode(encoding, "replace")


def mutated_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """A copy of `data` with 1 to 3 accidents: bytes flipped, replaced, deleted, doubled, or the end cut off."""
    changed = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        if not changed:
            break
        at = int(rng.integers(len(changed)))
        length = int(rng.integers(1, 9))
        kind = rng.integers(6)
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            changed[at : at + length] = rng.integers(0, 256, length, np.uint8).tobytes()
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            del changed[at:]
        else:
            changed[at : at + 1] = rng.choice([b"\0", b"\xff", b'"', b"-", b"\n", b",", b"9", b"<", b"}"])
    return bytes(changed)


def json_bytes(document: Any) -> bytes:
    """The document as a JSON file, also where it holds NaN or half of a surrogate pair."""
    return json.dumps(document).encode("ascii")


def answered(read: Callable[[Path], FileContents], path: Path, content: bytes) -> FileContents | StudyError:
    """What a reader makes of `content`, written to `path`: its contents or its refusal; AssertionError if it is unfit.

    Any other exception passes through. Every problem and note is one line, and so is a refusal's first part and each of
    its cases.
    """
    with open(path, "r+b" if path.exists() else "wb") as file:  # 500 times as fast as emptying the file first
        file.write(content)
        file.truncate()
    refusal = None
    try:
        contents = read(path)
    except StudyError as error:
        refusal = error
    if refusal is not None:
        assert len(str(refusal).split("\n")) == 1 + len(refusal.cases), f"a refusal of several lines: {refusal}"
        return refusal
    for line in (*contents.problems, *contents.notes):
        assert "\n" not in line, f"a problem of several lines: {line!r}"
        assert len(line) < 500, f"a problem of {len(line)} letters: {line[:80]}"
    for drawing in contents.drawings:
        assert drawing.counts.sum() == drawing.size[0] * drawing.size[1]
        assert drawing.image, drawing
    return contents


def _places(document: Any) -> list[tuple[Any, Any]]:
    """(holder, key) of every value in the document, outermost first."""
    places: list[tuple[Any, Any]] = []
    open_ = [document]
    while open_:
        holder = open_.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            places.append((holder, key))
            open_.append(holder[key])
    return places
