"""The command `sightline`: every subcommand, its help and the package that runs it.

`sightline --help` lists them, `sightline NAME --help` has the options and examples. The subcommands load what they need
when they run, so that help costs no second.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

if sys.argv[1:2] == ["score"]:  # before NumPy loads: there is a process for each core, and linear algebra takes one
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from sightline.study.errors import run_command
from sightline.study.extras import missing_in
from sightline.study_commands import add_experiments, add_new, add_profiles, add_summary, add_sync, add_use
from sightline.subcommands import add_subcommand, shown_examples

MAPS, STUDY, OWN, HERE = "maps made elsewhere", "a study", "your own experts and models", "this installation"
EXAMPLES = (
    "sightline score maps/ masks/ --images films/",
    "sightline new ../my-study --profile smoke",
    "sightline score --help",
)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A subcommand: its help, and how its arguments come about."""

    group: str
    text: str
    """What it does, for the list of all; without a full stop."""
    more: str = ""
    """Further sentences for its own help."""
    examples: tuple[str, ...]
    add: Callable[[argparse.ArgumentParser], None]
    """Adds the arguments and sets `run`, a function of the parsed arguments; loads what that needs."""


class _Parser(argparse.ArgumentParser):
    """The parser of `sightline`, whose help lists the subcommands by group."""

    def format_help(self) -> str:
        lines = ["usage: sightline COMMAND ...", "", "Does a chest X-ray classifier look where medical experts look?"]
        for group in dict.fromkeys(command.group for command in COMMANDS.values()):
            lines += ["", f"{group}:"]
            lines += [f"  {name:<12} {one.text}" for name, one in COMMANDS.items() if one.group == group]
        return "\n".join([*lines, "", shown_examples(EXAMPLES), "", "sightline COMMAND --help: options and examples\n"])


def main() -> None:
    """Runs the command line; ends quietly where its output is read no further, as by `sightline doctor | head`."""
    try:
        run_command(_main)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that Python's own flush at the end succeeds
        raise SystemExit(1) from None


def _main() -> None:
    arguments = parser_of(sys.argv[1:2]).parse_args()
    arguments.run(arguments)


def parser_of(names: list[str] | None = None) -> argparse.ArgumentParser:
    """The parser, with the arguments of the subcommands `names` alone; None: of all, which loads every package.

    Of all: those that need a package that is not installed stay without arguments, and a note says so.
    """
    parser = _Parser(prog="sightline")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=argparse.ArgumentParser
    )
    for name, command in COMMANDS.items():
        own = add_subcommand(commands, name, command.text, command.examples, command.more)
        if names is not None and name not in names:
            continue
        try:
            command.add(own)
        except ModuleNotFoundError as error:
            missing = missing_in(error)
            if missing is None or names is not None:
                raise
            print(f"note: {name}: {missing}", file=sys.stderr)
    return parser


def _annotate(parser: argparse.ArgumentParser) -> None:
    from sightline.annotate.commands import add_arguments

    add_arguments(parser)


def _score(parser: argparse.ArgumentParser) -> None:
    from sightline.scoring.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _explain(parser: argparse.ArgumentParser) -> None:
    from sightline.explaining.options import add_arguments

    def run(arguments: argparse.Namespace) -> None:
        from sightline.explaining.command import run  # loads torch

        run(arguments)

    add_arguments(parser)
    parser.set_defaults(run=run)


def _reliability(parser: argparse.ArgumentParser) -> None:
    from sightline.experts.reliability_command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _model(parser: argparse.ArgumentParser) -> None:
    from sightline.model_command.command import add_arguments

    add_arguments(parser)


def _cluster(parser: argparse.ArgumentParser) -> None:
    from sightline.cluster.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _doctor(parser: argparse.ArgumentParser) -> None:
    from sightline.doctor.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _completion(parser: argparse.ArgumentParser) -> None:
    from sightline.completion import add_arguments, script

    add_arguments(parser)
    parser.set_defaults(run=lambda arguments: print(script(parser_of(), arguments.shell)))


