"""Accuracy and AUROC on external films: where a network that relies on something of this hospital's films falls.

metrics/classification.json has `<model>.external` where the study's index lists films of the split `external`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.counts import counted
from sightline.report.chart import INK, label_margin, looks, svg
from sightline.report.contents import Study
from sightline.report.digits import below, with_ends
from sightline.report.html import chart, table
from sightline.report.words import Metrics, listed, number_at, percent
from sightline.study.models import Entry

METRICS = {"accuracy": "Accuracy", "auroc": "AUROC"}
ROW = 0.3  # inches


def external_models(study: Study) -> list[str]:
    """The networks with results on external films, in the order of the study."""
    return [model for model in study.models if study.classification.get(model, {}).get("external")]


def films(study: Study) -> str:
    """What the external films are, in a few words."""
    if study.is_phantom:
        marker = number_at(study.params, "phantom", "shortcut") > 0
        return "films of another hospital" + (", which carry no marker" if marker else "")
    return "external films"


def external_sentences(study: Study) -> list[str]:
    """Whose accuracy or AUROC differs on external films by more than both intervals, and whose does not."""
    models = external_models(study)
    changed = {model: _changes(study.classification[model]) for model in models}
    alike = [model for model in models if not changed[model]]
    differing = [f"{model} ({', '.join(changed[model])})" for model in models if changed[model]]
    sentences = []
    if differing:
        sentences.append(f"On {films(study)}, results differ by more than the intervals: {listed(differing)}.")
    if alike:
        sentences.append(
            f"{'For' if differing else f'On {films(study)}, for'} {listed(alike)} the intervals meet those on the test "
            "films."
        )
    return sentences


def _changes(values: Metrics) -> list[str]:
    """Each metric whose two intervals do not meet: accuracy falls from 100% to 50%."""
    changes = []
    for metric, words in METRICS.items():
        here, there = _ends(values, metric), _ends(values, "external", metric)
        if here[1] > there[2] or there[1] > here[2]:
            verb = "falls" if there[0] < here[0] else "rises"
            name = words if words.isupper() else words.lower()
            decimals = 0 if percent(here[0], 0) != percent(there[0], 0) else 1  # never "from 100% to 100%"
            changes.append(f"{name} {verb} from {percent(here[0], decimals)} to {percent(there[0], decimals)}")
    return changes


def external_table(study: Study) -> str:
    """Accuracy and AUROC on the test films and on the external ones."""
    rows = []
    for model in external_models(study):
        values = study.classification[model]
        cells = [
            below(with_ends(*_ends(values, *part, metric), 1, factor=100))
            for metric in METRICS
            for part in ((), ("external",))
        ]
        rows.append([model, *cells])
    counts = sorted(
        {int(number_at(study.classification[model], "external", "images")) for model in external_models(study)}
    )
    numbers = " or ".join(counted(count, "image") for count in counts)
    caption = f"Classification of the test films and of {numbers} of {films(study)}, % [interval, resampled by image]."
    header = ["Model", *(column for words in METRICS.values() for column in (f"{words}\ntest", f"{words}\nexternal"))]
    return table(header, rows, caption)


def external_chart(study: Study) -> str:
    """Accuracy on the test films and on the external films, with intervals."""
    frame = pd.DataFrame(
        [
            (
                model,
                *(100 * end for where in (("accuracy",), ("external", "accuracy")) for end in _ends(values, *where)),
            )
            for model in external_models(study)
            for values in [study.classification[model]]
        ],
        columns=["model", "test", "test_low", "test_high", "external", "external_low", "external_high"],
    )
    caption = (
        f"Accuracy on the test films (tick) and on {films(study)} (mark), with intervals. A network that relies on "
        "something of this hospital's films falls; the dotted line is a coin toss."
    )
    return chart(external_figure(frame, study.models), caption)


def external_figure(frame: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """One row per model: a tick at `test`, a mark at `external` with its interval; all in percent."""
    height = 0.85 + ROW * len(frame)
    look = looks(models)
    rows = np.arange(len(frame))

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["model"]))
        axes = figure.add_axes((left, 0.5 / height, 0.95 - left, 1 - 0.6 / height))
        axes.axvline(50, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
        for row, record in enumerate(frame.to_dict("records")):
            style = look[record["model"]]
            axes.plot([record["test_low"], record["test_high"]], [row - 0.14] * 2, color=INK, linewidth=1)
            axes.plot([record["external_low"], record["external_high"]], [row] * 2, color=style["color"], linewidth=1.6)
            axes.plot([record["external"]], [row], **{**style, "linestyle": "none"}, markersize=6)
        axes.plot(
            frame["test"], rows - 0.14, linestyle="none", marker="|", markersize=10, color=INK, markeredgewidth=1.8
        )
        axes.set_ylim(len(frame) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_yticks(rows, list(frame["model"]))
        axes.set_xlabel("accuracy (%)")

    alt = "Accuracy on test films and on external films: " + "; ".join(
        f"{row['model']} {row['test']:.0f}% and {row['external']:.0f}%" for row in frame.to_dict("records")
    )
    return svg(draw, height, "external", alt)


def _ends(values: Metrics, *names: str) -> tuple[float, float, float]:
    value, low, high = (number_at(values, *names, end) for end in ("value", "low", "high"))
    return value, low, high
