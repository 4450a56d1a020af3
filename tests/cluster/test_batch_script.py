"""The batch script: read back, submitted to a pretended Slurm, and run as a task with a pretended DVC."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sightline.cluster.batch_script import Places, Row, batch_script, ranges, rows_in
from sightline.cluster.graph import Array

ROWS = [
    Row(0, "train@a", (), ("data/images.npy",), (), "0123456789ab"),
    Row(2, "train@c"),
    Row(0, "report-card@a", ("train@a",), ("data/images.npy", "data/a b.csv"), ("own/my weights.pt",), "ba9876543210"),
]
ARRAYS = [
    Array("train", (0, 2)),
    Array("report-card", (0,), same=(0,)),
    Array("extra", (3,), same=(1, "17"), others=((0, 2), ("17", 5))),
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A Git repository in a folder with a hard name, and programs that write down how they are called."""
    folder = tmp_path / "the study, #2 50%done"
    (folder / "own").mkdir(parents=True)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").touch()
    (folder / "code.py").write_text("of the commit")
    author = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org"]
    for words in (["init", "-q"], ["add", "."], [*author, "commit", "-qm", "A study"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    (folder / "code.py").write_text("of the working folder")
    (folder / "dvc.lock").write_text("of the working folder")
    (folder / "own/my weights.pt").write_text("weights")
    programs = tmp_path / "bin"
    programs.mkdir()
    called = tmp_path / "called"
    for name, more in (("sbatch", f'wc -l < "{called}"'), ("dvc", 'if [ -e "$FAIL" ]; then exit 3; fi')):
        path = programs / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} $(printf "[%s]" "$@")" >> "{called}"\n{more}\n')
        path.chmod(0o755)
    return folder


def work_of(study: Path) -> Path:
    return study.parent / "work 50%"


def script(study: Path, *, unrecorded: tuple[str, ...] = ("report-card",), at_once: int | None = None) -> Path:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=study, capture_output=True, text=True).stdout.strip()
    places = Places(study, study / "cache", work_of(study), Path("data/checkpoints"), commit, study.parent / "bin")
    options = {"partition": "gpu", "gres": "gpu:1"}
    path = study.parent / "tasks.sh"
    path.write_text(batch_script(places, ROWS, ARRAYS, ["prepare", "lungs"], unrecorded, options, at_once))
    return path


def bash(path: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", str(path), *words], capture_output=True, text=True, env=os.environ | environment)


def called(study: Path) -> list[str]:
    return (study.parent / "called").read_text().splitlines()


def test_its_table_is_read_back(study: Path) -> None:
    assert rows_in(script(study).read_text()) == ROWS
    assert rows_in("#!/bin/bash\necho\n") == []


def test_without_arguments_it_submits_one_array_per_stage_with_what_each_waits_for(study: Path) -> None:
    path = script(study, at_once=4)
    done = bash(path)
    assert done.returncode == 0, done.stderr
    work = work_of(study)
    copy = f"[{work}/tasks.sh]"
    common = (
        f"[--parsable][--kill-on-invalid-dep=yes][--chdir={work}][--output={study.parent}/work 50%%/logs/%x-%a.log]"
    )
    assert called(study) == [
        "dvc [repro][prepare][lungs]",
        f"sbatch {common}[--job-name=train][--array=0,2%4]{copy}[train]",
        f"sbatch {common}[--job-name=report-card][--array=0%4][--dependency=aftercorr:2]{copy}[report-card]",
        f"sbatch {common}[--job-name=extra][--array=3%4][--dependency=aftercorr:3:17,afterok:2_2:17_5]{copy}[extra]",
    ]
    assert done.stdout == (work / "jobs").read_text() == "train: job 2\nreport-card: job 3\nextra: job 4\n"
    assert (work / "dvc.lock").read_text() == "of the working folder"
    assert (work / "tasks.sh").read_text() == path.read_text()  # where `sightline cluster status` looks
    assert path.read_text().count("\n#SBATCH ") == 4
    assert "\n#SBATCH --partition=gpu\n#SBATCH --gres=gpu:1\n" in path.read_text()


def test_a_printed_script_leaves_a_later_submission_in_the_same_folder_alone(study: Path) -> None:
    path = script(study)
    assert bash(path).returncode == 0
    assert bash(path).returncode == 0  # the same one again
    path.write_text(path.read_text() + "1|train@b||||0\n")
    before = called(study)
    done = bash(path)
    assert done.returncode == 1
    assert done.stderr == f"error: {work_of(study)} holds another submission; print this script again\n"
    assert called(study) == before
    assert "train@b" not in (work_of(study) / "tasks.sh").read_text()


@pytest.mark.parametrize("name", ["study, #2; 50% $x", "it's", 'the "study"'])
def test_dvc_reads_the_cache_s_place_whatever_its_name(study: Path, name: str) -> None:
    configobj = pytest.importorskip("configobj")  # which DVC parses its configuration with
    seen = study.parent / "seen"
    program = study.parent / "bin/dvc"
    program.write_text(program.read_text() + f'cp .dvc/config.local "{seen}"\n')
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=study, capture_output=True, text=True).stdout.strip()
    cache = study.parent / name / "cache"
    places = Places(study, cache, work_of(study), Path("data/checkpoints"), commit, study.parent / "bin")
    path = study.parent / "tasks.sh"
    path.write_text(batch_script(places, ROWS, ARRAYS, [], [], {}))
    done = bash(path, "train", "0")
    assert done.returncode == 0, done.stderr
    assert configobj.ConfigObj(str(seen))["cache"]["dir"] == str(cache)


