"""The reference of the command line, docs/commands.md, from the parsers of `sightline`.

Run after a change of an argument or its help: python docs/command_reference.py
tests/docs/test_reference_pages.py compares the page with the parsers.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sightline import cli
from sightline.subcommands import examples_in, parsers_of

PAGE = Path(__file__).with_name("commands.md")
HEAD = """# Commands

Written by `python docs/command_reference.py` from the parsers of the program; `sightline COMMAND --help` says the
same. An argument in brackets may be left out; three dots mean that several are possible.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page: a section for each command and each of its subcommands, in the order of the program."""
    whole, *commands = parsers_of(cli.parser_of())
    return "\n".join([HEAD, f"```\n{whole.format_help().strip()}\n```\n", *map(section, commands)])


def section(parser: argparse.ArgumentParser) -> str:
    """Heading, what the command does, its usage, a table of its arguments, and the examples of its help."""
    level = "#" * parser.prog.count(" ")
    actions = [
        action
        for action in parser._actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    positional = [shape(action) for action in actions if not action.option_strings]
    required = [f"{action.option_strings[-1]} {shape(action)}" for action in actions if _is_required_option(action)]
    is_open = any(action.option_strings and not action.required for action in actions)
    has_own = any(isinstance(action, argparse._SubParsersAction) for action in parser._actions)
    rest = ["COMMAND ..."] if has_own else ["[options]"] if is_open else []
    usage = " ".join([parser.prog, *positional, *required, *rest])
    parts = [f"#{level} {parser.prog}", plain(" ".join((parser.description or "").split())), f"```\n{usage}\n```"]
    if actions:
        rows = [f"| `{name(action)}` | {meaning(action, parser)} |" for action in actions]
        parts.append("\n".join(["| argument | meaning |", "| --- | --- |", *rows]))
    if examples := examples_in(parser):
        parts.append("\n".join(["Examples:\n", "```", *examples, "```"]))
    return "\n\n".join(parts) + "\n"


def _is_required_option(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.required


def shape(action: argparse.Action) -> str:
    """The values that an argument takes, such as `MASKS [MASKS ...]`; empty for a switch."""
    if action.nargs == 0:
        return ""
    word = action.metavar or action.dest.upper()
    if isinstance(word, tuple):
        return " ".join(word)
    more = {"?": f"[{word}]", "*": f"[{word} ...]", "+": f"{word} [{word} ...]", None: word}
    return " ".join([word] * action.nargs) if isinstance(action.nargs, int) else more[action.nargs]


def name(action: argparse.Action) -> str:
    return " ".join([", ".join(action.option_strings), shape(action)]).strip().replace("|", "\\|")


def meaning(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    """The argument's help with its values filled in, and its choices where the help does not have them."""
    values = {**vars(action), "prog": parser.prog, "choices": ", ".join(map(str, action.choices or ()))}
    text = (action.help or "") % values
    if action.choices and not all(str(choice) in text for choice in action.choices):
        text += f"; one of {values['choices']}"
    return plain(text) + (" (required)" if _is_required_option(action) else "")


def plain(text: str) -> str:
    """Text for a cell of a table, in which no character means anything to Markdown but a pair of backquotes."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backquote without another
        parts = ["\\`".join(parts)]
    for place in range(0, len(parts), 2):
        for character in "<*[":
            parts[place] = parts[place].replace(character, f"\\{character}")
    return "`".join(parts).replace("|", "\\|")


if __name__ == "__main__":
    main()
