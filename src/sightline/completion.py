"""Shell completion: a script made once from the parser, so that pressing Tab starts no Python."""

from __future__ import annotations

import argparse
from pathlib import Path

import shtab

from sightline.subcommands import parsers_of

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's argument to its parser."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads the script")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script of `shell` for the parser with all its subcommands; text and paths complete as files and folders."""
    for one in parsers_of(parser):
        for action in one._actions:
            if action.choices is None and action.nargs != 0 and action.type in (None, str, Path):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell))
