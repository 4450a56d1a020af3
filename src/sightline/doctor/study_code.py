"""Whether the study in this folder was written for the Sightline that is installed."""

from __future__ import annotations

from pathlib import Path

from sightline.doctor.finding import Finding
from sightline.study.code_file import CODE, other_code, own_version


def study_code(folder: Path) -> list[Finding]:
    """One finding for a study whose code is installed; none for a checkout, whose code is its own, or another folder.

    Broken where the two differ: every stage refuses to run until the study is brought up to date.
    """
    if not (folder / CODE).is_file():
        return []
    problem = other_code(folder / CODE).removeprefix(f"{folder / CODE}: ")
    if problem:
        return [Finding(group="this study", name=CODE.name, state="broken", advice=f"no stage runs: {problem}")]
    return [Finding(group="this study", name=CODE.name, found=f"written by this Sightline, {own_version()}")]
