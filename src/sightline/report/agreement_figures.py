"""The charts of the experts' annotations and agreement: Figures 3 to 5 of the paper, as inline SVG."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sightline.counts import counted
from sightline.report.chart import SERIES, label_margin, svg


def count_figure(agreement: pd.DataFrame) -> str:
    """Figure 4: the number of images by their number of valid annotations."""
    counts = agreement["annotations"].astype(int).value_counts().sort_index()

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.115, 0.19, 0.86, 0.74))
        axes.bar(counts.index, counts.to_numpy(), color=SERIES[0], width=0.75)
        for number, images in zip(counts.index.tolist(), counts.tolist(), strict=True):
            axes.text(number, images, f"{images}", ha="center", va="bottom", fontsize=9)
        axes.set_xlim(-0.6, counts.index.max() + 0.6)
        axes.locator_params(integer=True)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("valid annotations per image")
        axes.set_ylabel("images")

    alt = "; ".join(
        f"{counted(images, 'image')} with {counted(number, 'annotation')}"
        for number, images in zip(counts.index.tolist(), counts.tolist(), strict=True)
    )
    return svg(draw, 2.6, "counts", alt)


def agreement_figure(agreement: pd.DataFrame) -> str:
    """Figure 5: mean pairwise IoU of each image, highest first, and that of random masks on the same image."""
    frame = agreement.dropna(subset=["iou"]).sort_values("iou", ascending=False, kind="stable")
    means = {"experts": float(frame["iou"].mean()), "random masks": float(frame["random_iou"].mean())}

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.115, 0.19, 0.86, 0.72))
        ranks = np.arange(1, len(frame) + 1)
        axes.plot(ranks, frame["iou"], "o", color=SERIES[0], markersize=4)
        axes.plot(ranks, frame["random_iou"], "_", color=SERIES[1], markersize=5, markeredgewidth=1.4)
        # Highest first leaves the upper right corner free for the words.
        for line, ((words, mean), colour) in enumerate(zip(means.items(), SERIES[:2], strict=True)):
            axes.axhline(mean, color=colour, linewidth=0.8, linestyle=":")
            label = f"{words}, mean {mean:.2f}"
            axes.text(0.99, 0.97 - 0.1 * line, label, transform=axes.transAxes, ha="right", va="top", color=colour)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("images, by agreement")
        axes.set_ylabel("mean pairwise IoU")

    alt = f"Mean pairwise IoU per image: experts {means['experts']:.2f}, random masks {means['random masks']:.2f}."
    return svg(draw, 2.6, "agreement", alt)


def profession_figure(professions: pd.DataFrame) -> str:
    """Figure 3: experts per profession, most first; beside the bar their annotations and agreement."""
    frame = professions.sort_values(["annotators", "profession"], ascending=[False, True])
    height = 0.6 + 0.3 * len(frame)
    alt = "; ".join(
        f"{row['profession']}: {counted(row['annotators'], 'expert')}, {counted(row['annotations'], 'annotation')}, "
        f"{counted(row['pairs'], 'pair')}"
        for row in frame.to_dict("records")
    )

    def draw(figure: Figure) -> None:
        left = label_margin(list(frame["profession"]))
        axes = figure.add_axes((left, 0.5 / height, 0.97 - left, 1 - 0.55 / height))
        axes.barh(np.arange(len(frame)), frame["annotators"], color=SERIES[0], height=0.62)
        for row, record in enumerate(frame.to_dict("records")):
            iou = "" if np.isnan(record["iou"]) else f", IoU {record['iou']:.2f}"
            note = f"{record['annotators']:.0f} ({counted(record['annotations'], 'annotation')}{iou})"
            place = (record["annotators"], row)  # the gap in points: a page drops a blank at a text's beginning
            axes.annotate(note, place, xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(np.arange(len(frame)), list(frame["profession"]))
        axes.set_ylim(len(frame) - 0.5, -0.5)
        # Room for the notes, which are longer than the bars.
        axes.set_xlim(0, 3.4 * max(1, frame["annotators"].max()))
        axes.locator_params(axis="x", integer=True)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("experts")

    return svg(draw, height, "professions", alt)
