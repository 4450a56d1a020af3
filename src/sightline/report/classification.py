"""The report's sections on the networks: how well they classify (the paper's Tables 2 and 4), how they were trained.

Decision thresholds and calibration are in decisions.py, external films in external.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from sightline.report import decisions, external, figures, published_answer, tables
from sightline.report.contents import Printed, Study, Tables
from sightline.report.digits import with_ends
from sightline.report.html import chart, details_html, paragraph, table
from sightline.report.words import Metrics, listed, number_at, sees, shown

ENDS = ("low", "high", "patient_low", "patient_high")


def classification(study: Study, numbers: Tables, printed: Mapping[str, Printed]) -> list[str]:
    """How well the networks classify, here and on external films; Tables 2 and 4 and the decisions folded."""
    if numbers.table4.empty:
        return [paragraph("No model of this study has predictions: it scores only maps made elsewhere.")]
    figure = figures.classification_figure(numbers.table4, study.models, tables.TABLE_4_METRICS)
    words = "Value on the test set and its interval, resampled by image." + (
        " Cross: the paper's mean." if study.is_compared else ""
    )
    six = chart(figure, words)
    failing = published_answer.classifiers(study.classification)
    elsewhere = bool(external.external_models(study))
    text = ("Init", "Head", "Input")
    table2, table4 = (table(*printed[name], text_columns=text) for name in ("table2", "table4"))
    return [
        external.external_chart(study) if elsewhere else six,
        paragraph(" ".join([_best(study), *failing, *external.external_sentences(study), *_networks(study)])),
        *(
            [details_html("On the test films and on external films", external.external_table(study))]
            if elsewhere
            else []
        ),
        details_html("Table 2: accuracy, F1, AUROC and specificity", "".join([*([six] if elsewhere else []), table2])),
        details_html(
            "Table 4: all six, with init, head and parameters",
            "".join([table4, *_patient_intervals(study), *_without_width(study)]),
        ),
        *decisions.decisions(study),
    ]


def _best(study: Study) -> str:
    """The range of AUROC on the test films, and who has its ends."""
    known = {model: number_at(values, "auroc", "value") for model, values in study.classification.items()}
    known = {model: value for model, value in known.items() if value == value}
    if not known:
        return "AUROC is not known: the test films are of one class."
    best, least = (pick(known, key=lambda model: known[model]) for pick in (max, min))
    top = f"On the test films {best} has an AUROC of {_auroc(study.classification[best])}"
    return f"{top}." if best == least else f"{top}, {least} one of {_auroc(study.classification[least])}."


def _auroc(values: Metrics) -> str:
    value, low, high = (number_at(values, "auroc", end) for end in ("value", "low", "high"))
    return with_ends(value, low, high, 3)


def _networks(study: Study) -> list[str]:
    """Which networks see less than the whole film; nothing where all see all of it."""
    masked = [model for model, entry in study.models.items() if sees(entry)]
    if not masked:
        return []
    return [
        f"{listed(masked)} {'sees' if len(masked) == 1 else 'see'} the lungs alone: the rest of each film is masked."
    ]


def _without_width(study: Study) -> list[str]:
    """A note where resampling gave an interval of no width, as it does for a share of 0 or 1."""
    for model in study.classification:
        for metric in tables.TABLE_4_METRICS:
            low, high = (number_at(study.classification, model, metric, name) for name in ("low", "high"))
            if low == high:
                text = f"[{shown(100 * low)}, {shown(100 * high)}]"
                words = f"An interval without width, such as {text} for the {tables.METRIC_WORDS[metric].lower()} of "
                words += f"{model}, says that all resamples are alike, not that the value is certain. "
                return [paragraph(words + "The table of decisions has exact intervals.", "note")]
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
    """The learning curves of the networks trained here, and what they see."""
    if not any(map(len, study.histories.values())):
        return [paragraph("Nothing was trained: this study judges what was made elsewhere.")]
    words = (
        "Binary cross-entropy by epoch; the dot marks the epoch whose weights are used. Losses above 1.5 are cut off."
    )
    data = study.params.get("data", {})
    size = f"{data.get('height')} x {data.get('width')} pixels in three channels"
    seen = f"They see {size}; black is 0 and white 1, without further normalisation."
    return [chart(figures.training_figure(study.histories, study.models), words), paragraph(seen)]
