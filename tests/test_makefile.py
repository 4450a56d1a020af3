"""`make fresh` and `make lint-javascript` in a repository of the test's own, with tools that do what the test says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from studies import ROOT

pytestmark = pytest.mark.skipif(not (shutil.which("make") and shutil.which("git")), reason="needs make and git")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A commit of code, parameters and metrics, set up as `make setup` leaves it, with nothing stale."""
    for name in ("src/align.py", "params.yaml", "dvc.yaml", "metrics/alignment.json", "plots/ladder.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("committed")
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / ".gitignore").write_text(".venv")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/.installed").touch()
    dvc_says(tmp_path, 0)
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def dvc_says(project: Path, code: int) -> None:
    """A `dvc` that exits with `code`, which is 1 when a stage is stale."""
    path = project / ".venv/bin/dvc"
    path.write_text(f"#!/bin/sh\nexit {code}\n")
    path.chmod(0o755)


def fresh(project: Path) -> tuple[int, str, str]:
    """Exit code, output and error of `make fresh`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--silent", "--file", str(ROOT / "Makefile"), "fresh"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_committed_results_of_committed_code_need_no_word(project: Path) -> None:
    assert fresh(project) == (0, "", "")


def test_processes_keep_what_they_compile(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each of the study's stages compiles PyTorch and pandas again."""
    (project / ".venv/bin/dvc").write_text("#!/bin/sh\nexit ${PYTHONDONTWRITEBYTECODE:-0}\n")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert fresh(project) == (0, "", "")


def test_stale_results_fail(project: Path) -> None:
    dvc_says(project, 1)
    code, _, error = fresh(project)
    assert code != 0
    assert error.startswith("error: metrics/, plots/ or dvc.lock are not those of this code and params.yaml; run make")


def test_results_of_this_machine_pass_and_are_called_so(project: Path) -> None:
    (project / "metrics/alignment.json").write_text("computed here")
    code, text, error = fresh(project)
    assert (code, error) == (0, "")
    assert text.startswith(
        "metrics/ and plots/ were computed on this machine; the committed ones are another machine's"
    )
    assert text.count("\n") == 1


def test_results_of_code_that_is_not_committed_are_not_blamed_on_the_machine(project: Path) -> None:
    (project / "metrics/alignment.json").write_text("computed here")
    (project / "params.yaml").write_text("changed")
    code, text, error = fresh(project)
    assert (code, error) == (0, "")
    assert (
        text == "metrics/ and plots/ belong to code or params.yaml that are not committed yet: commit them together\n"
    )


def lint_javascript(project: Path, npm: str | None) -> tuple[int, str]:
    """Exit code and output of `make lint-javascript` where `npm` is this script, or where there is none."""
    for tool in ("sh", "make", "touch"):
        (project / ".venv/bin" / tool).symlink_to(str(shutil.which(tool)))
    if npm:
        (project / ".venv/bin/npm").write_text(f"#!/bin/sh\n{npm}\n")
        (project / ".venv/bin/npm").chmod(0o755)
    for name in ("package.json", "package-lock.json"):
        (project / "tests/javascript").mkdir(parents=True, exist_ok=True)
        (project / "tests/javascript" / name).touch()
    command = ["make", "--silent", "--file", str(ROOT / "Makefile"), "lint-javascript"]
    environment = {"PATH": str(project / ".venv/bin")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("npm", "why"), [(None, "there is no npm here"), ("exit 1", "npm ci --prefix")])
def test_where_eslint_cannot_be_installed_lint_says_so_and_goes_on(project: Path, npm: str | None, why: str) -> None:
    code, text = lint_javascript(project, npm)
    assert code == 0
    assert text.startswith(f"the JavaScript is not linted: {why}")
    assert text.count("\n") == 1


def test_a_fault_in_the_javascript_fails(project: Path) -> None:
    (project / "eslint").write_text('#!/bin/sh\n[ "$1" = --version ]\n')  # finds a fault in whatever it checks
    (project / "eslint").chmod(0o755)
    folder = "tests/javascript/node_modules/.bin"
    npm = f"/bin/mkdir -p {folder} && /bin/cp eslint {folder}"
    code, text = lint_javascript(project, npm)
    assert code != 0
    assert text.startswith("eslint\n")


def test_the_lock_of_the_javascript_has_hashes_and_no_registry() -> None:
    lock = json.loads((ROOT / "tests/javascript/package-lock.json").read_text(encoding="utf-8"))
    packages = [package for name, package in lock["packages"].items() if name]
    assert all(package["integrity"].startswith("sha512-") for package in packages)
    assert not [package for package in packages if "resolved" in package]
