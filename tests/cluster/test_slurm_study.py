"""The whole study through a real Slurm, with a task killed on the way: the bytes of `dvc repro`."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clusters import collect, idle, job, kill, outputs, requeue, smoke_study, submit, wait_until
from studies import dvc, has_dvc

ENTRIES = {
    "squeezenet": {"arch": "squeezenet1_1", "init": "scratch", "head": "gap", "seeds": 3},
    "shufflenet": {"arch": "shufflenet_v2_x0_5", "init": "scratch", "head": "gap", "seeds": 3},
}
NETWORKS = 6


@has_dvc
@pytest.mark.slow  # 46 stages twice, 24 of which load torch for 2 to 4 s: minutes
@pytest.mark.usefixtures("slurm")
def test_six_networks_through_slurm_are_those_of_dvc_repro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # eight tasks at once on two cores
    study = smoke_study(tmp_path / "study", ENTRIES)
    plain = tmp_path / "plain"
    subprocess.run(["git", "clone", "-q", study, plain], check=True)
    with ThreadPoolExecutor(1) as beside:  # with a cache of its own, while Slurm runs the same
        repro = beside.submit(dvc, plain, "repro")
        submit(study)
        logs = study / ".dvc/tmp/cluster/0001/logs/train-1.log"
        wait_until(lambda: logs.exists() and "> python src/train.py" in logs.read_text(), "the training begins", 300)
        killed = job("train", 1)
        kill(killed)
        requeue(killed)
        wait_until(idle, "the tasks end", 1800)
        assert [job("train", number).state for number in range(NETWORKS)] == ["COMPLETED"] * NETWORKS
        submit(study)  # what waited for the killed task, which Slurm gave up
        wait_until(idle, "the tasks end", 1800)
        collect(study)
        repro.result()

    expected = outputs(plain)
    assert sum(path.endswith(".safetensors") for path in expected) == NETWORKS
    found = outputs(study)
    assert found.keys() == expected.keys()
    assert [path for path in expected if found[path] != expected[path]] == []
    assert dvc(study, "repro").count("Running stage") == 0
