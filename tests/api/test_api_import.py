"""`import sightline`: it loads nothing, names what it offers, and each name loads what it needs alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sightline

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "matplotlib", "pandas", "numpy", "scipy", "PIL", "dvc", "fastapi")


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT / "src")
    return done.stdout


def after(code: str) -> set[str]:
    """Of HEAVY, what is loaded after the code."""
    return set(python(f"import sys; {code}; print(*[name for name in {HEAVY!r} if name in sys.modules])").split())


def test_the_import_loads_no_package_and_takes_less_than_a_tenth_of_a_second():
    assert after("import sightline") == set()
    code = "import time; start = time.process_time(); import sightline; print(time.process_time() - start)"
    assert min(float(python(code)) for _ in range(3)) < 0.1


def test_scores_and_readers_need_no_torch():
    for name in ("score", "verdict", "consensus", "agreement", "read_annotations", "read_film", "phantom", "Scores"):
        assert "torch" not in after(f"import sightline; sightline.{name}"), name
    assert after("import sightline; sightline.StudyError") == set()


def test_all_names_are_there_and_are_what_their_modules_define():
    assert sightline.__all__ == sorted(sightline.__all__)
    for name in sightline.__all__:
        value = getattr(sightline, name)
        assert value.__name__ == name
        assert value.__doc__
    assert set(dir(sightline)) >= set(sightline.__all__)
    assert sightline.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        sightline.scores  # noqa: B018


def test_type_checkers_see_the_same_names_from_the_same_modules():
    tree = ast.parse((ROOT / "src/sightline/__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert seen == {name: f"sightline.{home}" for name, home in sightline._HOMES.items()}
    assert sorted(seen) == sightline.__all__
    assert (ROOT / "src/sightline/py.typed").is_file()


def test_no_module_has_the_name_of_a_function():
    """`import sightline.score` would hide the function."""
    modules = {path.stem for path in (ROOT / "src/sightline").iterdir()}
    assert modules & {*sightline.__all__, "plan"} == set()
