"""Programs beside Python that parts of Sightline call: Git, Slurm, a browser."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sightline.doctor.finding import Finding, at_home

GROUP = "programs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # those that the tests look for
PLAYWRIGHT = Path("~/.cache/ms-playwright")
WANTED = {
    "Git": (("git",), "studies are Git repositories (sightline new, dvc repro): install git"),
    "Slurm": (
        ("sbatch",),
        "only sightline cluster submit needs it: run on a login node of the cluster, or here with --engine local",
    ),
}


def programs() -> list[Finding]:
    """A finding for each program, with its place."""
    found = []
    for name, (commands, advice) in WANTED.items():
        place = next(filter(None, map(shutil.which, commands)), None)
        if place:
            found.append(Finding(group=GROUP, name=name, found=at_home(Path(place))))
        else:
            found.append(Finding(group=GROUP, name=name, state="missing", advice=advice))
    return [*found, _browser()]


def _browser() -> Finding:
    """Chromium on PATH, or else the one that playwright keeps."""
    on_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    own = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or PLAYWRIGHT.expanduser())
    kept = sorted(own.glob("chromium-*")) if own.is_dir() else []
    place = Path(on_path) if on_path else kept[-1] if kept else None
    if place:
        return Finding(group=GROUP, name="Chromium", found=at_home(place))
    advice = (
        "only the tests of the experts' page and of the report need it (any browser opens these): install chromium, or "
        "playwright install chromium"
    )
    return Finding(group=GROUP, name="Chromium", state="missing", advice=advice)
