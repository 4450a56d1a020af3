"""How a subcommand's help reads: what it does in a sentence, its arguments, then examples that a test parses."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import Any

WIDTH = 79  # columns of a description; examples are not wrapped
HEAD = "examples:"


def add_subcommand(
    commands: Any, name: str, text: str, examples: tuple[str, ...], more: str = ""
) -> argparse.ArgumentParser:
    """Adds a subcommand to `commands`, what `ArgumentParser.add_subparsers` returns, and returns its parser.

    `text`: what it does, without a full stop; `more`: further sentences for its own help; `examples`: whole lines, as
    a user types them.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sentence = f"{text[:1].upper()}{text[1:]}."
    # shells show the first line beside the name, so it is the whole sentence
    parser.description = f"{sentence}\n{textwrap.fill(more, WIDTH)}".strip()
    parser.epilog = shown_examples(examples)
    return parser


def shown_examples(examples: tuple[str, ...]) -> str:
    """The examples below their head."""
    return "\n".join([HEAD, *(f"  {example}" for example in examples)])


def examples_in(parser: argparse.ArgumentParser) -> list[str]:
    """The examples of a parser's help; [] where it has none."""
    head, _, text = (parser.epilog or "").partition(f"{HEAD}\n")
    return [line.strip() for line in text.splitlines()] if not head else []


def parsers_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parser, its subcommands' and theirs; argparse has no public way to them."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                yield from parsers_of(own)
