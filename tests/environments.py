"""This project's sdist and wheel, and environments of what the wheel asks for and no more; no network is used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from collections import Counter
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

from studies import ROOT

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"


def built(folder: Path) -> tuple[Path, Path]:
    """The sdist of the files that Git knows, as they stand, and the wheel made from it; `folder`: an empty one."""
    source, dist = folder / "source", folder / "dist"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    names = [name for name in tracked.decode().split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(dist)], cwd=source, check=True, capture_output=True, text=True
    )
    sdist = dist / done.stdout.splitlines()[-1]
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", dist, sdist)
    return sdist, next(dist.glob("*.whl"))


def pip(*words: str | Path) -> None:
    """Runs this environment's pip; its output is in the error where it fails."""
    done = subprocess.run([*PIP, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


class Environment:
    """A virtual environment with the wheel and what it needs, linked from the environment that runs the tests."""

    def __init__(self, folder: Path, wheel: Path, extras: tuple[str, ...] = ()) -> None:
        """`folder`: a new one, outside the checkout; commands run in it unless they say where."""
        self.folder, self.bin = folder, folder / "env/bin"
        venv.create(folder / "env", with_pip=False, symlinks=True)
        pip(f"--python={self.bin / 'python'}", "install", "--no-deps", "--no-index", wheel)
        site = next((folder / "env/lib").glob("python*/site-packages"))
        own = next(one for one in distributions(path=[str(site)]) if one.name == "sightline")
        link(needed(own, extras), site)

    def run(self, *words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command of the environment, without the caller's variables and, where the system allows it, offline."""
        variables = {"PATH": f"{self.bin}:{os.defpath}", "HOME": str(self.folder), "OPENBLAS_NUM_THREADS": "1"}
        command = [*offline(), *map(str, words)]
        return subprocess.run(command, cwd=cwd or self.folder, env=variables, capture_output=True, text=True)


def offline() -> tuple[str, ...]:
    """What to put before a command so that it has no network; nothing where a user may not do that."""
    command = ("unshare", "--map-root-user", "--net")
    try:
        return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else ()
    except OSError:
        return ()


def needed(own: Distribution, extras: tuple[str, ...]) -> list[Distribution]:
    """What `own` with these extras asks for, and what that asks for in turn; in no order."""
    found: dict[str, Distribution] = {}
    asked = [(text, extras) for text in own.requires or ()]
    done = set()
    while asked:
        text, chosen = asked.pop()
        requirement = Requirement(text)
        if requirement.marker and not any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *chosen)):
            continue
        if (requirement.name, frozenset(requirement.extras)) in done:
            continue
        done.add((requirement.name, frozenset(requirement.extras)))
        one = own if requirement.name == own.name else distribution(requirement.name)
        if one is not own:
            found[re.sub(r"[-_.]+", "-", requirement.name).lower()] = one
        asked += [(text, tuple(requirement.extras)) for text in one.requires or ()]
    return list(found.values())


def link(packages: list[Distribution], site: Path) -> None:
    """Links the packages' files into `site`: whole folders, unless packages share them as `ruamel` and `nvidia`."""
    owners = Counter(top for one in distributions() for top in tops(one))
    for package in packages:
        for top in tops(package):
            if owners[top] == 1:
                (site / top).symlink_to(package.locate_file(top))
        for file in package.files or ():
            if owners[file.parts[0]] > 1 and "__pycache__" not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                (site / file).symlink_to(package.locate_file(file))
        for script in package.entry_points.select(group="console_scripts"):
            write_script(site.parents[2] / "bin" / script.name, script.module, script.attr)


def tops(package: Distribution) -> set[str]:
    """The names of a package at the top of site-packages."""
    return {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}


def write_script(path: Path, module: str, attribute: str) -> None:
    """What pip writes for an entry point."""
    path.write_text(
        f"#!{path.parent / 'python'}\nimport sys\nfrom {module} import {attribute}\nsys.exit({attribute}())\n"
    )
    path.chmod(0o755)
