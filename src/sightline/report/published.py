"""The report's sections on the paper's own comparison: IoU and Pointing Game at one threshold, and all thresholds."""

from __future__ import annotations

import pandas as pd

from sightline.report import figures, published_answer
from sightline.report.contents import Printed, Study
from sightline.report.html import chart, charts, details_html, figure_first, paragraph, table
from sightline.report.words import METHOD_WORDS, listed, method_words, number_at, shown
from sightline.study.models import Network


def alignment(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame, table3: Printed) -> list[str]:
    """The paper's comparison: chart, its result in words, Table 3."""
    if verdicts.empty:
        return [paragraph("No image of this study has a consensus region, so no map could be scored.")]
    sentences = published_answer.published(verdicts, study.experts)
    if len(standings):
        words = (
            "The paper compares maps with random maps of the same area, at one threshold. A map that shows the lungs "
            "and knows nothing of the disease can pass that comparison, so no verdict rests on it. Its result: "
        )
        sentences[0] = words + sentences[0]
    scale = published_answer.human_scale(verdicts, study.consensus, study.experts)
    human = number_at(study.consensus, "expert_expert_iou_percent") / 100
    figure = figures.alignment_figure(verdicts, study.models, human)
    methods = listed([method_words(method) for method in dict.fromkeys(verdicts["method"])])
    caption = (
        f"{methods} at threshold {study.threshold:g}: IoU and its interval; the upright tick is the IoU of random maps "
        "of the same area."
    )
    if human == human:
        caption += " The dotted line is the IoU of two experts, a scale rather than a rival: it compares drawings."
    header, rows, words = table3
    width = header.index("PG") - 2
    groups = [("", 2), ("IoU with the consensus, %", width), ("Pointing Game, %", len(header) - 2 - width)]
    return figure_first(
        chart(figure, caption),
        sentences[0],
        details_html("How it was judged, and what each model reaches", *map(paragraph, sentences[1:])),
        details_html(
            "Table 3: IoU and Pointing Game",
            table(header, rows, words, groups, ("Method",)),
            *_flat(study),
            *map(paragraph, scale),
        ),
    )


def _flat(study: Study) -> list[str]:
    flat = [
        f"{model} ({method_words(method)}): {int(count)}"
        for model in study.models
        for method, values in sorted(study.alignment.get(model, {}).items())
        if (count := number_at(values, "flat_maps")) > 0
    ]
    if not flat:
        return []
    return [
        paragraph("Flat maps, which have no region and no maximum (IoU 0, Pointing Game at chance): " + ", ".join(flat))
    ]


def threshold(study: Study) -> list[str]:
    """Mean IoU against the threshold, one chart per method, and each model's best threshold."""
    known = study.threshold_sweep.dropna(subset=["iou"])
    if known.empty:
        return [paragraph("No map was scored at any threshold.")]
    methods = sorted(known["method"].unique(), key=lambda name: (name not in METHOD_WORDS, name))
    drawn = []
    for number, method in enumerate(methods):
        part = known[known["method"] == method]
        figure = figures.threshold_figure(
            part, study.models, study.threshold, f"sweep{number}", f"Mean IoU against threshold, {method}"
        )
        drawn.append(
            chart(figure, f"{method_words(method)}: mean IoU by threshold; the line marks the chosen threshold.")
        )
    words = (
        f"The paper cuts every map at {study.threshold:g} of its range. The IoU of a model depends on that cut, and "
        "so does which model is best."
    )
    best = details_html("The best threshold of each model", _best_thresholds(study))
    return figure_first(charts(*drawn), words, best)


def _best_thresholds(study: Study) -> str:
    rows = []
    for model, entry in study.models.items():
        has_paper = study.is_compared and isinstance(entry, Network) and (entry.init, entry.head) == ("imagenet", "gap")
        for method, values in sorted(study.alignment.get(model, {}).items()):
            at, iou = (shown(number_at(values, name), 2) for name in ("best_threshold", "best_iou"))
            if has_paper and isinstance(entry, Network) and entry.arch in study.paper["best_threshold"].get(method, {}):
                theirs = study.paper["best_threshold"][method][entry.arch]
                at, iou = f"{at}\npaper {theirs[0]:.2f}", f"{iou}\npaper {theirs[1] / 100:.2f}"
            chosen = shown(number_at(values, "iou"), 2)
            rows.append([model, method_words(method), at, iou, chosen])
    header = ["Model", "Method", "Best threshold", "IoU there", f"IoU at {study.threshold:g}"]
    words = "Best thresholds, chosen on the images that they are scored on, so their IoU is too favourable."
    return table(header, rows, words, text_columns=("Method",))