def test_an_array_that_slurm_refuses_ends_it_and_what_was_taken_is_written_down(study: Path) -> None:
    program = study.parent / "bin/sbatch"
    refusal = 'case "$*" in *=report-card*) echo "invalid partition" >&2; exit 1;; *) echo "5;tests";; esac'
    program.write_text(f"#!/bin/bash\n{refusal}\n")
    done = bash(script(study))
    assert done.returncode != 0
    assert "invalid partition" in done.stderr
    assert (work_of(study) / "jobs").read_text() == "train: job 5\n"  # and not those after it either


def task(study: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    work = work_of(study)
    work.mkdir(exist_ok=True)
    (work / "dvc.lock").write_text("of the submission")
    return bash(script(study), *words, **environment)


def test_a_task_works_in_a_clone_of_the_commit_and_leaves_nothing_there(study: Path) -> None:
    seen = study.parent / "seen"
    program = study.parent / "bin/dvc"
    look = f'cat code.py dvc.lock .dvc/config.local "own/my weights.pt" > "{seen}"; touch data/checkpoints/a\n'
    program.write_text(program.read_text() + look)
    done = task(study, "report-card", "0")
    assert done.returncode == 0, done.stderr
    assert called(study) == [
        "dvc [checkout][--quiet][data/images.npy][data/a b.csv]",
        "dvc [repro][--single-item][train@a][report-card@a]",
        "dvc [commit][--quiet][--force][report-card@a]",
    ]
    assert seen.read_text() == (
        f'of the commitof the submission[cache]\n    dir = "{study}/cache"\n    type = "reflink,symlink,copy"\nweights'
    )
    assert (study / "data/checkpoints/a").is_file()  # of the study, so that a requeued task finds it
    assert list((work_of(study) / "clones").iterdir()) == []
    assert "report-card@a is in the cache" in done.stdout


def test_a_task_of_a_recorded_stage_is_not_committed_and_one_without_inputs_checks_out_nothing(study: Path) -> None:
    done = task(study, "train", SLURM_ARRAY_TASK_ID="2")  # as Slurm calls it
    assert done.returncode == 0, done.stderr
    assert called(study) == ["dvc [repro][--single-item][train@c]"]


def test_a_requeued_task_starts_in_a_new_clone(study: Path) -> None:
    left = work_of(study) / "clones/train@c"  # by its run that was killed
    left.mkdir(parents=True)
    (left / "dvc.lock").touch()
    assert task(study, "train", "2").returncode == 0
    assert list((work_of(study) / "clones").iterdir()) == [left]


def test_a_task_that_fails_says_so_and_leaves_no_clone(study: Path) -> None:
    failing = study.parent / "fail"
    failing.touch()
    done = task(study, "train", "0", FAIL=str(failing))
    assert done.returncode == 3
    assert "in the cache" not in done.stdout
    assert list((work_of(study) / "clones").iterdir()) == []


def test_a_task_that_is_not_in_the_table_is_refused(study: Path) -> None:
    done = task(study, "train", "1")
    assert done.returncode != 0
    assert "train 1: no such task" in done.stderr
    assert not (study.parent / "called").exists()


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say(study: Path) -> None:
    path = script(study)
    path.write_text(path.read_text().partition("\nnumber|task|")[0] + "\n")
    done = subprocess.run(["shellcheck", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_numbers_are_written_as_ranges() -> None:
    assert ranges((0, 1, 2, 5, 7, 8)) == "0-2,5,7-8"
    assert ranges((4,)) == "4"
