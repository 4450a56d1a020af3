"""A task that waits for a task of another key, as a further seed's consistency does, on a real Slurm."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from clusters import collect, commit, idle, submit, tiny_study, wait_until
from studies import has_dvc


@has_dvc
@pytest.mark.slow  # each task starts DVC, a second of CPU or two
@pytest.mark.usefixtures("slurm")
def test_a_further_seed_waits_for_the_first_ones_maps_too(tmp_path: Path) -> None:
    study = tiny_study(tmp_path, keys=2)
    path = study.folder / "dvc.yaml"
    graph = YAML().load(path)
    cmd = "python src/task.py consistency@${key} data/saliency/${key}.txt data/consistency/${key}.txt"
    deps = ["src/task.py", "data/saliency/${key}.txt", "data/saliency/k000.txt"]
    graph["stages"]["consistency"] = {
        "foreach": {"k000": 0, "k001": 1},
        "do": {"cmd": cmd, "deps": deps, "outs": ["data/consistency/${key}.txt"]},
    }
    YAML().dump(graph, path)
    commit(study.folder)
    study.hold("saliency@k000")
    submit(study.folder)
    wait_until(lambda: {"saliency@k000", "saliency@k001"} <= set(study.begun()), "both maps begin")
    second = study.folder / ".dvc/tmp/cluster/0001/logs/saliency-1.log"
    wait_until(lambda: "is in the cache" in second.read_text(), "the second map ends")
    assert not [name for name in study.begun() if name.startswith("consistency")]
    study.release("saliency@k000")
    wait_until(idle, "the tasks end")
    assert sorted(study.begun()[-2:]) == ["consistency@k000", "consistency@k001"]
    collect(study.folder)
