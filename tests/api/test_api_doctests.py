"""The examples of the API's docstrings, and of docs/api.md, run as they stand."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import sightline

ROOT = Path(__file__).parents[2]
MODULES = sorted(path.stem for path in (ROOT / "src/sightline/api").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name):
    assert doctest.testmod(import_module(f"sightline.api.{name}")).failed == 0


def test_the_page_has_all_names_and_its_example_runs(tmp_path, monkeypatch):
    page = (ROOT / "docs/api.md").read_text()
    told = {name for row in page.splitlines() if row.startswith("| `") for name in re.findall(r"`(\w+)", row)[:1]}
    assert told == {*sightline.__all__} - {"Annotations", "ModelCheck", "PhantomStudy"}
    assert "`Annotations`" in page
    assert "`PhantomStudy`" in page
    assert "`ModelCheck`" in page
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)
    assert names["scores"].verdict["anatomy"].sentence.startswith("anatomy looks where disease usually is")
    assert names["scores"].verdict["sharp"].answer == "Yes"
    assert (tmp_path / "scores/report.html").is_file()
