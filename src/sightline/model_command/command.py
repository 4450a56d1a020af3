"""`sightline model new NAME` and `sightline model check NAME`: classifiers of the user's own."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from sightline.model_command.template import CARD, CODE
from sightline.study.errors import StudyError
from sightline.study.files import write_text
from sightline.subcommands import add_subcommand


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the subcommands and their arguments; each sets `run`, a function of the parsed arguments."""
    commands = parser.add_subparsers(dest="model_command", required=True, metavar="COMMAND")
    new_parser = add_subcommand(
        commands, "new", "write a commented file to start from",
        ("sightline model new my-net", "sightline model new my-net --export"),
    )  # fmt: skip
    new_parser.add_argument("name", help="name of the model: a key of models in params.yaml")
    new_parser.add_argument("--folder", type=Path, default=Path("models"), help="where to write it (default: models)")
    new_parser.add_argument("--export", action="store_true", help="a card for an exported file in place of a code file")
    new_parser.set_defaults(run=run_new)
    check_parser = add_subcommand(
        commands, "check", "load a model, try it on the study's images and say what is wrong",
        ("sightline model check my-net --out check.json",),
    )  # fmt: skip
    check_parser.add_argument("key", help="name of the model: a key of models in params.yaml")
    check_parser.add_argument("--out", type=Path, metavar="FILE", help="also write the check's numbers as JSON")
    check_parser.set_defaults(run=_run_check)


def run_new(arguments: argparse.Namespace) -> None:
    """Writes FOLDER/NAME.py, or the card FOLDER/NAME.yaml, and prints the line for params.yaml; never overwrites."""
    name = arguments.name
    if not re.fullmatch(r"[\w-]+", name):
        raise StudyError(f"{name}: a model's name has letters, digits, - and _ only")
    path = arguments.folder / f"{name}{'.yaml' if arguments.export else '.py'}"
    if path.exists():
        raise StudyError(f"{path}: is there already; choose another name, or delete it")
    export = (arguments.folder / f"{name}.pt2").as_posix()
    weights = (arguments.folder / f"{name}.pt").as_posix()
    write_text(path, (CARD if arguments.export else CODE).format(name=name, export=export, weights=weights))
    if arguments.export:
        entry = f"{{export: {export}, card: {path.as_posix()}}}"
    else:
        entry = f"{{code: {path.as_posix()}, weights: {weights}}}"
    print(f"wrote {path}; edit it, add this line below models: in params.yaml, then `sightline model check {name}`")
    print(f"  {name}: {entry}")


def _run_check(arguments: argparse.Namespace) -> None:
    from sightline.model_command.check_command import run  # loads torch

    run(arguments)
