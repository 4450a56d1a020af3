"""The report's section on subgroups, from metrics/subgroups.json: by view, sex, band of age, site and other columns.

Values and intervals stand beside each other; nothing is tested, chosen or pointed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sightline.counts import counted
from sightline.report.chart import INK, label_margin, looks, svg
from sightline.report.contents import Study
from sightline.report.digits import below, with_ends
from sightline.report.html import chart, details_html, figure_first, table
from sightline.report.words import lift_words, listed, measure, number_at

METRICS = {"accuracy": "Accuracy", "auroc": "AUROC", "sensitivity": "Sensitivity", "specificity": "Specificity"}
PARTS = {"test": "test films", "external": "external films"}
DESCRIBES = (
    "Subgroups describe and do not test: among so many intervals some lie apart by chance, and what differs may be the "
    "films, the patients or the readers."
)
DRAWN = 4  # models: more would hide each other
ROW = 0.17  # inches for each model of a level
Level = Mapping[str, Any]


def subgroups(study: Study) -> list[str]:
    """Chart, sentence and a table for each column; nothing where the study has no such column."""
    columns = _columns(study)
    if not columns:
        return []
    tables = [
        details_html(f"{_title(column)}, {PARTS[part]}", _table(study, levels, part))
        for column, levels in columns.items()
        for part in PARTS
        if any(number_at(level, part, "images") > 0 for level in levels)
    ]
    return figure_first(_chart(study, columns), _words(study, columns), *tables)


def _columns(study: Study) -> dict[str, list[Level]]:
    """The levels by column, in the order of params.yaml."""
    found = study.subgroups.get("columns", {})
    named = str(study.params.get("subgroups", {}).get("columns", "")).split()
    return {name: found[name] for name in (*(n for n in named if n in found), *(n for n in found if n not in named))}


def _title(column: str) -> str:
    return f"By {'band of age' if column == 'age' else column}"


def _words(study: Study, columns: Mapping[str, Sequence[Level]]) -> str:
    least = int(number_at(study.subgroups, "least"))
    level = f"{100 * number_at(study.subgroups, 'level'):g}%"
    names = listed(["band of age" if column == "age" else column for column in columns])
    words = (
        f"By {names}. {DESCRIBES} Levels of fewer than {counted(least, 'film')} are counted and not estimated. "
        f"{level} intervals: exact for accuracy, sensitivity and specificity at 0.5, of resampled patients otherwise."
    )
    return words + (f" Contrast: by {measure(study.subgroups['primary']).name}." if _has_contrast(columns) else "")


def _has_contrast(columns: Mapping[str, Sequence[Level]]) -> bool:
    return any(level["scored"].get("models") for levels in columns.values() for level in levels)


def _table(study: Study, levels: Sequence[Level], part: str) -> str:
    """A row for each level and model; of the test films also the contrast of those with a consensus."""
    header = ["Level", "Model", "Films", "Patients", "Positive", *METRICS.values()]
    is_scored = part == "test" and any(level["scored"]["images"] for level in levels)
    header += ["Scored", "Contrast"] if is_scored else []
    primary = str(study.subgroups.get("primary", ""))
    rows = []
    for level in levels:
        if not level[part]["images"]:
            continue
        own, scored = level[part], level["scored"] if is_scored else {}
        counts = [f"{own[name]:,}" for name in ("images", "patients", "positives")]
        known = [model for model in study.models if model in {**own.get("models", {}), **scored.get("models", {})}]
        for model in known or ["–"]:
            values = own.get("models", {}).get(model, {})
            cells = [below(with_ends(*_ends(values, metric), 1, factor=100)) for metric in METRICS]
            if is_scored:
                contrast = _ends(scored.get("models", {}), model)
                cells += [f"{scored['images']:,}", below(lift_words(*contrast, primary))]
            rows.append([level["level"], model, *counts, *cells])
    unit = "% [interval]" + ("; scored: films with a consensus; contrast [interval]" if is_scored else "")
    return table(header, rows, f"{PARTS[part].capitalize()}, {unit}.", text_columns=("Model",))


def _ends(values: Mapping[str, Any], *names: str) -> tuple[float, float, float]:
    value, low, high = (number_at(values, *names, end) for end in ("value", "low", "high"))
    return value, low, high


def _chart(study: Study, columns: Mapping[str, Sequence[Level]]) -> str:
    """Accuracy on test films and contrast of each level, side by side; nothing for many models or without values."""
    models = list(study.models)
    rows = [
        (f"{level['level']} ({level['test']['images']:,})", column, level)
        for column, levels in columns.items()
        for level in levels
        if level["test"].get("models") or level["scored"].get("models")
    ]
    panels = {
        "accuracy (%)": [[_ends(level["test"].get("models", {}), model, "accuracy") for model in models]
                         for *_, level in rows],
        "contrast": [[_ends(level["scored"].get("models", {}), model) for model in models] for *_, level in rows],
    }  # fmt: skip
    panels = {name: values for name, values in panels.items() if np.isfinite(np.array(values)[..., :1]).any()}
    if not panels or len(models) > DRAWN:
        return ""
    marks = f" {listed([f'{_mark_words(study, model)}: {model}' for model in models])}." if len(models) > 1 else ""
    caption = f"Each level, and in brackets its test films.{marks} Bars: intervals. Each column divides the same films."
    return chart(_figure(study, [(name, column) for name, column, _ in rows], panels), caption)


def _mark_words(study: Study, model: str) -> str:
    words = {"o": "circle", "s": "square", "^": "triangle", "D": "diamond", "v": "triangle down", "d": "narrow diamond",
             "h": "hexagon", "X": "cross", "*": "star", "p": "pentagon", "H": "hexagon", "P": "plus"}  # fmt: skip
    return words.get(looks(study.models)[model]["marker"], "mark")


def _figure(
    study: Study, rows: Sequence[tuple[str, str]], panels: Mapping[str, Sequence[Sequence[tuple[float, float, float]]]]
) -> str:
    """One band per level, in it one mark per model; a line between the columns."""
    look, models = looks(study.models), list(study.models)
    band = ROW * (len(models) + 1)
    height = 0.75 + band * len(rows)

    def draw(figure: Figure) -> None:
        left = label_margin([name for name, _ in rows])
        width = (0.97 - left) / len(panels)
        for number, (name, values) in enumerate(panels.items()):
            axes = figure.add_axes((left + number * width, 0.5 / height, width * 0.9, 1 - 0.6 / height))
            scale = scale_of(name)
            for row, by_model in enumerate(values):
                for place, (model, ends) in enumerate(zip(models, by_model, strict=True)):
                    value, low, high = (scale * end for end in ends)
                    at = row + (place - (len(models) - 1) / 2) / (len(models) + 1)
                    axes.plot([low, high], [at, at], color=look[model]["color"], linewidth=1.4)
                    axes.plot([value], [at], **{**look[model], "linestyle": "none"}, markersize=4.5)
            for row in range(1, len(rows)):
                if rows[row][1] != rows[row - 1][1]:
                    axes.axhline(row - 0.5, color=INK, linewidth=0.6)
            if scale == 1:
                axes.axvline(0, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
            axes.set_ylim(len(rows) - 0.5, -0.5)
            axes.grid(axis="y", visible=False)
            axes.set_yticks(range(len(rows)), [name for name, _ in rows] if number == 0 else [""] * len(rows))
            axes.set_xlabel(name)

    alt = f"{listed(list(panels))} by level: " + "; ".join(
        f"{level}: "
        + ", ".join(f"{model} {scale_of(name) * ends[0]:.2g}" for model, ends in zip(models, own, strict=True))
        for name, values in panels.items()
        for (level, _), own in zip(rows, values, strict=True)
    )
    return svg(draw, height, "subgroups", alt)


def scale_of(panel: str) -> int:
    """What a panel's fractions are multiplied by."""
    return 100 if "%" in panel else 1
