"""The engine `local`: tasks side by side on one machine, one per GPU, or several on its cores."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from sightline.cluster.batch_script import Row

POLL = 0.1  # seconds between two looks at the running tasks
GRACE = 10.0  # seconds that stopped tasks have to end by themselves


def gpus() -> list[str]:
    """The numbers of the GPUs that tasks may use: those of CUDA_VISIBLE_DEVICES where it is set, else all."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name and name != "-1"]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    done = subprocess.run([program, "-L"], capture_output=True, text=True)
    count = sum(line.startswith("GPU ") for line in done.stdout.splitlines())
    return [str(number) for number in range(count)] if done.returncode == 0 else []


def slots(jobs: int | None) -> list[dict[str, str]]:
    """The environment of each place that runs one task at a time.

    One per GPU, or `jobs` places spread over the GPUs; without GPUs `jobs` places, by default one per two cores, which
    share the cores unless OMP_NUM_THREADS is set already.
    """
    devices = gpus()
    if devices:
        return [{"CUDA_VISIBLE_DEVICES": devices[place % len(devices)]} for place in range(jobs or len(devices))]
    cores = len(os.sched_getaffinity(0))
    count = jobs or max(1, cores // 2)
    threads = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(max(1, cores // count))}
    return [dict(threads) for _ in range(count)]


@dataclass
class Outcome:
    """Names of tasks by how they ended."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    not_started: list[str] = field(default_factory=list)
    """They need a task that failed."""


@dataclass
class _Running:
    row: Row
    process: subprocess.Popen[bytes]
    slot: dict[str, str]
    started: float


def run_all(
    script: Path,
    rows: Sequence[Row],
    needs: Mapping[str, frozenset[str]],
    places: Sequence[Mapping[str, str]],
    log_of: Callable[[Row], Path],
    say: Callable[[str], None],
    lock: int,
) -> Outcome:
    """Runs all tasks, each as soon as those in its `needs` are done and a place is free.

    A task that fails stops those that need it, and no other. `rows` in an order in which they can run. Each task's
    output is added to `log_of(row)`. `lock`: a file descriptor that tasks inherit, so that the study stays locked where
    they outlive a killed `submit`. Ctrl-C and SIGTERM stop the running tasks and raise KeyboardInterrupt.
    """
    outcome, running, waiting, free = Outcome(), list[_Running](), list(rows), [dict(place) for place in places]
    with _terminated_as_interrupted():
        try:
            while waiting or running:
                lost = {*outcome.failed, *outcome.not_started}
                for row in [row for row in waiting if needs[row.task] & lost]:
                    waiting.remove(row)
                    outcome.not_started.append(row.task)
                    lost.add(row.task)
                    say(f"{row.task}: not started, since a task that it needs failed")
                ready = [row for row in waiting if needs[row.task] <= {*outcome.done}]
                while free and ready:
                    row = ready.pop(0)
                    waiting.remove(row)
                    running.append(_start(script, row, free.pop(0), log_of(row), lock))
                for task in [task for task in running if task.process.poll() is not None]:
                    running.remove(task)
                    free.append(task.slot)
                    seconds = time.monotonic() - task.started
                    if task.process.returncode == 0:
                        outcome.done.append(task.row.task)
                        ended = len(outcome.done) + len(outcome.failed) + len(outcome.not_started)
                        say(f"{task.row.task}: done in {seconds:.0f} s ({ended} of {len(rows)})")
                    else:
                        outcome.failed.append(task.row.task)
                        say(f"{task.row.task}: failed after {seconds:.0f} s; see {log_of(task.row)}")
                time.sleep(POLL)
        except BaseException:
            _stop(running)
            raise
    return outcome


def _start(script: Path, row: Row, slot: dict[str, str], log: Path, lock: int) -> _Running:
    group = row.task.partition("@")[0]
    with open(log, "ab") as output:
        process = subprocess.Popen(
            ["bash", str(script), group, str(row.number)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | slot,
            pass_fds=(lock,),
            start_new_session=True,  # so that a stop reaches all that the task has started
        )
    return _Running(row, process, slot, time.monotonic())


def _stop(running: Sequence[_Running]) -> None:
    for task in running:
        with suppress(ProcessLookupError):  # it has ended, and `run_all` had not come to it yet
            os.killpg(task.process.pid, signal.SIGTERM)
    end = time.monotonic() + GRACE
    for task in running:
        try:
            task.process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(task.process.pid, signal.SIGKILL)
            task.process.wait()


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
