"""What must hold before tasks run: everything that they read is in a commit or in the cache, and can be written."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from sightline.cluster.graph import Stage, before, in_order, is_within, made_in, upstream
from sightline.cluster.run_cache import Knowledge
from sightline.study.errors import StudyError, collapsed
from sightline.study.files import not_written, refuse_unwritable

SEPARATORS = {":", "|", "\n"}  # of the batch script's table
STUDY_FILES = ("dvc.yaml", ".dvc/config", ".dvcignore")  # and the files that stages read


def head(root: Path) -> str:
    """The study's commit, which tasks clone; StudyError where there is none, or where `root` is not the repository."""
    top = _git(root, "rev-parse", "--show-toplevel").strip()
    commit = _git(root, "rev-parse", "--verify", "--quiet", "HEAD").strip()
    if not commit:
        raise StudyError(f"{root}: has no Git commit; tasks clone the study, so commit it first")
    if Path(top).resolve() != root:
        raise StudyError(
            f"{root}: lies in the Git repository {top}; tasks clone a whole repository, so give the study one"
        )
    return commit


def linked_files(root: Path, knowledge: Knowledge, tasks: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The files that each task reads, which a clone lacks and DVC cannot check out: ignored by Git and unknown to DVC.

    StudyError that lists files that tasks read and that differ from the commit: no clone would have them as they are.
    """
    read = {name: _own_files(knowledge.stages, name, tasks) for name in tasks}
    everything = sorted({path for paths in read.values() for path in paths}.union(STUDY_FILES))
    tracked = _git(root, "ls-files", "-z", "--", *everything).split("\0")[:-1]
    in_git = {path for path in everything if any(is_within(file, path) for file in tracked)}
    changed = []
    for line in _git(
        root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored", "--", *everything
    ).split("\0")[:-1]:
        kind, path = line[:2], line[3:]
        is_alone = not any(is_within(path, name) for name in in_git)
        if kind == "!!" and (is_alone or knowledge.is_ignored(root / path)):
            continue
        words = {"??": "not in Git", "!!": "not in Git, but in a folder that stages read"}
        changed.append(f"{path}: {words.get(kind, 'changed')}")
    if changed:
        raise StudyError(
            "files that tasks read differ from the last commit, which is what tasks run; commit them (or dvc add large "
            "ones) and submit again",
            collapsed(changed),
        )
    linked = {name: tuple(path for path in read[name] if path not in in_git) for name in tasks}
    if unlisted := sorted({path for paths in linked.values() for path in paths if set(path) & SEPARATORS}):
        raise StudyError(
            "files that tasks read have a colon or a bar in their names, which the batch script's table parts by; "
            "rename them",
            unlisted,
        )
    return linked


def refuse_incomplete_cache(knowledge: Knowledge, left: Sequence[str]) -> None:
    """StudyError that lists what the tasks `left` need from the cache and is not there, or is damaged."""
    needed = upstream(knowledge.stages, left) - set(left)
    lacking = knowledge.outputs_not_in_cache(name for name in in_order(knowledge.stages) if name in needed)
    if knowledge.damaged:
        raise StudyError(
            "files in DVC's cache are damaged; delete them, and dvc commit -f STAGE puts back what lies in this folder",
            collapsed([str(path) for path in sorted(knowledge.damaged)]),
        )
    if lacking:
        raise StudyError(
            f"{knowledge.cache}: DVC's cache lacks files that tasks read; dvc commit -f STAGE puts back what lies in "
            "this folder",
            [f"{path}, of stage {name}" for path, name in lacking],
        )


def refuse_full_disk(folder: Path) -> None:
    """StudyError unless a file of a megabyte can be written in `folder`, which is made where it is missing."""
    refuse_unwritable(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(1 << 20))
            file.flush()
    except OSError as error:
        raise not_written(folder, error) from None


def _own_files(stages: Mapping[str, Stage], name: str, tasks: Sequence[str]) -> list[str]:
    """What the task and those that it restores read and no stage makes: code, parameters, files of the user's own."""
    read = {dep for task in [*before(stages, name, tasks), name] for dep in stages[task].deps}
    return sorted(path for path in read if not made_in(path, stages.values()))


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise StudyError(
            f"{root}: Git cannot read it ({' '.join(done.stderr.split())}); tasks clone the study from Git"
        )
    return done.stdout
