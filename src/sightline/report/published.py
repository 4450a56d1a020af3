"""The report's sections on the paper's own comparison: IoU and Pointing Game, thresholds, classification."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from sightline.report import figures, published_answer, tables
from sightline.report.contents import Printed, Study, Tables
from sightline.report.html import chart, charts, paragraph, table
from sightline.report.words import METHOD_WORDS, listed, method_words, number_at, shown
from sightline.study.models import Network

_ENDS = ("low", "high", "patient_low", "patient_high")


def alignment(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame, table3: Printed) -> list[str]:
    """The paper's comparison; what it says in words only where the answer above does not rest on it."""
    if verdicts.empty:
        return [paragraph("No image of this study has a consensus region, so no map could be scored.")]
    said = []
    if len(standings):
        words = (
            "The paper compares maps with random ones of the same area, at one threshold. A map that "
            "shows the lungs and knows nothing of the disease can pass that comparison: the answer above does not rest "
            "on it. What it says: "
        )
        first, *more = published_answer.published(verdicts, study.experts)
        said = [paragraph(words + first), *map(paragraph, more)]
    human = number_at(study.consensus, "expert_expert_iou_percent") / 100
    figure = figures.alignment_figure(verdicts, study.models, human)
    methods = listed([method_words(method) for method in dict.fromkeys(verdicts["method"])])
    caption = (
        f"{methods} at threshold {study.threshold:g}: IoU, its interval, and an upright tick where random maps of the "
        "same area come out."
    )
    if human == human:
        caption += " The dotted line is the IoU of two annotators, a scale rather than a rival: it compares drawings."
    header, rows, words = table3
    width = (len(header) - 2) // 2
    groups = [("", 2), ("IoU with the consensus, %", width), ("Pointing Game, %", width)]
    return [*said, chart(figure, caption), table(header, rows, words, groups, ("Method",)), *_flat(study)]


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
        paragraph("Flat maps, which have no region and no maximum (IoU 0, Pointing Game by chance): " + ", ".join(flat))
    ]


def threshold(study: Study) -> list[str]:
    known = study.sweep.dropna(subset=["iou"])
    if known.empty:
        return [paragraph("No map was scored at any threshold.")]
    methods = sorted(known["method"].unique(), key=lambda name: (name not in METHOD_WORDS, name))
    drawn = []
    for number, method in enumerate(methods):
        part = known[known["method"] == method]
        figure = figures.threshold_figure(
            part, study.models, study.threshold, f"sweep{number}", f"Mean IoU against threshold, {method}"
        )
        drawn.append(chart(figure, f"{method_words(method)}: mean IoU by threshold; the line marks the chosen one."))
    return [charts(*drawn), _best_thresholds(study)]


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
    words = "Best thresholds, found on the images that they are scored on, so their IoU is too favourable."
    return table(header, rows, words, text_columns=("Method",))


def classification(study: Study, numbers: Tables, printed: Mapping[str, Printed]) -> list[str]:
    if numbers.table4.empty:
        return [paragraph("No model of this study has predictions: maps made elsewhere are scored, not classified.")]
    figure = figures.classification_figure(numbers.table4, study.models, tables.TABLE_4_METRICS)
    words = "Value on the test set and its interval, resampled by image." + (
        " Cross: the paper's mean." if study.is_compared else ""
    )
    text = ("Init", "Head")
    parts = [table(*printed[name], text_columns=text) for name in ("table2", "table4")]
    wider = _patient_intervals(study)
    return [parts[0], chart(figure, words), parts[1], *wider]


def _patient_intervals(study: Study) -> list[str]:
    """How wide AUROC's interval becomes when patients are resampled, if any patient has two images."""
    ratios = []
    for model in study.classification:
        ends = [number_at(study.classification, model, "auroc", name) for name in _ENDS]
        if ends[1] > ends[0]:
            ratios.append((ends[3] - ends[2]) / (ends[1] - ends[0]))
    ratios = [ratio for ratio in ratios if ratio == ratio]
    if not ratios or study.index["patient"].nunique() == len(study.index):
        return []
    mean = sum(ratios) / len(ratios)
    return [
        paragraph(f"Resampled by patient in place of image, AUROC's interval is {mean:.2f} times as wide on average.")
    ]
