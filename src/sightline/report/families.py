"""Networks with several seeds in the report: rows of their means in the paper's tables, and a section of their spread.

`families` is metrics/families.json: by the key of an entry its `runs` and, below `classification`, `alignment` and
`ladder`, for each metric the mean over seeds (`value`), its interval, the SD between trainings and their range.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from sightline.report.chart import INK, dots, label_margin, looks, svg
from sightline.report.digits import below, decimals, plain, with_ends
from sightline.report.html import chart, details_html, paragraph, table
from sightline.report.words import Metrics, measure, method_words, number_at
from sightline.study.models import Entry, primary_method

CLASSIFICATION = {"accuracy": "Accuracy", "auroc": "AUROC", "specificity": "Specificity"}  # in the section
ALIGNMENT = {"iou": "IoU", "pointing": "Pointing Game"}
CAPTION = " Mean of seeds: with its t interval over trainings and images; below, SD and range between trainings."


def with_classification_rows(
    header: Sequence[str], rows: Sequence[Sequence[str]], families: Metrics, metrics: Mapping[str, str]
) -> list[list[str]]:
    """The printed rows of Table 2 or 4 with a row for each family below its last run.

    `metrics`: a column's words by metric; other columns are those of the runs.
    """
    by_words = {words: metric for metric, words in metrics.items()}
    result = [list(row) for row in rows]
    for family in families.values():
        last = _last_row(result, family["runs"])
        if last is None:
            continue
        cells = [
            _cell(family["classification"].get(by_words[name], {})) if name in by_words else cell
            for name, cell in zip(header, result[last], strict=True)
        ]
        result.insert(last + 1, [_label(family), *cells[1:]])
    return result


def with_alignment_rows(
    header: Sequence[str], rows: Sequence[Sequence[str]], families: Metrics, metrics: Mapping[str, str]
) -> list[list[str]]:
    """The printed rows of Table 3, model and method first, with a row per method for each family below its last run.

    `metrics`: a column's words by metric; chance, p and the paper's values belong to single runs, so they are dashes.
    """
    by_words = {words: metric for metric, words in metrics.items()}
    result = [list(row) for row in rows]
    for family in families.values():
        last = _last_row(result, family["runs"])
        if last is None:
            continue
        for method, values in sorted(family["alignment"].items(), reverse=True):
            cells = [_cell(values.get(by_words[name], {})) if name in by_words else "–" for name in header[2:]]
            result.insert(last + 1, [_label(family), method_words(method), *cells])
    return result


def families(summaries: Metrics, primary: str, models: Mapping[str, Entry]) -> list[str]:
    """The section: the ladder's `primary` metric of each family as a chart, then all of it with its spread."""
    rows = []
    for key, family in summaries.items():
        for metric, words in CLASSIFICATION.items():
            rows.append([key, words, "", *_spread(family["classification"].get(metric, {}), "")])
        for part, names in (("alignment", ALIGNMENT), ("ladder", {primary: _capital(measure(primary).words)})):
            for metric, words in names.items():
                for method, values in sorted(family[part].items()):
                    unit = primary if part == "ladder" else ""
                    rows.append([key, words, method_words(method), *_spread(values.get(metric, {}), unit)])
    header = ["Model", "Measure", "Method", "Seeds", "Mean over seeds", "SD", "Least to most"]
    caption = (
        "Means over seeds with t intervals, over trainings and images together. SD and range: between trainings, on "
        "the same images. With two or three seeds the intervals are wide and cover more than their level says."
    )
    frame = _frame(summaries, primary)
    words = (
        f"{measure(primary).words.capitalize()} by each model's primary method. Dot and line: mean over seeds with its "
        "interval; ticks: the least and the greatest training."
    )
    return [
        *([chart(spread_figure(frame, measure(primary).words, models), words)] if len(frame) else []),
        paragraph(
            "Trained again from other random numbers (initial weights, order of the images, augmentation, dropout), a "
            "network is another network. Everywhere else on this page each training is a model of its own; here, and "
            "in the rows of means in Tables 2 to 4, the trainings of one entry are taken together."
        ),
        details_html("All measures over the seeds", table(header, rows, caption, text_columns=("Measure", "Method"))),
    ]


def _frame(summaries: Metrics, primary: str) -> pd.DataFrame:
    """`model`, `value`, `low`, `high`, `smallest`, `largest` of each family by its primary method, in printed units."""
    factor = 100.0 if measure(primary).is_percent else 1.0
    rows = []
    for key, family in summaries.items():
        methods = family["ladder"]
        if not methods:
            continue
        value, low, high, _, *ends = _numbers(methods[primary_method(list(methods))].get(primary, {}))
        if value == value:
            rows.append((key, *(factor * number for number in (value, low, high, *ends))))
    return pd.DataFrame(rows, columns=["model", "value", "low", "high", "smallest", "largest"])


def spread_figure(frame: pd.DataFrame, words: str, models: Mapping[str, Entry]) -> str:
    """A row per family: the mean over seeds with its interval, and ticks at the least and the greatest training."""
    height = 0.85 + 0.3 * len(frame)

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["model"]))
        axes = figure.add_axes((left, 0.5 / height, 0.95 - left, 1 - 0.6 / height))
        dots(axes, frame, ("value", "low", "high"), looks(models))
        for end in ("smallest", "largest"):
            axes.plot(
                frame[end],
                range(len(frame)),
                linestyle="none",
                marker="|",
                markersize=10,
                color=INK,
                markeredgewidth=1.4,
            )
        axes.set_yticks(range(len(frame)), list(frame["model"]))
        axes.set_xlabel(words)

    alt = f"{words} over seeds: " + "; ".join(
        f"{row['model']} {row['value']:.3g}, from {row['smallest']:.3g} to {row['largest']:.3g}"
        for row in frame.to_dict("records")
    )
    return svg(draw, height, "seeds", alt)


def _label(family: Metrics) -> str:
    return f"{family['runs'][0]}, mean of {len(family['runs'])} seeds"


def _last_row(rows: Sequence[Sequence[str]], runs: Sequence[str]) -> int | None:
    return max((number for number, row in enumerate(rows) if row[0] in runs), default=None)


def _numbers(summary: Metrics) -> list[float]:
    return [number_at(summary, name) for name in ("value", "low", "high", "sd", "smallest", "largest")]


def _cell(summary: Metrics) -> str:
    """In percent: mean, interval, and SD with the range."""
    value, low, high, sd, smallest, largest = (100 * number for number in _numbers(summary))
    if math.isnan(value):
        return "–"
    lines = [f"{value:.1f}"]
    lines += [f"[{low:.1f}, {high:.1f}]"] if not math.isnan(low) else []
    lines += [f"SD {sd:.1f}, {smallest:.1f} to {largest:.1f}"] if not math.isnan(sd) else []
    return "\n".join(lines)


def _spread(summary: Metrics, metric: str) -> list[str]:
    """Number of seeds, mean with interval, SD and range, in the units of a ladder's `metric` or else in percent."""
    is_percent = not metric or measure(metric).is_percent
    factor, sign, most = (100, "%", 1) if is_percent else (1, "", measure(metric).decimals)
    value, low, high, sd, smallest, largest = _numbers(summary)

    def printed(number: float) -> str:
        text = plain(factor * number, decimals(factor * low, factor * high, most))
        return text if math.isnan(number) else text + sign

    ends = "–" if math.isnan(smallest) else f"{printed(smallest)} to {printed(largest)}"
    mean = below(with_ends(value, low, high, most, factor=factor, unit=sign))
    return [f"{number_at(summary, 'seeds'):.0f}", mean, printed(sd), ends]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
