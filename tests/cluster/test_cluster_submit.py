"""`sightline cluster submit` against a pretended Slurm that takes every job and runs none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from clusters import TinyStudy, commit, tiny_study
from studies import has_dvc, sightline

# each submit starts DVC twice, a second of CPU each
pytestmark = [has_dvc, pytest.mark.slow]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyStudy:
    """Two networks; sbatch writes down its last words and squeue prints the file `queue`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    calls = tmp_path / "calls"
    words = 'for word; do case "$word" in --array*|--dependency*|--job-name*|--gres*) printf "%s " "$word";; esac; done'
    sbatch = f'{{ {words}; echo; }} >> "{calls}"; wc -l < "{calls}"'
    for name, body in (("sbatch", sbatch), ("squeue", f'cat "{tmp_path}/queue"')):
        (programs / name).write_text(f"#!/bin/bash\n{body}\n")
        (programs / name).chmod(0o755)
    (tmp_path / "queue").touch()
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return tiny_study(tmp_path, keys=2)


def calls(study: TinyStudy) -> list[str]:
    """What sbatch was called with since the last look."""
    path = study.control.parent / "calls"
    lines = [line.strip() for line in path.read_text().splitlines()]
    seen = study.control.parent / "seen"
    before = int(seen.read_text()) if seen.exists() else 0
    seen.write_text(str(len(lines)))
    return lines[before:]


def queue(study: TinyStudy, *tasks: str) -> None:
    """The queue's tasks, such as `1|0|train|RUNNING|None`."""
    work = study.folder.resolve() / ".dvc/tmp/cluster/0001"
    (study.control.parent / "queue").write_text("".join(f"{task}|{work}\n" for task in tasks))


def test_submit_again_adds_what_is_neither_done_nor_queued_and_waits_for_what_is(study: TinyStudy) -> None:
    done = sightline(study.folder, "cluster", "submit", "--gres", "gpu:1", "--jobs", "8")
    assert done.returncode == 0, done.stderr
    assert calls(study) == [
        "--job-name=train --array=0-1%8",
        "--job-name=saliency --array=0-1%8 --dependency=aftercorr:1",
    ]
    assert "#SBATCH --gres=gpu:1" in (study.folder / ".dvc/tmp/cluster/0001/tasks.sh").read_text()
    assert done.stdout.splitlines()[-1].startswith("4 tasks in the queue; logs in ")

    # k001's training was killed, so that Slurm gave up what waited for it; k000's was requeued
    queue(study, "1|0|train|PENDING|BeginTime")
    status = sightline(study.folder, "cluster", "status").stdout.splitlines()
    assert status == [
        "train     1 waiting, 1 not started",
        "saliency  2 not started",
        "waiting for: BeginTime (1)",
        "the queue is at work; sightline cluster status shows how far it is",
    ]
    assert sightline(study.folder, "cluster", "submit").returncode == 0
    assert calls(study) == [
        "--job-name=train --array=1",
        "--job-name=saliency --array=0 --dependency=aftercorr:1",
        "--job-name=saliency --array=1 --dependency=aftercorr:3",
    ]

    queue(study, *(f"1|{number}|{stage}|RUNNING|None" for number in (0, 1) for stage in ("train", "saliency")))
    again = sightline(study.folder, "cluster", "submit")
    assert again.stdout.splitlines()[-1] == "every task is done or in the queue; next: sightline cluster status"
    refused = sightline(study.folder, "cluster", "submit", "--engine", "local")
    assert refused.stderr == "error: 4 tasks of this study in Slurm's queue; wait for them, or scancel them\n"
    early = sightline(study.folder, "cluster", "collect")
    assert early.returncode == 1
    assert early.stderr.startswith("error: 0 tasks collected; these are not done")


def test_a_model_can_be_added_while_tasks_are_queued_and_a_change_of_theirs_is_refused(study: TinyStudy) -> None:
    assert sightline(study.folder, "cluster", "submit").returncode == 0
    calls(study)
    both = ((1, "train"), (2, "saliency"))
    queue(study, *(f"{job}|{number}|{stage}|PENDING|None" for job, stage in both for number in (0, 1)))
    path = study.folder / "dvc.yaml"
    graph = YAML().load(path)
    graph["stages"]["train"]["foreach"].insert(0, "a000", {"number": 9})  # the first key, so that numbers move
    YAML().dump(graph, path)
    commit(study.folder)
    added = sightline(study.folder, "cluster", "submit")
    assert added.returncode == 0, added.stderr
    assert calls(study) == ["--job-name=train --array=0", "--job-name=saliency --array=0 --dependency=aftercorr:3"]

    program = study.folder / "src/task.py"
    program.write_text(program.read_text() + "# changed\n")
    commit(study.folder)
    refused = sightline(study.folder, "cluster", "submit")
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        "error: tasks in Slurm's queue run an earlier version of this study; wait for them, or scancel them",
        "  train@k000: 1_0", "  train@k001: 1_1", "  saliency@k000: 2_0", "  saliency@k001: 2_1",
    ]  # fmt: skip
    assert calls(study) == []


def test_without_slurm_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = sightline(tmp_path, "cluster", "submit")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: sbatch: not found; run on a login node of a Slurm cluster")
    refused = sightline(tmp_path / "..", "cluster", "status")
    assert refused.stderr == "error: dvc.yaml: not found; run from the study's folder\n"
