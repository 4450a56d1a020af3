"""Running again: `dvc repro` with nothing to do, and with `threshold` changed, against DVC alone on such a graph.

Runs in a copy of the project. If the DVC cache of this checkout holds the committed study, the copy takes it from
there; else it computes the study of profile smoke first, which takes minutes. DVC alone is a graph of the same stages,
dependencies and parameters whose commands only copy params.yaml.
Run: python benchmarks/rerun.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from ruamel.yaml import YAML

from measure import ROOT, Row, finish, timed

THRESHOLDS = ("0.41", "0.42")  # new values, which the run cache does not have
MUST_NOTHING, MUST_THRESHOLD = 4.0, 8.0


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        study, graph = Path(name) / "study", Path(name) / "graph"
        run("git", "clone", "--quiet", str(ROOT), str(study))
        for path in changed_files():
            (study / path).parent.mkdir(parents=True, exist_ok=True)
            (study / path).write_bytes((ROOT / path).read_bytes())
        which = restored(study)
        make_graph(study, graph)
        spent = {folder: (nothing(folder), threshold(folder)) for folder in (study, graph)}
    rows = []
    for place, (words, must) in enumerate((("nothing to do", MUST_NOTHING), ("threshold changed", MUST_THRESHOLD))):
        ours, alone = spent[study][place], spent[graph][place]
        rows.append(
            Row(
                what=f"dvc repro, {words}, {which}",
                unit="s",
                ours=ours,
                against="DVC alone on such a graph",
                other=alone,
                ratio=alone / ours,
                must=f"< {must:g} s",
                met=ours < must,
            )
        )
    finish(rows)


def changed_files() -> list[str]:
    """Files of the checkout that differ from its last commit."""
    listing = run("git", "ls-files", "--modified", "--others", "--exclude-standard", folder=ROOT)
    return [path for path in listing.splitlines() if (ROOT / path).is_file()]


def restored(study: Path) -> str:
    """Puts a finished study into the copy and returns its name."""
    run("dvc", "cache", "dir", "--local", str(ROOT / ".dvc/cache"), folder=study)
    if subprocess.run(dvc("checkout", "--quiet"), cwd=study, capture_output=True).returncode == 0 and not status(study):
        return "the committed study"
    print("the cache does not hold the committed study; making that of profile smoke", file=sys.stderr, flush=True)
    run("dvc", "cache", "dir", "--local", "--unset", folder=study)
    subprocess.run([sys.executable, "-m", "sightline.cli", "use", "smoke"], cwd=study, check=True, capture_output=True)
    run("dvc", "repro", "--quiet", folder=study)
    return "profile smoke"


def status(folder: Path) -> str:
    """What DVC finds stale; empty for nothing."""
    output = run("dvc", "status", folder=folder).strip()
    return "" if output == "Data and pipelines are up to date." else output


def make_graph(study: Path, folder: Path) -> None:
    """The study's graph with commands that take no time."""
    folder.mkdir()
    yaml: Any = YAML()
    graph = yaml.load(study / "dvc.yaml")
    graph.pop("plots", None)
    made: set[str] = set()
    for stage in graph["stages"].values():
        body = stage.get("do", stage)
        named = [*body.get("outs", []), *body.get("metrics", []), *body.get("plots", [])]
        paths = [str(out if isinstance(out, str) else next(iter(out))) for out in named]
        body["cmd"] = [f"mkdir -p $(dirname {path}) && cp params.yaml {path}" for path in paths]
        body["deps"] = [dep for dep in body["deps"] if not str(dep).startswith("${")]
        made |= {path for path in paths if "${" not in path}
    yaml.dump(graph, folder / "dvc.yaml")
    (folder / "params.yaml").write_bytes((study / "params.yaml").read_bytes())
    listing = [str(path.relative_to(study)) for path in (study / "src").rglob("*") if path.is_file()]
    for path in [*listing, "data/lungs/README.md", "data/annotations/README.md"]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    run("git", "init", "--quiet", folder=folder)
    run("dvc", "init", "--quiet", folder=folder)
    run("dvc", "repro", "--quiet", folder=folder)


def nothing(folder: Path) -> float:
    """Seconds of `dvc repro` with nothing to do, after DVC has run in the folder."""
    repro = timed(lambda: run("dvc", "repro", "--quiet", folder=folder))
    return median(repro() for _ in THRESHOLDS)


def threshold(folder: Path) -> float:
    """Seconds of `dvc repro` after an edit of the threshold."""
    spent = []
    path = folder / "params.yaml"
    for value in THRESHOLDS:
        path.write_text(re.sub(r"^threshold: \S+", f"threshold: {value}", path.read_text(), flags=re.MULTILINE))
        spent.append(timed(lambda: run("dvc", "repro", "--quiet", folder=folder))())
    return median(spent)


def dvc(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("dvc")), *arguments]


def run(*command: str, folder: Path | None = None) -> str:
    """The command's output; a failure ends the benchmark with its message."""
    words = dvc(*command[1:]) if command[0] == "dvc" else list(command)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the stages' `python`, too
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
