"""The report's section on the ladder: every model beside the baselines, its lift over each, and the other measures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from sightline.alignment.metrics import table_order
from sightline.report import ladder_answer, ladder_figures
from sightline.report.contents import Study
from sightline.report.digits import below
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.ladder_answer import no_ladder
from sightline.report.words import (
    baseline_words,
    in_units,
    is_body,
    lift_words,
    listed,
    measure,
    method_words,
    number_at,
    value_words,
)
from sightline.study.models import classifying, primary_method


def ladder(study: Study, standings: pd.DataFrame) -> list[str]:
    """Every model beside the baselines, its lift over each of them, and the other measures: context, not the bar."""
    if standings.empty:
        return [paragraph(no_ladder(study))]
    primary = str(study.ladder["primary"])
    metric = measure(primary)
    names = list(study.ladder.get("baselines", {}))
    drawn = {baseline_words(name, study.ladder): number_at(study.ladder, "baselines", name, primary) for name in names}
    human = number_at(study.ladder, "human_scale", primary, "human")
    caption = (
        f"{metric.words.capitalize()}, {metric.meaning}, with its interval. Below the line: maps that know nothing of "
        "this patient's finding, scored by the same code. The dotted line is the best of them"
        + (
            ", the dashed line a left-out expert (against the other experts: a slightly different truth)"
            if human == human
            else ""
        )
        + ". A short tick beside a model is the same network with random weights."
    )
    first, furthest, *others = ladder_answer.answer(standings, study.ladder)
    judged = [*others, ladder_answer.basis(standings, study.ladder, study.params)]
    return [
        chart(ladder_figures.ladder_figure(standings, drawn, human, primary, study.models), caption),
        paragraph(
            f"{first} {furthest} This is context, not the bar: a map can score high because it lies in "
            f"{'the body' if is_body(study.ladder) else 'the lungs'}, or where disease usually is, and an expert's own "
            "annotation can score lower than such a map."
        ),
        details_html(
            "How the ladder was judged, and what the baselines are",
            bullets([*judged, ladder_answer.baselines(study.ladder, study.experts), *_baselines(study, names)]),
        ),
        details_html("Each method's score and lift", _lift_table(study, primary) + "".join(_flat(study))),
        *_over_each(study, standings, primary),
        details_html("The other measures, exploratory", _measures_table(study, standings, primary)),
    ]


def _baselines(study: Study, names: Sequence[str]) -> list[str]:
    place = "the body" if is_body(study.ladder) else "the lungs"
    meaning = {
        "uniform": "all pixels alike; it scores chance, as every flat map does",
        "random_in_image": "smooth random maps over the image, the mean score of several",
        "centred_gaussian": "a Gaussian in the middle of the image, where cameras and eyes tend to point",
        "edges": "the strength of the X-ray's own edges: the map of a method that ignores the network",
        "random_in_lungs": f"smooth random maps inside {place}, the mean score of several",
        "lungs": f"the whole of {place} ({study.ladder.get('lungs', 'origin not stated')})",
        "other_region": "the consensus regions of other patients, the mean score of several",
        "atlas": "where experts mark on average, over all other patients; it has not seen this patient",
    }
    ordered = [name for name in meaning if name in names] + [name for name in names if name not in meaning]
    untrained = "random weights, so only the architecture and the method matter"
    return [
        *(f"{baseline_words(name, study.ladder)}: {meaning.get(name, name)}." for name in ordered),
        *([f"{baseline_words('untrained')}: {untrained}."] if _has_networks(study) else []),
    ]


def _has_networks(study: Study) -> bool:
    """Maps made elsewhere come without a network that could be scored untrained."""
    return bool(classifying(study.models))


def _lift_table(study: Study, primary: str) -> str:
    rows = []
    for model in study.models:
        by_method = study.ladder["models"].get(model, {})
        for method in sorted(by_method, key=lambda name: (name != primary_method(list(by_method)), name)):
            values = by_method[method].get(primary, {})
            best = str(values.get("best_baseline"))
            best_value = number_at(
                *((values, "untrained") if best == "untrained" else (study.ladder, "baselines", best, primary))
            )
            value, low, high, lift = (number_at(values, name) for name in ("value", "low", "high", "lift"))
            rows.append([
                model, method_words(method), below(value_words(value, low, high, primary)),
                f"{in_units(best_value, primary)}\n{baseline_words(best, study.ladder)}",
                *([in_units(number_at(values, "untrained"), primary)] if _has_networks(study) else []),
                lift_words(lift, math.nan, math.nan, primary),
            ])  # fmt: skip
    untrained = ["Untrained"] if _has_networks(study) else []
    header = ["Model", "Method", measure(primary).words.capitalize(), "Best baseline", *untrained, "Lift"]
    caption = (
        "Each map's mean by the primary measure with its interval, and its best baseline on these images. The lift "
        "over the best one is a description: chosen by the same images, it has no interval that would hold"
        + (". Lifts are in percentage points." if measure(primary).is_percent else ".")
    )
    return table(header, rows, caption, text_columns=("Method",))


def _over_each(study: Study, standings: pd.DataFrame, primary: str) -> list[str]:
    """Each model's lift over every baseline, by its primary method."""
    models = standings.to_dict("records")
    over = [study.ladder["models"][row["model"]][row["method"]].get(primary, {}).get("over") or {} for row in models]
    rows = []
    for name in dict.fromkeys(name for by_baseline in over for name in by_baseline):
        cells = [baseline_words(name, study.ladder)]
        for by_baseline in over:
            value, low, high = (number_at(by_baseline, name, key) for key in ("value", "low", "high"))
            cells.append(below(lift_words(value, low, high, primary)))
        rows.append(cells)
    if not rows:
        return []
    judged = listed(sorted({method_words(row["method"]) for row in models}))
    caption = (
        f"Lift over each baseline by {measure(primary).words}, {judged}, on the same images; positive is better. "
        "Intervals by patient (bootstrap-t), each by itself. No interval: one patient, or no spread."
    )
    printed = table(["Over", *(str(row["model"]) for row in models)], rows, caption)
    return [details_html("The lift over each baseline", printed)]


