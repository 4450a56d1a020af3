"""Arrays of many images in files, of which the rows asked for are read: memory does not grow with the study."""

from __future__ import annotations

import os
import weakref
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, SupportsIndex, overload

import numpy as np


class StoredRows(Sequence[np.ndarray]):
    """An array for each image, read when it is asked for: `rows[row]`; a slice is the same of fewer images.

    It can be sent to other processes: what it holds of files are their paths.
    """

    @abstractmethod
    def at(self, row: int) -> np.ndarray:
        """The array of an image; `row`: 0 or more."""

    @abstractmethod
    def part(self, rows: range) -> Self:
        """The same of these rows."""

    @overload
    def __getitem__(self, row: SupportsIndex) -> np.ndarray: ...
    @overload
    def __getitem__(self, row: slice) -> Self: ...
    def __getitem__(self, row: SupportsIndex | slice) -> np.ndarray | Self:
        """The array of an image, or a part; IndexError for a row that it lacks."""
        rows = range(len(self))
        return self.part(rows[row]) if isinstance(row, slice) else self.at(rows[row])


class RowFile:
    """Rows of equal length in a file, read where they lie (pread): a memory map's pages would count as memory.

    It can be sent to other processes, as the file's path; each opens the file for itself.
    """

    def __init__(
        self, path: Path, length: int, start: int = 0, keeps: object = None, stride: int | None = None
    ) -> None:
        """`length`: bytes of a row; `start`: bytes before the first one; `keeps`: lives as long in this process.

        `stride`: bytes from one row's beginning to the next one's; None: `length`.
        """
        self.path, self.length, self.start, self._keeps = path, length, start, keeps
        self.stride = stride or length
        self._descriptor: int | None = None

    def read(self, row: int) -> bytes:
        """The bytes of a row; OSError where the file does not hold it."""
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._descriptor)
        content = os.pread(self._descriptor, self.length, self.start + row * self.stride)
        if len(content) != self.length:
            raise OSError(f"{self.path}: ends before its row {row}")
        return content

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_descriptor": None, "_keeps": None}


class RowWriter:
    """Writes a `RowFile`'s rows one after the other. Use in a `with` block."""

    def __init__(self, path: Path, length: int) -> None:
        """Makes the file, or empties it."""
        self.path, self.length = path, length
        self._file = open(path, "wb")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, row: bytes) -> None:
        """Appends a row; ValueError if it has another length."""
        if len(row) != self.length:
            raise ValueError(f"a row of {len(row)} bytes, expected {self.length}")
        self._file.write(row)
