"""The wheel carries the pipeline: a study begins and runs where no checkout is. Slow, as in test_wheel.py."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from environments import Environment
from sightline.stage_code import SCRIPTS
from sightline.study_template import FILES, PROFILES, files_in
from studies import ROOT, stages_run

pytestmark = pytest.mark.slow


def called(environment: Environment, *words: str, cwd: Path | None = None) -> str:
    """What a command prints, which must succeed."""
    done = environment.run(*words, cwd=cwd)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def new_study(environment: Environment, name: str) -> Path:
    said = called(environment, "sightline", "new", name, "--profile", "smoke")
    study = environment.folder / name
    assert said == f"{study} is a study of its own, from profile `smoke`; next: cd {study} && dvc repro\n"
    return study


def test_it_has_all_files_of_the_package_and_one_copy_of_those_of_a_new_study(dist: tuple[Path, Path]) -> None:
    tracked = subprocess.run(["git", "ls-files", "src/sightline"], cwd=ROOT, capture_output=True, text=True, check=True)
    package = {name.removeprefix("src/"): name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()}
    study = {f"sightline/study_files/{path}": str(path) for path in files_in(ROOT, FILES + PROFILES)}
    assert {"dvc.yaml", "study.mk", ".dvc/config", "data/raw/README.md", "profiles/demo.yaml"} <= {*study.values()}
    with zipfile.ZipFile(dist[1]) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name}
    assert held.keys() == {**package, **study}.keys()
    for name, source in {**package, **study}.items():
        assert held[name] == (ROOT / source).read_bytes(), name


def test_a_study_begins_and_every_stage_can_be_imported(installed: Environment) -> None:
    mine = new_study(installed, "begun")
    assert stages_run(called(installed, "dvc", "repro", "lungs", cwd=mine)) == ["prepare", "lungs"]
    modules = [f"sightline.stages.{file.removesuffix('.py')}" for file in SCRIPTS.values()]
    ours = "sorted(one.__file__ for name, one in sys.modules.items() if name.startswith('sightline'))"
    code = f"import sys, {', '.join(modules)}; print(*{ours}, sep='\\n')"
    loaded = {Path(line) for line in called(installed, "python", "-c", code, cwd=mine).splitlines()}
    (site,) = (installed.folder / "env/lib").glob("python*/site-packages")
    assert {site / "sightline/stages" / file for file in SCRIPTS.values()} <= loaded
    assert [file for file in loaded if not file.is_relative_to(site)] == []
    assert called(installed, "sightline", "profiles").split() == ["demo", "paper", "phantom", "population", "smoke"]


def test_a_study_runs_to_the_report_and_again_after_an_upgrade(installed: Environment) -> None:
    """After the upgrade `sync` repeats the one stage that loads the changed file."""
    mine = new_study(installed, "whole")
    ran = stages_run(called(installed, "dvc", "repro", cwd=mine))
    assert {"prepare", "train@alexnet-scratch-gap", "saliency@alexnet-scratch-gap", "verdict", "report"} <= {*ran}
    assert (mine / "plots/report.html").is_file()
    assert called(installed, "sightline", "summary", cwd=mine).startswith("alexnet-scratch-gap")
    assert stages_run(called(installed, "dvc", "repro", cwd=mine)) == []

    (power,) = (installed.folder / "env/lib").glob("python*/site-packages/sightline/judging/power.py")
    power.write_text(power.read_text() + "\n# changed\n")
    assert "note: code.yaml: written by another" in installed.run("sightline", "summary", cwd=mine).stderr
    called(installed, "sightline", "sync", cwd=mine)
    assert stages_run(called(installed, "dvc", "repro", cwd=mine)) == ["verdict"]
