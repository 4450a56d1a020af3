"""The file code.yaml of a study without code of its own: for which Sightline the study's dvc.yaml was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from sightline.study.versions import installed_versions

CODE = Path("code.yaml")
PACKAGE = Path(__file__).resolve().parents[1]


def digest_of(files: Iterable[Path], root: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of files and their paths below `root`, in any order.

    Compiled and hidden files do not count.
    """
    digest = hashlib.sha256()
    for name, file in sorted((file.relative_to(root).as_posix(), file) for file in set(files)):
        if "__pycache__" not in name and not file.name.startswith(".") and file.is_file():
            digest.update(f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def package_digest() -> str:
    """The digest of all files of the Sightline that runs here, those of a new study too where a wheel brought them.

    Each stage computes it: 22 ms of CPU for 490 files (one core of a shared machine, 2026-11-27).
    """
    return digest_of(PACKAGE.rglob("*"), PACKAGE)


def own_version() -> str:
    """The version of the Sightline that runs here; "unknown" where its files are used without having been installed."""
    return installed_versions(["sightline"]).get("sightline", "unknown")


def other_code(path: Path = CODE) -> str:
    """What to do where `path` says that the study was written for another Sightline than this; "" where all is well.

    All is well without the file: such a study has its code in src/.
    """
    if not path.is_file():
        return ""
    found = dict(re.findall(r"^(sightline|package): '(.*)'$", path.read_text(encoding="utf-8"), re.MULTILINE))
    if found.get("package") == package_digest():
        return ""
    before, now = found.get("sightline", "unknown"), own_version()
    other = f"Sightline {before}, and this is {now}" if before != now else f"another Sightline {now}"
    return (
        f"{path}: written by {other}; run sightline sync, then dvc repro, which repeats the stages whose code differs"
    )
