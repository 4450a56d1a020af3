"""The report's charts of models: the paper's Figures 6 and 7, IoU, accuracy, classification, calibration, training, ...

Every function returns the text of an inline SVG. Each architecture has its colour and marker; a dashed line is a
network from scratch, a solid line one from ImageNet; a hollow marker is the fc head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.report.chart import INK, MUTED, WIDTH, dots, label_margin, looks, spread, svg
from sightline.report.tables import METRIC_WORDS
from sightline.study.models import Entry


def alignment_figure(verdicts: pd.DataFrame, models: Mapping[str, Entry], human_iou: float) -> str:
    """IoU of each model with its interval, a tick at random maps of the same area, and the experts' line.

    `verdicts` has `model`, `iou`, `iou_low`, `iou_high`, `random_iou` (fractions); see `published_answer.verdicts`.
    """
    frame = verdicts.sort_values("iou", ascending=False, kind="stable")

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((label_margin(list(frame["model"])), 0.55 / height, 0.0, 0.0))
        left = axes.get_position().x0
        axes.set_position((left, 0.55 / height, 0.97 - left, 1 - 0.9 / height))
        dots(axes, frame, ("iou", "iou_low", "iou_high"), looks(models))
        rows = np.arange(len(frame))
        axes.plot(
            frame["random_iou"], rows, linestyle="none", marker="|", markersize=11, color=INK, markeredgewidth=1.6
        )
        reach = 1.05 * float(np.nanmax([human_iou, *frame["iou_high"], *frame["iou"], *frame["random_iou"]]))
        axes.set_xlim(0, reach)
        if not np.isnan(human_iou):
            axes.axvline(human_iou, color=MUTED, linestyle=":", linewidth=1.4)
            side = "right" if human_iou > 0.6 * reach else "center"
            axes.text(human_iou, -0.75, "experts among themselves", ha=side, va="bottom", fontsize=9)
        axes.set_yticks(rows, list(frame["model"]))
        axes.set_xlabel("IoU with the consensus")

    height = 1.0 + 0.27 * len(frame)
    alt = "IoU with the consensus per model: " + "; ".join(
        f"{row['model']} {row['iou']:.2f}, random {row['random_iou']:.2f}" for row in frame.to_dict("records")
    )
    return svg(draw, height, "alignment", alt)


def threshold_figure(sweep: pd.DataFrame, models: Mapping[str, Entry], threshold: float, name: str, alt: str) -> str:
    """Figures 6 and 7: mean IoU against the threshold, one line per model, `threshold` marked.

    `sweep` has `model`, `threshold`, `iou`, of one method.
    """
    curves = [(model, part) for model in models if len(part := sweep[sweep["model"] == model])]
    look = looks(models)
    height = max(3.2, 0.7 + 0.155 * len(curves))

    def draw(figure: Figure) -> None:
        right = 1 - label_margin([model for model, _ in curves])
        axes = figure.add_axes((0.115, 0.5 / height, right - 0.115, 1 - 0.7 / height))
        for model, part in curves:
            axes.plot(part["threshold"], part["iou"], color=look[model]["color"], linestyle=look[model]["linestyle"])
        axes.axvline(threshold, color=INK, linewidth=0.8)
        axes.text(threshold, 1.01, f"{threshold:g}", transform=axes.get_xaxis_transform(), ha="center", fontsize=9)
        axes.set_ylim(bottom=0)
        axes.set_xlim(0, max(0.92, float(sweep["threshold"].max())))
        axes.set_xlabel("threshold (share of the map's range)")
        axes.set_ylabel("mean IoU")
        low, high = axes.get_ylim()
        ends = [float(part["iou"].iloc[-1]) for _, part in curves]
        places = spread(np.nan_to_num(ends).tolist(), 11 * (high - low) / ((height - 0.7) * 72), low, high)
        reach = axes.get_xlim()[1]
        for (model, part), end, place in zip(curves, ends, places, strict=True):
            colour = look[model]["color"]
            last = float(part["threshold"].iloc[-1])
            axes.plot([last, reach * 1.03], [end, place], color=colour, linewidth=0.6, clip_on=False)
            axes.text(reach * 1.04, place, model, color=colour, va="center", fontsize=9)

    return svg(draw, height, name, alt)


def scatter_figure(points: pd.DataFrame, words: str, models: Mapping[str, Entry]) -> str:
    """Alignment against accuracy, one point per model with both intervals; a line through the Pareto front.

    `points`: `model`, `accuracy`, `alignment`, both with `_low` and `_high`, and `is_pareto`, as from
    `accuracy.accuracy_alignment`; `words`: the measure of alignment.
    """
    frame = points.sort_values("alignment", kind="stable")
    look = looks(models)
    height = max(3.2, 0.8 + 0.155 * len(frame))

    def draw(figure: Figure) -> None:
        right = 1 - label_margin(list(frame["model"]))
        axes = figure.add_axes((0.115, 0.5 / height, right - 0.115, 1 - 0.65 / height))
        for row in frame.to_dict("records"):
            style = look[row["model"]]
            thin = {"color": style["color"], "linewidth": 0.8, "alpha": 0.55}
            axes.plot([row["accuracy_low"], row["accuracy_high"]], [row["alignment"]] * 2, **thin)
            axes.plot([row["accuracy"]] * 2, [row["alignment_low"], row["alignment_high"]], **thin)
            axes.plot([row["accuracy"]], [row["alignment"]], **{**style, "linestyle": "none"}, markersize=6)
        front = frame[frame["is_pareto"]].sort_values("accuracy", kind="stable")
        axes.plot(front["accuracy"], front["alignment"], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
        axes.set_ylim(bottom=min(0, axes.get_ylim()[0]) if (frame["alignment"] < 0).any() else 0)
        axes.set_xlabel("accuracy on the test set")
        axes.set_ylabel(words)
        (low, high), (first, reach) = axes.get_ylim(), axes.get_xlim()
        axes.set_xlim(first, reach)
        places = spread(list(frame["alignment"]), 11 * (high - low) / ((height - 0.65) * 72), low, high)
        for row, place in zip(frame.to_dict("records"), places, strict=True):
            colour = look[row["model"]]["color"]
            edge = reach + 0.03 * (reach - first)
            line = {"color": colour, "linewidth": 0.5, "linestyle": ":", "clip_on": False}
            axes.plot([row["accuracy"], edge], [row["alignment"], place], **line)
            axes.text(edge, place, row["model"], color=colour, va="center", fontsize=9)

    alt = f"Accuracy against {words}: " + "; ".join(
        f"{row['model']} {row['accuracy']:.2f} and {row['alignment']:.2f}" for row in frame.to_dict("records")
    )
    return svg(draw, height, "scatter", alt)


def classification_figure(table: pd.DataFrame, models: Mapping[str, Entry], metrics: Sequence[str]) -> str:
    """Dot and whisker per model and metric, in percent; a cross at the paper's mean, if `table` has it."""
    look = looks(models)
    rows = -(-len(metrics) // 2)
    panel = 0.5 + 0.19 * len(table)
    height = rows * panel + 0.3

    def draw(figure: Figure) -> None:
        left = label_margin(list(table["model"]))
        width = (0.98 - left - 0.04) / 2
        for number, metric in enumerate(metrics):
            row, column = divmod(number, 2)
            bottom = (height - (row + 1) * panel + 0.05) / height
            axes = figure.add_axes((left + column * (width + 0.04), bottom, width, (panel - 0.5) / height))
            dots(axes, table, (metric, f"{metric}_low", f"{metric}_high"), look)
            if f"{metric}_paper" in table:
                axes.plot(table[f"{metric}_paper"], np.arange(len(table)), "x", color=INK, markersize=4.5)
            if column == 0:
                axes.set_yticks(np.arange(len(table)), list(table["model"]), fontsize=9)
            else:
                axes.set_yticks([])
            axes.tick_params(axis="x", labelsize=9)
            axes.locator_params(axis="x", nbins=4)
            axes.set_title(f"{METRIC_WORDS[metric]} (%)", loc="left", pad=3)

    alt = "Accuracy and AUROC per model, %: " + "; ".join(
        f"{row['model']} {row['accuracy']:.0f} and {row['auroc']:.0f}" for row in table.to_dict("records")
    )
    return svg(draw, height, "intervals", f"{alt}. The other numbers are in Table 4.")


def calibration_figure(curve: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """Share of positive images against the mean probability of each bin, with its interval; one panel per network.

    `curve` has `model`, `probability`, `share`, `low`, `high` (fractions), and at least one row. The dotted diagonal is
    perfect calibration.
    """
    drawn = [(model, part) for model in models if len(part := curve[curve["model"] == model])]
    columns, side = 2, 1.75
    rows = -(-len(drawn) // columns)
    height = 0.35 + (side + 0.42) * rows
    look = looks(models)

    def draw(figure: Figure) -> None:
        for number, (model, part) in enumerate(drawn):
            row, column = divmod(number, columns)
            corner = (0.42 + 2.4 * column) / WIDTH, (height - 0.25 - side - (side + 0.42) * row) / height
            axes = figure.add_axes((*corner, side / WIDTH, side / height))
            style = look[model]
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
            axes.vlines(part["probability"], part["low"], part["high"], color=style["color"], linewidth=1.2, alpha=0.6)
            axes.plot(part["probability"], part["share"], **{**style, "linestyle": "none"}, markersize=4)
            axes.set_xlim(-0.03, 1.03)
            axes.set_ylim(-0.03, 1.03)
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks([0, 0.5, 1])
            axes.tick_params(labelsize=9)
            axes.set_title(model, loc="left", color=style["color"], pad=3, fontsize=9)
        figure.text(0.05, 0.08 / height, "x: mean probability of the bin; y: share of positive images", fontsize=9)

    alt = "Calibration curves on the test images: " + ", ".join(model for model, _ in drawn)
    return svg(draw, height, "calibration", alt)


def training_figure(histories: Mapping[str, pd.DataFrame], models: Mapping[str, Entry]) -> str:
    """Training (thin) and validation (thick) loss by epoch, one panel per model; a dot at the best validation epoch.

    Losses above 1.5 are cut off, so that one bad start does not flatten every other curve.
    """
    drawn = [(model, histories[model]) for model in models if model in histories and len(histories[model])]
    rows = -(-len(drawn) // 2)
    height = 0.35 + 1.05 * rows
    columns = ["train_loss", "val_loss"]
    top = min(1.5, 1.08 * max(float(history[columns].to_numpy(float).max()) for _, history in drawn))
    last = max(int(history["epoch"].max()) for _, history in drawn)
    look = looks(models)

    def draw(figure: Figure) -> None:
        for number, (model, history) in enumerate(drawn):
            row, column = divmod(number, 2)
            axes = figure.add_axes((0.09 + 0.47 * column, (height - 0.85 - 1.05 * row) / height, 0.42, 0.62 / height))
            colour = look[model]["color"]
            axes.plot(history["epoch"], history["train_loss"], color=colour, linewidth=0.9, alpha=0.7)
            axes.plot(history["epoch"], history["val_loss"], color=colour, linewidth=2)
            if history["val_loss"].notna().any():
                best = history.iloc[int(np.nanargmin(history["val_loss"]))]
                axes.plot([best["epoch"]], [best["val_loss"]], "o", color=colour, markersize=5)
            axes.set_ylim(0, top)
            axes.set_xlim(min(1, int(history["epoch"].min())) - 0.2, last + 0.2)
            axes.locator_params(axis="y", nbins=3)
            axes.locator_params(axis="x", integer=True, nbins=6)
            axes.tick_params(labelsize=9)
            axes.set_title(model, loc="left", color=colour, pad=2, fontsize=9)
        figure.text(0.09, 0.02, "x: epoch, y: loss; thick: validation, thin: training", fontsize=9)

    return svg(draw, height, "training", "Training and validation loss by epoch for " + ", ".join(m for m, _ in drawn))
