"""Results of a long computation chunk by chunk, by all cores, and kept in a folder: a run that was killed goes on.

A chunk's result is a dictionary of arrays. It is written whole, with the key of the run that it belongs to, and a file
that is cut short, damaged or of another run counts as missing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from sightline.processes import in_processes

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")
Arrays = Mapping[str, np.ndarray]
KEY = "key of the run"


class Kept:
    """A folder of results. It can be sent to other processes."""

    def __init__(self, folder: Path, key: str) -> None:
        """`key`: the same for the same inputs, settings and code."""
        self.folder, self.key = folder, key
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str, number: int) -> Path:
        return self.folder / f"{name}-{number:06}.npz"

    def has(self, name: str, number: int) -> bool:
        """Whether the chunk's result is there, whole, undamaged and of this run."""
        path = self.path(name, number)
        if not path.is_file():
            return False
        try:
            with zipfile.ZipFile(path) as members, np.load(path, allow_pickle=False) as arrays:
                return members.testzip() is None and str(arrays[KEY]) == self.key
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False  # it is computed again

    def save(self, name: str, number: int, arrays: Arrays) -> None:
        path = self.path(name, number)
        beside = path.with_suffix(".part")
        with open(beside, "wb") as file:  # not flushed to the disk: what a power cut damages, `has` finds
            np.savez(file, **{KEY: np.array(self.key)}, **arrays)  # type: ignore[arg-type]
        beside.replace(path)

    def stored(self, name: str, number: int) -> Arrays:
        """The arrays of a chunk that is there, each read when it is asked for."""
        return _Stored(self.path(name, number))


class _Stored(Mapping[str, np.ndarray]):
    """The arrays of one chunk, each read when it is asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, name: str) -> np.ndarray:
        with np.load(self._path, allow_pickle=False) as arrays:
            return np.asarray(arrays[name])

    def __iter__(self) -> Iterator[str]:
        with np.load(self._path, allow_pickle=False) as arrays:
            return iter([name for name in arrays.files if name != KEY])

    def __len__(self) -> int:
        return len(list(iter(self)))


class Made(Sequence[Item]):
    """So many items, each made by a function of its number whenever it is asked for; a slice makes none yet."""

    def __init__(self, make: Callable[[int], Item], numbers: range) -> None:
        self._make, self._numbers = make, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> Made[Item]: ...
    def __getitem__(self, place: int | slice) -> Item | Made[Item]:
        if isinstance(place, slice):
            return Made(self._make, self._numbers[place])
        return self._make(self._numbers[place])


def in_chunks(
    function: Callable[[State, Item], Arrays],
    state: State,
    items: Sequence[Item],
    name: str,
    kept: Kept | None = None,
    told: Callable[[int], None] | None = None,
    patience: float = 0,
    meanwhile: Callable[[], object] | None = None,
) -> Sequence[Arrays]:
    """The arrays of each item, in order: in memory, or, with `kept`, in its files, of which missing ones are computed.

    `told` is called with the number of each item as its result is there. `patience`, `meanwhile`: of `in_processes`.
    """
    told = told or (lambda _: None)
    if kept is None:
        found = []
        for number, arrays in enumerate(in_processes(function, state, items, meanwhile, patience)):
            found.append(arrays)
            told(number)
        return found
    missing = []
    for number in range(len(items)):
        if kept.has(name, number):
            told(number)
        else:
            missing.append(number)
    work: tuple[Any, ...] = (function, state, items, name, kept)
    for number in in_processes(_kept, work, missing, meanwhile, patience):
        told(number)
    return Made(partial(kept.stored, name), range(len(items)))


def _kept(work: tuple[Any, ...], number: int) -> int:
    function, state, items, name, kept = work
    kept.save(name, number, function(state, items[number]))
    return number
