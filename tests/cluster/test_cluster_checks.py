"""What `submit` refuses before anything runs: files that no clone would have, a second submit."""

from __future__ import annotations

import argparse
import errno
import fcntl
import subprocess
from pathlib import Path
from typing import IO

import pytest

from sightline.cluster import checks
from sightline.cluster.batch_script import Row
from sightline.cluster.checks import head, linked_files, refuse_full_disk
from sightline.cluster.command import add_arguments
from sightline.cluster.run_cache import Knowledge
from sightline.cluster.slurm import Queued, queued_in, refuse_outdated
from sightline.cluster.submission import is_submitting, last_problem, new_submission, only_one
from sightline.study.errors import StudyError
from studies import has_dvc

DVC_YAML = """\
stages:
  train:
    foreach: {a: 1}
    do:
      cmd: python src/train.py
      deps: [src, own/weights.pt, raw]
      params: [seed]
      outs: [data/a.pt]
"""


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    for name, text in {
        "dvc.yaml": DVC_YAML, "params.yaml": "seed: 0\n", ".dvc/config": "", ".dvc/.gitignore": "/tmp\n",
        "src/train.py": "", "README.md": "", ".gitignore": "/own\n/raw\n*.partial\n__pycache__\n",
        ".dvcignore": "__pycache__/\n", "own/weights.pt": "", "raw/film.png": "", "src/__pycache__/train.pyc": "",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "A study")
    return folder


def linked(folder: Path) -> dict[str, tuple[str, ...]]:
    return linked_files(folder, Knowledge(folder), ["train@a"])


@has_dvc
def test_files_that_git_ignores_and_dvc_does_not_know_are_linked(study: Path) -> None:
    assert linked(study) == {"train@a": ("own/weights.pt", "raw")}
    (study / "README.md").write_text("what no task reads may differ")
    (study / "notes.txt").write_text("too")
    (study / "dvc.lock").write_text("schema: '2.0'\n")
    assert linked(study) == {"train@a": ("own/weights.pt", "raw")}


@has_dvc
def test_all_files_that_differ_from_the_commit_are_named_at_once(study: Path) -> None:
    (study / "src/train.py").write_text("changed")
    (study / "src/new.py").touch()
    (study / "src/.x.partial").touch()  # Git ignores it, but DVC hashes it with its folder
    (study / "params.yaml").write_text("seed: 1\n")
    with pytest.raises(StudyError, match="differ from the last commit") as refused:
        linked(study)
    assert sorted(refused.value.cases) == [
        "params.yaml: changed",
        "src/.x.partial: not in Git, but in a folder that stages read",
        "src/new.py: not in Git",
        "src/train.py: changed",
    ]


@has_dvc
def test_a_file_whose_name_would_part_the_script_s_table_is_refused(study: Path) -> None:
    (study / "dvc.yaml").write_text(DVC_YAML.replace("own/weights.pt", "'own/a:b.pt', 'own/c|d.pt'"))
    for name in ("a:b.pt", "c|d.pt"):
        (study / "own" / name).touch()
    git(study, "commit", "-qam", "Other weights")
    with pytest.raises(StudyError, match=r"have a colon or a bar in their names.*; rename them") as refused:
        linked(study)
    assert refused.value.cases == ["own/a:b.pt", "own/c|d.pt"]


def test_a_study_without_a_repository_of_its_own_is_refused(study: Path, tmp_path: Path) -> None:
    assert len(head(study)) == 40
    with pytest.raises(StudyError, match="lies in the Git repository"):
        head(study / "src")
    with pytest.raises(StudyError, match="not a git repository"):
        head(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(StudyError, match="has no Git commit"):
        head(tmp_path)


def test_a_second_submit_is_refused_and_names_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    assert not is_submitting(folder)
    with only_one(folder):
        assert is_submitting(folder)
        with pytest.raises(StudyError, match=r"another .* is at work in this study \(process \d+ on .+\); wait"):
            only_one(folder).__enter__()
    assert not is_submitting(folder)
    with only_one(folder):  # after the first has ended
        pass


def test_on_a_disk_that_does_not_lock_submit_says_so_and_status_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StudyError, match=r"lock: cannot be locked \(No locks available\); ask for locks on this disk"):
        only_one(tmp_path).__enter__()
    assert not is_submitting(tmp_path)


@pytest.mark.parametrize("word", ["none", "0", "-2", "1.5"])
def test_a_number_of_tasks_that_is_none_is_refused_in_words(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["submit", f"--jobs={word}"])
    assert f"argument --jobs: expected a whole number of at least 1, got {word}" in capsys.readouterr().err


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_full_disk(tmp_path / "new" / "cache")

    def full(**_: Path) -> IO[bytes]:
        return open("/dev/full", "wb")

    monkeypatch.setattr(checks, "TemporaryFile", full)
    with pytest.raises(StudyError, match=r"cache: could not be written \(No space left on device\); free the disk"):
        refuse_full_disk(tmp_path / "new" / "cache")


def test_submissions_are_numbered(tmp_path: Path) -> None:
    assert new_submission(tmp_path / "none").name == "0001"
    (tmp_path / "0009").mkdir()
    (tmp_path / "lock").touch()
    assert new_submission(tmp_path).name == "0010"


def test_the_queue_is_read_and_other_folders_jobs_are_not_ours(tmp_path: Path) -> None:
    folder = tmp_path / "clus|ter"
    (folder / "0001").mkdir(parents=True)
    (folder / "0001/tasks.sh").write_text("\nexit\n\n0|train@a||||aa\n1|train@b||||bb\n")
    lines = "\n".join([
        f"12|0|train|RUNNING|None|{folder}/0001", f"12|1|train|PENDING|Dependency|{folder}/0001",
        f"12|7|train|PENDING|None|{folder}/0001", f"13|N/A|bash|RUNNING|None|{tmp_path}",
        "14|0|train|RUNNING|None|/x/0001",
    ])  # fmt: skip
    queue = queued_in(lines, folder)
    assert queue == {
        "train@a": Queued("12", Row(0, "train@a", fingerprint="aa"), "RUNNING", "None"),
        "train@b": Queued("12", Row(1, "train@b", fingerprint="bb"), "PENDING", "Dependency"),
    }
    assert [task.is_running for task in queue.values()] == [True, False]
    refuse_outdated(queue, {"train@a": "aa", "train@b": "bb", "train@c": "cc"})
    with pytest.raises(StudyError, match="an earlier version of this study") as refused:
        refuse_outdated(queue, {"train@a": "aa", "train@b": "changed"})
    assert refused.value.cases == ["train@b: 12_1"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "--- train@a\nerror: data/x.npy: not there\nERROR: failed to reproduce 'train@a': failed to run: python\n",
            "error: data/x.npy: not there",
        ),
        ("ERROR: failed to reproduce 'train@a': [Errno 28] No space left on device\n", None),
        ("Traceback\nValueError: shapes\nERROR: failed to reproduce 'train@a': failed to run\n", "ValueError: shapes"),
        ("--- train@a\nslurmstepd: error: *** JOB 5 CANCELLED DUE TO TIME LIMIT ***\n", None),
        ("", "its log is empty; is the disk full?"),
    ],
)
def test_a_log_is_summed_up_by_the_line_that_says_what_went_wrong(
    tmp_path: Path, text: str, problem: str | None
) -> None:
    (tmp_path / "log").write_text(text)
    assert last_problem(tmp_path / "log") == (problem or text.strip().splitlines()[-1])
