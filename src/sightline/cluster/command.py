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
from pathlib import Path

from sightline.cluster import local_engine, slurm
from sightline.cluster.batch_script import NAME, Places, batch_script
from sightline.cluster.checks import head, linked_files, refuse_full_disk, refuse_incomplete_cache
from sightline.cluster.graph import tasks
from sightline.cluster.plan import Plan, fingerprints, plan, shared_first
from sightline.cluster.run_cache import Knowledge, State
from sightline.cluster.slurm import Queued
from sightline.cluster.status import (
    DONE,
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
from sightline.study.code_file import CODE, other_code
from sightline.study.errors import StudyError
from sightline.study.files import write_text
from sightline.subcommands import add_subcommand

FOLDER = Path(".dvc/tmp/cluster")  # which Git and DVC ignore
CHECKPOINTS = Path("data/checkpoints")  # of the stage train
LIMITS = {"partition": "partition", "gres": "gres", "time": "time", "mem": "mem", "cpus": "cpus-per-task"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments to its parser."""
    commands = parser.add_subparsers(dest="cluster_command", required=True, metavar="COMMAND")
    submit = add_subcommand(
        commands, "submit", "run the networks' stale stages, each network on its own",
        ("sightline cluster submit --partition gpu --gres gpu:1 --time 4:00:00", "sightline cluster submit --dry-run"),
        "What networks share runs first, and here.",
    )  # fmt: skip
    add = submit.add_argument
    add("--engine", choices=("slurm", "local"), default="slurm", help="slurm (default), or this machine")
    add("--jobs", type=_positive, metavar="N", help="most tasks at a time (local: one per GPU, else one per two cores)")
    add("--partition", help="Slurm's partition")
    add("--gres", help="Slurm's generic resources of each task, such as gpu:1")
    add("--time", help="Slurm's time limit of each task, such as 4:00:00")
    add("--mem", help="Slurm's memory of each task, such as 16G")
    add("--cpus", type=_positive, help="cores of each task")
    add("--dry-run", action="store_true", help="print the batch script and do nothing")
    add_subcommand(commands, "status", "what is done, running, waiting and failed", ("sightline cluster status",))
    add_subcommand(
        commands, "collect", "dvc repro: results from the cache, then the stages that gather them",
        ("sightline cluster collect",),
    )  # fmt: skip


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
    """Brings the shared stages up to date here, and hands the tasks that are not done and not queued to the engine.

    With --dry-run prints the script instead, for the shared stages as they are.
    """
    _refuse_options(arguments)
    if problem := other_code(root / CODE):
        raise StudyError(problem)
    folder = root / FOLDER
    if arguments.dry_run:
        knowledge, todo, _ = _planned(root, folder, runs_shared=False)
        script = _script(root, new_submission(folder), knowledge, todo, arguments) if todo.left else f"# {DONE}"
        print(script.rstrip())
        return
    refuse_full_disk(folder)
    with only_one(folder) as lock:
        knowledge, todo, queued = _planned(root, folder, runs_shared=True)
        if queued and arguments.engine == "local":
            raise StudyError(
                f"{counted(len(queued), 'task')} of this study in Slurm's queue; wait for them, or scancel them"
            )
        if not todo.left:
            print("every task is done or in the queue; next: sightline cluster status" if queued else DONE)
            return
        refuse_incomplete_cache(knowledge, todo.left)
        work = new_submission(folder)
        if not queued:  # else clones may be in use
            _delete_clones(folder)
        write_text(work / NAME, _script(root, work, knowledge, todo, arguments))
        if arguments.engine == "local":
            _run_here(work, todo, knowledge, arguments.jobs, lock)
        else:
            slurm.hand_over(work)
            tasks_words = counted(len(todo.rows), "task")
            print(f"{tasks_words} in the queue; logs in {work / 'logs'}; next: sightline cluster status")


def _refuse_options(arguments: argparse.Namespace) -> None:
    if arguments.engine == "slurm":
        if not arguments.dry_run:
            slurm.refuse_without_slurm()
    elif named := [f"--{name}" for name in LIMITS if getattr(arguments, name)]:
        raise StudyError(f"{', '.join(named)}: for Slurm; leave out with --engine local")


def _planned(root: Path, folder: Path, runs_shared: bool) -> tuple[Knowledge, Plan, dict[str, Queued]]:
    """What DVC knows, what is to be done, and the queue; with `runs_shared`, after the shared stages have run."""
    head(root)
    knowledge = Knowledge(root)
    names = tasks(knowledge.stages)
    linked = linked_files(root, knowledge, names)
    if runs_shared and (first := shared_first(knowledge.stages, names)):
        refuse_full_disk(knowledge.cache)
        _dvc("repro", *first)
        knowledge = Knowledge(root)
    prints = fingerprints(knowledge, names)
    queued = slurm.queue(folder)
    slurm.refuse_outdated(queued, prints)
    return knowledge, plan(knowledge, knowledge.states(names), queued, linked, prints), queued


def _script(root: Path, work: Path, knowledge: Knowledge, todo: Plan, arguments: argparse.Namespace) -> str:
    places = Places(root, knowledge.cache, work, CHECKPOINTS, head(root), Path(sys.executable).parent)
    options = {option: getattr(arguments, name) for name, option in LIMITS.items() if getattr(arguments, name)}
    at_once = arguments.jobs if arguments.engine == "slurm" else None
    return batch_script(places, todo.rows, todo.arrays, todo.shared, todo.unrecorded, options, at_once)


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
    logs = logs_in(folder, fingerprints(knowledge, list(states)))
    here = running_here(folder) if is_submitting(folder) else {}
    return standings(states, queued, logs, here), logs


def _run_here(work: Path, todo: Plan, knowledge: Knowledge, jobs: int | None, lock: int) -> None:
    (work / "logs").mkdir()
    (work / "dvc.lock").write_bytes(Path("dvc.lock").read_bytes())
    rows, needs = todo.rows, {task: knowledge.stages[task].needs & set(todo.left) for task in todo.left}
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
    print(DONE)


def _delete_clones(folder: Path) -> None:
    """Deletes the clones that killed tasks left."""
    for submission in submissions(folder):
        shutil.rmtree(submission / "clones", ignore_errors=True)


def _dvc(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *words])
    if done.returncode != 0:
        raise StudyError(f"dvc {words[0]} failed; see above")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text}")
    return int(text)
