"""The viewer of the report and of `sightline score`: films in a grid, and one large with its layers and a threshold.

The page holds the films' data and the viewer's script (viewer/*.js); nothing is requested. Films beyond what a page
may hold lie in files beside it, which the page loads from there. Without a script the page shows a strip of a few films
and the table of all.

H W image grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import colormaps

from sightline.report.film_data import film_json, script_json
from sightline.report.html import POLICY, details_html, paragraph, table
from sightline.study.files import write_text

MOST_FILMS = 200  # inside the page
MOST_BYTES = 15_000_000  # of films inside the page
FOLDER = "report"  # beside the page, for the films beyond
SCRIPTS = ("decode.js", "contour.js", "paint.js", "films.js", "grid.js", "controls.js", "box.js", "keys.js", "main.js")
ASSETS = Path(__file__).parent / "viewer"
IOU = "iou"  # key of the score that the table prints
SHADES = 17  # colours of the map from 0 to 1, between which the browser interpolates


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What one model's map and prediction are worth on a film."""

    outcome: str = ""
    """TP, FP, FN or TN; empty where the model predicts nothing."""
    probability: float = math.nan
    """Of the finding, in [0, 1]; NaN where the model predicts nothing."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """By the keys of `Viewer.scores`; NaN, or no key, where the map has no score."""


@dataclass(frozen=True, kw_only=True)
class Film:
    """One film and what the viewer draws over it; all arrays are on the image grid."""

    name: str
    pixels: np.ndarray | None = None
    """uint8 H x W or H x W x 3; None: black."""
    consensus_HW: np.ndarray | None = None
    """bool; None where nobody was asked."""
    lungs_HW: np.ndarray | None = None
    """bool"""
    readers: Sequence[tuple[str, np.ndarray]] = ()
    """Name and bool H x W of each annotation."""
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    """By model: float in [0, 1], as scored; models may be missing."""
    finding: str = ""
    """What the film's label says, in words; empty where that is unknown."""
    agreement: float = math.nan
    """Mean IoU of the readers' annotations, in [0, 1]; NaN below two."""
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """By model."""


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Films ready for the page: what its script reads."""

    grid: tuple[int, int]
    """H, W"""
    models: Mapping[str, str]
    """The method of each model's map, in words, by model."""
    scores: Mapping[str, str]
    """Words of each score, by key; the first orders the films at first. Higher is better."""
    threshold: float
    """Where the slider starts."""
    experts: str = "experts"
    lungs: str = "lungs"
    """What the lung masks are: lungs, or body."""
    films: Sequence[Mapping[str, Any]]
    """What is said of each film."""
    data: Sequence[str]
    """JSON of each film's arrays."""
    note: str = ""
    """Which films were chosen, in words; empty where all are shown."""
    most_bytes: int | None = None
    """Of films inside the page; None: `MOST_BYTES`."""

    @property
    def inside(self) -> int:
        """How many films the page holds: the first ones, up to 200 and 15 MB (or `most_bytes`)."""
        total, most = 0, MOST_BYTES if self.most_bytes is None else self.most_bytes
        for count, text in enumerate(self.data[:MOST_FILMS]):
            total += len(text.encode())
            if total > most:
                return count
        return min(len(self.data), MOST_FILMS)


class Encoded(NamedTuple):
    """A film as the page holds it."""

    name: str
    shapes: set[tuple[int, int]]
    """Of its arrays; one, if they fit together."""
    said: dict[str, Any]
    """What is said of it."""
    data: str
    """JSON of its arrays."""


def encoded(film: Film, models: Sequence[str], scores: Sequence[str]) -> Encoded:
    """The film with the maps of these models and what is known of these scores, by key."""
    arrays = [film.pixels, film.consensus_HW, film.lungs_HW, *(mask for _, mask in film.readers), *film.maps.values()]
    height_width = {(array.shape[0], array.shape[1]) for array in arrays if array is not None}
    masks = [mask_HW for _, mask_HW in film.readers]
    maps = [film.maps.get(model) for model in models]
    data = film_json(film.pixels, film.consensus_HW, film.lungs_HW, masks, maps) if len(height_width) == 1 else ""
    return Encoded(film.name, height_width, _said(film, models, scores), data)


def viewer(
    films: Iterable[Film], *, models: Mapping[str, str], scores: Mapping[str, str], threshold: float, **options: Any
) -> Viewer | None:
    """The films encoded, one at a time, so that only one film's maps are held; the rest as in `viewer_of`."""
    ready = (encoded(film, list(models), list(scores)) for film in films)
    return viewer_of(ready, models=models, scores=scores, threshold=threshold, **options)


def viewer_of(
    films: Iterable[Encoded],
    *,
    models: Mapping[str, str],
    scores: Mapping[str, str],
    threshold: float,
    experts: str = "experts",
    lungs: str = "lungs",
    note: str = "",
    most_bytes: int | None = None,
) -> Viewer | None:
    """The films in one viewer; None without a film. Films on different grids raise ValueError."""
    said, data = [], []
    grid: tuple[int, int] | None = None
    for film in films:
        shapes = film.shapes if grid is None else film.shapes | {grid}
        if len(shapes) != 1:
            raise ValueError(f"{film.name}: arrays of {len(shapes)} sizes: {sorted(shapes)}")
        (grid,) = shapes
        said.append(film.said)
        data.append(film.data)
    if grid is None:
        return None
    return Viewer(
        grid=grid, models=models, scores=scores, threshold=threshold, experts=experts, lungs=lungs,
        films=said, data=data, note=note, most_bytes=most_bytes,
    )  # fmt: skip


