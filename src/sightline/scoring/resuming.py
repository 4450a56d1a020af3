"""What a killed `sightline score` leaves behind and the next one goes on with: results by chunk, for equal inputs.

The key of a run is made of its arguments, of the names, sizes and times of all files that they name, and of the
code; whatever changes one of them starts afresh.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import sightline
from sightline.chunks import Kept
from sightline.processes import ProcessKilled
from sightline.scoring.gather import named_path
from sightline.study.errors import StudyError

try:
    import fcntl
except ImportError:  # not a system of Unix
    fcntl = None  # type: ignore[assignment]

FOLDER = "partial"


@contextmanager
def resumed(arguments: argparse.Namespace) -> Iterator[Kept]:
    """The results of an earlier run with the same key, in OUT/partial; those of other runs are removed.

    The folder is removed at the end, and where the inputs are refused; after any other error it stays for the next run.
    StudyError where another run is at work in OUT.
    """
    folder: Path = arguments.out / FOLDER
    was_there = arguments.out.exists()
    with _alone_in(arguments.out):
        key = run_key(arguments)
        for other in folder.glob("*"):
            if other.name != key[:16]:
                shutil.rmtree(other)
        try:
            yield Kept(folder / key[:16], key)
        except ProcessKilled:
            raise
        except StudyError:
            shutil.rmtree(folder)
            if not was_there:
                arguments.out.rmdir()
            raise
        shutil.rmtree(folder)


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Locks the folder, which is made where it is missing; nothing is locked where the system or disk has no locks."""
    out.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    descriptor = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StudyError(
                f"{out}: another sightline score is at work in it; wait until it has ended, or name another --out"
            ) from None
        except OSError:  # a disk that does not lock
            pass
        yield
    finally:
        os.close(descriptor)  # which ends the lock, as the end of the process does


def run_key(arguments: argparse.Namespace) -> str:
    """SHA-256, hexadecimal."""
    chosen = {name: str(value) for name, value in vars(arguments).items() if name != "out" and not callable(value)}
    maps = [named_path(text)[1] for text in (arguments.maps, *arguments.also)]
    paths = [*maps, *(Path(path) for path in arguments.masks), arguments.images, arguments.lungs]
    files = [entry for path in paths if path is not None for entry in _files(path)]
    if arguments.patients and Path(arguments.patients).is_file():
        files += _files(Path(arguments.patients))
    code = list(_files(Path(sightline.__file__).parent, ".py"))
    return sha256(json.dumps([chosen, files, code]).encode()).hexdigest()


def _files(path: Path, suffix: str = "") -> Iterator[tuple[str, int, int]]:
    """Name, size in bytes and time of change of a file, or of all files of a folder, in order of names."""
    if path.is_file():
        yield str(path), path.stat().st_size, path.stat().st_mtime_ns
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.endswith(suffix):
                stat = Path(folder, name).stat()
                yield str(Path(folder, name)), stat.st_size, stat.st_mtime_ns
