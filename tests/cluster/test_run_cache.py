"""What is done of a study, as DVC's run cache has it, against what `dvc repro` really does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.cli import main
from ruamel.yaml import YAML

from sightline.cluster.graph import tasks
from sightline.cluster.run_cache import Knowledge
from sightline.study.errors import StudyError
from studies import has_dvc

pytestmark = has_dvc

COPY = """
import sys
from pathlib import Path

source, target = sys.argv[1:]
with open("ran", "a") as ran:
    ran.write(target + chr(10))
Path(target).parent.mkdir(parents=True, exist_ok=True)
Path(target).write_text(Path(source).read_text() + target)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one network whose tasks ran, the last of them with an output outside the cache."""
    folder = tmp_path_factory.mktemp("cluster") / "study"
    (folder / "src").mkdir(parents=True)
    (folder / "src/copy.py").write_text(COPY)
    (folder / "raw.txt").write_text("raw ")
    (folder / "params.yaml").write_text("epochs: 1\nmodels: {a: 1}\n")
    chain = (("prepare", "raw.txt", "data/images.txt"), ("train", "data/images.txt", "data/${key}.pt"))
    stages: dict[str, object] = {}
    for name, source, target in (*chain, ("card", "data/${key}.pt", "metrics/${key}.json")):
        stage: dict[str, object] = {
            "cmd": f"python src/copy.py {source} {target}",
            "deps": ["src/copy.py", source],
            "outs": [{target: {"cache": False}} if name == "card" else target],
        }
        stages[name] = stage if name == "prepare" else {"foreach": "${models}", "do": stage}
    stages["train"]["do"]["params"] = ["epochs"]  # type: ignore[index]
    YAML().dump({"stages": stages}, folder / "dvc.yaml")
    (folder / ".gitignore").write_text("/data\n/ran\n")
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n")
    (folder / ".dvc/.gitignore").write_text("/tmp\n/cache\n/config.local\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    dvc(folder, "repro", "--quiet")
    dvc(folder, "commit", "--quiet", "--force", "card@a")  # as a task does
    assert (folder / "ran").read_text().split() == ["data/images.txt", "data/a.pt", "metrics/a.json"]
    return folder


def dvc(folder: Path, *words: str) -> None:
    """DVC in this process, which saves its start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        assert main(list(words)) == 0


@pytest.fixture
def study(ran: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(ran, tmp_path / "study"))


def states(folder: Path) -> dict[str, str]:
    knowledge = Knowledge(folder)
    return dict(knowledge.states(tasks(knowledge.stages)))


def test_what_the_lock_has_is_collected_and_what_the_run_cache_has_is_cached(study: Path) -> None:
    assert states(study) == {"train@a": "collected", "card@a": "collected"}
    (study / "data/a.pt").unlink()  # the cache has it
    assert states(study) == {"train@a": "collected", "card@a": "collected"}

    lock = YAML().load(study / "dvc.lock")
    del lock["stages"]["train@a"], lock["stages"]["card@a"]
    YAML().dump(lock, study / "dvc.lock")
    (study / "metrics/a.json").unlink()
    assert states(study) == {"train@a": "cached", "card@a": "cached"}
    (study / "ran").unlink()
    dvc(study, "repro", "--quiet")
    assert not (study / "ran").exists()  # which is what DVC finds too
    assert (study / "metrics/a.json").read_text() == "raw data/images.txtdata/a.ptmetrics/a.json"


def test_a_change_of_parameters_code_or_input_leaves_it_and_what_follows(study: Path) -> None:
    for name, text in (("params.yaml", "epochs: 2\nmodels: {a: 1}\n"), ("data/images.txt", "raw"), ("src/copy.py", "")):
        before = (study / name).read_text()
        (study / name).write_text(text)
        assert states(study) == {"train@a": "left", "card@a": "left"}, name
        (study / name).write_text(before)
    assert states(study) == {"train@a": "collected", "card@a": "collected"}
    (study / "metrics/a.json").write_text("edited")
    assert states(study) == {"train@a": "collected", "card@a": "cached"}


