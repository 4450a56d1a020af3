"""`sightline cluster` on a real Slurm, with tasks of a moment: what fails, is killed, preempted or submitted twice."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from clusters import collect, commit, idle, job, jobs, kill, requeue, submit, tiny_study, wait_until
from studies import has_dvc, sightline

pytestmark = [has_dvc, pytest.mark.usefixtures("slurm")]
LOCKED = ("Unable to acquire lock", "is being blocked by", "database is locked")  # DVC's and SQLite's words
minutes = pytest.mark.slow  # each task starts DVC, a second of CPU or two; .ci/run runs the killed one


def test_a_study_goes_through_slurm(tmp_path: Path) -> None:
    study = tiny_study(tmp_path / "studies, #1 50%n it's", keys=2, layers=("train",))
    submit(study.folder)
    wait_until(idle, "the tasks end")
    assert len(study.logs()) == 2
    assert {found.node for found in jobs()[-2:]} == {"first", "second"}
    assert sorted(study.begun()) == ["prepare", "train@k000", "train@k001"]
    collect(study.folder)
    assert study.begun()[3:] == ["report"]  # the networks come from the cache
    assert (study.folder / "data/train/k001.txt").read_text() == "train@k001 of prepare of images"


@minutes
@pytest.mark.parametrize("keys", [12, 100])
def test_many_tasks_at_once(tmp_path: Path, keys: int) -> None:
    """No task is lost to a lock, and all are collected in under 5 minutes, where nothing else is at work."""
    quiet = os.getloadavg()[0] < (os.cpu_count() or 1)
    study = tiny_study(tmp_path, keys=keys, layers=("train",))
    start = time.monotonic()
    submit(study.folder)
    submitted = time.monotonic()
    wait_until(idle, "the tasks end", 900)
    ran = time.monotonic()
    for number in range(keys):
        assert job("train", number).state == "COMPLETED"
    trained = [f"train@k{number:03}" for number in range(keys)]
    assert sorted(study.begun()) == ["prepare", *trained]
    collect(study.folder)
    collected = time.monotonic()
    assert study.begun()[keys + 1 :] == ["report"]
    seconds = f"{submitted - start:.0f} s to submit, {ran - submitted:.0f} in Slurm, {collected - ran:.0f} to collect"
    print(f"{keys} keys: {seconds}")
    logs = "".join(path.read_text() for path in study.logs())
    assert [words for words in LOCKED if words in logs] == []
    assert collected - start < 300 or not quiet


@minutes
def test_a_failing_task_stops_its_own_network_alone(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=3)
    study.fail("train@k001")
    submit(study.folder)
    wait_until(idle, "the tasks end")
    assert Counter(study.begun()) == Counter(
        ["prepare", "train@k000", "train@k001", "train@k002", "saliency@k000", "saliency@k002"]
    )
    shown = sightline(study.folder, "cluster", "status").stdout
    assert "train@k001" in shown
    assert "this task was made to fail" in shown

    study.mend("train@k001")
    before = len(study.begun())
    submit(study.folder)
    wait_until(idle, "the tasks end")
    assert study.begun()[before:] == ["train@k001", "saliency@k001"]
    collect(study.folder)
    assert study.begun()[before + 2 :] == ["report"]


@minutes
def test_a_task_that_is_killed_and_requeued_is_finished(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2)
    study.hold("train@k001")
    submit(study.folder)
    wait_until(lambda: "train@k001" in study.begun(), "the training begins")
    killed = job("train", 1)
    kill(killed)
    requeue(killed)
    study.release("train@k001")
    wait_until(idle, "the tasks end")
    assert job("train", 1).state == "COMPLETED"
    # Slurm itself gave up what waited for the killed task
    submit(study.folder)
    wait_until(idle, "the tasks end")
    assert Counter(study.begun()) == Counter(
        ["prepare", "train@k000", "train@k001", "train@k001", "saliency@k000", "saliency@k001"]
    )
    collect(study.folder)


@minutes
def test_a_preempted_task_starts_again_and_what_waits_for_it_goes_on_waiting(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2)
    study.hold("train@k000")
    submit(study.folder)
    wait_until(lambda: "train@k000" in study.begun(), "the training begins")
    requeue(job("train", 0))
    wait_until(lambda: study.begun().count("train@k000") == 2, "the training begins again")
    assert "saliency@k000" not in study.begun()
    study.release("train@k000")
    wait_until(idle, "the tasks end")
    assert {found.state for found in jobs()[-4:]} == {"COMPLETED"}
    collect(study.folder)
    assert Counter(study.begun())["saliency@k000"] == 1


@minutes
def test_a_second_submit_while_tasks_run_does_not_run_them_twice(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2)
    study.hold("train@k000")
    submit(study.folder)
    wait_until(lambda: "train@k000" in study.begun(), "the training begins")
    count = len(jobs())
    again = sightline(study.folder, "cluster", "submit", "--engine", "slurm")
    assert len(jobs()) == count, again.stdout + again.stderr
    study.release("train@k000")
    wait_until(idle, "the tasks end")
    assert set(Counter(study.begun()).values()) == {1}
    collect(study.folder)


@minutes
def test_two_submits_at_once_run_each_task_once(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2)
    command = [sys.executable, "-m", "sightline.cli", "cluster", "submit", "--engine", "slurm"]
    both = [
        subprocess.Popen(command, cwd=study.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=120) for process in both]
    wait_until(idle, "the tasks end")
    assert set(Counter(study.begun()).values()) == {1}, printed
    refused = [err for process, (_, err) in zip(both, printed, strict=True) if process.returncode != 0]
    assert len(refused) <= 1
    assert all(err.startswith("error: ") for err in refused), refused
    collect(study.folder)


@minutes
def test_uncommitted_changes_are_named_before_anything_is_submitted(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=1)
    program = study.folder / "src/task.py"
    program.write_text(program.read_text() + "# changed\n")
    count = len(jobs())
    refused = sightline(study.folder, "cluster", "submit", "--engine", "slurm")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert "src/task.py" in refused.stderr
    assert len(jobs()) == count
    commit(study.folder)
    submit(study.folder)
    wait_until(idle, "the tasks end")
    collect(study.folder)


@minutes
def test_tasks_share_the_gpus_that_there_are(tmp_path: Path) -> None:
    """The pretended GPUs of Slurm's two nodes, and three tasks that ask for one each."""
    study = tiny_study(tmp_path, keys=3, layers=("train",))
    for number in range(3):
        study.hold(f"train@k{number:03}")
    submit(study.folder, "--gres", "gpu:1")
    wait_until(lambda: len(study.begun()) == 3, "two trainings begin")  # after prepare
    assert sorted(found.state for found in jobs()[-3:]) == ["PENDING", "RUNNING", "RUNNING"]
    for number in range(3):
        study.release(f"train@k{number:03}")
    wait_until(idle, "the tasks end")
    assert len(study.begun()) == 4
    collect(study.folder)


