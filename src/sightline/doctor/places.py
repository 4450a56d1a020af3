"""Disk space here and for temporary files, and DVC's cache of the study in this folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sightline.doctor.finding import Finding, at_home

GROUP = "disk and cache"
LOW = 5 * 10**9  # bytes, a choice: VGG-16's weights alone are 0.55 GB, and DVC's cache holds each file again
LINKS = ("reflink", "hardlink", "symlink")
FICLONE = 0x40049409  # Linux's call that makes a copy which shares its blocks


def places(folder: Path) -> list[Finding]:
    """Free space of the folder and of the temporary folder; the cache, where the folder is a study's."""
    found = [space("this folder", folder), space("temporary folder", Path(tempfile.gettempdir()))]
    if (folder / ".dvc").is_dir():
        return [*found, *cache(folder)]
    advice = "this folder is no study of DVC; sightline score, explain and reliability need none"
    return [*found, Finding(group=GROUP, name="DVC cache", found="none", advice=advice)]


def space(name: str, folder: Path) -> Finding:
    """Free space in GB, low below LOW; broken where no file can be written."""
    free = shutil.disk_usage(folder).free
    found = f"{at_home(folder)}, {free / 10**9:.1f} GB free"
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        advice = f"no file can be written there ({error.strerror}): {_other(name)}"
        return Finding(group=GROUP, name=name, found=found, state="broken", advice=advice)
    if free < LOW:
        advice = f"networks, their checkpoints and DVC's cache may need more: free the disk, or {_other(name)}"
        return Finding(group=GROUP, name=name, found=found, state="low", advice=advice)
    return Finding(group=GROUP, name=name, found=found)


def _other(name: str) -> str:
    return "work in another folder" if name == "this folder" else "name another with TMPDIR"


def cache(study: Path) -> list[Finding]:
    """Where DVC keeps the study's results, whether it can be written, and how files get from there to the study."""
    place = _said_by_dvc(study, "cache", "dir")
    if place is None:
        advice = "dvc cache dir fails in this folder: run it and see; without DVC no stage runs"
        return [Finding(group=GROUP, name="DVC cache", state="broken", advice=advice)]
    folder = (study / place).resolve()
    nearest = next(path for path in (folder, *folder.parents) if path.is_dir())
    is_shared = study.resolve() not in folder.parents
    words = f"{at_home(folder)}{', shared' if is_shared else ''}{'' if nearest == folder else ', not made yet'}"
    if not os.access(nearest, os.W_OK | os.X_OK):
        advice = "it cannot be written, so no stage can end: ask its owner, or dvc cache dir --local FOLDER"
        return [Finding(group=GROUP, name="DVC cache", found=words, state="broken", advice=advice)]
    wishes = re.findall(r"\w+", _said_by_dvc(study, "config", "cache.type") or "") or ["reflink", "copy"]  # its default
    return [Finding(group=GROUP, name="DVC cache", found=words), _links(nearest, study, wishes)]


def _links(cache: Path, study: Path, wishes: Sequence[str]) -> Finding:
    """The kinds of link that work from the cache to the study, and those that DVC is set to try, in order."""
    works = [kind for kind in LINKS if link_works(kind, cache, study)]
    found = f"{', '.join([*works, 'copy'])} work; DVC tries {', '.join(wishes)}"
    if set(works) & set(wishes) or not works:
        return Finding(group=GROUP, name="links to the cache", found=found)
    advice = (
        "so each result lies on the disk twice, in the cache and in the study; dvc config cache.type names other "
        "links, whose files are then read-only"
    )
    return Finding(group=GROUP, name="links to the cache", found=found, advice=advice)


def link_works(kind: str, source: Path, target: Path) -> bool:
    """Whether a file in `source` can be linked to in `target`, tried with an empty file that is removed again."""
    with _two_names(source, target) as (file, link):
        try:
            if kind == "hardlink":
                os.link(file, link)
            elif kind == "symlink":
                os.symlink(file, link)
            else:
                _clone(file, link)
        except (OSError, ImportError):
            return False
        return True


def _clone(file: Path, link: Path) -> None:
    """ImportError where the system is not one of Unix, OSError where the disk has no such copies."""
    import fcntl

    with file.open("rb") as opened, link.open("wb") as copy:
        fcntl.ioctl(copy.fileno(), FICLONE, opened.fileno())


@contextmanager
def _two_names(source: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """A file in `source` and a name for its link in `target`, both removed at the end."""
    descriptor, name = tempfile.mkstemp(prefix=".sightline-doctor-", dir=source)
    os.close(descriptor)
    file, link = Path(name), target / f"{Path(name).name}.link"
    try:
        yield file, link
    finally:
        link.unlink(missing_ok=True)
        file.unlink(missing_ok=True)


def _said_by_dvc(study: Path, *words: str) -> str | None:
    """What a command of DVC prints; None where it fails. In a process of its own: a broken DVC is to be reported."""
    quiet = os.environ | {"DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=study, env=quiet, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None
