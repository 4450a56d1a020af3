"""The help of `sightline` and of every subcommand: a sentence, examples whose options parse, and little to load."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sightline import cli
from sightline.completion import SHELLS, script
from sightline.subcommands import WIDTH, add_subcommand, examples_in, parsers_of
from studies import ROOT, sightline

WHOLE = cli.parser_of()
PARSERS = {parser.prog: parser for parser in list(parsers_of(WHOLE))[1:]}
HEAVY = {"numpy", "pandas", "torch", "matplotlib", "sqlalchemy", "shtab"}


def test_the_walk_finds_the_subcommands_of_subcommands() -> None:
    assert {"sightline score", "sightline annotate import", "sightline cluster submit"} < set(PARSERS)
    assert len(PARSERS) == len(cli.COMMANDS) + 13 + 2 + 3  # annotate, model, cluster


@pytest.mark.parametrize("prog", PARSERS)
def test_every_subcommand_has_examples_that_parse(prog: str) -> None:
    examples = examples_in(PARSERS[prog])
    assert examples
    for example in examples:
        assert len(example) + 2 <= 90
        words = shlex.split(example.partition(" > ")[0])
        assert " ".join(words).startswith(prog)
        arguments = WHOLE.parse_args(words[1:])
        assert callable(arguments.run)


def test_who_stops_reading_sees_no_traceback() -> None:
    """As in `sightline profiles | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "sightline.cli", "profiles"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_ctrl_c_ends_with_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_main", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "stopped\n"


def test_an_example_with_a_wrong_option_would_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        WHOLE.parse_args(["score", "maps/", "masks/", "--images", "films/", "--thresh", "x"])
    assert "invalid float value: 'x'" in capsys.readouterr().err


@pytest.mark.parametrize("prog", PARSERS)
def test_help_begins_with_a_sentence_and_fits(prog: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    parser = PARSERS[prog]
    description = str(parser.description)
    assert description[0].isupper()
    assert description.splitlines()[0].endswith(".")
    assert max(map(len, description.splitlines()[1:]), default=0) <= WIDTH
    assert max(map(len, parser.format_help().splitlines())) <= 100


def test_every_option_says_what_it_is() -> None:
    silent = [
        f"{prog} {action.dest}"
        for prog, parser in PARSERS.items()
        for action in parser._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]
    assert silent == []


def test_the_list_of_all_names_each_once(tmp_path: Path) -> None:
    done = sightline(tmp_path, "--help")
    assert done.returncode == 0
    for name, command in cli.COMMANDS.items():
        assert [line for line in done.stdout.splitlines() if line.split()[:1] == [name]] == [
            f"  {name:<12} {command.text}"
        ]
    assert max(map(len, done.stdout.splitlines())) <= 90


def test_without_or_with_an_unknown_command_it_says_what_there_is(tmp_path: Path) -> None:
    assert "required: COMMAND" in sightline(tmp_path).stderr
    assert "invalid choice: 'scores' (choose from" in sightline(tmp_path, "scores").stderr


@pytest.mark.parametrize("words", [("--help",), ("new", "--help"), ("explain", "--help"), ("doctor", "--help")])
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    code = (
        "import sys; from sightline import cli\n"
        "try: cli.main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        f"assert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_examples_of_a_subcommand_are_whole_lines() -> None:
    commands = argparse.ArgumentParser(prog="tool").add_subparsers()
    parser = add_subcommand(commands, "do", "do it", ("tool do --all", "tool do 'a b'"), "It takes a while.")
    assert examples_in(parser) == ["tool do --all", "tool do 'a b'"]
    assert parser.description == "Do it.\nIt takes a while."
    assert parser.format_help().endswith("examples:\n  tool do --all\n  tool do 'a b'\n")
    assert examples_in(argparse.ArgumentParser(epilog="other words")) == []


# ------------------------------------------------------------------------------------------------------- completion


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "sightline.bash"
    path.write_text(sightline(path.parent, "completion", "bash").stdout)
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["s"], ["score", "summary", "sync"]),
        (["annotate", "im"], ["import"]),
        (["score", "--pri"], ["--primary"]),
        (["score", "--primary", ""], ["ap", "auroc", "mass", "pointing", "rank"]),
        (["explain", "--metho"], ["--methods"]),
        (["score", "ma"], ["maps"]),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["cluster", "submit", "--engine", ""], ["local", "slurm"]),
    ],
)
def test_bash_completes(bash: Path, tmp_path: Path, words: list[str], expected: list[str]) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "other").mkdir()
    line = shlex.join(["sightline", *words])
    text = (
        f"source {shlex.quote(str(bash))}; COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMPREPLY=(); "
        'complete -p sightline >/dev/null && _shtab_sightline; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True)
    assert sorted(line.rstrip("/") for line in done.stdout.split()) == expected, done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_has_every_subcommand(shell: str) -> None:
    text = script(cli.parser_of(), shell)
    for prog in PARSERS:
        assert prog.split()[-1] in text
    assert "--no-such-option" not in text


def test_without_the_page_s_packages_the_rest_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sightline.annotate.commands")
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = sightline(tmp_path, "completion", "bash")
    assert done.returncode == 0
    assert "pip install 'sightline[annotate]'" in done.stderr
    assert "annotate" in done.stdout
    assert "--backup-every" not in done.stdout
    refused = sightline(tmp_path, "annotate", "status")
    assert refused.returncode == 1
    assert refused.stderr == "error: the package uvicorn is missing; pip install 'sightline[annotate]'\n"


def test_a_missing_required_package_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sightline.cluster.command")
    monkeypatch.setitem(sys.modules, "sightline.cluster.graph", None)  # ours: a fault, with its traceback
    with pytest.raises(ModuleNotFoundError):
        sightline(tmp_path, "cluster", "status")
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "sightline.experts.reliability_command")
    monkeypatch.delitem(sys.modules, "sightline.experts.crosswise")
    monkeypatch.setitem(sys.modules, "numpy", None)
    refused = sightline(tmp_path, "reliability", "a.csv")
    assert refused.returncode == 1
    assert refused.stderr == "error: the package numpy is missing; sightline doctor says what to install\n"


def test_completion_is_for_three_shells(tmp_path: Path) -> None:
    assert "choose from 'bash', 'zsh', 'fish'" in sightline(tmp_path, "completion", "tcsh").stderr
