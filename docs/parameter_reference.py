"""The reference of params.yaml, docs/parameters.md: keys and types from the dataclasses, words from the profiles.

Run after a change of a parameter: python docs/parameter_reference.py
tests/docs/test_reference_pages.py compares the page with the code.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import sys
import textwrap
import types
import typing
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from command_reference import plain

from sightline.annotate.images import Annotate
from sightline.study.models import CodeModel, ExportedModel, ExternalMaps, Network
from sightline.study.parameters import SECTIONS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/parameters.md"
PROFILE = ROOT / "profiles/demo.yaml"
PAPER = ROOT / "profiles/paper.yaml"
# keys of `models` whose classes say nothing of them: a line in study/models.py would train every network again
ENTRY_WORDS = {
    "head": "`gap`: average pooling and one linear layer; `fc`: the architecture's own head",
    "code": "A Python file of your own.",
    "export": "A `.pt2`, ONNX or TorchScript file.",
    "card": "The YAML file that says what the exported file takes in and gives.",
    "maps": "A folder with a gray PNG or NPY per image.",
    "method": "The name of the method that made the maps.",
    "input": "The whole film, or the film with all but the lung fields black.",
}
ENTRIES = {
    "A network that is trained here": Network,
    "A classifier trained elsewhere, as Python": CodeModel,
    "A classifier trained elsewhere, as an exported file": ExportedModel,
    "Maps made elsewhere": ExternalMaps,
}
HEAD = """# Parameters

Written by `python docs/parameter_reference.py` from the code that reads `params.yaml`. The file is strict: a key that
is unknown, missing or of the wrong type is an error with its path and the nearest right name. "Demo" and "paper" are
the values of the profiles `demo` (as shipped) and `paper`; a dash where they are the same. [pipeline.md](pipeline.md)
says what a change reruns.
"""
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page: values without a section, a table for each section, and the kinds of entries of `models`."""
    hints = sections()
    demo, paper = (YAML().load(path) for path in (PROFILE, PAPER))
    single = [name for name in SECTIONS if name in hints and not dataclasses.is_dataclass(hints[name])]
    rows = [row(name, hints[name], comment(demo, name), demo[name], paper[name]) for name in single]
    parts = [HEAD, "## Values without a section\n", table(rows)]
    for name in SECTIONS:
        if dataclasses.is_dataclass(kind := hints.get(name)):
            parts += [f"\n## {name}\n", *about(comment(demo, name)), table(fields_of(kind, demo[name], paper[name]))]
    parts += [
        "\n## models\n",
        "Each entry is of one of four kinds, which its keys tell apart. The entry's name is the model's.\n",
    ]
    for heading, kind in ENTRIES.items():
        parts += [f"### {heading}\n", entry_table(kind), ""]
    return "\n".join(parts).rstrip() + "\n"


def sections() -> dict[str, Any]:
    """By name the type of each top-level key that a stage or the experts' page reads, `models` left out."""
    hints: dict[str, Any] = {"annotate": Annotate}
    for path in sorted((ROOT / "src/sightline/stages").glob("*.py")):
        if params := getattr(importlib.import_module(f"sightline.stages.{path.stem}"), "Params", None):
            hints |= typing.get_type_hints(params)
    return {name: hint for name, hint in hints.items() if name != "models"}


def fields_of(kind: Any, demo: Any, paper: Any) -> list[str]:
    """A row for each field, in the order of the profile; what it means is the profile's comment, else its docstring."""
    hints, notes = typing.get_type_hints(kind), docstrings(kind)
    names = sorted(hints, key=list(demo).index)
    return [
        row(name, hints[name], comment(demo, name) or notes.get(name, ""), demo[name], paper[name]) for name in names
    ]


def row(name: str, hint: Any, text: str, demo: Any, paper: Any) -> str:
    other = "–" if paper == demo else shown(paper)
    return f"| `{name}` | {plain(text)} | {type_words(hint)} | {shown(demo)} | {other} |"


def table(rows: list[str]) -> str:
    return "\n".join(["| key | meaning | type | demo | paper |", "| --- | --- | --- | --- | --- |", *rows])


def entry_table(kind: Any) -> str:
    """Keys of an entry of `models`, which has defaults."""
    hints, notes = typing.get_type_hints(kind), docstrings(kind)
    rows = []
    for field in dataclasses.fields(kind):
        is_required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = "needed" if is_required else shown({} if field.default is dataclasses.MISSING else field.default)
        text = plain(notes.get(field.name) or ENTRY_WORDS[field.name])
        rows.append(f"| `{field.name}` | {text} | {type_words(hints[field.name])} | {default} |")
    return "\n".join(["| key | meaning | type | default |", "| --- | --- | --- | --- |", *rows])


def docstrings(kind: Any) -> dict[str, str]:
    """By field the text below it in the class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for statement, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(text, ast.Expr)
        ):
            found[statement.target.id] = " ".join(str(ast.literal_eval(text.value)).split())
    return found


def comment(mapping: Any, key: str) -> str:
    """What the profile says beside a key."""
    tokens = [token for token in mapping.ca.items.get(key, ()) if token and not isinstance(token, list)]
    return tokens[0].value.splitlines()[0].lstrip("# ").strip() if tokens else ""


def about(text: str) -> list[str]:
    return [f"{plain(text[:1].upper() + text[1:])}.\n"] if text else []


def type_words(hint: Any) -> str:
    """A type in words, choices by name."""
    if typing.get_origin(hint) is Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(hint))
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(type_words(part) for part in typing.get_args(hint))
    return "mapping" if typing.get_origin(hint) is dict else WORDS[hint]


def shown(value: Any) -> str:
    """A value as params.yaml has it."""
    if isinstance(value, dict):
        return "`{" + ", ".join(f"{key}: {part}" for key, part in value.items()) + "}`"
    if value == "":
        return "`''`"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return "`" + text.replace("|", "\\|") + "`"


if __name__ == "__main__":
    main()