def _said(film: Film, models: Sequence[str], scores: Sequence[str]) -> dict[str, Any]:
    marks = []
    for model in models:
        mark = film.marks.get(model, Mark())
        by_score = {score: _known(mark.scores.get(score, math.nan)) for score in scores}
        marks.append({"outcome": mark.outcome, "probability": _known(mark.probability), "scores": by_score})
    return {
        "name": film.name,
        "finding": film.finding,
        "agreement": _known(film.agreement),
        "readers": [name for name, _ in film.readers],
        "marks": marks,
    }


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def parts(shown: Viewer | None, strip_html: str = "") -> list[str]:
    """The section's parts. `strip_html`: pictures of a few films for print and for browsers without scripts."""
    if shown is None:
        return [paragraph("There is no film to show.")]
    blocks = [f'<script type="application/json" id="viewer-data">{script_json(_page_data(shown))}</script>']
    blocks += [
        f'<script type="application/json" id="film-{number}">{text}</script>'
        for number, text in enumerate(shown.data[: shown.inside])
    ]
    which = f"The {len(shown.films)} films" if shown.note else f"All {len(shown.films)} films"
    return [
        paragraph(shown.note) if shown.note else "",
        '<div id="viewer" class="viewer" hidden></div>',
        f'<div class="viewer-still">{strip_html}</div>' if strip_html else "",
        details_html(f"{which} as a table", films_table(shown)),
        "\n".join(blocks),
    ]


def _page_data(shown: Viewer) -> dict[str, Any]:
    steps = colormaps["inferno"](np.linspace(0, 1, SHADES))[:, :3]
    height, width = shown.grid
    return {
        "height": height,
        "width": width,
        "threshold": min(max(round(100 * shown.threshold), 1), 100),
        "models": [{"name": name, "method": method} for name, method in shown.models.items()],
        "scores": [{"key": key, "words": words} for key, words in shown.scores.items()],
        "experts": shown.experts,
        "lungs": shown.lungs,
        "shades": np.rint(255 * steps).astype(int).tolist(),
        "inside": shown.inside,
        "folder": FOLDER,
        "films": shown.films,
    }


def files_beside(shown: Viewer | None) -> dict[str, str]:
    """The films that the page does not hold, by the name of their file in the folder beside it."""
    if shown is None:
        return {}
    inside = shown.inside
    return {
        f"film-{number}.js": f"sightlineFilm({number},{text})\n"
        for number, text in enumerate(shown.data[inside:], inside)
    }


def write_beside(folder: Path, shown: Viewer | None) -> None:
    """Writes the films that the page does not hold to `folder`, if any, and removes those of an earlier page."""
    files = files_beside(shown)
    for name, text in files.items():
        write_text(folder / name, text)
    for path in folder.glob("film-*.js"):
        if path.name not in files:
            path.unlink()


def assets(shown: Viewer | None) -> tuple[list[str], list[str], str]:
    """Styles, scripts and policy of a page with the viewer; a page without a film needs none."""
    if shown is None:
        return [], [], POLICY
    policy = POLICY if shown.inside == len(shown.films) else POLICY + " 'self' file:"  # the folder beside the page
    return [(ASSETS / "viewer.css").read_text(encoding="utf-8")], [script()], policy


def script() -> str:
    """The viewer's script: its files in order, in one scope of their own."""
    body = "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f"(() => {{\n'use strict';\n{body}}})();\n"


def films_table(shown: Viewer) -> str:
    """Every film with the readers' agreement and each model's IoU; label and outcome where any film has them."""
    has_labels = any(film["finding"] for film in shown.films)
    has_outcomes = any(mark["outcome"] for film in shown.films for mark in film["marks"])
    models = [f"{model}\nIoU" if has_outcomes else model for model in shown.models]
    header = ["Film", *["Label"] * has_labels, f"Agreement of\n{shown.experts}", *models]
    rows = []
    for film in shown.films:
        cells = [_number(mark["scores"].get(IOU)) for mark in film["marks"]]
        if has_outcomes:
            cells = [f"{mark['outcome'] or '–'}\n{iou}" for mark, iou in zip(film["marks"], cells, strict=True)]
        label = [film["finding"] or "–"] * has_labels
        rows.append([film["name"], *label, _number(film["agreement"]), *cells])
    caption = (
        "Films of the viewer. Agreement: mean IoU of the annotations. Of each model: "
        f"{'outcome of the prediction; below, ' if has_outcomes else ''}the IoU of map and consensus at "
        f"{shown.threshold:g}."
    )
    return table(header, rows, caption, text_columns=("Label",))


def films_frame(shown: Viewer | None) -> pd.DataFrame:
    """The same in full: a row for each film and model."""
    rows = []
    for film in shown.films if shown else ():
        for model, mark in zip(shown.models if shown else (), film["marks"], strict=True):
            facts = {"image": film["name"], "model": model, "label": film["finding"], "agreement": film["agreement"]}
            rows.append({**facts, "outcome": mark["outcome"], "probability": mark["probability"], **mark["scores"]})
    columns = ["image", "model", "label", "agreement", "outcome", "probability", *(shown.scores if shown else ())]
    return pd.DataFrame(rows, columns=columns)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")
