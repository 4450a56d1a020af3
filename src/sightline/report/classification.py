"""The report's sections on the networks: how well they classify (the paper's Tables 2 and 4), how they were trained.

Decision thresholds and calibration are in decisions.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from sightline.report import decisions, figures, tables
from sightline.report.contents import Printed, Study, Tables
from sightline.report.html import chart, paragraph, table
from sightline.report.words import number_at, shown

ENDS = ("low", "high", "patient_low", "patient_high")


def classification(study: Study, numbers: Tables, printed: Mapping[str, Printed]) -> list[str]:
    """Tables 2 and 4, the intervals as a chart, how much wider they are by patient; other thresholds; calibration."""
    if numbers.table4.empty:
        return [paragraph("No model of this study has predictions: it scores only maps made elsewhere.")]
    figure = figures.classification_figure(numbers.table4, study.models, tables.TABLE_4_METRICS)
    words = "Value on the test set and its interval, resampled by image." + (
        " Cross: the paper's mean." if study.is_compared else ""
    )
    text = ("Init", "Head")
    parts = [table(*printed[name], text_columns=text) for name in ("table2", "table4")]
    wider = _patient_intervals(study)
    published = [parts[0], chart(figure, words), parts[1], *wider, *_without_width(study)]
    return [*published, *decisions.decisions(study), *decisions.calibration(study)]


def _without_width(study: Study) -> list[str]:
    """A note where resampling gave an interval of no width, as it does for a share of 0 or 1."""
    for model in study.classification:
        for metric in tables.TABLE_4_METRICS:
            low, high = (number_at(study.classification, model, metric, name) for name in ("low", "high"))
            if low == high:
                text = f"[{shown(100 * low)}, {shown(100 * high)}]"
                words = f"An interval without width, such as {text} for the {tables.METRIC_WORDS[metric].lower()} of "
                words += f"{model}, says that all resamples are alike, not that the value is certain. "
                return [paragraph(words + "The next table has exact intervals.", "note")]
    return []


def _patient_intervals(study: Study) -> list[str]:
    """How much wider AUROC's interval is when patients are resampled, if any patient has two images."""
    ratios = []
    for model in study.classification:
        ends = [number_at(study.classification, model, "auroc", name) for name in ENDS]
        if ends[1] > ends[0]:
            ratios.append((ends[3] - ends[2]) / (ends[1] - ends[0]))
    ratios = [ratio for ratio in ratios if ratio == ratio]
    if not ratios or study.index["patient"].nunique() == len(study.index):
        return []
    mean = sum(ratios) / len(ratios)
    return [
        paragraph(f"Resampled by patient instead of by image, AUROC's interval is {mean:.2f} times as wide on average.")
    ]


def training(study: Study) -> list[str]:
    """The learning curves of all networks."""
    if not any(map(len, study.histories.values())):
        return [paragraph("Nothing was trained: this study scores maps made elsewhere.")]
    words = (
        "Binary cross-entropy by epoch; the dot marks the epoch whose weights are used. Losses above 1.5 are cut off."
    )
    return [chart(figures.training_figure(study.histories, study.models), words)]
