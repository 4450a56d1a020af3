"""The report's section on the human scale, from another patient's region (0) to a left-out expert (1)."""

from __future__ import annotations

import math

import pandas as pd

from sightline.alignment.metrics import scale_metric, table_order
from sightline.counts import counted
from sightline.report import ladder_answer, ladder_figures
from sightline.report.contents import Study
from sightline.report.digits import below
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.words import Metrics, consensus_words, in_units, measure, number_at, place_words


def human_scale(study: Study, standings: pd.DataFrame) -> list[str]:
    """The models' places as a chart, the highest in words; how the scale is made and the places by several measures."""
    if standings.empty:
        return [paragraph(ladder_answer.no_ladder(study))]
    primary = str(study.ladder["primary"])
    told = scale_metric(primary)
    scale = study.ladder.get("human_scale", {}).get(told, {})
    if not scale:
        return [
            paragraph(
                "The human scale needs images that two or more experts marked. This study has none, so only the "
                "baselines show what a number is worth."
            )
        ]
    placed = []
    if standings["place"].notna().any():
        caption = (
            f"Place on the human scale by {measure(told).words}, with its interval, which draws patients and "
            f"{_drawn_experts(scale)}."
        )
        placed = [chart(ladder_figures.scale_figure(standings, study.models), caption)]
    return [
        *placed,
        paragraph(ladder_answer.scale(standings, study.ladder, study.experts)),
        details_html("How the scale is made", bullets(_made(study, scale))),
        details_html("Places by several measures", _scale_table(study, standings)),
    ]


def _made(study: Study, scale: Metrics) -> list[str]:
    few, none = (int(_count(scale, f"left_out_{name}")) for name in ("few_annotators", "no_consensus"))
    rule = consensus_words(study.params.get("consensus") or {}, study.experts)
    return [
        f"Each of the {study.experts} is left out in turn, and the others' consensus is the truth for three rivals: "
        "the annotation left out, which sets 1; annotations of other patients' images, which set 0 (they know the "
        "anatomy and where disease tends to be, not this patient); and the model's map.",
        *([rule] if rule else []),
        f"{counted(number_at(scale, 'readings'), 'annotation')} of {counted(number_at(scale, 'images'), 'image')} "
        "count."
        + (
            f" Left out: {counted(few, 'image')} with fewer than two experts, {counted(none, 'image')} where the "
            "others have no consensus."
            if few or none
            else ""
        ),
    ]


def _scale_table(study: Study, standings: pd.DataFrame) -> str:
    """Places by several measures, that of the chart first; below each measure's name the scores of 0 and 1."""
    by_metric = study.ladder["human_scale"]
    told = scale_metric(str(study.ladder["primary"]))
    in_table = [name for name in table_order() if measure(name).has_scale_column]
    metrics = [name for name in dict.fromkeys((told, *in_table)) if name in by_metric]
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
            cells.append(below(place_words(place, low, high)))
        rows.append(cells)
    caption = (
        "Places on the human scale, described, not tested. Below each measure: the scores of another patient's "
        "region (0) and of a left-out expert (1). An annotation has no grades, so measures that reward the ranking of "
        "all pixels (average precision, AUROC, KL divergence and others) have no place here. It has no maximum either: "
        "in the Pointing Game an expert points to the centre of the largest circle inside the annotation."
    )
    return table(header, rows, caption)


def _drawn_experts(scale: Metrics) -> str:
    """What the intervals draw besides patients."""
    people = number_at(scale, "readers")
    if math.isnan(people):
        return "each image's experts, who have no names here, as if every image had its own"
    return f"the {people:.0f} experts, each at once on all images that they marked"


def _count(scale: Metrics, name: str) -> float:
    value = number_at(scale, name)
    return 0 if math.isnan(value) else value
