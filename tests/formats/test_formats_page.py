"""docs/formats.md has each format once in its table, and no other; its commands name options that there are."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from sightline.annotate.import_command import add_import
from sightline.formats.readers import FORMATS

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def test_each_format_has_its_row_in_order() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE) == sorted(FORMATS)


def test_there_is_a_command_for_each_format_and_all_of_them_can_be_parsed() -> None:
    parser = argparse.ArgumentParser()
    add_import(parser, "folder", "")
    block = PAGE.split("## One command each")[1].split("```")[1].strip().splitlines()
    assert len(block) == len(FORMATS)
    for line in block:
        words = re.findall(r'"[^"]*"|\S+', line.partition("#")[0])
        assert words[:3] == ["sightline", "annotate", "import"], line
        assert parser.parse_args(words[3:]).files, line
