"""The chart of the shortcut meter: where maps of images called positive look, beside those called negative."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.report.chart import INK, label_margin, looks, svg
from sightline.report.words import percent
from sightline.study.models import Entry

ROW = 0.3  # inches
PANELS = (("outside", "relevance outside (%)"), ("place", "maxima at one place (%)"))


def shortcut_figure(frame: pd.DataFrame, place: str, models: Mapping[str, Entry]) -> str:
    """Two panels with a row per model: a mark at images called positive, a tick at images called negative.

    `frame` has `model` and, as fractions, `outside`, `outside_negative`, `place` and `place_negative`; a row whose
    values are NaN is empty. Left: relevance outside `place` beyond a uniform map's; right: the share of maxima in the
    place where the two kinds of image differ most.
    """
    height = 0.95 + ROW * len(frame)
    look = looks(models)
    rows = np.arange(len(frame))

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["model"]))
        width = (0.96 - left - 0.07) / 2
        for number, (name, words) in enumerate(PANELS):
            axes = figure.add_axes((left + number * (width + 0.07), 0.5 / height, width, 1 - 0.6 / height))
            values, negative = 100 * frame[name], 100 * frame[f"{name}_negative"]
            axes.axvline(0, color=INK, linewidth=0.9)
            for row, record in enumerate(frame.to_dict("records")):
                style = look[record["model"]]
                axes.plot([negative[row], values[row]], [row, row], color=style["color"], linewidth=2)
                axes.plot([values[row]], [row], **{**style, "linestyle": "none"}, markersize=6)
            axes.plot(negative, rows, linestyle="none", marker="|", markersize=11, color=INK, markeredgewidth=1.6)
            ends = np.array([0, *values, *negative], float)
            low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
            margin = 0.08 * max(high - low, 1)
            axes.set_xlim(low - margin, high + margin)
            axes.set_ylim(len(frame) - 0.4, -0.6)
            axes.grid(axis="y", visible=False)
            axes.locator_params(axis="x", nbins=4)
            axes.set_yticks(rows, list(frame["model"]) if number == 0 else [""] * len(frame))
            axes.set_xlabel(words, fontsize=9)

    alt = f"Relevance outside {place} beyond a uniform map's, and maxima at one place, for images called positive and "
    alt += "called negative: " + "; ".join(
        f"{row['model']} {percent(row['outside'], 0)} and {percent(row['outside_negative'], 0)}, "
        f"{percent(row['place'], 0)} and {percent(row['place_negative'], 0)}"
        for row in frame.to_dict("records")
    )
    return svg(draw, height, "shortcut", alt)
