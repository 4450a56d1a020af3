"""The page of a scored study, and its first films. matplotlib loads with this module, which scoring does not need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sightline.report.contents import Strip
from sightline.report.viewer import FOLDER, write_beside
from sightline.scoring.films import first_strip, score_viewer
from sightline.scoring.page import score_report
from sightline.scoring.scored_study import ScoredStudy
from sightline.study.files import write_text


def strip_of_study(found: ScoredStudy) -> Strip | None:
    """The films of the first screen; None without X-rays."""
    return first_strip(found.study, found.scores)


def write_page(path: Path, found: ScoredStudy, meanwhile: Callable[[], object] | None = None) -> None:
    """The page, and in the folder report/ beside it the films that it has no room for.

    `meanwhile`: of `in_processes`, as others encode the films.
    """
    shown, few = score_viewer(found.study, found.scores, found.verdict.table, found.origin, found.threshold, meanwhile)
    page = score_report(found.summary, shown, few, strip_of_study(found))
    write_beside(path.parent / FOLDER, shown)
    write_text(path, page)
