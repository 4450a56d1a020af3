"""The charts of the baseline ladder, of the human scale and of relevance outside the lungs, as inline SVG.

Models look as in `sightline.report.figures`; baselines are ink, for they are no model.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.report.chart import INK, MUTED, RULE, dots, label_margin, looks, svg
from sightline.report.words import baseline_words, in_units, measure
from sightline.study.models import Entry

ROW = 0.27  # inches


def ladder_figure(
    standings: pd.DataFrame, baselines: Mapping[str, float], human: float, metric: str, models: Mapping[str, Entry]
) -> str:
    """Models with their intervals, best first; below them the baselines as ticks, best first; the experts' line.

    `standings` is from `ladder_answer.standings`; `baselines` are means by name, NaN for those that are not known;
    `human` is what a left-out expert reaches, NaN if unknown. A short tick beside a model is its untrained self.
    """
    found = measure(metric)
    factor = 100.0 if found.is_percent else 1.0
    frame = standings.sort_values("value", ascending=found.is_lower_better, kind="stable").reset_index(drop=True)
    drawn = frame.assign(**{name: factor * frame[name] for name in ("value", "low", "high", "untrained")})
    steps = sorted(
        ((name, factor * value) for name, value in baselines.items() if not np.isnan(value)),
        key=lambda step: step[1] if found.is_lower_better else -step[1],
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
        known = [*drawn["high"], *drawn["value"], *drawn["untrained"], *(value for _, value in steps), factor * human]
        low = min(0.0, 1.05 * float(np.nanmin([*drawn["low"], *drawn["value"], *(value for _, value in steps)])))
        reach = 1.05 * float(np.nanmax(known))
        axes.set_xlim(low, reach)
        axes.set_ylim(len(labels) + (0.2 if steps else -0.4), -0.6)
        if not np.isnan(human):
            axes.axvline(factor * human, color=MUTED, linestyle="--", linewidth=1.2)
            side = "right" if factor * human > low + 0.6 * (reach - low) else "center"
            axes.text(factor * human, -0.75, "a left-out expert", ha=side, va="bottom", fontsize=8.5)
        axes.set_yticks([*rows, *below], labels)
        axes.set_xlabel(found.words + (" (%)" if found.is_percent else ""))

    alt = f"{found.words} per model: " + "; ".join(
        f"{row['model']} {in_units(row['value'], metric)}" for row in frame.to_dict("records")
    )
    alt += ". Baselines: " + "; ".join(f"{baseline_words(name)} {value:.3g}" for name, value in steps)
    return svg(draw, height, "ladder", alt)


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
        # One line each, for 0 and 1 may lie close together.
        for line, (place, words) in enumerate(((1, "1: a left-out expert"), (0, "0: another patient's region"))):
            axes.axvline(place, color=INK, linewidth=1.1)
            share = (place - low) / (high - low)
            side = "left" if share < 0.25 else "right" if share > 0.75 else "center"
            axes.text(place, -0.72 - 0.55 * line, words, ha=side, va="bottom", fontsize=8.5)
        axes.set_yticks(np.arange(len(frame)), list(frame["model"]))
        axes.set_xlabel("place on the human scale")

    alt = "Place on the human scale, 0 another patient's region and 1 a left-out expert: " + "; ".join(
        f"{row['model']} {row['place']:.2f}" for row in frame.to_dict("records")
    )
    return svg(draw, height, "scale", alt)


def outside_figure(shares: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """Each model's share of relevance outside the lungs, a tick at a uniform map's.

    `shares` has `model`, `outside`, `uniform` (fractions).
    """
    frame = shares.dropna(subset=["outside"]).sort_values("outside", ascending=False, kind="stable")
    height = 0.75 + ROW * len(frame)
    look = looks(models)

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["model"]))
        axes = figure.add_axes((left, 0.5 / height, 0.96 - left, 1 - 0.6 / height))
        for row, record in enumerate(frame.to_dict("records")):
            style = look[record["model"]]
            axes.plot(
                [100 * record["uniform"], 100 * record["outside"]], [row, row], color=style["color"], linewidth=1.6
            )
            axes.plot([100 * record["outside"]], [row], **{**style, "linestyle": "none"}, markersize=5.5)
        rows = np.arange(len(frame))
        axes.plot(
            100 * frame["uniform"], rows, linestyle="none", marker="|", markersize=11, color=INK, markeredgewidth=1.6
        )
        axes.set_xlim(0, 1.08 * 100 * float(np.nanmax(frame[["outside", "uniform"]].to_numpy())))
        axes.set_ylim(len(frame) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_yticks(rows, list(frame["model"]))
        axes.set_xlabel("relevance outside the lungs (%)")

    alt = "Relevance outside the lungs: " + "; ".join(
        f"{row['model']} {100 * row['outside']:.0f}%, uniform {100 * row['uniform']:.0f}%"
        for row in frame.to_dict("records")
    )
    return svg(draw, height, "outside", alt)
