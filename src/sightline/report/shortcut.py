"""The report's section on shortcuts: relevance outside the lungs, and maxima that gather at one place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from sightline.report import figures
from sightline.report.contents import Study
from sightline.report.html import chart, paragraph, table
from sightline.report.words import (
    OUTCOMES,
    SHARES,
    Metrics,
    listed,
    method_words,
    number_at,
    percent,
    shown,
)
from sightline.study.models import primary_method

UNKNOWN = "cannot tell"


def shortcut(study: Study) -> list[str]:
    """How much relevance lies outside the lungs, and whether it gathers at one place."""
    chosen = {
        model: (method, by_method[method])
        for model in study.models
        if (by_method := study.shortcut.get("models", {}).get(model))
        for method in [primary_method(list(by_method))]
    }
    if not chosen:
        return [paragraph("The shortcut meter has no results: metrics/shortcut.json is missing or empty.")]
    suspects = [model for model, (_, values) in chosen.items() if _suspicion(values).get("is_flagged")]
    unknown = [model for model, (_, values) in chosen.items() if _verdict(values) == UNKNOWN]
    words = (
        "The shortcut meter needs no experts, only the lungs. It asks whether the maps of images that a network calls "
        "positive, right or wrong, show more relevance where no pneumonia can be than maps of images called negative, "
        "and whether their maxima return to one place of the film, such as a marker or a letter. A place that draws "
        "the maps whatever the answer is not flagged, and a coarse feature grid can hide a marker. A flag does not "
        "prove that the network uses the place. "
        f"Lungs: {study.shortcut.get('lungs', 'origin not stated')}. "
    )
    if counts := sorted({int(values["images"]) for _, values in chosen.values() if "images" in values}):
        words += f"{' or '.join(map(str, counts))} test images, annotated or not. "
    words += f"Flagged: {listed(suspects)}." if suspects else "No model is flagged."
    if unknown:
        words += (
            f" The meter cannot tell for {listed(unknown)}: too few images are called positive, or negative, and have "
            "a map that is not flat."
        )
    frame = pd.DataFrame(
        [
            (model, number_at(values, "shares", "outside"), number_at(values, "uniform", "outside"))
            for model, (_, values) in chosen.items()
        ],
        columns=["model", "outside", "uniform"],
    )
    parts = [paragraph(words)]
    if frame["outside"].notna().any():
        caption = (
            "Share of each map's relevance outside the lungs, highest first; the tick is a uniform map's share, that "
            "is, the share of the image that lies outside."
        )
        parts.append(chart(figures.outside_figure(frame, study.models), caption))
    return [*parts, _shares_table(chosen), *_outcomes_table(chosen)]


def flagged(shortcut: Metrics, models: Sequence[str]) -> list[str]:
    """Which models the shortcut meter flags, in a sentence; nothing if it has no results or flags none."""
    cases = [
        model
        for model in models
        if (methods := shortcut.get("models", {}).get(model, {}))
        and (methods[primary_method(list(methods))].get("suspicion") or {}).get("is_flagged")
    ]
    if not cases:
        return []
    return [
        f"The shortcut meter, which needs no experts, flags {listed(cases)}: maps of images called positive gather "
        "outside the lungs, or at one place of the film, more than maps of images called negative."
    ]


def _suspicion(values: Metrics) -> Metrics:
    return values.get("suspicion") or {}


def _verdict(values: Metrics) -> str:
    """What the table says of a model; empty if the meter has no result."""
    sign = _suspicion(values)
    if not sign:
        return "–"
    return "flagged" if sign.get("is_flagged") else "no" if sign.get("can_tell") else UNKNOWN


def _shares_table(chosen: Mapping[str, tuple[str, Metrics]]) -> str:
    rows = []
    for model, (method, values) in chosen.items():
        sign = _suspicion(values)
        cells = [
            f"{percent(number_at(values, 'shares', name))}\nuniform {percent(number_at(values, 'uniform', name))}"
            for name in SHARES
        ]
        place = [number_at(sign, name) for name in ("row", "col")]
        where = "" if math.isnan(sum(place)) else f"\n{percent(place[0], 0)} down, {percent(place[1], 0)} across"
        counts = [number_at(sign, name) for name in ("num_positive", "num_negative")]
        rows.append([
            model, _verdict(values), method_words(method), *cells,
            "\n".join("–" if math.isnan(count) else f"{count:.0f}" for count in counts),
            _both(sign, "excess", 1), shown(number_at(sign, "excess_p"), -1),
            _both(sign, "concentration", 0) + where, shown(number_at(sign, "concentration_p"), -1),
        ])  # fmt: skip
    header = ["Model", "Flag", "Method", *(f"Relevance\n{words}" for words in SHARES.values()),
              "Images called\npositive\nnegative", "Excess\nnegative", "Excess,\np", "Maxima at one place\nnegative",
              "Place,\np"]  # fmt: skip
    caption = (
        "Relevance by place, over all test images; then images called positive, and below them images called "
        "negative, without flat maps. Excess: share of relevance outside the lungs beyond a uniform map's. Maxima at "
        "one place: the share of images whose maximum lies in the place outside the lungs, a seventh of each side "
        "wide, where the two kinds of image differ most. p: one-sided, answers exchanged between patients. A flag "
        "needs a large effect at the 2.5% level; the least effects were chosen from networks without a marker. Maps "
        "that came without a network's answers are split by the images' labels."
    )
    return table(header, rows, caption, text_columns=("Method", "Flag"))


def _both(sign: Metrics, name: str, digits: int) -> str:
    """A number over the images called positive and, on a second line, over those called negative."""
    lines = [percent(number_at(sign, key), digits) for key in (name, f"{name}_negative")]
    return "\n".join(lines).replace("-", "\N{MINUS SIGN}")


def _outcomes_table(chosen: Mapping[str, tuple[str, Metrics]]) -> list[str]:
    rows = []
    for model, (_, values) in chosen.items():
        outcomes = values.get("by_outcome")
        if outcomes:
            cells = [
                f"{percent(number_at(outcomes, name, 'outside'))}\n{number_at(outcomes, name, 'count'):.0f} images"
                for name in OUTCOMES
                if not math.isnan(number_at(outcomes, name, "count"))
            ]
            rows.append([model, *cells] if len(cells) == len(OUTCOMES) else [model, *(["–"] * len(OUTCOMES))])
    if not rows:
        return [paragraph("No model has predictions, so there is nothing to split by right and wrong answers.", "note")]
    caption = (
        "Relevance outside the lungs by the network's answer at probability 0.5. More of it in positive answers than "
        "in negative ones means that what lies there speaks for disease."
    )
    return [table(["Model", *(words.capitalize() for words in OUTCOMES.values())], rows, caption)]