def test_a_parameter_that_is_missing_is_named(study: Path) -> None:
    (study / "params.yaml").write_text("models: {a: 1}\n")
    with pytest.raises(StudyError, match=r"dvc.yaml does not fit params.yaml: .*epochs.*; sightline sync, then commit"):
        states(study)


def test_a_task_without_its_shared_input_is_left(study: Path) -> None:
    (study / "data/images.txt").unlink()
    assert states(study) == {"train@a": "left", "card@a": "left"}


def test_files_that_the_cache_lost_or_has_damaged_are_named(study: Path) -> None:
    knowledge = Knowledge(study)
    assert knowledge.outputs_not_in_cache(["prepare", "train@a", "card@a"]) == []
    objects = {path.read_text(): path for path in (study / ".dvc/cache/files/md5").glob("*/*")}
    weights = objects["raw data/images.txtdata/a.pt"]
    weights.chmod(0o644)
    weights.write_text("raw data")  # as a full disk leaves it
    assert knowledge.outputs_not_in_cache(["prepare", "train@a"]) == [("data/a.pt", "train@a")]
    assert knowledge.damaged == {weights}
    weights.unlink()
    knowledge = Knowledge(study)
    assert knowledge.outputs_not_in_cache(["prepare", "train@a"]) == [("data/a.pt", "train@a")]
    assert knowledge.damaged == set()


@pytest.mark.parametrize("text", ["", '[{"md5": "0'])
def test_the_list_of_a_folder_that_a_full_disk_cut_short_is_damaged(study: Path, text: str) -> None:
    lock = YAML().load(study / "dvc.lock")
    lock["stages"]["train@a"]["outs"] = [{"path": "data/a.pt", "md5": "ab12.dir", "size": 9, "nfiles": 2}]
    YAML().dump(lock, study / "dvc.lock")
    cut = study / ".dvc/cache/files/md5/ab/12.dir"
    cut.parent.mkdir()
    cut.write_text(text)
    knowledge = Knowledge(study)
    assert knowledge.outputs_not_in_cache(["train@a"]) == [("data/a.pt", "train@a")]
    assert knowledge.damaged == {cut}


def test_a_record_that_a_full_disk_cut_short_counts_for_nothing(study: Path) -> None:
    (study / "dvc.lock").unlink()
    records = [path for path in (study / ".dvc/cache/runs").rglob("*") if path.is_file()]
    (record,) = (path for path in records if "copy.py data/images.txt data/a.pt" in path.read_text())
    whole = record.read_text()
    assert states(study) == {"train@a": "cached", "card@a": "cached"}
    for length in (0, 3, len(whole) // 3, whole.index("outs:\n- ") + 8, len(whole) - 60):  # the end is its only output
        record.write_text(whole[:length])
        assert states(study) == {"train@a": "left", "card@a": "left"}, whole[:length]
    record.write_text("")
    (study / "ran").unlink()
    dvc(study, "repro", "--quiet", "train@a")
    assert (study / "ran").read_text().split() == ["data/a.pt"]  # which is what DVC finds too


def test_a_record_that_another_task_renames_in_this_moment_counts_for_nothing(study: Path) -> None:
    (study / "dvc.lock").unlink()
    (record,) = (
        path
        for path in (study / ".dvc/cache/runs").rglob("*")
        if path.is_file() and "copy.py data/images.txt data/a.pt" in path.read_text()
    )
    (record.parent / "tmp1234").symlink_to("renamed")  # listed, and gone when it is looked at
    assert states(study) == {"train@a": "left", "card@a": "left"}


def test_a_fingerprint_tells_what_a_task_runs_not_what_it_reads_of_other_tasks(study: Path) -> None:
    def fingerprints() -> tuple[str, str]:
        knowledge = Knowledge(study)
        return knowledge.fingerprint(["train@a"]), knowledge.fingerprint(["card@a"])

    train, card = fingerprints()
    assert len(train) == 12
    (study / "data/a.pt").write_text("other weights")
    (study / "params.yaml").write_text("epochs: 1\nmodels: {a: 1, b: 1}\n")  # a further network
    assert fingerprints() == (train, card)
    (study / "params.yaml").write_text("epochs: 2\nmodels: {a: 1}\n")
    assert fingerprints()[0] != train
    assert fingerprints()[1] == card
