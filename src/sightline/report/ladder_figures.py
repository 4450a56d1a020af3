"""The charts of the ladder and of the human scale, as inline SVG.

Models look as in `sightline.report.figures`; baselines are ink, since they are not models.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.report.chart import INK, MUTED, RULE, Chart, dots, label_margin, looks, svg
from sightline.report.words import baseline_words, in_units, measure
from sightline.study.models import Entry

ROW = 0.27  # inches


def ladder_figure(
    standings: pd.DataFrame, baselines: Mapping[str, float], human: float, metric: str, models: Mapping[str, Entry]
) -> str:
    """The SVG of `ladder_chart`."""
    return svg(*ladder_chart(standings, baselines, human, metric, models))


def ladder_chart(
    standings: pd.DataFrame, baselines: Mapping[str, float], human: float, metric: str, models: Mapping[str, Entry]
) -> Chart:
    """Models with their intervals, best first; below them the baselines as ticks, best first; the experts' line.

    `standings` is from `ladder_answer.standings`; `baselines` are means by name, NaN where unknown; `human` is the
    score of a left-out expert, NaN if unknown. Models without a value have a row and no dot. A short tick beside a
    model is the same network untrained.
    """
    words = measure(metric)
    factor = 100.0 if words.is_percent else 1.0
    frame = standings.sort_values("value", ascending=words.is_lower_better, kind="stable").reset_index(drop=True)
    drawn = frame.assign(**{name: factor * frame[name] for name in ("value", "low", "high", "untrained")})
    steps = sorted(
        ((name, factor * value) for name, value in baselines.items() if not np.isnan(value)),
        key=lambda step: step[1] if words.is_lower_better else -step[1],
    )
    labels = [*drawn["model"], *(baseline_words(name) for name, _ in steps)]
    height = 1.15 + ROW * (len(labels) + 0.6)

    def draw(figure: Figure) -> None:
        left = label_margin(labels)
        axes = figure.add_axes((left, 0.55 / height, 0.96 - left, 1 - 0.95 / height))
        dots(axes, drawn, ("value", "low", "high"), looks(models))
        rows = np.arange(len(drawn))
        axes.plot(drawn["untrained"], rows, linestyle="none", marker="|", markersize=9, color=INK, markeredgewidth=1.2)
        below = len(drawn) + 0.6 + np.arange(len(steps))
        for row, (_, value) in zip(below, steps, strict=True):
            axes.plot([0, value], [row, row], color=RULE, linewidth=1.2, zorder=1)
            axes.plot([value], [row], linestyle="none", marker="|", markersize=11, color=INK, markeredgewidth=1.8)
        if steps:
            axes.axhline(len(drawn) - 0.2, color=MUTED, linewidth=0.7)
            axes.plot([steps[0][1]] * 2, [-0.6, below[0]], color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
        ends = [*drawn[["low", "high", "value", "untrained"]].to_numpy(float).ravel(), factor * human]
        ends = [end for end in (*ends, *(value for _, value in steps)) if not np.isnan(end)]
        low, reach = 1.05 * min([0.0, *ends]), 1.05 * max([0.0, *ends])
        reach = reach if reach > low else low + factor  # nothing is known, or all of it is 0
        axes.set_xlim(low, reach)
        axes.set_ylim(len(labels) + (0.2 if steps else -0.4), -0.6)
        if not np.isnan(human):
            axes.axvline(factor * human, color=MUTED, linestyle="--", linewidth=1.2)
            side = "right" if factor * human > low + 0.6 * (reach - low) else "center"
            axes.text(factor * human, -0.75, "a left-out expert", ha=side, va="bottom", fontsize=9)
        axes.set_yticks([*rows, *below], labels)
        axes.set_xlabel(words.words + (" (%)" if words.is_percent else ""))

    alt = f"{words.words} per model: " + "; ".join(
        f"{row['model']} {in_units(row['value'], metric)}" for row in frame.to_dict("records")
    )
    alt += ". Baselines: " + "; ".join(f"{baseline_words(name)} {value:.3g}" for name, value in steps)
    return Chart(draw, height, "ladder", alt)


def scale_figure(standings: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """Each model's place between another patient's region (0) and a left-out expert (1), with its interval."""
    frame = standings.dropna(subset=["place"]).sort_values("place", ascending=False, kind="stable")
    height = 1.15 + ROW * len(frame)

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["model"]))
        axes = figure.add_axes((left, 0.5 / height, 0.96 - left, 1 - 1.0 / height))
        dots(axes, frame, ("place", "place_low", "place_high"), looks(models))
        ends = [0.0, 1.0, *frame["place"], *frame["place_low"], *frame["place_high"]]
        low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
        margin = 0.06 * (high - low)
        axes.set_xlim(low - margin, high + margin)
        # One line each, since 0 and 1 may lie close together.
        for line, (place, words) in enumerate(((1, "1: a left-out expert"), (0, "0: another patient's region"))):
            axes.axvline(place, color=INK, linewidth=1.1)
            share = (place - low) / (high - low)
            side = "left" if share < 0.25 else "right" if share > 0.75 else "center"
            axes.text(place, -0.72 - 0.55 * line, words, ha=side, va="bottom", fontsize=9)
        axes.set_yticks(np.arange(len(frame)), list(frame["model"]))
        axes.set_xlabel("place on the human scale")

    alt = "Place on the human scale, 0 another patient's region and 1 a left-out expert: " + "; ".join(
        f"{row['model']} {row['place']:.2f}" for row in frame.to_dict("records")
    )
    return svg(draw, height, "scale", alt)
