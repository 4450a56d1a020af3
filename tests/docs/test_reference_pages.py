"""docs/commands.md, parameters.md and api-reference.md are those that their scripts write, and leave nothing out."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Literal

import pytest
from ruamel.yaml import YAML

import sightline
from sightline.study.parameters import SECTIONS
from studies import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import api_reference
import command_reference
import parameter_reference


def test_the_commands_are_those_of_the_parsers() -> None:
    written = command_reference.PAGE.read_text(encoding="utf-8")
    assert written == command_reference.page(), "run python docs/command_reference.py"


def test_the_parameters_are_those_of_the_dataclasses() -> None:
    written = parameter_reference.PAGE.read_text(encoding="utf-8")
    assert written == parameter_reference.page(), "run python docs/parameter_reference.py"


def test_the_api_is_that_of_the_code() -> None:
    written = api_reference.PAGE.read_text(encoding="utf-8")
    assert written == api_reference.page(), "run python docs/api_reference.py"
    headings = re.findall(r"^### (?:sightline\.)?(\w+)$", written, re.MULTILINE)
    assert set(headings) == {*sightline.__all__, *(kind.__name__ for kind in api_reference.RETURNED)}
    assert [line for line in written.splitlines() if line.startswith("|") and re.search(r"\|\s*\|", line)] == []


Frame = Literal["image", "lungs"]


def test_a_function_has_its_signature_choices_and_example() -> None:
    def drawn(path: str, *, kind: Frame = "image", scale: float = 1.0) -> None:
        """What [0, 1] is; docs/api.md.

        >>> drawn("x")
        """

    assert api_reference.function("drawn", drawn).split("\n\n") == [
        "### drawn",
        "```python\ndrawn(path: str, *, kind: Frame = 'image', scale: float = 1.0) -> None\n```",
        "What \\[0, 1] is; [api.md](api.md).",
        "- `kind`, Frame: `image`, `lungs`",
        '```pycon\n>>> drawn("x")\n```',
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "profiles").glob("*.yaml")), ids=lambda path: path.stem)
def test_each_key_of_a_profile_has_its_row(path: Path) -> None:
    page = parameter_reference.PAGE.read_text(encoding="utf-8")
    rows = {heading: set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) for heading, text in sections(page)}
    values = YAML(typ="safe").load(path)
    assert set(values) <= set(SECTIONS)
    single = {name for name, value in values.items() if not isinstance(value, dict)}
    assert single == rows["Values without a section"]
    for name, value in values.items():
        if isinstance(value, dict) and name != "models":
            assert set(value) == rows[name], name


def test_every_parameter_says_what_it_means() -> None:
    page = parameter_reference.PAGE.read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("|") and re.search(r"\|\s*\|", line)] == []


def sections(page: str) -> list[tuple[str, str]]:
    parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_a_command_has_usage_arguments_and_examples() -> None:
    commands = argparse.ArgumentParser(prog="sightline").add_subparsers()
    parser = commands.add_parser(
        "score", description="Score\nmaps.", epilog="examples:\n  sightline score maps/ masks/"
    )
    parser.add_argument("maps", metavar="MAPS", help="a map | an image")
    parser.add_argument("masks", nargs="+", metavar="MASKS", help="masks")
    parser.add_argument("--out", required=True, help="where to (default: %(default)s)", default="<none>")
    parser.add_argument("--size", nargs=2, metavar=("ROWS", "COLS"), choices=("1", "2"), help="size")
    parser.add_argument("--force", action="store_true", help="a `switch`")
    assert command_reference.section(parser).split("\n\n") == [
        "## sightline score",
        "Score maps.",
        "```\nsightline score MAPS MASKS [MASKS ...] --out OUT [options]\n```",
        "| argument | meaning |\n| --- | --- |\n"
        "| `MAPS` | a map \\| an image |\n"
        "| `MASKS [MASKS ...]` | masks |\n"
        "| `--out OUT` | where to (default: \\<none>) (required) |\n"
        "| `--size ROWS COLS` | size; one of 1, 2 |\n"
        "| `--force` | a `switch` |",
        "Examples:",
        "```\nsightline score maps/ masks/\n```\n",
    ]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a | b", "a \\| b"),
        ("train/<CLASS>/*", "train/\\<CLASS>/\\*"),
        ("`timm:<name>` or <file>", "`timm:<name>` or \\<file>"),
        ("a lone ` mark", "a lone \\` mark"),
        ("plain_name [0, 1]", "plain_name \\[0, 1]"),
    ],
)
def test_no_character_means_something_to_markdown(text: str, escaped: str) -> None:
    assert command_reference.plain(text) == escaped


def test_types_and_values_in_words() -> None:
    assert parameter_reference.type_words(Literal["a", "b"]) == "`a`, `b`"
    assert parameter_reference.type_words(int | str) == "whole number or text"
    assert parameter_reference.type_words(dict[str, float]) == "mapping"
    assert [parameter_reference.shown(value) for value in (True, "", 1e-05, "a|b", {"x": 1.0})] == [
        "`true`", "`''`", "`1e-05`", "`a\\|b`", "`{x: 1.0}`",
    ]  # fmt: skip
