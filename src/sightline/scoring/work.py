"""What `sightline score` makes of its inputs, step by step: by all cores, in files, gone on with after a kill.

A step is one function of many items, such as a film's pixels of its path. Its results are kept by chunks of items
(`chunks.py`): what is known of an item as JSON, and a row of bytes for each item in one file, for those that have rows.
"""

from __future__ import annotations

import json
import shutil
import weakref
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Generic, TypeVar

import numpy as np

from sightline import processes
from sightline.chunks import Kept, in_chunks
from sightline.rows_on_disk import RowFile
from sightline.scoring.progress import progress

CHUNK = 32  # items whose results come together: some five seconds' work for the largest films
Item = TypeVar("Item")


class Work:
    """The results of an earlier run with the same key, or a temporary folder that is removed with this object."""

    def __init__(self, kept: Kept | None = None) -> None:
        """`kept`: where the results lie; other results may lie there too. None: makes a temporary folder."""
        self.kept = kept or Kept(Path(mkdtemp(prefix="sightline-")), "")
        if kept is None:
            weakref.finalize(self, shutil.rmtree, self.kept.folder, ignore_errors=True)
        self._given: Counter[str] = Counter()

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self.kept.folder

    def name(self, what: str) -> str:
        """A name for another step or file of this kind; the same one in a run that goes on."""
        self._given[what] += 1
        return f"{what}{self._given[what]}"

    def file(self, what: str) -> Path:
        """A path in the folder for another file of this kind: of an earlier run's, the same place."""
        return self.folder / f"{self.name(what)}.rows"

    def each(self, what: str, function: Callable[[Item], Any], items: Sequence[Item]) -> list[Any]:
        """`function` of each item, in order, as JSON returns it; an error in a process is raised here.

        The function and the items must be picklable, such as functions of a module and paths.
        """
        return self._results(what, _Step(self.name(what), function, items))

    def rows(
        self, what: str, function: Callable[[Item], tuple[bytes, Any]], items: Sequence[Item], length: int
    ) -> tuple[RowFile, list[Any]]:
        """A file with a row of `length` bytes for each item, and what else `function` gives of it; else as `each`."""
        name = self.name(what)
        file = _File(self.folder / f"{name}.rows", length)
        file.path.touch()
        step = _Step(name, function, items, file)
        self._forget_lost(step, file)
        return RowFile(file.path, length, keeps=self), self._results(what, step)

    def _results(self, what: str, step: _Step[Any]) -> list[Any]:
        with progress(what, len(step.items), "files") as told:
            patience = processes.PATIENCE
            chunks = in_chunks(
                _chunk, step, step.starts, step.name, self.kept, lambda number: told(len(step.rows(number))), patience
            )
            return [of_item for arrays in chunks for of_item in json.loads(arrays["known"].tobytes())]

    def _forget_lost(self, step: _Step[Any], rows: _File) -> None:
        """Removes the chunks whose rows are not what was written: a machine that went down may have lost them."""
        with open(rows.path, "rb") as file:
            for number, start in enumerate(step.starts):
                if not self.kept.has(step.name, number):
                    continue
                file.seek(start * rows.length)
                content = file.read(len(step.rows(number)) * rows.length)
                if zlib.crc32(content) != int(self.kept.stored(step.name, number)["checksum"]):
                    self.kept.path(step.name, number).unlink()


@dataclass(frozen=True)
class _File:
    path: Path
    length: int
    """Bytes of a row."""


@dataclass(frozen=True)
class _Step(Generic[Item]):
    name: str
    """Of its results in the folder."""
    function: Callable[[Item], Any]
    items: Sequence[Item]
    file: _File | None = None
    """Of the items' rows; None: they have none."""

    @property
    def starts(self) -> range:
        """The first item of each chunk."""
        return range(0, len(self.items), CHUNK)

    def rows(self, number: int) -> range:
        """The items of a chunk."""
        return range(len(self.items))[self.starts[number] : self.starts[number] + CHUNK]


def _chunk(step: _Step[Any], start: int) -> dict[str, np.ndarray]:
    """What is known of the items of a chunk; their rows go to the file."""
    results = [step.function(item) for item in step.items[start : start + CHUNK]]
    if step.file is None:
        return {"known": _as_json(results)}
    rows, length = [row for row, _ in results], step.file.length
    if any(len(row) != length for row in rows):
        raise ValueError(f"a row of another length than {length} bytes")
    together = b"".join(rows)
    with open(step.file.path, "r+b") as file:
        file.seek(start * length)
        file.write(together)
    return {"known": _as_json([known for _, known in results]), "checksum": np.array(zlib.crc32(together), np.uint32)}


def _as_json(values: list[Any]) -> np.ndarray:
    return np.frombuffer(json.dumps(values).encode(), np.uint8)
