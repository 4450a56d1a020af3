"""`sightline new`, `use` and `sync`: a study in a folder of its own, without code; what they refuse to overwrite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sightline.stage_code import SCRIPTS
from studies import ROOT, change, sightline, stage

GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new study of the profile phantom, and something of its results; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        sign(patch)
        parent = tmp_path_factory.mktemp("made")
        done = sightline(parent, "new", "mine", "--profile", "phantom")
    folder = parent / "mine"
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder} is a study of its own, from profile `phantom`; next: cd {folder} && dvc repro\n"
    (folder / "metrics").mkdir()
    (folder / "metrics/summary.json").write_text("{}")
    return folder


@pytest.fixture
def mine(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for one test."""
    sign(monkeypatch)
    return Path(shutil.copytree(made, tmp_path / "mine", symlinks=True))


def sign(patch: pytest.MonkeyPatch) -> None:
    """Gives Git a user."""
    for name in ("AUTHOR", "COMMITTER"):
        patch.setenv(f"GIT_{name}_NAME", "t")
        patch.setenv(f"GIT_{name}_EMAIL", "t@example.org")


def git(folder: Path, *words: str) -> str:
    return subprocess.run([*GIT, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def params(folder: Path) -> str:
    return (folder / "params.yaml").read_text()


def profile(name: str) -> str:
    return (ROOT / f"profiles/{name}.yaml").read_text()


def graph_of(folder: Path) -> dict:
    return YAML(typ="safe").load(folder / "dvc.yaml")


def stage_of(folder: Path, name: str) -> dict:
    found = graph_of(folder)["stages"][name]
    return found.get("do", found)


def code_of(folder: Path) -> dict[str, str]:
    return YAML(typ="safe").load(folder / "code.yaml")


def test_use_overwrites_a_profile_and_knows_those_of_the_folder_too(mine: Path) -> None:
    done = sightline(mine, "use", "smoke")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("params.yaml is now profile smoke; git checkout params.yaml dvc.yaml brings")
    assert params(mine) == profile("smoke")
    (mine / "profiles").mkdir()
    (mine / "profiles/ours.yaml").write_text(profile("smoke").replace("threshold: 0.5", "threshold: 0.25"))
    assert sightline(mine, "profiles").stdout.split() == ["demo", "ours", "paper", "phantom", "population", "smoke"]
    assert sightline(mine, "use", "ours").returncode == 0
    assert "threshold: 0.25" in params(mine)


def test_use_refuses_to_overwrite_what_is_nowhere_else(mine: Path) -> None:
    """Changed and not committed: an error of one line that names the three ways on; --force is one of them."""
    change(mine, threshold=0.123)
    before = params(mine), (mine / "dvc.yaml").read_text()
    done = sightline(mine, "use", "smoke")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for way in ("commit it", "sightline new FOLDER --profile smoke", "sightline use smoke --force"):
        assert way in done.stderr
    assert (params(mine), (mine / "dvc.yaml").read_text()) == before
    assert sightline(mine, "use", "smoke", "--force").returncode == 0
    assert params(mine) == profile("smoke")


def test_use_overwrites_a_commit_of_ones_own_but_without_git_nothing_but_profiles(mine: Path) -> None:
    change(mine, threshold=0.123)
    git(mine, "commit", "-qam", "mine")
    (mine / "dvc.yaml").unlink()
    assert "dvc.yaml: not found" in sightline(mine, "use", "smoke").stderr  # so params.yaml was no obstacle
    git(mine, "checkout", "params.yaml")
    shutil.rmtree(mine / ".git")
    assert "--force" in sightline(mine, "use", "smoke").stderr


def test_a_new_study_is_committed_whole_and_has_no_code_and_no_results(mine: Path) -> None:
    assert git(mine, "ls-files").split() == [
        ".dvc/.gitignore", ".dvc/config", ".dvc/plots/threshold_sweep.json", ".dvcignore", ".gitignore", "Makefile",
        "README.md", "code.yaml", "data/annotations/README.md", "data/lungs/README.md", "data/raw/README.md",
        "dvc.yaml", "params.yaml", "study.mk",
    ]  # fmt: skip
    assert git(mine, "status", "--porcelain") == "?? metrics/\n"
    assert git(mine, "log", "--format=%s") == "Study started from profile `phantom`\n"
    assert params(mine) == profile("phantom")
    assert "googlenet-scratch-gap" in graph_of(mine)["stages"]["train"]["foreach"]
    assert not list(mine.parent.glob(".*.partial"))
    for page in mine.glob("data/*/README.md"):
        assert "](" not in page.read_text(), "a link to a page that the study does not have"


def test_stages_run_the_installed_package_and_depend_on_its_code(mine: Path) -> None:
    """Each stage is that of the checkout, but for its command and its code."""
    ours = YAML(typ="safe").load(ROOT / "dvc.yaml")
    assert list(graph_of(mine)["stages"]) == list(ours["stages"])
    code = code_of(mine)
    assert set(code) == {"sightline", "package", *SCRIPTS}
    for name, file in SCRIPTS.items():
        own, there = stage_of(mine, name), ours["stages"][name].get("do", ours["stages"][name])
        assert own["cmd"] == there["cmd"].replace(f"src/{file}", f"-m sightline.stages.{file[:-3]}")
        assert own["params"] == [*there.get("params", []), {"code.yaml": [name]}]
        assert [own.get(kind) for kind in ("outs", "metrics", "plots")] == [
            there.get(kind) for kind in ("outs", "metrics", "plots")
        ]
        assert not any(dep.startswith("src/") for dep in own["deps"])
    before = (mine / "dvc.yaml").read_bytes(), (mine / "code.yaml").read_bytes()
    assert sightline(mine, "sync").returncode == 0
    assert ((mine / "dvc.yaml").read_bytes(), (mine / "code.yaml").read_bytes()) == before


def test_sync_keeps_what_a_user_adds_and_renews_what_an_earlier_version_wrote(mine: Path) -> None:
    yaml = YAML()
    graph = yaml.load(mine / "dvc.yaml")
    stages = graph["stages"]
    stages["mine"] = {"cmd": "wc data/alignment.csv > lines.txt", "deps": ["data/alignment.csv"], "outs": ["lines.txt"]}
    stages["prepare"]["outs"][0] = {"data/prepared/images.npy": {"push": False}}
    stages["lungs"]["frozen"] = True
    del stages["multiverse"]
    stages["compare"]["outs"] = ["metrics/of-old.json"]
    stages["of-old"] = {"cmd": "python -m sightline.stages.of_old"}
    yaml.dump(graph, mine / "dvc.yaml")
    assert sightline(mine, "sync").returncode == 0
    ours = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    found = graph_of(mine)["stages"]
    assert found["mine"] == stages["mine"]
    assert found["prepare"]["outs"] == [{"data/prepared/images.npy": {"push": False}}, *ours["prepare"]["outs"][1:]]
    assert found["lungs"]["frozen"] is True
    assert found["compare"]["outs"] == ours["compare"]["outs"]
    assert set(found) == {*ours, "mine"}


def test_a_stage_refuses_to_run_with_other_code_than_the_study_names(mine: Path) -> None:
    """Else DVC would write down that the named code made the results."""
    code = (mine / "code.yaml").read_text()
    (mine / "code.yaml").write_text(re.sub(r"^package: .*", "package: '0'", code, flags=re.MULTILINE))
    done = stage("align", mine)
    assert done.returncode == 1
    assert done.stderr.startswith("error: code.yaml: written by another Sightline")
    assert done.stderr.count("\n") == 1
    (mine / "metrics/summary.json").write_text('{"study": {}}')
    assert sightline(mine, "summary").stderr == done.stderr.replace("error: ", "note: ")
    submitted = sightline(mine, "cluster", "submit", "--engine", "local")
    assert submitted.stderr == done.stderr.replace("code.yaml", str(mine / "code.yaml"), 1)
    assert sightline(mine, "sync").returncode == 0
    assert (mine / "code.yaml").read_text() == code
    assert sightline(mine, "summary").stderr == ""
    assert stage("align", mine).stderr.startswith("error: data/consensus.npz")


def test_a_new_study_starts_from_params_as_they_stand(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a change made here can move out. Without a name Git cannot commit."""
    change(mine, threshold=0.123)
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "")
    done = sightline(mine, "new", str(tmp_path / "two"))
    assert done.returncode == 0, done.stderr
    assert "from params.yaml as it stood" in done.stdout
    assert "not committed, as Git does not know you yet" in done.stdout
    assert "A  params.yaml" in git(tmp_path / "two", "status", "--porcelain")
    assert params(tmp_path / "two") == params(mine)


def test_where_no_params_lie_a_new_study_is_the_demonstration(tmp_path: Path) -> None:
    done = sightline(tmp_path, "new", "mine")
    assert done.returncode == 0, done.stderr
    assert params(tmp_path / "mine") == profile("demo")
    (tmp_path / "here/.new-study.partial").mkdir(parents=True)  # what a killed run left
    assert sightline(tmp_path / "here", "new", ".").returncode == 0
    assert {path.name for path in (tmp_path / "here").iterdir()} == {
        path.name for path in (tmp_path / "mine").iterdir()
    }
    assert git(tmp_path / "here", "status", "--porcelain") == git(tmp_path / "mine", "status", "--porcelain")


def test_a_study_can_begin_before_dvc_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sightline.study_folder.find_spec", lambda _: None)
    said = sightline(tmp_path, "new", "mine").stdout
    assert "first, the package dvc is missing; pip install 'sightline[train]'\n" in said


def test_new_refuses_a_folder_that_is_taken_or_in_a_study_and_a_wrong_profile(mine: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    for words, reason in (
        (["taken"], "exists already and is not empty; name a new folder"),
        (["mine/studies/one"], f"lies in a study, whose Git and DVC would see it; name a folder outside {mine}"),
        (["one", "--profile", "papr"], "did you mean paper?"),
    ):
        done = sightline(tmp_path, "new", *words)
        assert done.returncode == 1
        assert reason in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "taken"}


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_runs_the_sightline_that_is_active_or_named(mine: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    def make(*words: str, path: str) -> subprocess.CompletedProcess[str]:
        command = [str(shutil.which("make")), "--no-print-directory", *words]
        return subprocess.run(command, cwd=mine, env=environment | {"PATH": path}, capture_output=True, text=True)

    programs = mine / "programs"
    programs.mkdir()
    for name in ("sightline", "dvc"):
        (programs / name).write_text(f"#!/bin/sh\necho {name} $*\n")
        (programs / name).chmod(0o755)
    assert make("repro", path=f"{programs}:/usr/bin:/bin").stdout == "dvc repro\nsightline summary\n"
    (programs / "sightline").unlink()
    refused = make("repro", path="/usr/bin:/bin")
    assert refused.returncode != 0
    assert "error: no sightline here; activate the environment that has it, or: make setup SIGHTLINE=" in refused.stderr
    recipe = make("-n", "setup", "SIGHTLINE=sightline.whl", path="/usr/bin:/bin").stdout
    assert (
        '.venv/bin/python -m pip install --quiet --no-compile --disable-pip-version-check "sightline.whl[train]"'
        in recipe
    )
