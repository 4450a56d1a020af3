"""The command `sightline`: chooses a study, keeps dvc.yaml in step with it, scores maps, serves the experts' page.

sightline use <profile>     copy profiles/<profile>.yaml over params.yaml, then sync
sightline sync              update dvc.yaml to params.yaml's models and the stages' imports
sightline profiles          list the profiles
sightline score MAPS MASKS  score any saliency maps against any expert masks: no training, no DVC
sightline annotate ...      the experts' drawing page: serve, invite, status, people, export, withdraw, import
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from ruamel.yaml import YAML

from sightline.dvc_yaml import sync
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import written_whole
from sightline.study.models import Models, runs_of
from sightline.study.parameters import read_params


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="sightline", description="Does a classifier look where experts look?")
    commands = parser.add_subparsers(dest="command", required=True)
    use_parser = commands.add_parser("use", help="copy profiles/<profile>.yaml over params.yaml and sync dvc.yaml")
    use_parser.add_argument("profile")
    commands.add_parser("sync", help="update dvc.yaml to params.yaml's models and the stages' imports")
    commands.add_parser("profiles", help="list the profiles")
    annotate_parser = commands.add_parser("annotate", help="the experts' drawing page")
    score_parser = commands.add_parser("score", help="score any saliency maps against any expert masks")
    # the imports of these two commands are slow, so each loads its own only
    if sys.argv[1:2] == ["annotate"]:
        run_stage(lambda: _add_annotate(annotate_parser))
    if sys.argv[1:2] == ["score"]:
        _add_score(score_parser)
    arguments = parser.parse_args()
    if arguments.command == "use":
        run_stage(lambda: use(arguments.profile))
    elif arguments.command == "sync":
        run_stage(sync_file)
    elif arguments.command in ("annotate", "score"):
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


def use(profile: str) -> None:
    """Copies profiles/<profile>.yaml over params.yaml and syncs dvc.yaml; a wrong profile changes nothing."""
    path = Path("profiles") / f"{profile}.yaml"
    if not path.is_file():
        names = sorted(file.stem for file in Path("profiles").glob("*.yaml"))
        close = difflib.get_close_matches(profile, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise StudyError(f"profiles: no profile {profile!r}{hint}; available: {', '.join(names) or 'none'}")
    runs_of(read_params(Models, path).models)
    with written_whole("params.yaml") as beside:
        beside.write_bytes(path.read_bytes())
    sync_file()
    print(f"params.yaml is now {path}")


def sync_file() -> None:
    """Rewrites dvc.yaml to fit params.yaml and the stages' imports."""
    path = Path("dvc.yaml")
    if not path.is_file():
        raise StudyError("dvc.yaml: not found; run from the project's root")
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    graph = yaml.load(path)
    sync(graph, read_params(Models).models, Path("src"))
    with written_whole(path) as beside, open(beside, "w") as file:
        yaml.dump(graph, file)
    print("dvc.yaml fits params.yaml")


if __name__ == "__main__":
    main()
