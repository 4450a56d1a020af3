"""The wheel, and environments with it: made once for all tests here. `make wheel` keeps the files in dist/."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from environments import Environment, built
from studies import ROOT


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist and the wheel."""
    if subprocess.run(["git", "rev-parse", "--git-dir"], cwd=ROOT, capture_output=True).returncode != 0:
        pytest.skip("no Git repository, so nothing says which files are the project's")
    sdist, wheel = built(tmp_path_factory.mktemp("built"))
    kept = os.environ.get("SIGHTLINE_DIST")
    if kept and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":  # one of the processes side by side
        shutil.copytree(wheel.parent, kept, dirs_exist_ok=True)
    return sdist, wheel


@pytest.fixture(scope="session")
def plain(dist: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel without an extra: no torch, no DVC."""
    return Environment(tmp_path_factory.mktemp("plain"), dist[1])


@pytest.fixture(scope="session")
def installed(dist: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel with the extra train."""
    environment = Environment(tmp_path_factory.mktemp("installed"), dist[1], ("train",))
    (environment.folder / ".gitconfig").write_text("[user]\n    name = t\n    email = t@example.org\n")
    return environment
