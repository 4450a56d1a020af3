"""Arrays of an NPZ, of which one is held at a time, and of a stack of maps one row at a time.

M rows of a stack, such as the maps of M images, h x w each.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_STORED

import numpy as np

from sightline.rows_on_disk import RowFile, RowWriter
from sightline.scoring.work import Work
from sightline.study.damaged import DAMAGED
from sightline.study.errors import StudyError

LOCAL_HEADER = 30  # bytes of a ZIP member's own header before its name; the lengths of two fields end it
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Npz:
    """The arrays of an NPZ by name; StudyError where it is damaged. Opened when used, by each process for itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: Any = None
        self._process = 0

    @property
    def names(self) -> list[str]:
        """Of all arrays, in the file's order."""
        with self._damage_told():
            return list(self._archive().files)

    def array(self, name: str) -> np.ndarray:
        """A whole array."""
        with self._damage_told():
            values = self._archive()[name]
            if not isinstance(values, np.ndarray):
                raise ValueError(f"{name} is no array")
            return values

    def stack(self, name: str, work: Work) -> Stack:
        """A stack of rows; those of an array that is compressed, or stored by columns, go to `work`."""
        with self._damage_told():
            archive = self._archive()
            member = name if name in archive.zip.namelist() else f"{name}.npy"
            info = archive.zip.getinfo(member)
            with archive.zip.open(member) as file:
                header = _header(file)
                start = file.tell()
            if header is None:
                values = self.array(name)
                return Stack(values.shape, values.dtype, (row for row in values), work)
            shape, dtype = header
            rows = self._rows(member, start, shape, dtype)
            if info.compress_type != ZIP_STORED:
                return Stack(shape, dtype, rows, work)
            with open(self.path, "rb") as raw:
                raw.seek(info.header_offset)
                lengths = raw.read(LOCAL_HEADER)[-4:]
            before = LOCAL_HEADER + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
            return Stack(shape, dtype, rows, work, (self.path, info.header_offset + before + start))

    def _rows(self, member: str, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[np.ndarray]:
        length = int(np.prod(shape[1:], dtype=int)) * dtype.itemsize
        with self._damage_told(), self._archive().zip.open(member) as file:
            file.read(start)
            for _ in range(shape[0]):
                content = file.read(length)
                if len(content) != length:
                    raise EOFError(f"{member} ends too early")
                yield np.frombuffer(content, dtype).reshape(shape[1:])
            file.read()  # at the end the checksum is compared

    def _archive(self) -> Any:
        if self._opened is None or self._process != os.getpid():  # a fork would share its parent's place in the file
            self._opened, self._process = np.load(self.path, allow_pickle=False), os.getpid()
            weakref.finalize(self, self._opened.close)
        return self._opened

    @contextmanager
    def _damage_told(self) -> Iterator[None]:
        try:
            yield
        except StudyError:
            raise
        except DAMAGED as error:
            raise StudyError(f"{self.path}: not a readable NPZ ({error})") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_opened": None, "_process": 0}


class Stack:
    """M rows of an array, h x w each: `store` goes over all of them once; from then on `stack(row)` reads one.

    It can be sent to other processes after that.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        rows: Iterator[np.ndarray],
        work: Work,
        within: tuple[Path, int] | None = None,
    ) -> None:
        """`within`: the file in which the rows lie as they are, and where the first begins; None: they go to `work`."""
        self.shape, self.dtype = shape, dtype
        self._rows = rows
        self._within = within
        path, start = within or (work.file("maps"), 0)
        self._file = RowFile(path, self._length, start, keeps=work)

    @property
    def _length(self) -> int:
        return int(np.prod(self.shape[1:], dtype=int)) * self.dtype.itemsize

    def store(self, told: Callable[[int], None]) -> None:
        """Reads all rows, in order, to compare the checksum or to write those that do not lie in the file as they are.

        `told` is called after each row, with 1.
        """
        if self._within is not None:
            for _ in self._rows:
                told(1)
            return
        with RowWriter(self._file.path, self._length) as file:
            for row in self._rows:
                file.add(row.tobytes())
                told(1)

    def __call__(self, row: int) -> np.ndarray:
        """A row, h x w, of the array's type."""
        return np.frombuffer(self._file.read(row), self.dtype).reshape(self.shape[1:])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_rows": iter(())}


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]] | None:
    """Shape and type of an array whose rows lie one after the other from here on; None where NumPy has to read it."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        return None
    shape, is_by_columns, dtype = HEADERS[version](file)
    return None if is_by_columns or dtype.hasobject or not shape else (shape, dtype)
