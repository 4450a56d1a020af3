"""The folder of a study: the profile in its params.yaml, its dvc.yaml, and a new folder beside this one."""

from __future__ import annotations

import difflib
import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from sightline.dvc_yaml import sync
from sightline.study.errors import StudyError
from sightline.study.files import not_written, write_text, written_whole
from sightline.study.models import Models, runs_of
from sightline.study.parameters import read_params

# what a study needs to run, to be published and to start another; no results, and none of the user's data
COPIED = (
    *("src", "profiles", "params.yaml", "dvc.yaml", "study.mk", "pyproject.toml", "requirements.lock", "LICENSE"),
    *(".gitignore", ".dvcignore", ".dvc/.gitignore", ".dvc/config", ".dvc/plots"),
    *("data/annotations/README.md", "data/lungs/README.md", "data/raw/README.md"),
)
NOT_COPIED = ("__pycache__", "*.egg-info", "*.partial")
README = """# {name}

A study of Sightline, started from {origin}. `params.yaml` has every choice, each with its meaning.

```
dvc repro     # runs what is stale; in an environment that has Sightline
make repro    # the same, in an environment of its own, .venv
```

Then open `plots/report.html`. Commit `params.yaml`, `dvc.yaml`, `dvc.lock`, `metrics/` and `plots/` together.
"""


def profile_path(profile: str) -> Path:
    """profiles/<profile>.yaml; StudyError with the nearest name where there is none, or where it is wrong."""
    path = Path("profiles") / f"{profile}.yaml"
    if not path.is_file():
        names = sorted(file.stem for file in Path("profiles").glob("*.yaml"))
        close = difflib.get_close_matches(profile, names, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise StudyError(f"profiles: no profile {profile!r}{hint}; available: {', '.join(names) or 'none'}")
    runs_of(read_params(Models, path).models)
    return path


def use(profile: str, force: bool) -> None:
    """Copies profiles/<profile>.yaml over params.yaml and syncs dvc.yaml; a wrong profile changes nothing.

    StudyError, and nothing changed, where params.yaml has content that no commit and no profile holds, unless `force`.
    """
    path, params = profile_path(profile), Path("params.yaml")
    if not force and params.is_file() and not _is_kept_elsewhere(params):
        raise StudyError(
            f"params.yaml: differs from the committed file and from every profile; commit it, or start a study of its "
            f"own (sightline new FOLDER --profile {profile}), or overwrite it (sightline use {profile} --force)"
        )
    with written_whole(params) as beside:
        beside.write_bytes(path.read_bytes())
    sync_file(Path())
    print(f"params.yaml is now {path}; git checkout params.yaml dvc.yaml brings the committed study back")


def sync_file(root: Path) -> None:
    """Rewrites dvc.yaml to fit params.yaml and the stages' imports."""
    path = root / "dvc.yaml"
    if not path.is_file():
        raise StudyError("dvc.yaml: not found; run from the project's root")
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    graph = yaml.load(path)
    sync(graph, read_params(Models, root / "params.yaml").models, root / "src")
    with written_whole(path) as beside, open(beside, "w") as file:
        yaml.dump(graph, file)


def new(folder: Path, profile: str | None) -> None:
    """Makes `folder` a study of its own: this folder's code, with a params.yaml, a DVC and a Git repository of its own.

    params.yaml is that of `profile`, else this folder's as it stands. Nothing else of this study comes along: no data,
    no results. This folder stays as it is. StudyError, and nothing written, where `folder` holds files or lies in this
    folder, or without Git.
    """
    here = Path.cwd().resolve()
    if missing := [name for name in ("dvc.yaml", "study.mk", "src", "profiles") if not Path(name).exists()]:
        raise StudyError(
            f"{here}: has no {', '.join(missing)}; run from the root of Sightline's checkout or of a study"
        )
    params = Path("params.yaml") if profile is None else profile_path(profile)
    folder = folder.resolve()
    if folder.is_relative_to(here):
        raise StudyError(f"{folder}: lies in this study, whose Git and DVC would see it; name a folder outside {here}")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise StudyError(f"{folder}: exists already; name a new folder")
    if shutil.which("git") is None:
        raise StudyError("git: not found; a study is a Git repository, so install it first")
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
    try:
        _copy(here, partial)
        shutil.copyfile(params, partial / "params.yaml")
        origin = "params.yaml as it stood" if profile is None else f"profile `{profile}`"
        write_text(partial / "README.md", README.format(name=folder.name, origin=origin))
        write_text(partial / "Makefile", "include study.mk\n")
        sync_file(partial)
        is_committed = _begin_repository(partial, f"Study started from {origin}")
        partial.replace(folder)
    except OSError as error:
        raise not_written(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f"{folder} is a study of its own, from {origin}; next: cd {folder} && dvc repro")
    if not is_committed:
        print(f"its files are not committed, as Git does not know you yet: git -C {folder} commit -m 'Study started'")


def _copy(here: Path, to: Path) -> None:
    for name in COPIED:
        source, target = here / name, to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns(*NOT_COPIED))
        elif source.is_file():
            shutil.copy2(source, target)


def _begin_repository(folder: Path, message: str) -> bool:
    """A Git repository with all files committed; False where Git has no name and e-mail address for the commit."""
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    return subprocess.run([*git, "commit", "-q", "-m", message], capture_output=True).returncode == 0


def _is_kept_elsewhere(params: Path) -> bool:
    """Whether the last commit or a profile has the same bytes."""
    content = params.read_bytes()
    if any(content == path.read_bytes() for path in Path("profiles").glob("*.yaml")):
        return True
    if shutil.which("git") is None:
        return False
    committed = subprocess.run(["git", "show", f"HEAD:./{params}"], capture_output=True)
    return committed.returncode == 0 and committed.stdout == content
