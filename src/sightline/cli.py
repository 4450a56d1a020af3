"""The command `sightline`: chooses a study, keeps dvc.yaml in step with it, scores maps, serves the experts' page.

sightline new FOLDER        start a study in a folder of its own, from a profile or from params.yaml as it stands
sightline use <profile>     copy profiles/<profile>.yaml over params.yaml, then sync
sightline sync              update dvc.yaml to params.yaml's models and the stages' imports
sightline profiles          list the profiles
sightline summary           print the verdict of each model in one line
sightline experiments       compare this study with its last commit and the experiments since (dvc exp run)
sightline score MAPS MASKS  score any saliency maps against any expert masks: no training, no DVC
sightline explain MODEL IMAGES --out MAPS  maps and predictions of any classifier on any films: no study
sightline reliability FILE  how far the readers in experts' files agree, by finding: no study, no images
sightline model new NAME    write a commented file that brings in a classifier of your own; --export: a card
sightline model check NAME  is a classifier of your own what it says, on the study's images, before any map
sightline cluster ...       the networks of a study side by side, on Slurm or on the GPUs or cores of one machine:
                             submit, status, collect
sightline annotate ...      the experts' drawing page: serve, invite, revoke, status, people, export, withdraw,
                             backup, restore, upgrade, import
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

if sys.argv[1:2] == ["score"]:  # before NumPy loads: there is a process for each core, and linear algebra takes one
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_json
from sightline.study.models import Models, runs_of
from sightline.study.parameters import read_params
from sightline.study_folder import new, sync_file, use


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="sightline", description="Does a classifier look where experts look?")
    commands = parser.add_subparsers(dest="command", required=True)
    new_parser = commands.add_parser("new", help="start a study in a folder of its own")
    new_parser.add_argument("folder", type=Path, help="new folder outside this one; becomes a Git and DVC repository")
    new_parser.add_argument("--profile", help="its params.yaml (default: this folder's params.yaml as it stands)")
    use_parser = commands.add_parser("use", help="copy profiles/<profile>.yaml over params.yaml and sync dvc.yaml")
    use_parser.add_argument("profile", help="a name that sightline profiles lists")
    use_parser.add_argument("--force", action="store_true", help="overwrite a params.yaml that is nowhere else")
    commands.add_parser("sync", help="update dvc.yaml to params.yaml's models and the stages' imports")
    commands.add_parser("profiles", help="list the profiles")
    commands.add_parser("summary", help="print the verdict of each model in one line, and where the report is")
    annotate_parser = commands.add_parser("annotate", help="the experts' drawing page")
    score_parser = commands.add_parser("score", help="score any saliency maps against any expert masks")
    explain_parser = commands.add_parser("explain", help="maps and predictions of any classifier on any films")
    reliability_parser = commands.add_parser("reliability", help="how far the readers in experts' files agree")
    model_parser = commands.add_parser("model", help="classifiers of your own: a file to start from, and a check")
    cluster_parser = commands.add_parser("cluster", help="run a study's networks side by side, on Slurm or here")
    commands.add_parser("experiments", help="compare this study with its last commit and the experiments since")
    # the imports of these commands are slow, so each loads its own only
    if sys.argv[1:2] == ["annotate"]:
        run_stage(lambda: _add_annotate(annotate_parser))
    if sys.argv[1:2] == ["score"]:
        _add_score(score_parser)
    if sys.argv[1:2] == ["explain"]:
        _add_explain(explain_parser)
    if sys.argv[1:2] == ["reliability"]:
        _add_reliability(reliability_parser)
    if sys.argv[1:2] == ["model"]:
        _add_model(model_parser)
    if sys.argv[1:2] == ["cluster"]:
        _add_cluster(cluster_parser)
    arguments = parser.parse_args()
    if arguments.command == "new":
        run_stage(lambda: new(arguments.folder, arguments.profile))
    elif arguments.command == "use":
        run_stage(lambda: use(arguments.profile, arguments.force))
    elif arguments.command == "sync":
        run_stage(sync_here)
    elif arguments.command == "summary":
        run_stage(print_summary)
    elif arguments.command == "experiments":
        run_stage(print_experiments)
    elif arguments.command in ("annotate", "score", "explain", "reliability", "model", "cluster"):
        run_stage(lambda: arguments.run(arguments))
    else:
        print("\n".join(sorted(path.stem for path in Path("profiles").glob("*.yaml"))))


def _add_annotate(parser: argparse.ArgumentParser) -> None:
    try:
        from sightline.annotate.commands import add_arguments
    except ModuleNotFoundError as error:
        raise StudyError(f"annotate: the package {error.name} is missing; pip install 'sightline[annotate]'") from None
    add_arguments(parser)


def _add_score(parser: argparse.ArgumentParser) -> None:
    from sightline.score.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_explain(parser: argparse.ArgumentParser) -> None:
    from sightline.explain.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_reliability(parser: argparse.ArgumentParser) -> None:
    from sightline.experts.reliability_command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def _add_model(parser: argparse.ArgumentParser) -> None:
    from sightline.model_command.command import add_arguments

    add_arguments(parser)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    from sightline.cluster.command import add_arguments, run

    add_arguments(parser)
    parser.set_defaults(run=run)


def sync_here() -> None:
    """Rewrites dvc.yaml to fit params.yaml and the stages' imports."""
    sync_file(Path())
    print("dvc.yaml fits params.yaml")


def print_summary() -> None:
    """Prints the verdict of each model in one line, from the last run."""
    from sightline.report.summary import ending

    stored = read_json("metrics/summary.json")
    models = [model for model in runs_of(read_params(Models).models) if model in stored]  # in the order of params.yaml
    print(ending({model: stored[model] for model in models} | stored))


def print_experiments() -> None:
    """Prints what `dvc exp show` knows, with one line per model."""
    from sightline.report.experiments import table

    command = [sys.executable, "-m", "dvc", "exp", "show", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise StudyError("dvc exp show failed; see above")
    print(table(json.loads(done.stdout)))


if __name__ == "__main__":
    main()
