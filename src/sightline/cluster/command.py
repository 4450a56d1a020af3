"""The command `sightline cluster`: the networks of a study side by side, on Slurm or on one machine.

sightline cluster submit [--engine slurm|local] [--jobs N] [--partition P] [--gres G] [--time T] [--mem M] [--cpus C]
                         [--dry-run]   runs what is stale of each network; what networks share, first and here
sightline cluster status               what is done, running, waiting and failed, by stage
sightline cluster collect              dvc repro: takes the results from the cache, runs the stages that gather them
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from sightline.cluster import local_engine, slurm
from sightline.cluster.batch_script import NAME, Places, Row, batch_script
from sightline.cluster.checks import head, linked_files, refuse_full_disk, refuse_incomplete_cache
from sightline.cluster.graph import Stage, arrays, before, made_in, shared, tasks
from sightline.cluster.run_cache import Knowledge, State
from sightline.cluster.slurm import Queued
from sightline.cluster.status import (
    WORDS,
    Standing,
    failures,
    logs_in,
    names_of,
    next_step,
    reasons,
    running_here,
    standings,
    table,
)
from sightline.cluster.submission import is_submitting, last_problem, log_of, new_submission, only_one, submissions
from sightline.counts import counted
from sightline.study.errors import StudyError
from sightline.study.files import write_text

FOLDER = Path(".dvc/tmp/cluster")  # which Git and DVC ignore
CHECKPOINTS = Path("data/checkpoints")  # of the stage train
LIMITS = {"partition": "partition", "gres": "gres", "time": "time", "mem": "mem", "cpus": "cpus-per-task"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    commands = parser.add_subparsers(dest="cluster_command", required=True)
    submit = commands.add_parser("submit", help="run the networks' stale stages, each network on its own")
    add = submit.add_argument
    add("--engine", choices=("slurm", "local"), default="slurm", help="slurm (default), or this machine")
    add("--jobs", type=_positive, metavar="N", help="most tasks at a time (local: one per GPU, else one per two cores)")
    add("--partition", help="Slurm's partition")
    add("--gres", help="Slurm's generic resources of each task, such as gpu:1")
    add("--time", help="Slurm's time limit of each task, such as 4:00:00")
    add("--mem", help="Slurm's memory of each task, such as 16G")
    add("--cpus", type=_positive, help="cores of each task")
    add("--dry-run", action="store_true", help="print the batch script and do nothing")
    commands.add_parser("status", help="what is done, running, waiting and failed")
    commands.add_parser("collect", help="dvc repro: results from the cache, then the stages that gather them")


def run(arguments: argparse.Namespace) -> None:
    """Runs the subcommand in the study of the working folder."""
    root = Path.cwd().resolve()
    if not (root / "dvc.yaml").is_file():
        raise StudyError("dvc.yaml: not found; run from the study's folder")
    if arguments.cluster_command == "submit":
        submit(root, arguments)
    elif arguments.cluster_command == "status":
        status(root)
    else:
        collect(root)


def submit(root: Path, arguments: argparse.Namespace) -> None:
    """Brings the shared stages up to date here, and hands the tasks that are not done and not queued to the engine."""
    folder, is_slurm = root / FOLDER, arguments.engine == "slurm"
    if is_slurm and not arguments.dry_run:
        slurm.refuse_without_slurm()
    if not arguments.dry_run:
        refuse_full_disk(folder)
    with nullcontext(-1) if arguments.dry_run else only_one(folder) as lock:
        commit = head(root)
        knowledge = Knowledge(root)
        names = tasks(knowledge.stages)
        linked = linked_files(root, knowledge, names)
        first = _of_dvc_yaml(shared(knowledge.stages, names))
        if not arguments.dry_run:
            refuse_full_disk(knowledge.cache)
            _dvc("repro", *first)
            knowledge = Knowledge(root)
        states = knowledge.states(names)
        queued = slurm.queue(folder)
        prints = _fingerprints(knowledge, names)
        slurm.refuse_outdated(queued, prints)
        left = [name for name in names if states[name] == "left" and name not in queued]
        if not left:
            print(next_step(standings(states, queued, {}, {})))
            return
        if not is_slurm and queued:
            raise StudyError(
                f"{counted(len(queued), 'task')} of this study in Slurm's queue; wait for them, or scancel them"
            )
        if not arguments.dry_run:
            refuse_incomplete_cache(knowledge, left, names)
        stages, keys = knowledge.stages, list(dict.fromkeys(knowledge.stages[name].key for name in names))
        rows = _rows(stages, left, names, keys, linked, prints)
        work = new_submission(folder)
        script = batch_script(
            Places(root, knowledge.cache, work, CHECKPOINTS, commit, Path(sys.executable).parent),
            rows,
            arrays(stages, left, keys, {name: (task.job, task.row.number) for name, task in queued.items()}),
            first,
            sorted({stages[name].group for name in left if not stages[name].is_recorded}),
            {option: getattr(arguments, name) for name, option in LIMITS.items() if getattr(arguments, name)},
            arguments.jobs if is_slurm else None,
        )
        if arguments.dry_run:
            print(script, end="")
            return
        _clear(folder, queued)
        write_text(work / NAME, script)
        if is_slurm:
            slurm.hand_over(work)
            print(f"{counted(len(rows), 'task')} in the queue; logs in {work / 'logs'}; next: sightline cluster status")
        else:
            _run_here(work, rows, stages, arguments.jobs, lock)


def status(root: Path) -> None:
    """Prints where each stage's tasks stand, what failed and why, and what to do next."""
    knowledge = Knowledge(root)
    states = knowledge.states(tasks(knowledge.stages))
    queued = slurm.queue(root / FOLDER)
    standing, logs = _standing(root / FOLDER, knowledge, states, queued)
    lines = [*table(knowledge.stages, standing), *reasons(queued), *failures(standing, logs)]
    print("\n".join([*lines, next_step(standing)]))


