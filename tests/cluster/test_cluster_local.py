"""`sightline cluster` on one machine, with tasks of a moment, through real clones and a real DVC."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from clusters import TinyStudy, collect, commit, tiny_study, wait_until
from studies import dvc, has_dvc, sightline

# each task starts DVC two or three times, a second of CPU each
pytestmark = [has_dvc, pytest.mark.slow]


def submit(study: TinyStudy, *words: str) -> subprocess.CompletedProcess[str]:
    return sightline(study.folder, "cluster", "submit", "--engine", "local", *words)


def test_what_fails_is_named_and_submit_again_does_only_what_is_left(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2)
    study.fail("train@k001")
    done = submit(study, "--jobs", "2")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: some tasks failed; what is done is kept, and submit runs the rest again",
        "  train@k001: error: this task was made to fail",
        "  saliency@k001: needs one of these",
    ]
    status = sightline(study.folder, "cluster", "status").stdout.splitlines()
    assert status[:2] == ["train     1 done, 1 failed", "saliency  1 done, 1 not started"]
    log = study.folder.resolve() / ".dvc/tmp/cluster/0001/logs/train-1.log"
    assert status[2:] == [
        f"train@k001: error: this task was made to fail; {log}",
        "next: sightline cluster submit runs what is not done",
    ]
    early = sightline(study.folder, "cluster", "collect")
    assert early.returncode == 1
    assert early.stderr.startswith("error: 2 tasks collected; ")
    assert "  saliency@k001: not started" in early.stderr
    assert "saliency@k000" in (study.folder / "dvc.lock").read_text()

    study.mend("train@k001")
    assert submit(study).returncode == 0
    assert sightline(study.folder, "cluster", "status").stdout.endswith("all done; next: sightline cluster collect\n")
    assert submit(study).stdout.endswith("all done; next: sightline cluster collect\n")
    script = submit(study, "--dry-run").stdout  # a script even so, which does nothing
    assert script.endswith("# all done; next: sightline cluster collect\n")
    collect(study.folder)
    counts = Counter(study.begun())
    assert counts.pop("train@k001") == 2
    assert counts == Counter(["prepare", "train@k000", "saliency@k000", "saliency@k001", "report"])


def test_a_stop_keeps_what_is_done_and_the_rest_is_run_later(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2, layers=("train",))
    study.hold("train@k001")
    command = [sys.executable, "-m", "sightline.cli", "cluster", "submit", "--engine", "local", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=study.folder, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: "train@k001" in study.begun(), "the second training begins")
    second = submit(study)
    assert second.returncode == 1
    assert f"at work in this study (process {process.pid} on " in second.stderr
    shown = sightline(study.folder, "cluster", "status").stdout
    assert shown.startswith("train  1 done, 1 running\nthe queue is at work")
    process.send_signal(signal.SIGTERM)
    assert "error: stopped; what is done is kept" in process.communicate(timeout=30)[1]
    assert process.returncode == 1
    study.release("train@k001")
    time.sleep(0.3)
    assert not list(study.folder.glob("data/train/*"))
    assert submit(study).returncode == 0
    collect(study.folder)
    assert study.begun() == ["prepare", "train@k000", "train@k001", "train@k001", "report"]


def test_files_that_neither_git_nor_dvc_has_reach_the_tasks(tmp_path: Path) -> None:
    """And count the same as in the study's folder, or `collect` would not find the results."""
    study = tiny_study(tmp_path, keys=1, layers=("train",))
    path = study.folder / "dvc.yaml"
    graph = YAML().load(path)
    graph["stages"]["train"]["do"]["deps"] += ["own/weights.pt", "maps"]
    YAML().dump(graph, path)
    for name in ("own/weights.pt", "maps/a.png", "maps/deep/b.png"):
        (study.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (study.folder / name).write_text(name)
    (study.folder / ".gitignore").write_text("/data\n/own\n/maps\n")
    commit(study.folder)
    assert submit(study).returncode == 0
    collect(study.folder)
    assert study.begun() == ["prepare", "train@k000", "report"]


def test_options_of_slurm_are_refused_and_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=1)
    refused = submit(study, "--partition", "gpu", "--cpus", "2")
    assert refused.returncode == 1
    assert refused.stderr == "error: --partition, --cpus: for Slurm; leave out with --engine local\n"
    printed = submit(study, "--dry-run").stdout
    assert printed.startswith("#!/bin/bash\n# 2 tasks of the study ")
    assert not (study.folder / ".dvc/tmp/cluster").exists()
    assert study.begun() == []

    script = tmp_path / "tasks.sh"  # and it works without Sightline
    script.write_text(printed)
    dvc(study.folder, "repro", "prepare")
    for stage in ("train", "saliency"):
        subprocess.run(["bash", str(script), stage, "0"], check=True)
    assert sightline(study.folder, "cluster", "status").stdout.endswith("all done; next: sightline cluster collect\n")
    assert study.begun() == ["prepare", "train@k000", "saliency@k000"]


def test_a_cache_that_lost_what_tasks_read_is_refused(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=1)
    study.fail("saliency@k000")
    assert submit(study).returncode == 1
    assert sightline(study.folder, "cluster", "collect").returncode == 1  # takes the training into dvc.lock
    for path in (study.folder / ".dvc/cache/files/md5").glob("*/*"):
        if path.read_text().startswith("train@k000"):
            path.unlink()
    refused = submit(study)
    assert refused.returncode == 1
    assert "DVC's cache lacks files that tasks read" in refused.stderr
    assert "  data/train/k000.txt, of stage train@k000" in refused.stderr
