"""Where tasks stand, from what the run cache, the queue and the logs say."""

from __future__ import annotations

from pathlib import Path

from sightline.cluster.batch_script import Row
from sightline.cluster.graph import Stage
from sightline.cluster.run_cache import State
from sightline.cluster.slurm import Queued
from sightline.cluster.status import failures, logs_in, next_step, reasons, running_here, standings, table

STATES: dict[str, State] = {
    "train@a": "collected", "train@b": "cached", "train@c": "left", "train@d": "left", "train@e": "left",
    "saliency@c": "left", "saliency@d": "left",
}  # fmt: skip


def queued(state: str, reason: str) -> Queued:
    return Queued("7", Row(0, "train@c"), state, reason)


def test_the_cache_comes_first_then_the_queue_then_the_log() -> None:
    queue = {
        "train@b": queued("COMPLETING", "None"),  # its results are there
        "train@c": queued("RUNNING", "None"),
        "saliency@c": queued("PENDING", "Dependency"),
    }
    logs = {name: Path("log") for name in ("train@b", "train@c", "train@d")}
    standing = standings(STATES, queue, logs, {"train@e": "running"})
    assert standing == {
        "train@a": "done", "train@b": "done", "train@c": "running", "train@d": "failed", "train@e": "running",
        "saliency@c": "waiting", "saliency@d": "left",
    }  # fmt: skip
    stages = {name: Stage(name) for name in STATES}
    assert table(stages, standing) == [
        "train     2 done, 2 running, 1 failed",
        "saliency  1 waiting, 1 not started",
    ]
    assert reasons(queue) == ["waiting for: Dependency (1)"]
    assert reasons({}) == []
    assert next_step(standing).startswith("the queue is at work")
    assert next_step({"train@a": "done", "train@d": "failed"}) == "next: sightline cluster submit runs what is not done"
    assert next_step({"train@a": "done"}) == "all done; next: sightline cluster collect"


def test_only_logs_of_what_a_task_would_run_now_count(tmp_path: Path) -> None:
    for number, fingerprint in (("0001", "aa"), ("0002", "aa"), ("0003", "bb")):
        logs = tmp_path / number / "logs"
        logs.mkdir(parents=True)
        (tmp_path / number / "tasks.sh").write_text(
            f"\nexit\n\n0|train@a||||{fingerprint}\n1|train@b||||{fingerprint}\n"
        )
        (logs / "train-0.log").write_text("error: of that run\n")
    found = logs_in(tmp_path, {"train@a": "aa", "train@b": "aa"})
    assert found == {"train@a": tmp_path / "0002/logs/train-0.log"}
    assert failures({"train@a": "failed", "train@b": "left"}, found) == [
        f"train@a: error: of that run; {tmp_path}/0002/logs/train-0.log"
    ]
    assert logs_in(tmp_path / "none", {}) == {}


def test_on_this_machine_a_clone_is_a_task_that_runs_and_no_log_one_that_waits(tmp_path: Path) -> None:
    (tmp_path / "0001/logs").mkdir(parents=True)
    (tmp_path / "0001/tasks.sh").write_text("\nexit\n\n0|train@a||||a\n1|train@b||||b\n2|train@c||||c\n")
    (tmp_path / "0001/logs/train-0.log").touch()
    (tmp_path / "0001/logs/train-1.log").touch()
    (tmp_path / "0001/clones/train@b.x7Yz").mkdir(parents=True)
    assert running_here(tmp_path) == {"train@b": "running", "train@c": "waiting"}
