"""Each command on a page of the documentation can be typed, or the page says what was tried of it and what was not run.

A command of Sightline is parsed by its own parser: its options exist and take such values. Stages, targets of make and
scripts exist. What a command then does is the matter of its own tests.
"""

from __future__ import annotations

import argparse
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sightline import cli
from sightline.subcommands import parsers_of
from studies import ROOT

PATTERNS = ("docs/*.md", "data/*/README.md", "*.md", ".github/ISSUE_TEMPLATE/*.md")
PAGES = sorted({path for pattern in PATTERNS for path in ROOT.glob(pattern)} - {ROOT / "docs/commands.md"})
# whose commands no test runs: a page with one of them says what was tried by hand
OTHERS = (
    *(
        "apptainer",
        "curl",
        "docker",
        "journalctl",
        "kubectl",
        "nginx",
        "rsync",
        "sbatch",
        "scp",
        "sinfo",
        "sky",
        "srun",
    ),
    *("ssh", "sudo", "systemctl"),
)
SHELLS = ("", "sh", "bash", "console")  # languages of a block of commands


def block_lines(text: str) -> list[str]:
    """The lines of the page's blocks of commands, each whole, without comments."""
    blocks = re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(block for language, block in blocks if language in SHELLS).replace("\\\n", " ").splitlines()
    return [re.sub(r"(^|\s)#.*", "", line).strip() for line in lines]


def simple_commands(text: str) -> list[str]:
    """Parts of the lines between `&&`, `;` and pipes."""
    return [part.strip() for line in block_lines(text) for part in re.split(r"&&|;|\|(?!\w)", line) if part.strip()]


def spans(text: str) -> list[str]:
    """Code within sentences."""
    without_blocks = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"(?<!`)`([^`]+)`(?!`)", without_blocks)]


@cache
def parser() -> argparse.ArgumentParser:
    return cli.parser_of()


@cache
def parsers() -> dict[str, argparse.ArgumentParser]:
    """By the words that choose it, `sightline annotate import`, each subcommand's parser."""
    return {one.prog: one for one in parsers_of(parser())}


def words_of_sightline(command: str) -> list[str]:
    """The words after `sightline`, also where another program calls it; [] where the command calls none of ours."""
    found = re.search(r"(?:^|[\s/])sightline ((\w+).*)", re.sub(r"\s\d?>.*", "", command))
    return shlex.split(found[1]) if found and found[2] in cli.COMMANDS else []


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the parser says against `sightline WORDS`; empty where it takes them."""
    try:
        parser().parse_args(words)
    except SystemExit as stop:
        return capsys.readouterr().err.strip().splitlines()[-1] if stop.code else ""
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_sightline_parse(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [words for part in simple_commands(path.read_text()) if (words := words_of_sightline(part))]
    assert [(words, why) for words in commands if (why := refused(words, capsys))] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_within_sentences_have_options_that_exist(path: Path) -> None:
    unknown = []
    for span in spans(path.read_text()):
        words = span.split()
        if words[:1] != ["sightline"] or len(words) < 2 or words[1] in ("COMMAND", "--help"):
            continue
        longest = max(
            (" ".join(words[:number]) for number in (2, 3) if " ".join(words[:number]) in parsers()), default=""
        )
        below = [one for name, one in parsers().items() if longest and f"{name} ".startswith(f"{longest} ")]
        known = {option for one in below for action in one._actions for option in action.option_strings}
        if not below or not set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", span)) <= known:
            unknown.append(span)
    assert unknown == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_stages_targets_and_scripts_exist(path: Path) -> None:
    text = path.read_text()
    commands = [*simple_commands(text), *spans(text)]
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    targets = {
        name
        for makefile in ("Makefile", "study.mk")
        for name in re.findall(r"^([a-z-]+):", (ROOT / makefile).read_text(), re.MULTILINE)
    }
    missing = []
    for command in commands:
        for words in re.findall(r"^(?:\S+=\S+ )*dvc (?:repro|pull|push)((?: \S+)*)$", command):
            named = [word.partition("@")[0] for word in words.split() if re.match(r"[a-z]", word)]
            missing += [f"dvc stage {name}" for name in named if name not in stages]
        missing += [f"make {name}" for name in re.findall(r"^make ([a-z-]+)", command) if name not in targets]
        for script in re.findall(r"^python ((?:benchmarks|docs|src|tests)/\S+\.py)", command):
            missing += [] if (ROOT / script).is_file() else [script]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_with_commands_of_other_programs_says_what_was_tried(path: Path) -> None:
    text = path.read_text()
    foreign = [command for command in simple_commands(text) if command.split()[0] in OTHERS]
    assert not foreign or re.search(r"\bTried\b|\b[Nn]ot run\b", text), foreign


def test_a_wrong_command_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (
        *("sightline score maps masks --imags films && dvc repro  # text", "sudo x/bin/sightline sync | tee log"),
        "sightline sync > log 2>&1 &",
    )
    page = "\n".join(["```", *lines, "```"])
    assert simple_commands(page) == [
        "sightline score maps masks --imags films", "dvc repro", "sudo x/bin/sightline sync", "tee log",
        "sightline sync > log 2>&1 &",
    ]  # fmt: skip
    words = [words_of_sightline(part) for part in simple_commands(page)]
    assert words == [["score", "maps", "masks", "--imags", "films"], [], ["sync"], [], ["sync"]]
    assert "--imags" in refused(words[0], capsys)
    assert refused(words[2], capsys) == ""
    assert spans("a `sightline sync` and\n```\nb\n```\n`c\nd`") == ["sightline sync", "c d"]
