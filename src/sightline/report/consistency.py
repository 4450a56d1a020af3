"""The report's section on consistency: whether maps stay the same when nothing that matters changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from sightline.counts import counted
from sightline.report.chart import INK, dots, label_margin, looks, svg
from sightline.report.contents import Study
from sightline.report.html import chart, details_html, paragraph, table
from sightline.report.words import Metrics, in_units, listed, measure, method_words, number_at, percent, shown
from sightline.study.models import Entry

KINDS = {
    "shift": "Shifts",
    "rotate": "Rotations",
    "noise": "Noise",
    "jpeg": "JPEG",
    "dropout": "Dropout",
    "seed": "Another seed",
}


def consistency(study: Study) -> list[str]:
    """How far each network's maps, and their score, stay the same under each kind of perturbation."""
    by_model = {model: values for model in study.models if (values := study.consistency.get(model))}
    if not by_model:
        return [
            paragraph(
                "Consistency was not measured: it is off by default, and it needs networks and a consensus. The "
                "parameter consistency.enabled turns it on."
            )
        ]
    kinds = [kind for kind in KINDS if any(kind in values.get("kinds", {}) for values in by_model.values())]
    methods = listed(sorted({method_words(str(values.get("method"))) for values in by_model.values()}))
    counts = sorted({int(values["images"]) for values in by_model.values() if values.get("images")})
    correlations = _table(
        by_model, kinds, "correlation", _number,
        "Spearman's rank correlation of the two maps over the pixels: 1, the same order; 0 where either map is "
        "flat. Second line: chance.",
    )  # fmt: skip
    overlaps = _table(
        by_model, kinds, "overlap", percent,
        "Of the map's highest pixels, as many as the region of the consensus has, the share that is also among "
        "the highest after the perturbation. Second line: chance.",
    )  # fmt: skip
    return [
        *_figure(study, by_model, kinds),
        paragraph(
            " ".join(_verdicts(study))
            + f" {methods} of {' or '.join(counted(count, 'image') for count in counts)} with a consensus, made again "
            "under small changes (shifts by a few pixels, turns by a few degrees, JPEG and more) that change nothing a "
            "reader would say of the film. Exploratory; no test is made."
        ),
        details_html("Correlation and overlap of the maps", correlations + overlaps),
        details_html("The score under each change", _scores(by_model, kinds)),
    ]


def _figure(study: Study, by_model: Mapping[str, Metrics], kinds: list[str]) -> list[str]:
    """The chart of correlations; nothing where none is known."""
    rows = []
    for model, values in by_model.items():
        own, chance = (
            [number_at(values, "kinds", kind, name) for kind in kinds] for name in ("correlation", "correlation_chance")
        )
        known = [value for value in own if value == value]
        if known:
            by_chance = [value for value in chance if value == value]
            middle = math.nan if not by_chance else sum(by_chance) / len(by_chance)
            rows.append((model, sum(known) / len(known), min(known), max(known), middle))
    if not rows:
        return []
    frame = pd.DataFrame(rows, columns=["model", "value", "low", "high", "chance"])
    caption = (
        "Rank correlation of a map with the map of the changed film. Dot: mean over the kinds of change; line: from "
        "the kind that changes it most to the one that changes it least; tick: chance, what it shares with the maps of "
        "other patients under the same model."
    )
    return [chart(consistency_figure(frame, study.models), caption)]


def consistency_figure(frame: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """A row per model: `value` with a line from `low` to `high`, and a tick at `chance`."""
    height = 0.85 + 0.3 * len(frame)

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["model"]))
        axes = figure.add_axes((left, 0.5 / height, 0.95 - left, 1 - 0.6 / height))
        dots(axes, frame, ("value", "low", "high"), looks(models))
        rows = range(len(frame))
        axes.plot(frame["chance"], rows, linestyle="none", marker="|", markersize=11, color=INK, markeredgewidth=1.6)
        axes.set_yticks(rows, list(frame["model"]))
        axes.set_xlabel("rank correlation of maps before and after")

    alt = "Rank correlation of maps before and after small changes: " + "; ".join(
        f"{row['model']} {row['value']:.2f}, chance {shown(row['chance'], 2)}" for row in frame.to_dict("records")
    )
    return svg(draw, height, "consistency", alt)


def _verdicts(study: Study) -> list[str]:
    """A sentence: how often the verdict stays the same; nothing where no verdict was repeated."""
    counts = []
    for model, methods in study.verdict.get("models", {}).items():
        for values in methods.values():
            if repeated := values.get("repeatability"):
                counts.append(f"{model} under {repeated['same']} of {repeated['of']}")
    return [f"The verdict stays the same: {listed(counts)} changes."] if counts else []


def _table(
    by_model: Mapping[str, Metrics], kinds: list[str], name: str, words: Callable[[float], str], caption: str
) -> str:
    """One row per model, one column per kind: the mean and, below it, chance."""
    rows = []
    for model, values in by_model.items():
        own, chance = ([number_at(values, "kinds", kind, key) for kind in kinds] for key in (name, f"{name}_chance"))
        cells = [f"{words(value)}\nchance {words(by_chance)}" for value, by_chance in zip(own, chance, strict=True)]
        rows.append([model, *("–" if math.isnan(value) else cell for value, cell in zip(own, cells, strict=True))])
    return table(["Model", *(KINDS[kind] for kind in kinds)], rows, caption)


def _scores(by_model: Mapping[str, Metrics], kinds: list[str]) -> str:
    """The score against the consensus, unperturbed and under each kind."""
    words = partial(in_units, metric="rank")
    rows = [
        [model, words(number_at(values, "rank")), *(words(number_at(values, "kinds", kind, "rank")) for kind in kinds)]
        for model, values in by_model.items()
    ]
    caption = (
        f"The score against the consensus, {measure('rank').words}: {measure('rank').meaning}. Mean over the images, "
        "and over the perturbations of a kind."
    )
    return table(["Model", "Unperturbed", *(KINDS[kind] for kind in kinds)], rows, caption)


def _number(value: float) -> str:
    return shown(value, 2).replace("-", "\N{MINUS SIGN}")
