"""A study scored and judged, and what is written of it: the one way of `sightline score` and of sightline.score."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightline.alignment.ladder import MapsAndRegions, Scores, score_images
from sightline.chunks import Kept
from sightline.scoring.gather import gather
from sightline.scoring.request import Request
from sightline.scoring.results import RULES, Origin, image_table, ladder_numbers, results
from sightline.scoring.verdict import Judged, judged
from sightline.scoring.verdict import settings as verdict_settings
from sightline.study.files import write_csv, write_json

if TYPE_CHECKING:  # pandas takes most of the start-up: it loads while other processes score
    import pandas as pd

Told = Callable[[int], None]
Bar = Callable[[str, int], AbstractContextManager[Told]]
"""For the name of a step and the number of its images, what is called with the number of images that are done."""


@contextmanager
def no_bar(_what: str, _total: int) -> Iterator[Told]:
    """Shows nothing."""
    yield lambda _images: None


@dataclass(frozen=True, kw_only=True)
class ScoredStudy:
    """The inputs and every number that comes of them."""

    study: MapsAndRegions
    origin: Origin
    scores: Scores
    verdict: Judged
    threshold: float
    summary: dict[str, Any]
    """The contents of scores.json."""

    def table(self) -> pd.DataFrame:
        """The rows of scores.csv."""
        return image_table(self.study, self.scores)


def score_study(
    request: Request,
    command: str,
    kept: Kept | None = None,
    bar: Bar = no_bar,
    meanwhile: Callable[[], object] | None = None,
) -> ScoredStudy:
    """Reads, scores and judges what the request names; StudyError with all problems of its inputs.

    `command`: how it was asked, for the page. `kept`: the folder of an earlier run that goes on. `meanwhile`: what this
    process may do while others score.
    """
    study, origin = gather(request, kept)
    with bar("scores", len(study.images)) as told:
        scores = score_images(study, RULES, request.threshold, kept, told, meanwhile)
    numbers = cache(partial(ladder_numbers, study, scores))
    verdict = judge_study(study, request, kept, bar, meanwhile=numbers)
    summary = results(study, numbers(), verdict, origin)
    summary["command"] = command
    summary["threshold"] = request.threshold
    return ScoredStudy(
        study=study, origin=origin, scores=scores, verdict=verdict, threshold=request.threshold, summary=summary
    )


def judge_study(
    study: MapsAndRegions,
    request: Request,
    kept: Kept | None = None,
    bar: Bar = no_bar,
    meanwhile: Callable[[], object] | None = None,
) -> Judged:
    """The verdicts alone, which need no score of the ladder. `meanwhile`: of `in_processes`."""
    chosen = verdict_settings(request.primary, request.margin, request.frame)
    cells = (request.grid[0], request.grid[1]) if request.grid else None
    with bar("other patients", len(study.images)) as told:
        return judged(study, chosen, cells, kept, told, meanwhile)


def write_tables(out: Path, found: ScoredStudy) -> None:
    """OUT/scores.csv, verdict.csv and scores.json."""
    write_csv(out / "scores.csv", found.table())
    write_csv(out / "verdict.csv", found.verdict.table)
    write_json(out / "scores.json", found.summary)
