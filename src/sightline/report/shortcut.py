"""The report's section on shortcuts: relevance outside the lungs, and maxima that gather at one place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from sightline.counts import counted
from sightline.report.contents import Study
from sightline.report.digits import plain
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.shortcut_figure import shortcut_figure
from sightline.report.words import (
    OUTCOMES,
    SHARES,
    Metrics,
    anatomy,
    is_body,
    listed,
    method_words,
    number_at,
    percent,
    shown,
)
from sightline.study.models import primary_method

UNKNOWN = "cannot tell"
WITHOUT_LUNGS = (
    "No model is flagged or cleared: this study has no lung masks, and {place} stands in for the lungs. A marker on "
    "the patient lies inside it, and most of what lies outside is air. Put lung masks into data/lungs to use the meter."
)
Chosen = Mapping[str, tuple[str, Metrics]]  # by model: the primary method and its results


def shortcut(study: Study) -> list[str]:
    """Where maps of images called positive look: the chart, what follows from it, and the tables behind it."""
    chosen = _chosen(study.shortcut, list(study.models))
    if not chosen:
        return [paragraph("The shortcut meter has no results: metrics/shortcut.json is missing or empty.")]
    place = "the estimated body" if is_body(study.shortcut) else "the lungs"
    return [
        *_figure(study, chosen, place),
        paragraph(_summary(study.shortcut, chosen)),
        details_html("How the meter works, and what it cannot see", bullets(_limits(study.shortcut, place))),
        details_html("Relevance by place, and the signs of a shortcut", _shares_table(chosen, place)),
        details_html("By right and wrong answers", _outcomes_table(chosen, place)),
    ]


def _chosen(shortcut: Metrics, models: Sequence[str]) -> dict[str, tuple[str, Metrics]]:
    by_model = {model: shortcut.get("models", {}).get(model) for model in models}
    return {
        model: (method, methods[method])
        for model, methods in by_model.items()
        if methods
        for method in [primary_method(list(methods))]
    }


def _summary(shortcut: Metrics, chosen: Chosen) -> str:
    """Who is flagged, on what, and of what: the section's one paragraph."""
    images = sorted({int(values["images"]) for _, values in chosen.values() if "images" in values})
    seen = f" Measured on {' or '.join(counted(count, 'test image') for count in images)}" if images else ""
    seen += f", annotated or not; lungs: {shortcut.get('lungs', 'origin not stated')}." if seen else ""
    if is_body(shortcut):
        return WITHOUT_LUNGS.format(place=anatomy(shortcut)) + seen
    suspects = [model for model, (_, values) in chosen.items() if _suspicion(values).get("is_flagged")]
    unknown = [model for model, (_, values) in chosen.items() if _verdict(values) == UNKNOWN]
    clear = [model for model, (_, values) in chosen.items() if _verdict(values) == "no"]
    words = ""
    if suspects:
        words = (
            f"Flagged: {listed(suspects)}. On images called positive, right or wrong, the maps show more relevance "
            "outside the lungs than on images called negative, or their maxima return to one place of the film. "
        )
    if clear:
        words += f"Not flagged: {listed(clear)}. "
    if unknown:
        words += (
            f"The meter cannot tell for {listed(unknown)}: too few images are called positive, or negative, and have "
            "a map that is not flat. "
        )
    return f"{words}A flag does not prove that the network uses the place, and no flag proves nothing.{seen}"


def _limits(shortcut: Metrics, place: str) -> list[str]:
    return [
        f"The meter needs no experts, only {place}. It compares images that a network calls positive, right or wrong, "
        "with images that it calls negative.",
        f"Two signs: relevance outside {place}, beyond a uniform map's, and maxima that return to one place outside.",
        "A flag needs a large effect at the 2.5% level; the least effects were chosen from networks without a marker.",
        "A place that draws the maps whatever the answer is not flagged, and a coarse feature grid can hide a marker.",
        "Maps that came without a network's answers are split by the images' labels.",
        f"Lungs: {shortcut.get('lungs', 'origin not stated')}.",
    ]


