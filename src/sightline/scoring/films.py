"""The films of `sightline score` for the report's viewer.

A candidates, M images, R readers, H W common grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from sightline.alignment.ladder import MapsAndRegions, Scores
from sightline.alignment.metrics import METRICS
from sightline.experts.agreement import iou_matrix
from sightline.processes import in_processes
from sightline.report.contents import Strip
from sightline.report.gallery import film_rows, spread_images
from sightline.report.strip import quartile_images, strip_of
from sightline.report.viewer import Encoded, Film, Mark, Viewer, encoded, viewer_of
from sightline.scoring.results import Origin

STRIP = 4  # films of the strip for print and for browsers without scripts
MOST_SHOWN, ENDS = 400, 100  # films in the viewer of a larger study; of them, those of the lowest and the highest IoU
MOST_BYTES = 3_000_000  # of such a study's films inside the page; the others lie beside it
Rows = list[tuple[str, list[tuple[str, str, str]]]]


def score_viewer(
    study: MapsAndRegions,
    scores: Scores,
    contrasts: pd.DataFrame,
    origin: Origin,
    threshold: float,
    meanwhile: Callable[[], object] | None = None,
) -> tuple[Viewer | None, Rows]:
    """The images in the viewer (`shown_rows`), and a few, from the best to the worst mean IoU, as tiles.

    `contrasts`: image, candidate, score, own, d, as `verdict.csv`. Without X-rays the films are black.
    `meanwhile`: of `in_processes`.
    """
    primary = study.settings.primary
    words = {"contrast": "contrast", "own": METRICS[primary].words, "iou": f"IoU at {threshold:g}"}
    means = _mean_iou(study, scores)
    rows = shown_rows(means)
    is_chosen = len(rows) < len(study.images)
    marks = _marks(study, scores, contrasts[contrasts["score"] == primary])
    encoding = _Encoding(study, marks, origin, list(words))
    shown = viewer_of(
        in_processes(_encoded, encoding, rows, meanwhile), models=dict.fromkeys(study.maps, ""), scores=words,
        threshold=threshold, lungs="body" if origin.anatomy == "body" else "lungs",
        note=_chosen_words(len(rows), len(study.images)) if is_chosen else "",
        most_bytes=MOST_BYTES if is_chosen else None,
    )  # fmt: skip
    few = [study.images.index(image) for image in spread_images(means, STRIP)]
    return shown, film_rows(films(study, marks, origin, few), dict.fromkeys(study.maps, "map"), threshold)


class _Encoding(NamedTuple):
    study: MapsAndRegions
    marks: dict[str, dict[str, Mark]]
    origin: Origin
    scores: list[str]


def _encoded(encoding: _Encoding, row: int) -> Encoded:
    """The film of a row, as the page holds it."""
    study, marks, origin, scores = encoding
    (film,) = films(study, marks, origin, [row])
    return encoded(film, list(study.maps), scores)


def shown_rows(means: pd.DataFrame) -> list[int]:
    """Rows of the images in the viewer, in their order: all of up to `MOST_SHOWN`.

    Of more: those of the `ENDS` lowest and the `ENDS` highest mean IoU, and the rest of `MOST_SHOWN` evenly spaced
    between them. `means`: image, iou; ties in order of name. Images without an IoU are then left out.
    """
    if len(means) <= MOST_SHOWN:
        return list(range(len(means)))
    ranked = means.reset_index(drop=True).dropna(subset=["iou"]).sort_values(["iou", "image"]).index.to_numpy()
    if len(ranked) > MOST_SHOWN:
        between = np.linspace(ENDS, len(ranked) - ENDS - 1, MOST_SHOWN - 2 * ENDS).round().astype(int)
        ranked = np.concatenate([ranked[:ENDS], ranked[between], ranked[len(ranked) - ENDS :]])
    return sorted(ranked.tolist())


def _chosen_words(shown: int, images: int) -> str:
    if shown < MOST_SHOWN:
        return f"{shown:,} of {images:,} images: those with an IoU. scores.csv has all."
    return (
        f"{shown:,} of {images:,} images: the {ENDS} of the lowest mean IoU over all maps, the {ENDS} of the highest, "
        f"and {shown - 2 * ENDS} evenly spaced between them, not chosen by eye. scores.csv has all."
    )


def first_strip(study: MapsAndRegions, scores: Scores) -> Strip | None:
    """The films of the first screen; None without X-rays."""
    if (pixels_MHW := study.pixels_MHW) is None:
        return None
    rows = [(image, study.images.index(image)) for image in quartile_images(_mean_iou(study, scores))]
    return strip_of(
        (image, pixels_MHW[row], study.masks_MHW[row], dict(zip(study.maps, study.maps_AHW(row), strict=True)))
        for image, row in rows
    )


def films(
    study: MapsAndRegions, marks: dict[str, dict[str, Mark]], origin: Origin, rows: range | list[int]
) -> Iterator[Film]:
    """The films of these rows, one at a time."""
    for row in rows:
        image = study.images[row]
        masks_RHW = study.readers_MRHW[row]
        names = (
            study.reader_names_MR[row]
            if study.reader_names_MR
            else [f"{place}" for place in range(1, 1 + len(masks_RHW))]
        )
        yield Film(
            name=image,
            pixels=None if study.pixels_MHW is None else study.pixels_MHW[row],
            consensus_HW=study.masks_MHW[row],
            lungs_HW=None if study.lungs_MHW is None else study.lungs_MHW[row],
            readers=list(zip(names, masks_RHW, strict=True)) if origin.is_single else [],
            maps=dict(zip(study.maps, study.maps_AHW(row), strict=True)),
            agreement=agreement(masks_RHW),
            marks={name: by_image[image] for name, by_image in marks.items()},
        )


def agreement(masks_RHW: np.ndarray) -> float:
    """Mean IoU of all pairs of annotations, in [0, 1]; pairs of empty ones are left out; NaN without a pair."""
    if len(masks_RHW) < 2:
        return float("nan")
    pairs = iou_matrix(masks_RHW, masks_RHW)[np.triu_indices(len(masks_RHW), 1)]
    known = pairs[~np.isnan(pairs)]
    return float(known.mean()) if known.size else float("nan")


def _marks(study: MapsAndRegions, scores: Scores, contrasts: pd.DataFrame) -> dict[str, dict[str, Mark]]:
    """By candidate and image; `contrasts` of the primary score, which lack images without a region."""
    pairs = zip(contrasts["candidate"], contrasts["image"], strict=True)
    values = zip(contrasts["own"].tolist(), contrasts["d"].tolist(), strict=True)
    contrast_of = dict(zip(pairs, values, strict=True))
    found: dict[str, dict[str, Mark]] = {}
    for name, iou_M in zip(study.maps, scores.binary["fixed"]["iou"], strict=True):
        found[name] = {}
        for image, iou in zip(study.images, iou_M.tolist(), strict=True):
            own, contrast = contrast_of.get((name, image), (np.nan, np.nan))
            found[name][image] = Mark(scores={"iou": iou, "own": own, "contrast": contrast})
    return found


def _mean_iou(study: MapsAndRegions, scores: Scores) -> pd.DataFrame:
    return pd.DataFrame({"image": study.images, "iou": scores.binary["fixed"]["iou"].mean(axis=0)})
