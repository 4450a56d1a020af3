"""The engine `slurm`: the batch script handed to sbatch, and the queue as squeue shows it. Needs no accounting."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sightline.cluster.batch_script import JOBS, NAME, Row
from sightline.cluster.submission import rows_of, submissions
from sightline.study.errors import StudyError, collapsed


@dataclass(frozen=True)
class Queued:
    """A task in Slurm's queue."""

    job: str
    """The array job's number."""
    row: Row
    """Its row in the table of its submission."""
    state: str
    """Slurm's word, such as PENDING, RUNNING or COMPLETING."""
    reason: str

    @property
    def is_running(self) -> bool:
        """Whether it has a node."""
        return self.state not in ("PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT")


def refuse_without_slurm() -> None:
    """StudyError where sbatch is not installed."""
    if shutil.which("sbatch") is None:
        raise StudyError(
            "sbatch: not found; run on a login node of a Slurm cluster, or on this machine: --engine local"
        )


def hand_over(work: Path) -> None:
    """Runs the submission's script, which submits its arrays and prints their numbers."""
    done = subprocess.run(["bash", str(work / NAME)])
    if done.returncode != 0:
        raise StudyError(
            f"Slurm did not take all of {work / NAME} (see above); submit again adds what is not in the queue"
        )


def refuse_outdated(queued: Mapping[str, Queued], fingerprints: Mapping[str, str]) -> None:
    """StudyError that lists queued tasks which run something else than the study, as it is now, asks for."""
    outdated = [
        f"{name}: {task.job}_{task.row.number}"
        for name, task in queued.items()
        if fingerprints.get(name, task.row.fingerprint) != task.row.fingerprint
    ]
    if outdated:
        raise StudyError(
            "tasks in Slurm's queue run an earlier version of this study; wait for them, or scancel them",
            collapsed(outdated),
        )


def queue(folder: Path) -> dict[str, Queued]:
    """The tasks of the study's submissions, which lie in `folder`, that wait or run, by name.

    Slurm is not asked where it took none of them.
    """
    if not any((submission / JOBS).is_file() for submission in submissions(folder)):
        return {}
    if shutil.which("squeue") is None:
        raise StudyError("squeue: not found; tasks of this study were given to Slurm, so run on one of its login nodes")
    # array job, number, job's name (the stage), state, reason, the working folder, which is the submission's
    command = ["squeue", "--me", "--array", "--noheader", "--format=%F|%K|%j|%T|%r|%Z"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise StudyError(f"squeue failed ({' '.join(done.stderr.split())}); try again when Slurm answers")
    return queued_in(done.stdout, folder)


def queued_in(lines: str, folder: Path) -> dict[str, Queued]:
    """The tasks in squeue's answer that belong to submissions in `folder`."""
    found: dict[str, Queued] = {}
    rows: dict[Path, dict[tuple[str, int], Row]] = {}
    for line in lines.splitlines():
        job, number, stage, state, reason, work = line.split("|", 5)
        submission = Path(work)
        if submission.parent != folder or not number.isdigit() or not (submission / NAME).is_file():
            continue
        if submission not in rows:
            rows[submission] = {(row.task.partition("@")[0], row.number): row for row in rows_of(submission)}
        if row := rows[submission].get((stage, int(number))):
            found[row.task] = Queued(job, row, state, reason)
    return found
