"""Every refusal that the server can send has words in each of the page's languages, by its code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import get_args

import pytest

import sightline.annotate
from sightline.annotate.codes import Code

ANNOTATE = Path(sightline.annotate.__file__).parent
CODES = set(get_args(Code))
CLIENT = {"offline", "not_json"}  # of api.js: no answer came, or one that is not JSON
OTHERS = {"unknown", "unexpected"}  # a code without words of its own, and what is no refusal at all
REFUSING = {"Refused": 1, "_refuse": 2, "_detail": 0, "opened_session": 3}  # position of the code among the arguments


def sent_codes(path: Path) -> set[str]:
    """The codes that a module of the server writes down."""
    codes = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
        if name in REFUSING:
            given = node.args[REFUSING[name]]  # type: ignore[attr-defined]
            codes |= {given.value} if isinstance(given, ast.Constant) else set()
    return codes


def test_the_server_sends_the_codes_of_the_list_and_no_other() -> None:
    sent = {code for path in ANNOTATE.glob("*.py") for code in sent_codes(path)}
    assert sent == CODES, sorted(sent ^ CODES)


@pytest.mark.parametrize("path", sorted((ANNOTATE / "page/strings").glob("*.json")), ids=lambda path: path.stem)
def test_every_code_has_words(path: Path) -> None:
    words = json.loads(path.read_text(encoding="utf-8"))
    assert {key.removeprefix("error.") for key in words if key.startswith("error.")} == CODES | CLIENT | OTHERS
    for code in CODES | CLIENT:
        assert "{" not in words[f"error.{code}"], f"{code}: the server's English would stand in it"


def test_no_code_of_the_page_is_unknown_to_the_server() -> None:
    """A code that a module compares with, such as `error.code === "final"`, is one that can come."""
    for path in (ANNOTATE / "page").glob("*.js"):
        compared = re.findall(r'\.code === "(\w+)"', path.read_text(encoding="utf-8"))
        assert set(compared) <= CODES | CLIENT, path.name
