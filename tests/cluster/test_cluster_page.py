"""docs/cluster.md against the code: options that exist, messages that are printed, and stages of the pipeline."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sightline.cluster.command import add_arguments

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[str]:
    """Each use of `program` in a block, without what follows a comment, a pipe, && or a redirection."""
    lines = "\n".join(BLOCKS).replace("\\\n", " ").splitlines()
    found = [re.search(rf"(?:^|\s){program} (.*)", re.sub(r"\s+#.*", "", line)) for line in lines]
    return [re.split(r"&&|[|>&;]", match[1])[0].strip() for match in found if match]


def test_every_command_that_the_page_prints_is_understood() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    printed = commands("sightline cluster")
    assert len(printed) >= 10
    for command in printed:
        parser.parse_args(shlex.split(command))


def test_the_options_are_those_of_submit(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["submit", "--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    rows = re.findall(r"^\| (`--.*?) \|", PAGE, re.MULTILINE)
    assert {option for row in rows for option in re.findall(r"--[a-z-]+", row)} == options


def test_the_messages_are_those_of_the_code() -> None:
    """Of Sightline's own; those of Slurm stand in a table of their own."""
    own = PAGE[PAGE.index("## When something goes wrong") : PAGE.index("In a task's log, or in `squeue`")]
    messages = re.findall(r"^\| `(.+?)`", own, re.MULTILINE)
    assert len(messages) >= 12
    ground = [ROOT / "src/sightline/study" / name for name in ("files.py", "code_file.py")]
    files = [*(ROOT / "src/sightline/cluster").glob("*.py"), *ground]
    texts = [joined(node) for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    assert [message for message in messages if not any(message in text for text in texts)] == []


def joined(node: ast.AST) -> str:
    """The constant parts of a text; values that it formats are left out."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_the_stages_are_those_of_the_pipeline() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    named = [
        name
        for command in commands(r"dvc (?:repro|pull)")
        for name in re.findall(r"(?:^|\s)([a-z][\w@$<>-]*)", command)
    ]
    named += re.findall(r"`([a-z-]+@)(?:<key>)?`", PAGE)
    groups = {name.partition("@")[0] for name in named}
    assert groups >= {"prepare", "lungs", "consensus", "faithfulness"}
    assert groups <= set(stages)
    assert {name for name in groups if "foreach" in stages[name]} == {
        name.partition("@")[0] for name in named if "@" in name
    }
    assert list(stages["lung-films"]["foreach"]) == ["lung_films"]  # as the page names it


def test_the_recipes_for_other_clusters_are_yaml() -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    sky, kubernetes = (YAML(typ="safe").load(block) for block in blocks)
    assert sky["resources"] == {"accelerators": "A100:1", "use_spot": True}
    pod = kubernetes["spec"]["template"]["spec"]
    assert kubernetes["spec"]["completionMode"] == "Indexed"
    assert pod["volumes"][0]["name"] == pod["containers"][0]["volumeMounts"][0]["name"]


def test_files_that_the_page_links_are_there() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\((?!http)([^)]+)\)", PAGE)]
    assert [link for link in links if link and not (ROOT / "docs" / link).exists()] == []
