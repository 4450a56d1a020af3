"""The engine `local`: order, places, failures and a stop, with a script whose tasks are moments of bash."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sightline.cluster import local_engine
from sightline.cluster.batch_script import Row
from sightline.cluster.local_engine import Outcome, gpus, run_all, slots

# task n writes when it began and ended, waits while a file hold-n lies there, and fails where fail-n does
SCRIPT = """
cd "$(dirname "$0")"
echo "begin $1@$2 $CUDA_VISIBLE_DEVICES" >> events
while [ -e hold-$2 ]; do sleep 0.02; done
echo "end $1@$2" >> events
[ ! -e fail-$2 ]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(local_engine, "POLL", 0.01)
    (tmp_path / "tasks.sh").write_text(SCRIPT)
    yield tmp_path
    for path in tmp_path.glob("hold-*"):
        path.unlink()


def run(folder: Path, needs: dict[str, str], places: list[dict[str, str]]) -> tuple[Outcome, list[str]]:
    rows = [Row(int(name.partition("@")[2]), name) for name in needs]
    said: list[str] = []
    with open(folder / "lock", "w") as lock:
        outcome = run_all(
            folder / "tasks.sh",
            rows,
            {name: frozenset(needs[name].split()) for name in needs},
            places,
            lambda row: folder / f"{row.task}.log",
            said.append,
            lock.fileno(),
        )
    return outcome, said


def events(folder: Path) -> list[str]:
    path = folder / "events"
    return [line.strip() for line in path.read_text().splitlines()] if path.exists() else []


def test_a_task_starts_when_those_that_it_needs_are_done(folder: Path) -> None:
    outcome, said = run(folder, {"train@0": "", "saliency@0": "train@0", "card@0": "saliency@0 train@0"}, [{}, {}])
    assert outcome == Outcome(done=["train@0", "saliency@0", "card@0"])
    names = ("train@0", "saliency@0", "card@0")
    assert events(folder) == [f"{word} {name}" for name in names for word in ("begin", "end")]
    assert said[-1] == "card@0: done in 0 s (3 of 3)"


def test_tasks_run_side_by_side_on_a_gpu_each(folder: Path) -> None:
    (folder / "hold-0").touch()
    (folder / "hold-1").touch()

    def release() -> None:
        while len(events(folder)) < 2:
            time.sleep(0.01)
        time.sleep(0.1)
        (folder / "hold-0").unlink()
        (folder / "hold-1").unlink()

    thread = threading.Thread(target=release)
    thread.start()
    places = [{"CUDA_VISIBLE_DEVICES": "3"}, {"CUDA_VISIBLE_DEVICES": "5"}]
    outcome, _ = run(folder, {"train@0": "", "train@1": "", "train@2": ""}, places)
    thread.join()
    assert sorted(outcome.done) == ["train@0", "train@1", "train@2"]
    assert sorted(events(folder)[:2]) == ["begin train@0 3", "begin train@1 5"]  # two at a time, not three
    assert events(folder)[2].startswith("end")


def test_a_failure_stops_its_own_network_alone(folder: Path) -> None:
    (folder / "fail-1").touch()
    needs = {"train@0": "", "train@1": "", "saliency@0": "train@0", "saliency@1": "train@1", "card@1": "saliency@1"}
    outcome, said = run(folder, needs, [{}])
    assert outcome == Outcome(["train@0", "saliency@0"], ["train@1"], ["saliency@1", "card@1"])
    assert any(line.startswith("train@1: failed after") and line.endswith("train@1.log") for line in said)


def test_a_stop_ends_the_running_tasks_and_all_that_they_started(folder: Path) -> None:
    (folder / "hold-0").touch()
    before = signal.getsignal(signal.SIGTERM)  # of whatever ran in this process earlier

    def stop() -> None:
        while not events(folder):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(folder, {"train@0": "", "saliency@0": "train@0"}, [{}])
    thread.join()
    (folder / "hold-0").unlink()
    time.sleep(0.1)
    assert events(folder) == ["begin train@0"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stop_reaches_the_running_tasks_though_others_have_just_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here nobody reads what `submit` says any more, while two tasks have ended and a third still runs."""
    monkeypatch.setattr(local_engine, "POLL", 0.5)  # so that both are found at once
    for number in range(3):
        (folder / f"hold-{number}").touch()

    def end_two() -> None:
        while len(events(folder)) < 3:
            time.sleep(0.01)
        (folder / "hold-0").unlink()
        (folder / "hold-1").unlink()

    def say(_: str) -> None:
        raise BrokenPipeError

    rows = [Row(number, f"train@{number}") for number in range(3)]
    thread = threading.Thread(target=end_two)
    thread.start()
    with open(folder / "lock", "w") as lock, pytest.raises(BrokenPipeError):
        run_all(
            folder / "tasks.sh",
            rows,
            {row.task: frozenset() for row in rows},
            [{}, {}, {}],
            lambda row: folder / f"{row.task}.log",
            say,
            lock.fileno(),
        )
    thread.join()
    (folder / "hold-2").unlink()
    time.sleep(0.1)
    assert sorted(events(folder)[3:]) == ["end train@0", "end train@1"]


def test_places_are_gpus_or_share_the_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-7a")
    assert slots(None) == [{"CUDA_VISIBLE_DEVICES": "2"}, {"CUDA_VISIBLE_DEVICES": "GPU-7a"}]
    assert [place["CUDA_VISIBLE_DEVICES"] for place in slots(3)] == ["2", "GPU-7a", "2"]

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")  # as people switch GPUs off
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert slots(None) == [{"OMP_NUM_THREADS": "2"}] * 4
    assert slots(1) == [{"OMP_NUM_THREADS": "8"}]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert slots(2) == [{}, {}]

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA A (UUID: GPU-1)'\necho 'GPU 1: NVIDIA A (UUID: GPU-2)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert gpus() == ["0", "1"]
    program.write_text("#!/bin/sh\necho 'No devices were found'\nexit 6\n")
    assert gpus() == []


def test_a_task_keeps_the_study_locked_when_submit_is_killed(folder: Path) -> None:
    """Or the next `submit` would delete the clone under it."""
    (folder / "hold-0").touch()
    code = (
        "import fcntl, sys; from pathlib import Path; from sightline.cluster.batch_script import Row\n"
        "from sightline.cluster.local_engine import run_all; from sightline.cluster.submission import only_one\n"
        f"folder = Path({str(folder)!r})\n"
        "with only_one(folder) as lock:\n"
        "    run_all(folder / 'tasks.sh', [Row(0, 'train@0')], {'train@0': frozenset()}, [{}],\n"
        "            lambda row: folder / 'log', print, lock)\n"
    )
    from sightline.cluster.submission import is_submitting

    submit = subprocess.Popen(["python", "-c", code])
    while not events(folder):
        time.sleep(0.02)
    submit.kill()
    submit.wait()
    assert is_submitting(folder)
    (folder / "hold-0").unlink()
    end = time.monotonic() + 10
    while is_submitting(folder):
        assert time.monotonic() < end
        time.sleep(0.02)