def _measures_table(study: Study, standings: pd.DataFrame, primary: str) -> str:
    """Value and lift of every measure but the primary one, by each model's primary method."""
    metrics = [
        name
        for name in table_order()
        if name not in (primary, "dice_area")
        and any(name in by_method[row] for by_method in study.ladder["models"].values() for row in by_method)
    ]
    rows = []
    for row in standings.to_dict("records"):
        values = study.ladder["models"][row["model"]][row["method"]]
        cells = [str(row["model"])]
        for metric in metrics:
            best = str(values.get(metric, {}).get("best_baseline"))
            value, lift = (number_at(values, metric, name) for name in ("value", "lift"))
            over = lift_words(lift, math.nan, math.nan, metric)
            cells.append(f"{in_units(value, metric)}\n{over} over {baseline_words(best, study.ladder)}")
        rows.append(cells)
    last = ["Best baseline"]
    for metric in metrics:
        scores = {name: number_at(values, metric) for name, values in study.ladder.get("baselines", {}).items()}
        known = {name: score for name, score in scores.items() if score == score}
        if not known:
            last.append("–")
            continue
        name = (min if measure(metric).is_lower_better else max)(known, key=lambda name: known[name])
        last.append(f"{in_units(known[name], metric)}\n{baseline_words(name, study.ladder)}")
    near = number_at(study.ladder, "tolerance_pixels")
    caption = (
        "Value, and below it the lift over the best baseline on these images, a description. A positive lift is better "
        "throughout, also for peak distance and KL divergence, which are better when lower. Lifts over each baseline, "
        "with intervals, are in metrics/ladder.json."
    )
    meanings = [
        f"{measure(name).words}: {measure(name).meaning}"
        + (f" (within {near:.1f} pixels)" if name == "pointing_near" and near == near else "")
        + "."
        for name in metrics
    ]
    return table(["Model", *(measure(name).words for name in metrics)], [*rows, last], caption) + bullets(meanings)


def _flat(study: Study) -> list[str]:
    flat = [
        f"{model} ({method_words(method)}): {int(count)}"
        for model in study.models
        for method, values in sorted(study.ladder["models"].get(model, {}).items())
        if (count := number_at(values, "flat_maps")) > 0
    ]
    if not flat:
        return []
    return [paragraph("Flat maps, which point nowhere and score chance: " + ", ".join(flat) + ".", "note")]
