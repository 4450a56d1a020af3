"""The folder of a study: the profile in its params.yaml, its dvc.yaml and code.yaml, and a new study in a folder."""

from __future__ import annotations

import difflib
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from sightline.dvc_yaml import renew, sync
from sightline.stage_code import fingerprints
from sightline.study.code_file import CODE, own_version, package_digest
from sightline.study.errors import StudyError
from sightline.study.extras import missing_package
from sightline.study.files import not_written, write_text, written_whole
from sightline.study.models import Models, runs_of
from sightline.study.parameters import read_params
from sightline.study_template import FILES, PROFILES, files_in, template

HEADER = """\
# The graph of the study. `sightline sync`, which `sightline use <profile>` calls too, fits Sightline's own stages to
# params.yaml's models and to the installed Sightline; stages, plots and metrics of your own stay as you write them.
"""
CODE_HEADER = """\
# Written by `sightline new` and `sightline sync`, not to be edited: the Sightline of this study, and the fingerprint of
# the code of each stage, which its stage in dvc.yaml depends on. After an upgrade of Sightline: sightline sync, then
# dvc repro, which repeats the stages whose code is another.
"""
README = """# {name}

A study of Sightline {version}, started from {origin}. `params.yaml` has every choice, each with its meaning.

```
dvc repro     # runs what is stale, with the Sightline of the active environment
make repro    # the same, and prints the verdict at the end
```

Then open `plots/report.html`. Commit `params.yaml`, `dvc.yaml`, `dvc.lock`, `code.yaml`, `metrics/` and `plots/`
together.

The code of the stages is not here: it is that of the installed Sightline, and `code.yaml` says which. After an upgrade:
`sightline sync`, then `dvc repro`, which repeats the stages whose code has changed.

For an environment of the study's own, .venv, say where Sightline comes from, a wheel or a checkout:
`make setup SIGHTLINE=<folder>/sightline-{version}-py3-none-any.whl`. There is no default: package indexes have
a project of another author under this name.
"""
PARTIAL = ".new-study.partial"
BY_DEFAULT = "demo"
"""The profile of a study that is started where no params.yaml lies."""


def profiles() -> dict[str, Path]:
    """The file of each profile by its name: those that Sightline ships, and those in this folder's profiles/."""
    folders = (template(), Path())
    return {path.stem: folder / path for folder in folders for path in files_in(folder, PROFILES)}


def profile_path(profile: str) -> Path:
    """The file of a profile; StudyError with the nearest name where there is none, or where it is wrong."""
    found = profiles()
    if profile not in found:
        close = difflib.get_close_matches(profile, found, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise StudyError(f"profiles: no profile {profile!r}{hint}; available: {', '.join(sorted(found))}")
    runs_of(read_params(Models, found[profile]).models)
    return found[profile]


def use(profile: str, force: bool) -> None:
    """Copies the profile over params.yaml and syncs dvc.yaml; a wrong profile changes nothing.

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
    print(f"params.yaml is now profile {profile}; git checkout params.yaml dvc.yaml brings the committed study back")


def sync_file(root: Path) -> None:
    """Rewrites dvc.yaml to fit params.yaml and the code: the stages' imports in src/, else the installed package.

    The latter gives the study Sightline's stages as this version has them, and its code.yaml.
    """
    path, source = root / "dvc.yaml", root / "src"
    if not path.is_file():
        raise StudyError("dvc.yaml: not found; run from the study's folder (sightline new FOLDER starts one)")
    has_code = (source / "sightline/stages").is_dir()
    yaml = _yaml()
    graph = yaml.load(path)
    models = read_params(Models, root / "params.yaml").models
    if not has_code:
        renew(graph, _yaml().load(template() / "dvc.yaml"))
    sync(graph, models, source if has_code else None)
    if not has_code:
        _write_code(root / CODE)
    with written_whole(path) as beside, open(beside, "w") as file:
        yaml.dump(graph, file)


def _yaml() -> Any:
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _write_code(path: Path) -> None:
    values = {"sightline": own_version(), "package": package_digest(), **fingerprints()}
    write_text(path, CODE_HEADER + "".join(f"{name}: {value!r}\n" for name, value in values.items()))


def new(folder: Path, profile: str | None) -> None:
    """Makes `folder` a study: params.yaml, dvc.yaml and what goes with them, a DVC and a Git repository of its own.

    params.yaml is that of `profile`, else this folder's as it stands, else that of the profile `demo`. Nothing else of
    this folder comes along, and no code: stages are run by the installed Sightline. StudyError, and nothing written,
    where `folder` holds files or lies in a study, or without Git.
    """
    origin = "params.yaml as it stood"
    if profile is None and not Path("params.yaml").is_file():
        profile = BY_DEFAULT
    params = Path("params.yaml")
    if profile is not None:
        params, origin = profile_path(profile), f"profile `{profile}`"
    folder = folder.resolve()
    if holder := next((parent for parent in folder.parents if (parent / ".dvc").is_dir()), None):
        raise StudyError(f"{folder}: lies in a study, whose Git and DVC would see it; name a folder outside {holder}")
    is_there = folder.exists()
    partial = folder / PARTIAL if is_there else folder.with_name(f".{folder.name}.partial")
    if is_there and not (folder.is_dir() and all(path == partial for path in folder.iterdir())):
        raise StudyError(f"{folder}: exists already and is not empty; name a new folder")
    if shutil.which("git") is None:
        raise StudyError("git: not found; a study is a Git repository, so install it first")
    shutil.rmtree(partial, ignore_errors=True)  # what a killed run left
    try:
        _copy(template(), partial)
        shutil.copyfile(params, partial / "params.yaml")
        write_text(partial / "README.md", README.format(name=folder.name, origin=origin, version=own_version()))
        write_text(partial / "Makefile", "include study.mk\n")
        sync_file(partial)
        is_committed = _begin_repository(partial, f"Study started from {origin}")
        if is_there:  # it may be the folder in which the user's shell is
            for path in sorted(partial.iterdir()):
                path.replace(folder / path.name)
        else:
            partial.replace(folder)
    except OSError as error:
        raise not_written(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    print(f"{folder} is a study of its own, from {origin}; next: cd {folder} && dvc repro")
    if find_spec("dvc") is None:
        print(f"first, {missing_package('dvc')}")
    if not is_committed:
        print(f"its files are not committed, as Git does not know you yet: git -C {folder} commit -m 'Study started'")


def _copy(source: Path, to: Path) -> None:
    """The template's files: dvc.yaml with a study's header, and pages without links to pages that a study lacks."""
    for name in files_in(source, FILES):
        text = (source / name).read_text(encoding="utf-8")
        if name.name == "dvc.yaml":
            text = HEADER + re.sub(r"\A(#.*\n)+", "", text)
        text = re.sub(r"\[([^]]+)\]\(\.\./[^)]+\)", r"\1", text) if name.suffix == ".md" else text
        write_text(to / name, text)


def _begin_repository(folder: Path, message: str) -> bool:
    """A Git repository with all files committed; False where Git has no name and e-mail address for the commit."""
    git = ["git", "-C", str(folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    return subprocess.run([*git, "commit", "-q", "-m", message], capture_output=True).returncode == 0


def _is_kept_elsewhere(params: Path) -> bool:
    """Whether the last commit or a profile has the same bytes."""
    content = params.read_bytes()
    if any(content == path.read_bytes() for path in profiles().values()):
        return True
    if shutil.which("git") is None:
        return False
    committed = subprocess.run(["git", "show", f"HEAD:./{params}"], capture_output=True)
    return committed.returncode == 0 and committed.stdout == content