@minutes
def test_a_damaged_cache_is_said_and_a_lost_result_made_again(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2, layers=("train",))
    submit(study.folder)
    wait_until(idle, "the tasks end")
    (cached,) = (
        path
        for path in (study.folder / ".dvc/cache/files/md5").rglob("*")
        if path.is_file() and path.read_text().startswith("train@k001 ")
    )
    cached.chmod(0o644)
    cached.write_text("half a fi")
    refused = sightline(study.folder, "cluster", "submit", "--engine", "slurm")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert cached.name in refused.stderr.replace("/", "") or str(cached) in refused.stderr
    cached.unlink()
    before = len(study.begun())
    submit(study.folder)
    wait_until(idle, "the tasks end")
    assert study.begun()[before:] == ["train@k001"]
    collect(study.folder)


@minutes
def test_a_full_disk_fails_tasks_with_a_line_and_loses_nothing(tmp_path: Path) -> None:
    """The cache on a disk of its own, which is full when the tasks want to write their results."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True).returncode != 0:
        pytest.skip("a disk cannot be mounted here")
    try:
        study = tiny_study(tmp_path, keys=2, layers=("train",))
        config = study.folder / ".dvc/config"
        config.write_text(config.read_text() + f"[cache]\n    dir = {disk}/cache\n")
        commit(study.folder)
        for number in range(2):
            study.hold(f"train@k{number:03}")
        submit(study.folder)
        wait_until(lambda: len(study.begun()) == 3, "both trainings begin")
        with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))
        for number in range(2):
            study.release(f"train@k{number:03}")
        wait_until(idle, "the tasks end")
        assert [job("train", number).state for number in range(2)] == ["FAILED", "FAILED"]
        shown = sightline(study.folder, "cluster", "status").stdout
        assert shown.count("No space left on device") == 2, shown
        refused = sightline(study.folder, "cluster", "submit", "--engine", "slurm")
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {disk}/cache: could not be written (No space left on device)")
        (disk / "filler").unlink()
        submit(study.folder)
        wait_until(idle, "the tasks end")
        collect(study.folder)
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
