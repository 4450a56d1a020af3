"""The wheel and the sdist carry the pipeline: a study is started and run where no checkout is on the path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from sightline.stage_code import SCRIPTS
from sightline.study_template import FILES, PROFILES, files_in
from studies import ROOT, has_dvc, stages_run

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="needs git")
BUILD = """
import sys
from setuptools import build_meta
folder = sys.argv[1]  # which the build changes
build_meta.build_sdist(folder)
build_meta.build_wheel(folder)
"""
# what Python loads of Sightline, by each process that starts with this on its path
SEEN = """
import atexit, pathlib, sys
def _write():
    seen = [module.__file__ for name, module in list(sys.modules.items()) if name.partition(".")[0] == "sightline"]
    with open({log!r}, "a") as file:
        file.writelines(f"{{pathlib.Path(path)}}\\n" for path in seen if path)
atexit.register(_write)
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1", **environment}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def in_git() -> list[str]:
    """The files of the checkout that Git tracks, or would."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("no Git repository, so nothing says which files are the project's")
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(in_git: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel, of a clean copy of the checkout."""
    copy, built = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    for name in in_git:
        if name.startswith(("src/", *(path.parts[0] for path in files_in(ROOT, FILES + PROFILES)))) or "/" not in name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    run(sys.executable, "-c", BUILD, str(built), cwd=copy)
    return built


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_has_all_files_of_the_package_and_one_copy_of_a_new_studys(wheel: Path, in_git: list[str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    package = {name.removeprefix("src/"): name for name in in_git if name.startswith("src/sightline/")}
    study = {f"sightline/study_files/{path}": str(path) for path in files_in(ROOT, FILES + PROFILES)}
    assert {"dvc.yaml", "study.mk", ".dvc/config", "data/raw/README.md", "profiles/demo.yaml"} <= {*study.values()}
    assert held == {name: (ROOT / source).read_bytes() for name, source in {**package, **study}.items()}


def test_the_sdist_gives_the_same_wheel(built: Path, wheel: Path, tmp_path: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-c", BUILD, str(tmp_path / "again"), cwd=source)
    (again,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        crcs = [{entry.filename: entry.CRC for entry in archive.infolist()} for archive in (first, second)]
    assert crcs[0] == crcs[1]


class Installed:
    """A folder into which pip has put the wheel, as the only Sightline on the path of the programs called."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.site, self.log = folder, folder / "site", folder / "loaded.txt"
        install = ("install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check")
        run(sys.executable, "-m", "pip", *install, "--target", str(self.site), str(wheel), cwd=folder)
        (self.site / "sitecustomize.py").write_text(SEEN.format(log=str(self.log)))

    def called(self, *words: str, cwd: Path) -> str:
        """What `python ...` prints."""
        names = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return run(sys.executable, *words, cwd=cwd, PYTHONPATH=str(self.site), PATH=path, **names)

    def new_study(self) -> Path:
        said = self.called("-m", "sightline.cli", "new", "mine", "--profile", "smoke", cwd=self.folder)
        study = self.folder / "mine"
        assert said == f"{study} is a study of its own, from profile `smoke`; next: cd {study} && dvc repro\n"
        return study

    def loaded(self) -> set[str]:
        """The files of Sightline that all programs have loaded, below `site`; none may lie elsewhere."""
        return {str(Path(line).relative_to(self.site)) for line in self.log.read_text().splitlines()}


@has_dvc
def test_a_study_begins_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    """Its first stages run, all others can be imported."""
    installed = Installed(tmp_path, wheel)
    mine = installed.new_study()
    assert stages_run(installed.called("-m", "dvc", "repro", "lungs", cwd=mine)) == ["prepare", "lungs"]
    modules = [f"sightline.stages.{file.removesuffix('.py')}" for file in SCRIPTS.values()]
    installed.called("-c", f"import {', '.join(modules)}", cwd=mine)
    profiles = installed.called("-m", "sightline.cli", "profiles", cwd=mine).split()
    assert profiles == ["demo", "paper", "phantom", "population", "smoke"]
    assert {f"sightline/stages/{file}" for file in SCRIPTS.values()} <= installed.loaded()
    assert "sightline/study_folder.py" in installed.loaded()


@pytest.mark.slow  # 40 s of CPU: twenty stages, each a process, by DVC
@has_dvc
def test_a_study_runs_where_there_is_no_checkout(wheel: Path, tmp_path: Path) -> None:
    """From `sightline new` to the report; after an upgrade `sync` repeats the one stage that loads the changed file."""
    installed = Installed(tmp_path, wheel)
    mine = installed.new_study()
    ran = stages_run(installed.called("-m", "dvc", "repro", cwd=mine))
    assert {"prepare", "train@alexnet-scratch-gap", "saliency@alexnet-scratch-gap", "verdict", "report"} <= {*ran}
    assert (mine / "plots/report.html").is_file()
    assert installed.called("-m", "sightline.cli", "summary", cwd=mine).startswith("alexnet-scratch-gap")

    with open(installed.site / "sightline/judging/power.py", "a") as file:
        file.write("\n# changed\n")
    installed.called("-m", "sightline.cli", "sync", cwd=mine)
    assert stages_run(installed.called("-m", "dvc", "repro", cwd=mine)) == ["verdict"]
    assert {"sightline/study_folder.py", "sightline/networks/training.py"} <= installed.loaded()