COMMANDS = {
    "score": Command(
        group=MAPS,
        text="score any saliency maps against any experts' masks",
        more="No training, study or DVC: writes a report, scores.csv, verdict.csv and scores.json (docs/scores.md).",
        examples=(
            "sightline score maps/ masks/ --images films/",
            "sightline score cam=maps.npz --also lime=lime/ boxes.csv --finding Opacity",
            "sightline score maps/ reader1.json reader2.json --patients '^(p[0-9]+)_'",
        ),
        add=_score,
    ),
    "explain": Command(
        group=MAPS,
        text="maps and predictions of any classifier on any films",
        more="No study: writes maps.npz, which sightline score reads, and predictions.csv.",
        examples=(
            "sightline explain data/models/vgg16.safetensors films/ --out maps",
            "sightline explain net.pt2 films/ --card net.yaml --methods cam gradcam --out maps",
        ),
        add=_explain,
    ),
    "reliability": Command(
        group=MAPS,
        text="how far the readers in experts' files agree, by finding",
        more="No study, no images (docs/reliability.md).",
        examples=(
            'sightline reliability annotations.csv --finding "Lung Opacity"',
            "sightline reliability R1=first.json R2=second.json --json agreement.json",
        ),
        add=_reliability,
    ),
    "new": Command(
        group=STUDY,
        text="start a study in a folder of its own",
        examples=("sightline new ../my-study --profile smoke",),
        add=add_new,
    ),
    "use": Command(
        group=STUDY,
        text="copy a profile over params.yaml, then sync",
        examples=("sightline use smoke",),
        add=add_use,
    ),
    "profiles": Command(group=STUDY, text="list the profiles", examples=("sightline profiles",), add=add_profiles),
    "sync": Command(
        group=STUDY,
        text="update dvc.yaml to params.yaml's models and the stages' imports",
        examples=("sightline sync",),
        add=add_sync,
    ),
    "cluster": Command(
        group=STUDY,
        text="run a study's networks side by side, on Slurm or here",
        more="Each network on its own node, GPU or cores (docs/cluster.md).",
        examples=("sightline cluster submit --engine local", "sightline cluster status"),
        add=_cluster,
    ),
    "summary": Command(
        group=STUDY,
        text="print the verdict of each model in one line, and where the report is",
        examples=("sightline summary",),
        add=add_summary,
    ),
    "experiments": Command(
        group=STUDY,
        text="compare this study with its last commit and the experiments since",
        more="The experiments are those of dvc exp run.",
        examples=("sightline experiments",),
        add=add_experiments,
    ),
    "annotate": Command(
        group=OWN,
        text="the experts' drawing page, and other tools' files",
        more="The page's guide is docs/annotation.md.",
        examples=(
            "sightline annotate serve --new",
            "sightline annotate invite --count 3",
            "sightline annotate import job11.xml job12.xml",
        ),
        add=_annotate,
    ),
    "model": Command(
        group=OWN,
        text="classifiers of your own: a file to start from, and a check",
        more="The guide is docs/own-models.md.",
        examples=("sightline model new my-net", "sightline model check my-net"),
        add=_model,
    ),
    "doctor": Command(
        group=HERE,
        text="what is installed and found here, what is missing, and what needs it",
        more="For reports of faults; it changes nothing, and the exit code is 1 where something required is broken.",
        examples=("sightline doctor", "sightline doctor --json"),
        add=_doctor,
    ),
    "completion": Command(
        group=HERE,
        text="print a script that completes subcommands and options in your shell",
        examples=(
            "sightline completion bash > ~/.local/share/bash-completion/completions/sightline",
            "sightline completion zsh > ~/.zfunc/_sightline",
            "sightline completion fish > ~/.config/fish/completions/sightline.fish",
        ),
        add=_completion,
    ),
}

if __name__ == "__main__":
    main()
