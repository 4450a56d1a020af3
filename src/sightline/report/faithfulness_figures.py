"""The charts of faithfulness, as inline SVG: pixels removed and restored, and the experts' region against controls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.report.chart import INK, MUTED, dots, label_margin, looks, svg
from sightline.study.models import Entry

ROW = 0.27  # inches


def pixel_figure(areas: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """Per model a line from deletion, a tick, to insertion, the model's marker.

    `areas`: `model`, `deletion` and `insertion`, means in [0, 1]; a row with NaN has no line.
    """
    height = 0.85 + ROW * len(areas)

    def draw(figure: Figure) -> None:
        left = label_margin(list(areas["model"]))
        axes = figure.add_axes((left, 0.55 / height, 0.96 - left, 1 - 0.65 / height))
        dots(axes, areas, ("insertion", "deletion", "insertion"), looks(models))
        rows = np.arange(len(areas))
        axes.plot(areas["deletion"], rows, linestyle="none", marker="|", markersize=10, color=INK, markeredgewidth=1.6)
        axes.set_xlim(0, 1)
        axes.set_yticks(rows, list(areas["model"]))
        axes.set_xlabel("mean probability of pneumonia")

    alt = "Deletion and insertion per model: " + "; ".join(
        f"{row['model']} {row['deletion']:.2f} and {row['insertion']:.2f}" for row in areas.to_dict("records")
    )
    return svg(draw, height, "pixels", alt)


def necessity_figure(effects: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """Per model the region's effect beyond that of control regions, with its interval; a dotted line at 0.

    `effects`: `model`, `mean`, `low` and `high`, differences of logits; a row with NaN has no dot.
    """
    height = 0.85 + ROW * len(effects)

    def draw(figure: Figure) -> None:
        left = label_margin(list(effects["model"]))
        axes = figure.add_axes((left, 0.55 / height, 0.96 - left, 1 - 0.65 / height))
        dots(axes, effects, ("mean", "low", "high"), looks(models))
        ends = [0.0, *effects[["mean", "low", "high"]].to_numpy(float).ravel()]
        low, high = np.nanmin(ends), np.nanmax(ends)
        margin = 0.05 * (high - low) or 1
        axes.set_xlim(low - margin, high + margin)
        axes.axvline(0, color=MUTED, linestyle=":", linewidth=1.4)
        axes.set_yticks(np.arange(len(effects)), list(effects["model"]))
        axes.set_xlabel("fall of the score (logit), less that of control regions")

    alt = "Necessity of the experts' region per model: " + "; ".join(
        f"{row['model']} {row['mean']:.2f}" for row in effects.to_dict("records")
    )
    return svg(draw, height, "necessity", alt)
