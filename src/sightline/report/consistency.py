"""The report's section on consistency: whether maps stay the same when nothing that matters changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from sightline.report.contents import Study
from sightline.report.html import paragraph, table
from sightline.report.words import Metrics, in_units, listed, measure, method_words, number_at, percent, shown

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
    return [
        paragraph(
            f"A map that changes when the film is shifted by a few pixels, turned by a few degrees or saved as a JPEG "
            f"file says little about the patient. {methods} of {' or '.join(map(str, counts))} images with a "
            "consensus, made again under each perturbation and brought back to the frame of the original. Chance is "
            "what the map shares with the maps of other patients under the same model. Exploratory; no test is made."
        ),
        _table(by_model, kinds, "correlation", _number,
               "Spearman's rank correlation of the two maps over the pixels: 1, the same order; 0 where either map is "
               "flat. Second line: chance."),
        _table(by_model, kinds, "overlap", percent,
               "Of the map's highest pixels, as many as the region of the consensus has, the share that is also among "
               "the highest after the perturbation. Second line: chance."),
        _scores(by_model, kinds),
        *_verdicts(study),
    ]  # fmt: skip


def _verdicts(study: Study) -> list[str]:
    """How often the verdict stays the same; nothing where no verdict was repeated."""
    counts = []
    for model, methods in study.verdict.get("models", {}).items():
        for values in methods.values():
            if repeated := values.get("repeatability"):
                counts.append(f"{model} under {repeated['same']} of {repeated['of']}")
    return [paragraph(f"The verdict stays the same: {listed(counts)} perturbations.")] if counts else []


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
