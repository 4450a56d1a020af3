"""The files that a user's code reads while it is loaded: weights, and modules that lie beside it.

DVC runs a model's stages again when one of the files changes that its entry names, so these have to be named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_files: ContextVar[list[Path] | None] = ContextVar("files read", default=None)


@contextmanager
def files_read() -> Iterator[list[Path]]:
    """Yields a list to which each file that is noted within the block is added."""
    files: list[Path] = []
    token = _files.set(files)
    try:
        yield files
    finally:
        _files.reset(token)


def note_read(path: str | Path) -> None:
    """Adds a file, or the folder of a package, to the list of the block that this is called in, if there is one."""
    files = _files.get()
    if files is not None and Path(path) not in files:
        files.append(Path(path))
