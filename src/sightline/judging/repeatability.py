"""Whether a model's verdict stays the same when its images are changed in ways that no reader would mind.

The perturbed maps are those of the stage consistency, brought back to the frame of the unperturbed images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sightline.judging.films import Films
from sightline.judging.results import verdicts
from sightline.judging.scored import score_films
from sightline.judging.settings import Verdict
from sightline.judging.survey import Cells
from sightline.rows import Picked

UNPERTURBED = "unperturbed"


def verdict_repeatability(
    films: Films, settings: Verdict, images: Sequence[str], maps: Mapping[str, np.ndarray], cells: Cells
) -> dict[str, Any]:
    """`images`, `verdict` unperturbed, `same` and `of` perturbations, and `perturbations.<name>.{verdict, contrast}`.

    `maps`: by perturbation, `UNPERTURBED` among them, raw maps M x h x w of `images`, which may be some of the films;
    `cells`: the network's own grid, since maps brought back lie on the images' grid. Each p-value stands by itself. {}
    without images.
    """
    rows = [films.images.index(image) for image in images if image in films.images]
    if not rows:
        return {}
    kept = [place for place, image in enumerate(images) if image in films.images]
    chosen = replace(some_films(films, rows), maps={name: raw[kept] for name, raw in maps.items()}, untrained={})
    scored = score_films(chosen, settings, dict.fromkeys(maps, cells))
    entries = {
        name: {"verdict": entry["verdict"], "contrast": entry["contrast"][settings.primary]["value"]}
        for name, entry in verdicts(chosen, scored, settings, family=[])["candidates"].items()
    }
    plain = entries.pop(UNPERTURBED)
    same = sum(entry["verdict"] == plain["verdict"] for entry in entries.values())
    return {
        "images": len(rows), "verdict": plain["verdict"], "contrast": plain["contrast"], "same": same,
        "of": len(entries), "perturbations": entries,
    }  # fmt: skip


def some_films(films: Films, rows: Sequence[int]) -> Films:
    """The films of these rows, without maps."""
    names, lungs_MHW = films.reader_names_MR, films.lungs_MHW
    return replace(
        films,
        images=[films.images[row] for row in rows],
        patients_M=films.patients_M[list(rows)],
        masks_MHW=Picked(films.masks_MHW, rows),
        shares_MHW=Picked(films.shares_MHW, rows),
        readers_MRHW=Picked(films.readers_MRHW, rows),
        others_MRHW=Picked(films.others_MRHW, rows),
        reader_names_MR=None if names is None else [names[row] for row in rows],
        maps={},
        lungs_MHW=None if lungs_MHW is None else Picked(lungs_MHW, rows),
    )