def collect(root: Path) -> None:
    """`dvc repro`; where tasks are not done, takes what is done and says what is not, rather than run that here."""
    knowledge = Knowledge(root)
    states = knowledge.states(tasks(knowledge.stages))
    standing, _ = _standing(root / FOLDER, knowledge, states, slurm.queue(root / FOLDER))
    undone = names_of(standing, ("running", "waiting", "failed", "left"))
    if not undone:
        _dvc("repro")
        return
    if cached := [name for name, state in states.items() if state == "cached"]:
        _dvc("repro", "--single-item", *cached)
    raise StudyError(
        f"{counted(len(cached), 'task')} collected; these are not done, and the other stages wait for them; "
        f"{next_step(standing)} (dvc repro runs them here, one after the other)",
        [f"{name}: {WORDS[standing[name]]}" for name in undone],
    )


def _standing(
    folder: Path, knowledge: Knowledge, states: dict[str, State], queued: dict[str, Queued]
) -> tuple[dict[str, Standing], dict[str, Path]]:
    """How each task stands, and the logs of those that have started."""
    logs = logs_in(folder, _fingerprints(knowledge, list(states)))
    here = running_here(folder) if is_submitting(folder) else {}
    return standings(states, queued, logs, here), logs


def _fingerprints(knowledge: Knowledge, names: list[str]) -> dict[str, str]:
    """What each task and those before it run, as 12 digits."""
    return {name: knowledge.fingerprint([*before(knowledge.stages, name, names), name]) for name in names}


def _run_here(work: Path, rows: list[Row], stages: dict[str, Stage], jobs: int | None, lock: int) -> None:
    (work / "logs").mkdir()
    (work / "dvc.lock").write_bytes(Path("dvc.lock").read_bytes())
    left = {row.task for row in rows}
    needs = {task: frozenset(stages[task].needs & left) for task in left}
    places = local_engine.slots(jobs)
    print(f"{counted(len(rows), 'task')}, {len(places)} at a time; logs in {work / 'logs'}", flush=True)
    try:
        outcome = local_engine.run_all(
            work / NAME, rows, needs, places, lambda row: log_of(work, row), lambda text: print(text, flush=True), lock
        )
    except KeyboardInterrupt:
        raise StudyError(
            "stopped; what is done is kept, and submit runs the rest, trainings from their checkpoints"
        ) from None
    if outcome.failed:
        raise StudyError(
            "some tasks failed; what is done is kept, and submit runs the rest again",
            [f"{row.task}: {last_problem(log_of(work, row))}" for row in rows if row.task in set(outcome.failed)]
            + [f"{task}: needs one of these" for task in outcome.not_started],
        )
    print("all done; next: sightline cluster collect")


def _rows(
    stages: dict[str, Stage],
    left: list[str],
    names: list[str],
    keys: list[str],
    linked: dict[str, tuple[str, ...]],
    prints: dict[str, str],
) -> list[Row]:
    """The table's rows; a task checks out what shared stages made for it and for the tasks that it restores."""
    makers = [stages[name] for name in shared(stages, names)]
    rows = []
    for name in left:
        chain = before(stages, name, names)
        read = {dep for task in [*chain, name] for dep in stages[task].deps}
        inputs = tuple(sorted(dep for dep in read if made_in(dep, makers)))
        rows.append(Row(keys.index(stages[name].key), name, tuple(chain), inputs, linked[name], prints[name]))
    return rows


def _clear(folder: Path, queued: dict[str, Queued]) -> None:
    """Deletes clones that killed tasks left; nothing where tasks are queued, whose clones may be in use."""
    for submission in [] if queued else submissions(folder):
        shutil.rmtree(submission / "clones", ignore_errors=True)


def _of_dvc_yaml(names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".dvc")]


def _dvc(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *words])
    if done.returncode != 0:
        raise StudyError(f"dvc {words[0]} failed; see above")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number
