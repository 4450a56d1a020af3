"""The verdict of `sightline score`: the ladder's arrays handed to the core of the verdict, and its results' shape.

M images, R readers, H W common grid, h w cells of a map's own grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sightline.alignment.ladder import MapsAndRegions
from sightline.chunks import Kept
from sightline.judging.films import Films
from sightline.judging.results import verdicts
from sightline.judging.scored import score_films
from sightline.judging.settings import Verdict
from sightline.judging.survey import Cells
from sightline.judging.tables import contrast_table
from sightline.rows import Picked

if TYPE_CHECKING:  # pandas takes most of the start-up: it loads while other processes score
    import pandas as pd

SETTINGS = ("level", "power", "resamples", "permutations")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The verdict on every candidate."""

    candidates: dict[str, dict[str, Any]]
    """Keys of `verdict.results.verdicts`; none of them is a metric's name."""
    controls: dict[str, Any]
    settings: dict[str, Any]
    """What the verdict rests on: its settings, and the images, patients, readers and readings that it counts."""
    table: pd.DataFrame
    """Long: own, row, col and d of each candidate, score and image."""


def settings(
    primary: Literal["rank", "ap", "auroc", "mass", "pointing"], margin: float, frame: Literal["image", "lungs"]
) -> Verdict:
    """The same for every user but for these; ValueError for a margin that is not between 0 and 1."""
    return Verdict(
        primary=primary, margin=margin, weigh="patients", frame=frame,
        level=0.95, power=0.8, resamples=2000, permutations=50_000,
    )  # fmt: skip


def films_of(study: MapsAndRegions) -> Films:
    """The study's images with a region; the lungs, or the body in their place, are the patient's own anatomy."""
    rows = [row for row in range(len(study.images)) if study.masks_MHW[row].any()]
    names_MR = study.reader_names_MR
    return Films(
        seed=study.seed,
        images=[study.images[row] for row in rows],
        patients_M=study.patients_M[rows],
        masks_MHW=Picked(study.masks_MHW, rows),
        shares_MHW=Picked(study.shares_MHW, rows),
        readers_MRHW=Picked(study.readers_MRHW, rows),
        others_MRHW=Picked(study.others_MRHW, rows),
        reader_names_MR=None if names_MR is None else [names_MR[row] for row in rows],
        maps={name: Picked(raws, rows) for name, raws in study.maps.items()},
        lungs_MHW=None if study.lungs_MHW is None else Picked(study.lungs_MHW, rows),
        anatomy="estimated body" if study.baseline_names else "lungs",
    )


def judged(
    study: MapsAndRegions,
    chosen: Verdict,
    cells: Cells | None,
    kept: Kept | None = None,
    told: Callable[[int], None] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Judged:
    """All candidates are one family of tests. `cells`: of all maps, where these were brought to a larger size.

    `kept`, `told`, `meanwhile`: as of `score_films`.
    """
    import pandas as pd

    films, names = films_of(study), list(study.maps)
    cells_of = None if cells is None else dict.fromkeys(names, cells)
    scored = score_films(films, chosen, cells_of, kept, told, meanwhile)
    results = verdicts(films, scored, chosen, names)
    candidates, controls = results.pop("candidates"), results.pop("controls")
    del results["families"], results["primary"]  # maps come without seeds; the primary score stands beside
    return Judged(
        candidates=candidates,
        controls=controls,
        settings={**results, **{name: getattr(chosen, name) for name in SETTINGS}},
        table=pd.DataFrame(contrast_table(films, scored, chosen)),
    )
