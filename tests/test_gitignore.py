"""What Git never sees: private and temporary files that tools and users put inside the checkout.

What the experts' page exports is tried in tests/annotate/test_annotate_commands.py, outputs of stages in test_dvc_yaml.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from studies import ROOT

HIDDEN = (
    *("data/raw/study.csv", "data/raw/film.dcm", "data/raw/film.png", "data/raw/.sightline-salt"),
    *("data/raw/train/NORMAL/a.jpeg", "data/raw/maps/a.png", "data/lungs/person1.png"),
    *(
        "scores/report.html",
        "readers.sqlite",
        "readers.sqlite-wal",
        "plots/.report.html.partial",
        "dvc_plots/index.html",
    ),
    *("src/sightline/__pycache__/cli.pyc", ".venv/bin/python", ".hypothesis/examples/a"),
    "tests/javascript/node_modules/eslint/package.json",
)
SEEN = (
    *("data/raw/README.md", "data/lungs/README.md", "data/annotations/README.md", "data/raw.dvc", "dvc.lock"),
    *("metrics/summary.json", "plots/report.html", "plots/tables/table1.csv"),
)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_git_sees_results_and_nothing_private_or_temporary(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    for name in (*HIDDEN, *SEEN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    seen = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert set(seen) == {*SEEN, ".gitignore"}
