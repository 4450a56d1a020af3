"""What the images are built from: the files that the build of the wheel reads, and none that may show a patient."""

import re
import tomllib

import pytest

from sightline.study_template import FILES, PROFILES, files_in
from studies import ROOT

IMAGES = ("Dockerfile", "docs/cluster/Dockerfile", "docs/hospital/Dockerfile")
ALLOWED = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]


@pytest.mark.parametrize("name", IMAGES)
def test_images_install_extras_that_there_are_with_the_pinned_versions(name: str) -> None:
    text = (ROOT / name).read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    [asked] = re.findall(r'"/build\[([a-z,]+)\]"', text)
    assert set(asked.split(",")) <= set(extras)
    assert "PIP_CONSTRAINT=/tmp/constraints.txt" in text
    assert text.count("--mount=type=bind,target=/build,rw") == 1
    assert not re.findall(r"^(?:COPY|ADD)\b", text, re.MULTILINE)


def test_the_build_sees_what_a_new_study_gets() -> None:
    """setup.py puts these files into the wheel."""
    left_out = [
        str(path) for path in files_in(ROOT, FILES + PROFILES) if not any(path.is_relative_to(name) for name in ALLOWED)
    ]
    assert left_out == []
    assert {"setup.py", "MANIFEST.in", "src"} <= set(ALLOWED)


def test_the_build_sees_no_films_and_no_annotations() -> None:
    """Everything is left out but what is named; of data/ pages alone."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert {name for name in ALLOWED if name.startswith("data")} <= {
        f"data/{folder}/README.md" for folder in ("annotations", "lungs", "raw")
    }
    assert not {"data", "metrics", "plots", ".git", ".dvc", "models"} & set(ALLOWED)
