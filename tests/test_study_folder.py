"""`sightline use` and `sightline new`: what they refuse to overwrite, and a study in a folder of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from studies import ROOT, change, dvc, has_dvc, sightline, stages_run

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `sightline new` copies, committed, and something of a finished study."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "t")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "t@example.org")
    folder = tmp_path / "checkout"
    for name in ("src", "profiles", ".dvc/plots"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("params.yaml", "dvc.yaml", "study.mk", "pyproject.toml", "requirements.lock", "LICENSE", ".gitignore",
                 ".dvcignore", ".dvc/config", ".dvc/.gitignore", "data/raw/README.md", "data/annotations/README.md",
                 "data/lungs/README.md"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copy(folder / "profiles/phantom.yaml", folder / "params.yaml")
    (folder / "metrics").mkdir()
    (folder / "metrics/summary.json").write_text("{}")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x")):
        git(folder, *words)
    return folder


def git(folder: Path, *words: str) -> str:
    return subprocess.run([*GIT, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def params(folder: Path) -> str:
    return (folder / "params.yaml").read_text()


def test_use_overwrites_a_profile(checkout: Path) -> None:
    done = sightline(checkout, "use", "smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("params.yaml is now profiles/smoke.yaml; git checkout params.yaml dvc.yaml brings")
    assert params(checkout) == (checkout / "profiles/smoke.yaml").read_text()


def test_use_refuses_to_overwrite_what_is_nowhere_else(checkout: Path) -> None:
    """Changed and not committed: an error of one line that names the three ways on; --force is one of them."""
    change(checkout, threshold=0.123)
    before = params(checkout), (checkout / "dvc.yaml").read_text()
    done = sightline(checkout, "use", "smoke")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for way in ("commit it", "sightline new FOLDER --profile smoke", "sightline use smoke --force"):
        assert way in done.stderr
    assert (params(checkout), (checkout / "dvc.yaml").read_text()) == before
    assert sightline(checkout, "use", "smoke", "--force").returncode == 0
    assert params(checkout) == (checkout / "profiles/smoke.yaml").read_text()


def test_use_overwrites_a_commit_of_ones_own_but_without_git_nothing_but_profiles(checkout: Path) -> None:
    change(checkout, threshold=0.123)
    git(checkout, "commit", "-qam", "mine")
    (checkout / "dvc.yaml").unlink()
    assert "dvc.yaml: not found" in sightline(checkout, "use", "smoke").stderr  # so params.yaml was no obstacle
    git(checkout, "checkout", "params.yaml")
    shutil.rmtree(checkout / ".git")
    assert "--force" in sightline(checkout, "use", "smoke").stderr


def test_a_new_study_has_the_code_and_none_of_the_results(checkout: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (checkout / "data/raw/train").mkdir()
    done = sightline(checkout, "new", str(mine), "--profile", "paper")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{mine} is a study of its own, from profile `paper`; next: cd {mine} && dvc repro\n"
    assert git(checkout, "status", "--porcelain") == ""
    assert git(mine, "status", "--porcelain") == ""
    assert git(mine, "log", "--format=%s") == "Study started from profile `paper`\n"
    assert params(mine) == (checkout / "profiles/paper.yaml").read_text()
    graph = YAML(typ="safe").load(mine / "dvc.yaml")
    assert "resnet50-imagenet-gap" in graph["stages"]["train"]["foreach"]
    assert not (mine / "metrics").exists()
    assert [path.name for path in (mine / "data/raw").iterdir()] == ["README.md"]
    assert not list(tmp_path.glob(".*.partial"))
    recipe = subprocess.run(
        ["make", "--no-print-directory", "-n", "repro"], cwd=mine, capture_output=True, text=True
    ).stdout
    assert recipe.rstrip().endswith("sightline summary")


def test_a_new_study_starts_from_params_as_they_stand(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a change made here can move out; and from a new study starts another. Without a name Git cannot commit."""
    change(checkout, threshold=0.123)
    assert sightline(checkout, "new", str(tmp_path / "one")).returncode == 0
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "")
    done = sightline(tmp_path / "one", "new", str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    assert "not committed, as Git does not know you yet" in done.stdout
    assert "A  params.yaml" in git(tmp_path / "two", "status", "--porcelain")
    assert params(tmp_path / "two") == params(checkout)
    names = {path.relative_to(tmp_path / "one") for path in (tmp_path / "one/src").rglob("*")}
    assert names == {path.relative_to(tmp_path / "two") for path in (tmp_path / "two/src").rglob("*")}


def test_new_refuses_a_folder_that_is_taken_or_inside_and_a_wrong_profile(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    for words, reason in (
        ([str(tmp_path / "taken")], "exists already; name a new folder"),
        ([str(checkout / "studies/mine")], "lies in this study"),
        ([str(tmp_path / "mine"), "--profile", "papr"], "did you mean paper?"),
    ):
        done = sightline(checkout, "new", *words)
        assert done.returncode == 1
        assert reason in done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] in (["checkout", "taken"], ["taken", "checkout"])
    done = sightline(tmp_path, "new", str(tmp_path / "mine"))
    assert "run from the root" in done.stderr


@has_dvc
def test_dvc_runs_a_new_study(checkout: Path, tmp_path: Path) -> None:
    """With the study's own code; the first stage, in seconds."""
    mine = tmp_path / "mine"
    assert sightline(checkout, "new", str(mine), "--profile", "smoke").returncode == 0
    assert stages_run(dvc(mine, "repro", "prepare")) == ["prepare"]
    assert (mine / "data/prepared/images.npy").is_file()
    assert git(mine, "status", "--porcelain").split() == ["??", "dvc.lock"]
    assert str(mine / "src") in subprocess.run(
        [sys.executable, "-c", "import sys; sys.path.insert(0, 'src'); import sightline; print(sightline.__file__)"],
        cwd=mine, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
