"""A submission: the folder of one `submit`, with its script, a copy of dvc.lock, logs and the clones of running tasks.

All of a study's submissions lie in one folder on a disk that all nodes see. They hold no results and may be deleted
once none of their tasks runs.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sightline.cluster.batch_script import NAME, Row, rows_in
from sightline.study.errors import StudyError

LOCK = "lock"


def new_submission(folder: Path) -> Path:
    """A path in `folder` that is not there yet, named by a number one above the highest so far."""
    return folder / f"{max((int(path.name) for path in _numbered(folder)), default=0) + 1:04d}"


def submissions(folder: Path) -> list[Path]:
    """The submissions with a script, the newest first."""
    return sorted((path for path in _numbered(folder) if (path / NAME).is_file()), reverse=True)


def rows_of(submission: Path) -> list[Row]:
    """The tasks of a submission, from the table of its script."""
    return rows_in((submission / NAME).read_text())


def log_of(submission: Path, row: Row) -> Path:
    """The log of a task, which Slurm writes under the same name."""
    return submission / "logs" / f"{row.task.partition('@')[0]}-{row.number}.log"


def has_clone(submission: Path, row: Row) -> bool:
    """Whether there is a clone in which a task works; also one that a killed task left."""
    return any((submission / "clones").glob(f"{row.task}.*"))


def last_problem(log: Path) -> str:
    """The line of a log that says what went wrong: the last one that begins with error, else the last one.

    That a command failed is not it: DVC says so after what the command itself said.
    """
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if not (line.startswith("ERROR: failed to reproduce") and "failed to run" in line)]
    errors = [line for line in lines if line.lower().startswith(("error", "slurmstepd: error"))]
    return (errors or lines or ["its log is empty; is the disk full?"])[-1]


@contextmanager
def only_one(folder: Path) -> Iterator[int]:
    """Holds the study's lock; StudyError that names the holder where another `submit` of this study has it.

    Yields the lock's file descriptor: a process that inherits it holds the lock too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / LOCK, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StudyError(
                f"another `sightline cluster submit` is at work in this study ({file.read().strip()}); wait until it "
                "has ended, or stop it"
            ) from None
        except OSError as error:  # a disk of a network that does not lock
            raise StudyError(
                f"{folder / LOCK}: cannot be locked ({error.strerror}); ask for locks on this disk"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield file.fileno()


def is_submitting(folder: Path) -> bool:
    """Whether a `submit` of this study is at work, which for the engine `local` is as long as its tasks run.

    Never on a disk that does not lock, on which `submit` refuses to work.
    """
    path = folder / LOCK
    if not path.is_file():
        return False
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


def _numbered(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.name.isdigit()] if folder.is_dir() else []
