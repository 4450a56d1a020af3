"""The report's sections on the human scale and the baseline ladder."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from sightline.alignment.metrics import table_order
from sightline.report import ladder_figures
from sightline.report.contents import Study
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.ladder_answer import ABOVE, BELOW, OPEN, place_words
from sightline.report.words import (
    baseline_words,
    in_units,
    lift_words,
    listed,
    measure,
    method_words,
    number_at,
    primary_method,
    shown,
)

VERDICT_WORDS = {ABOVE: "above", BELOW: "below", OPEN: "not shown"}
NO_LADDER = "No map of this study was held against the baselines: {}."


def _missing(study: Study) -> str:
    reason = "no image has a consensus region" if not study.alignment else "metrics/ladder.json is missing or empty"
    return NO_LADDER.format(reason)


def human_scale(study: Study, standings: pd.DataFrame) -> list[str]:
    """How close the maps come, between another patient's region and an expert."""
    if standings.empty:
        return [paragraph(_missing(study))]
    primary = str(study.ladder["primary"])
    scale = study.ladder.get("human_scale", {}).get(primary, {})
    if not scale:
        return [
            paragraph(
                "The human scale needs images that two or more annotators marked; this study has none, so only the "
                "baselines below say what a number is worth."
            )
        ]
    words = (
        f"Each of the {study.experts} is left out in turn, and the others' consensus is the truth for three rivals: "
        "the left-out drawing, which sets 1; regions drawn on other patients' images, which set 0 (they know the "
        "anatomy and where disease tends to be, not this patient); and the model's map. "
        f"{number_at(scale, 'readings'):.0f} drawings on {number_at(scale, 'images'):.0f} images count"
    )
    few, none = (int(_count(scale, f"left_out_{name}")) for name in ("few_annotators", "no_consensus"))
    if few or none:
        words += f"; left out are {few} images with fewer than two annotators and {none} whose others have no consensus"
    parts = [paragraph(words + ".")]
    if standings["place"].notna().any():
        caption = (
            f"Place on the human scale by {measure(primary).words}: dot and interval, which resamples patients, images "
            "and annotators."
        )
        parts.append(chart(ladder_figures.scale_figure(standings, study.models), caption))
    return [*parts, _scale_table(study, standings)]


def _scale_table(study: Study, standings: pd.DataFrame) -> str:
    """Places by several measures, the primary first; below each measure's name what 0 and 1 are."""
    by_metric = study.ladder["human_scale"]
    primary = str(study.ladder["primary"])
    on_scale = [name for name in table_order() if measure(name).is_on_scale]
    metrics = [name for name in dict.fromkeys((primary, *on_scale)) if name in by_metric]
    header = ["Model"]
    for metric in metrics:
        ends = (in_units(number_at(by_metric, metric, end), metric) for end in ("anatomy", "human"))
        header.append(f"{measure(metric).words}\n0: {' 1: '.join(ends)}")
    rows = []
    for row in standings.to_dict("records"):
        cells = [str(row["model"])]
        for metric in metrics:
            where = (by_metric, metric, "models", str(row["model"]), str(row["method"]))
            place, low, high = (number_at(*where, name) for name in ("value", "low", "high"))
            words = place_words({"place": place, "place_low": low, "place_high": high})
            cells.append("–" if math.isnan(place) else words.replace(" [", "\n["))
        rows.append(cells)
    caption = (
        f"Places on the human scale. {measure(primary).words.capitalize()} is the primary measure, the others are "
        "exploratory. Below each measure: what another patient's region (0) and a left-out expert (1) score. On "
        "average precision and AUROC a graded map can pass 1 without seeing more than an expert, whose drawing has "
        "two values."
    )
    return table(header, rows, caption)


def _count(scale: object, name: str) -> float:
    value = number_at(scale, name) if isinstance(scale, dict) else math.nan
    return 0 if math.isnan(value) else value


def ladder(study: Study, standings: pd.DataFrame) -> list[str]:
    """Every model beside the baselines, its lift over the best of them, and the other measures."""
    if standings.empty:
        return [paragraph(_missing(study))]
    primary = str(study.ladder["primary"])
    found = measure(primary)
    names = list(study.ladder.get("baselines", {}))
    baselines = {name: number_at(study.ladder, "baselines", name, primary) for name in names}
    human = number_at(study.ladder, "human_scale", primary, "human")
    caption = (
        f"{found.words.capitalize()}, {found.meaning}, with its interval. Below the line: maps that know nothing of "
        "the finding, scored by the same code; the dotted line is the best of them"
        + (
            ", the dashed one what a left-out expert reaches (against the others: a slightly different truth)"
            if human == human
            else ""
        )
        + ". A short tick beside a model is the same network with random weights."
    )
    return [
        paragraph(
            "A map can be right for a poor reason: it lies in the lungs, where disease is, or where experts usually "
            "mark. So each model must beat the best of these baselines. The lift is the distance above it; its "
            "interval chooses the best anew in every resample, so it knows what that choice costs."
        ),
        chart(ladder_figures.ladder_figure(standings, baselines, human, primary, study.models), caption),
        _lift_table(study, primary),
        *_flat(study),
        details_html("What the baselines are", bullets(_baselines(study, names))),
        details_html("The other measures, exploratory", _measures_table(study, standings, primary)),
    ]


