"""The command `sightline cluster`: the networks of a study side by side, on Slurm or on one machine.

sightline cluster submit [--engine slurm|local] [--jobs N] [--partition P] [--gres G] [--time T] [--mem M] [--cpus C]
                         [--dry-run]   runs what is stale of each network; what networks share, first and here
sightline cluster status               what is done, running, waiting, failed, by stage
sightline cluster collect              dvc repro: takes the results from the cache, runs the stages that gather them
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from sightline.cluster import local_engine
from sightline.cluster.batch_script import NAME, Places, Row, batch_script
from sightline.cluster.graph import Stage, arrays, before, shared, tasks
from sightline.cluster.run_cache import Knowledge
from sightline.cluster.submission import last_problem, log_of, new_submission, only_one
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
    add("--jobs", type=int, metavar="N", help="most tasks at a time (local: one per GPU, else one per two cores)")
    add("--partition", help="Slurm's partition")
    add("--gres", help="Slurm's generic resources of each task, such as gpu:1")
    add("--time", help="Slurm's time limit of each task, such as 4:00:00")
    add("--mem", help="Slurm's memory of each task, such as 16G")
    add("--cpus", type=int, help="cores of each task")
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
    elif arguments.cluster_command == "collect":
        _dvc("repro")


def submit(root: Path, arguments: argparse.Namespace) -> None:
    """Brings the shared stages up to date and hands what is left to the engine."""
    with only_one(root / FOLDER):
        knowledge = Knowledge(root)
        names = tasks(knowledge.stages)
        if not arguments.dry_run:
            _dvc("repro", *_of_dvc_yaml(shared(knowledge.stages, names)))
            knowledge = Knowledge(root)
        states = knowledge.states(names)
        left = [name for name in names if states[name] == "left"]
        if not left:
            print("nothing left to run; sightline cluster collect")
            return
        work = new_submission(root / FOLDER)
        places = Places(root, knowledge.cache, work, CHECKPOINTS, _commit(root), Path(sys.executable).parent)
        keys = list(dict.fromkeys(knowledge.stages[name].key for name in names))
        rows = _rows(knowledge.stages, left, names, keys)
        limits = {option: getattr(arguments, name) for name, option in LIMITS.items() if getattr(arguments, name)}
        script = batch_script(
            places,
            rows,
            arrays(knowledge.stages, left, keys),
            _of_dvc_yaml(shared(knowledge.stages, names)),
            limits,
            arguments.jobs if arguments.engine == "slurm" else None,
        )
        if arguments.dry_run:
            print(script, end="")
            return
        write_text(work / NAME, script)
        if arguments.engine == "local":
            _run_here(work, rows, knowledge.stages, arguments.jobs)
        else:
            subprocess.run(["bash", str(work / NAME)], check=True)


def _run_here(work: Path, rows: list[Row], stages: dict[str, Stage], jobs: int | None) -> None:
    (work / "logs").mkdir()
    (work / "dvc.lock").write_bytes(Path("dvc.lock").read_bytes())
    left = {row.task for row in rows}
    needs = {task: frozenset(stages[task].needs & left) for task in left}
    places = local_engine.slots(jobs)
    print(f"{counted(len(rows), 'task')}, {len(places)} at a time; logs in {work / 'logs'}", flush=True)
    outcome = local_engine.run_all(
        work / NAME, rows, needs, places, lambda row: log_of(work, row), lambda text: print(text, flush=True)
    )
    if outcome.failed:
        problems = [f"{row.task}: {last_problem(log_of(work, row))}" for row in rows if row.task in set(outcome.failed)]
        problems += [f"{task}: needs one of these" for task in outcome.not_started]
        raise StudyError("some tasks failed; what is done is kept, and submit runs the rest again", problems)
    print("all done; sightline cluster collect")


def _rows(stages: dict[str, Stage], left: list[str], names: list[str], keys: list[str]) -> list[Row]:
    """The table's rows; a task checks out what shared stages made for it and for the tasks that it restores."""
    made = {out for name in shared(stages, names) for out in stages[name].outs}
    rows = []
    for name in left:
        chain = before(stages, name, names)
        inputs = {dep for task in [*chain, name] for dep in stages[task].deps if dep in made}
        rows.append(Row(keys.index(stages[name].key), name, tuple(chain), tuple(sorted(inputs))))
    return rows


def _of_dvc_yaml(names: list[str]) -> list[str]:
    return [name for name in names if not name.endswith(".dvc")]


def _commit(root: Path) -> str:
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True)
    if done.returncode != 0:
        raise StudyError(f"{root}: has no Git commit; tasks clone the study, so commit it first")
    return done.stdout.strip()


def _dvc(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "dvc", *words])
    if done.returncode != 0:
        raise StudyError(f"dvc {' '.join(words)} failed; see above")
