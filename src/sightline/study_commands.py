"""The subcommands that begin a study, keep it in step and read it; each loads what it needs when it runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sightline.study.errors import StudyError


def add_new(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sightline new` and its run."""
    parser.add_argument("folder", type=Path, help="new folder outside of any study; becomes a Git and DVC repository")
    parser.add_argument(
        "--profile", help="its params.yaml (default: this folder's params.yaml as it stands, else demo)"
    )

    def run(arguments: argparse.Namespace) -> None:
        from sightline.study.extras import not_installed
        from sightline.study_folder import new

        new(arguments.folder, arguments.profile)
        if missing := not_installed("train"):
            print(f"note: before dvc repro: {missing}", file=sys.stderr)

    parser.set_defaults(run=run)


def add_use(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sightline use` and its run."""
    parser.add_argument("profile", help="a name that sightline profiles lists")
    parser.add_argument("--force", action="store_true", help="overwrite a params.yaml that is nowhere else")

    def run(arguments: argparse.Namespace) -> None:
        from sightline.study_folder import use

        use(arguments.profile, arguments.force)

    parser.set_defaults(run=run)


def add_sync(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sightline sync` and its run."""

    def run(arguments: argparse.Namespace) -> None:  # noqa: ARG001
        from sightline.study_folder import sync_file

        sync_file(Path())
        print("dvc.yaml fits params.yaml and the code")

    parser.set_defaults(run=run)


def add_profiles(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sightline profiles` and its run."""

    def run(arguments: argparse.Namespace) -> None:  # noqa: ARG001
        from sightline.study_folder import profiles

        print("\n".join(sorted(profiles())))

    parser.set_defaults(run=run)


def add_summary(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sightline summary` and its run."""

    def run(arguments: argparse.Namespace) -> None:  # noqa: ARG001
        from sightline.report.summary import ending
        from sightline.study.code_file import other_code
        from sightline.study.files import read_json
        from sightline.study.models import Models, runs_of
        from sightline.study.parameters import read_params

        stored = read_json("metrics/summary.json")
        models = [model for model in runs_of(read_params(Models).models) if model in stored]  # as in params.yaml
        print(ending({model: stored[model] for model in models} | stored))
        if problem := other_code():
            print(f"note: {problem}", file=sys.stderr)

    parser.set_defaults(run=run)


def add_experiments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `sightline experiments` and its run."""

    def run(arguments: argparse.Namespace) -> None:  # noqa: ARG001
        import json
        import subprocess

        from sightline.report.experiments import table
        from sightline.study.extras import not_installed

        if missing := not_installed("train"):
            raise StudyError(missing)

        command = [sys.executable, "-m", "dvc", "exp", "show", "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise StudyError("dvc exp show failed; see above")
        print(table(json.loads(done.stdout)))

    parser.set_defaults(run=run)