def _baselines(study: Study, names: Sequence[str]) -> list[str]:
    meaning = {
        "uniform": "every pixel alike; counted at chance, as every flat map is",
        "random_in_image": "smooth random maps over the image, the scores of several averaged",
        "centred_gaussian": "a Gaussian in the middle of the image, the habit of cameras and of eyes",
        "edges": "the strength of the X-ray's own edges, what a method shows that ignores the network",
        "random_in_lungs": "smooth random maps inside the lungs, the scores of several averaged",
        "lungs": f"all of both lungs ({study.ladder.get('lungs', 'origin not stated')})",
        "other_region": "the consensus regions of other patients, the scores of several averaged",
        "atlas": "where experts mark on average, over all other patients",
    }
    ordered = [name for name in meaning if name in names] + [name for name in names if name not in meaning]
    found = [f"{baseline_words(name)}: {meaning.get(name, name)}." for name in ordered]
    return [*found, f"{baseline_words('untrained')}: random weights, so only the architecture and the method speak."]


def _lift_table(study: Study, primary: str) -> str:
    rows = []
    for model in study.models:
        by_method = study.ladder["models"].get(model, {})
        for method in sorted(by_method, key=lambda name: (name != primary_method(list(by_method)), name)):
            found = by_method[method].get(primary, {})
            best = str(found.get("best_baseline"))
            best_value = number_at(
                *((found, "untrained") if best == "untrained" else (study.ladder, "baselines", best, primary))
            )
            value, low, high, lift, lift_low, lift_high, p, p_holm = (
                number_at(found, name)
                for name in ("value", "low", "high", "lift", "lift_low", "lift_high", "p", "p_holm")
            )
            rows.append([
                model, method_words(method), f"{in_units(value, primary)}\n[{in_units(low, primary)}, "
                f"{in_units(high, primary)}]", f"{in_units(best_value, primary)}\n{baseline_words(best)}",
                in_units(number_at(found, "untrained"), primary),
                lift_words(lift, lift_low, lift_high, primary).replace(" [", "\n["), shown(p, -1), shown(p_holm, -1),
            ])  # fmt: skip
    header = [
        "Model",
        "Method",
        measure(primary).words.capitalize(),
        "Best baseline",
        "Untrained",
        "Lift",
        "p",
        "p\nHolm",
    ]
    judged = listed(sorted({method_words(primary_method(list(found))) for found in study.ladder["models"].values()}))
    caption = (
        "Lift over the best baseline by the primary measure"
        + (", in points of percent" if measure(primary).is_percent else "")
        + ". p: one-sided, signs flipped by patient; Holm: adjusted for one test a model. The answer above rests "
        f"on {judged}."
    )
    return table(header, rows, caption, text_columns=("Method",))


def _measures_table(study: Study, standings: pd.DataFrame, primary: str) -> str:
    """Value and lift of every other measure, by the model's one method."""
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
            value, *lift = [number_at(values, metric, name) for name in ("value", "lift", "lift_low", "lift_high")]
            cells.append(f"{in_units(value, metric)}\n{lift_words(lift[0], lift[1], lift[2], metric)}")
        rows.append(cells)
    best = ["Best baseline"]
    for metric in metrics:
        scores = {name: number_at(found, metric) for name, found in study.ladder.get("baselines", {}).items()}
        known = {name: score for name, score in scores.items() if score == score}
        if not known:
            best.append("–")
            continue
        name = (min if measure(metric).is_lower_better else max)(known, key=lambda name: known[name])
        best.append(f"{in_units(known[name], metric)}\n{baseline_words(name)}")
    near = number_at(study.ladder, "tolerance_pixels")
    caption = (
        "Value, and below it the lift over the best baseline with its interval; positive is better throughout, also "
        "for peak distance and KL divergence, which are better when lower. Not corrected for their number."
    )
    meanings = [
        f"{measure(name).words}: {measure(name).meaning}"
        + (f" (within {near:.1f} pixels)" if name == "pointing_near" and near == near else "")
        + "."
        for name in metrics
    ]
    return table(["Model", *(measure(name).words for name in metrics)], [*rows, best], caption) + bullets(meanings)


def _flat(study: Study) -> list[str]:
    flat = [
        f"{model} ({method_words(method)}): {int(count)}"
        for model in study.models
        for method, values in sorted(study.ladder["models"].get(model, {}).items())
        if (count := number_at(values, "flat_maps")) > 0
    ]
    if not flat:
        return []
    return [paragraph("Flat maps, which point nowhere and are scored at chance: " + ", ".join(flat) + ".", "note")]
