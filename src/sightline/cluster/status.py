"""Where each task of a study stands: what is done by the run cache, the rest by the engine and by logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from sightline.cluster.graph import Stage
from sightline.cluster.run_cache import State
from sightline.cluster.slurm import Queued
from sightline.cluster.submission import has_clone, last_problem, log_of, rows_of, submissions

Standing = Literal["done", "running", "waiting", "failed", "left"]
WORDS: dict[Standing, str] = {
    "done": "done",
    "running": "running",
    "waiting": "waiting",
    "failed": "failed",
    "left": "not started",
}


def standings(
    states: Mapping[str, State], queued: Mapping[str, Queued], logs: Mapping[str, Path], here: Mapping[str, Standing]
) -> dict[str, Standing]:
    """How each task stands; `logs`: of tasks that have started; `here`: those of the engine `local` at work."""
    found: dict[str, Standing] = {}
    for name, state in states.items():
        if state != "left":
            found[name] = "done"
        elif name in queued:
            found[name] = "running" if queued[name].is_running else "waiting"
        else:
            found[name] = here.get(name, "failed" if name in logs else "left")
    return found


def logs_in(folder: Path, fingerprints: Mapping[str, str]) -> dict[str, Path]:
    """The newest log of each task that has one, among those of what the task would run now."""
    found: dict[str, Path] = {}
    for submission in reversed(submissions(folder)):
        for row in rows_of(submission):
            log = log_of(submission, row)
            if row.fingerprint == fingerprints.get(row.task) and log.is_file():
                found[row.task] = log
    return found


def running_here(folder: Path) -> dict[str, Standing]:
    """The tasks of the newest submission that run or wait, where the engine `local` is at work on it."""
    newest = submissions(folder)[:1]
    found: dict[str, Standing] = {}
    for submission in newest:
        for row in rows_of(submission):
            if has_clone(submission, row):
                found[row.task] = "running"
            elif not log_of(submission, row).is_file():
                found[row.task] = "waiting"
    return found


def table(stages: Mapping[str, Stage], standing: Mapping[str, Standing]) -> list[str]:
    """One line per stage: train  4 done, 1 running, 1 failed."""
    groups = list(dict.fromkeys(stages[name].group for name in standing))
    width = max(map(len, groups), default=0)
    lines = []
    for group in groups:
        counts = Counter(state for name, state in standing.items() if stages[name].group == group)
        parts = [f"{counts[state]} {word}" for state, word in WORDS.items() if counts[state]]
        lines.append(f"{group:{width}}  {', '.join(parts)}")
    return lines


def failures(standing: Mapping[str, Standing], logs: Mapping[str, Path]) -> list[str]:
    """One line per task that failed: what its log says, and where it is."""
    return [
        f"{name}: {last_problem(logs[name])}; {logs[name]}" for name, state in standing.items() if state == "failed"
    ]


DONE = "all done; next: sightline cluster collect"


def next_step(standing: Mapping[str, Standing]) -> str:
    """What to do next, in one line."""
    counts = Counter(standing.values())
    if counts["running"] or counts["waiting"]:
        return "the queue is at work; sightline cluster status shows how far it is"
    if counts["failed"] or counts["left"]:
        return "next: sightline cluster submit runs what is not done"
    return DONE


def reasons(queued: Mapping[str, Queued]) -> list[str]:
    """Slurm's reasons why tasks wait, in one line; none where none waits."""
    counts = Counter(task.reason for task in queued.values() if not task.is_running)
    return [f"waiting for: {', '.join(f'{reason} ({count})' for reason, count in counts.items())}"] if counts else []


def names_of(standing: Mapping[str, Standing], states: Sequence[Standing]) -> list[str]:
    """The tasks that stand in one of these ways."""
    return [name for name, state in standing.items() if state in states]