def _figure(study: Study, chosen: Chosen, place: str) -> list[str]:
    keys = {"outside": "excess", "place": "concentration"}
    frame = pd.DataFrame(
        [
            {"model": model}
            | {
                f"{name}{ending}": number_at(_suspicion(values), f"{key}{ending}")
                for name, key in keys.items()
                for ending in ("", "_negative")
            }
            for model, (_, values) in chosen.items()
        ]
    )
    if frame[list(keys)].isna().to_numpy().all():
        return []
    caption = (
        f"Mark: images called positive; tick: images called negative. Left: relevance outside {place} beyond a uniform "
        "map's. Right: maxima in the one place outside where the two differ most. Far apart: the answer and the place "
        "go together."
    )
    return [chart(shortcut_figure(frame, place, study.models), caption)]


def _suspicion(values: Metrics) -> Metrics:
    return values.get("suspicion") or {}


def _verdict(values: Metrics) -> str:
    """What the table says of a model; empty if the meter has no result."""
    sign = _suspicion(values)
    if not sign:
        return "–"
    return "flagged" if sign.get("is_flagged") else "no" if sign.get("can_tell") else UNKNOWN


def _shares_table(chosen: Chosen, place: str) -> str:
    rows = []
    for model, (method, values) in chosen.items():
        sign = _suspicion(values)
        cells = [
            f"{percent(number_at(values, 'shares', name))}\nuniform {percent(number_at(values, 'uniform', name))}"
            for name in SHARES
        ]
        spot = [number_at(sign, name) for name in ("row", "col")]
        where = "" if math.isnan(sum(spot)) else f"\n{percent(spot[0], 0)} down, {percent(spot[1], 0)} across"
        counts = [number_at(sign, name) for name in ("num_positive", "num_negative")]
        rows.append([
            model, _verdict(values), method_words(method), *cells,
            "\n".join(plain(count, 0) for count in counts),
            _both(sign, "excess", 1), shown(number_at(sign, "excess_p"), -1),
            _both(sign, "concentration", 0) + where, shown(number_at(sign, "concentration_p"), -1),
        ])  # fmt: skip
    header = ["Model", "Flag", "Method", *(f"Relevance\n{words.format(place)}" for words in SHARES.values()),
              "Images called\npositive\nnegative", "Excess\nnegative", "Excess,\np", "Maxima at one place\nnegative",
              "Place,\np"]  # fmt: skip
    caption = (
        "Relevance by place, over all test images; then images called positive, and on the second line images called "
        f"negative, without flat maps. Excess: share of relevance outside {place} beyond a uniform map's. Maxima at "
        "one place: the share of images whose maximum lies in the place outside, a seventh of each side wide, where "
        "the two kinds of image differ most. p: one-sided, answers exchanged between patients; a p near 1 says that "
        "images called positive have no more of it than the others."
    )
    return table(header, rows, caption, text_columns=("Method", "Flag"))


def _both(sign: Metrics, name: str, digits: int) -> str:
    """A number over the images called positive and, on a second line, over those called negative."""
    values = [number_at(sign, key) for key in (name, f"{name}_negative")]
    return "\n".join(plain(100 * value, digits) + ("" if math.isnan(value) else "%") for value in values)


def _outcomes_table(chosen: Chosen, place: str) -> str:
    rows = []
    for model, (_, values) in chosen.items():
        outcomes = values.get("by_outcome")
        if outcomes:
            cells = [
                f"{percent(number_at(outcomes, name, 'outside'))}\n"
                f"{counted(number_at(outcomes, name, 'count'), 'image')}"
                for name in OUTCOMES
                if not math.isnan(number_at(outcomes, name, "count"))
            ]
            rows.append([model, *cells] if len(cells) == len(OUTCOMES) else [model, *(["–"] * len(OUTCOMES))])
    if not rows:
        return paragraph("No model has predictions, so there is nothing to split by right and wrong answers.", "note")
    caption = (
        f"Relevance outside {place} by the network's answer at probability 0.5. More of it in positive answers than "
        "in negative ones means that what lies there speaks for disease."
    )
    return table(["Model", *(words.capitalize() for words in OUTCOMES.values())], rows, caption)
