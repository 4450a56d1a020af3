"""The specification curve: each model's standing under every specification, and below it the choices.

An inline SVG, as in `figures.py`; its three panels share the specifications along x.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from sightline.report.chart import INK, MUTED, WIDTH, label_margin, looks, svg
from sightline.statistics.ranking import DIGITS, FACTORS
from sightline.study.models import Entry

MARGIN, STRIP, ROW = 0.95, 0.21, 0.155  # inches: the leaders' panel, a model's strip, a row of choices
TOP, GAP, BOTTOM = 0.3, 0.34, 0.42
RIGHT = 0.09  # share of the width, for the numbers at the end of rows
SMALL = 8.8  # points


def specification_figure(curve: pd.DataFrame, models: Mapping[str, Entry]) -> str:
    """Three panels, or the empty string if `curve` ranks fewer than two models together.

    `curve`: plots/multiverse.csv (`place`, the factors, `model`, `standing`, `rank`, `weight`); `models`: those of the
    study. Shares and means are weighted, so that families of metrics weigh alike; columns are equally wide.
    Top: the standing of the model with the highest mean minus the runner-up's, by which the specifications are
    sorted; below zero, the claim that it leads fails. Middle: each model's rank; a full strip is first place. Bottom: a
    tick where the specification makes that choice, and at the row's end the share of these specifications in which
    the leader is ahead, ties half. Factors without an alternative are not drawn.
    """
    standing = curve.pivot(index="place", columns="model", values="standing") if len(curve) else pd.DataFrame()
    if standing.shape[1] < 2:
        return ""
    weight = curve.drop_duplicates("place").set_index("place")["weight"]
    means = _weighted(standing, weight).round(DIGITS)[[model for model in models if model in standing]]
    order = means.sort_values(ascending=False, kind="stable").index.tolist()
    margin = (standing[order[0]] - standing[order[1]]).dropna()
    if margin.empty:
        return ""
    places = margin.index.to_numpy()  # specifications that lack one of the two leaders are left out
    weight = weight.loc[places]
    rest = _weighted(standing.loc[places, order[2:]], weight)
    order[2:] = rest.sort_values(ascending=False, kind="stable").index
    ranks = curve.pivot(index="place", columns="model", values="rank").loc[places]
    choices = curve.drop_duplicates("place").set_index("place").loc[places, list(FACTORS)]
    # from ranks, which keep ties that the rounding of standings can break
    ahead = (1 + np.sign(ranks[order[1]] - ranks[order[0]]).to_numpy()) / 2
    mean_ranks, share = _weighted(ranks, weight), float(np.average(ahead, weights=weight))
    groups = {factor: levels for factor in FACTORS if len(levels := _levels(choices[factor])) > 1}
    num_rows = sum(1 + len(levels) for levels in groups.values())
    height = TOP + MARGIN + GAP + STRIP * len(order) + GAP + ROW * num_rows + BOTTOM
    labels = [*order, *(f"  {_words(level)}" for levels in groups.values() for level in levels)]

    def draw(figure: Figure) -> None:
        left = label_margin(labels) * 0.94

        def panel(above: float, size: float) -> Axes:
            """Axes `size` inches high, `above` inches below the figure's top."""
            axes = figure.add_axes((left, 1 - (above + size) / height, 1 - RIGHT - left, size / height))
            axes.set_xlim(0, len(places))
            axes.grid(visible=False)
            axes.tick_params(axis="both", length=0)
            return axes

        look = looks(models)
        _draw_margin(panel(TOP, MARGIN), margin.to_numpy(), order, share, look)
        _draw_ranks(panel(TOP + MARGIN + GAP, STRIP * len(order)), ranks, mean_ranks, order, look)
        if groups:
            above = TOP + MARGIN + GAP + STRIP * len(order) + GAP
            _draw_choices(panel(above, ROW * num_rows), choices, groups, ahead, weight.to_numpy())
        label = f"{len(places)} specifications, by the leader's margin"
        figure.text(left, 0.14 / height, label, fontsize=SMALL, va="center")

    claims = "; ".join(f"{model} mean rank {mean_ranks[model]:.1f}" for model in order)
    alt = f"{order[0]} stands above {order[1]} in {100 * share:.0f}% of {len(places)} specifications. {claims}."
    # 2 decimals of a 72nd of an inch are enough, and make a third of the text
    return re.sub(r"(\d\.\d\d)\d+", r"\1", svg(draw, height, "specifications", alt))


def _weighted(values: pd.DataFrame, weight: pd.Series) -> pd.Series:
    """Each column's weighted mean over its known rows."""
    total = values.notna().mul(weight, axis=0).sum()
    return values.mul(weight, axis=0).sum() / total


def _levels(choices: pd.Series) -> list[str]:
    return list(dict.fromkeys(sorted(choices)))


def _words(level: str) -> str:
    return level.replace("_", " ")


def _steps(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each run of equal values begins, and its value; then the end, with the last value again."""
    begins = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    return np.append(begins, len(values)), np.append(values[begins], values[-1])


def _draw_margin(axes: Axes, margin: np.ndarray, order: Sequence[str], share: float, look: Mapping) -> None:
    """The sorted difference as a filled step, each leader's side in its colour and labelled with its share."""
    edges, steps = _steps(margin)
    colours = [look[model]["color"] for model in order[:2]]
    for side, colour in zip((np.maximum(steps, 0), np.minimum(steps, 0)), colours, strict=True):
        axes.fill_between(edges, side, step="post", color=colour, alpha=0.75, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    reach = 1.15 * float(np.abs(margin).max()) or 1.0
    axes.set_ylim(-reach, 1.5 * reach)  # room above the area for the leader's label
    axes.locator_params(axis="y", nbins=4)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.set_xticks([])
    for place, (model, part, colour) in enumerate(zip(order, (share, 1 - share), colours, strict=False)):
        axes.text(
            (0.99, 0.01)[place], (0.97, 0.03)[place], f"{model} ahead in {100 * part:.0f}%", color=colour,
            transform=axes.transAxes, ha=("right", "left")[place], va=("top", "bottom")[place], fontsize=9,
        )  # fmt: skip
    axes.set_title("leader minus runner-up, in standard deviations", loc="left", pad=5, fontsize=SMALL, color=MUTED)


def _draw_ranks(axes: Axes, ranks: pd.DataFrame, means: pd.Series, order: Sequence[str], look: Mapping) -> None:
    """One strip per model, filled to its rank: full for the first, empty for the last; the mean rank at its end."""
    lowest = max(2.0, float(ranks.count(axis=1).max()))
    at_end = blended_transform_factory(axes.transAxes, axes.transData)
    for row, model in enumerate(order):
        edges, shares = _steps((lowest - ranks[model].fillna(lowest).to_numpy()) / (lowest - 1))
        floor = row + 0.92
        top = floor - 0.84 * shares
        axes.fill_between(edges, floor, top, step="post", color=look[model]["color"], alpha=0.75, linewidth=0)
        axes.axhline(floor, color=MUTED, linewidth=0.4)
        axes.text(1.015, row + 0.5, f"{means[model]:.1f}", transform=at_end, va="center", fontsize=SMALL)
    axes.set_ylim(len(order), 0)
    axes.set_yticks(np.arange(len(order)) + 0.5, list(order), fontsize=9)
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_title("rank: a full strip is first place", loc="left", pad=4, fontsize=SMALL, color=MUTED)
    axes.text(1.0 + RIGHT, 1.0, "mean", transform=axes.transAxes, ha="right", va="bottom", fontsize=SMALL, color=MUTED)


def _draw_choices(
    axes: Axes, choices: pd.DataFrame, groups: Mapping[str, list[str]], ahead: np.ndarray, weight: np.ndarray
) -> None:
    """A row for each level below its factor's name: ticks where it is chosen, the leader's share at its end."""
    rows: list[str] = []
    at_end = blended_transform_factory(axes.transAxes, axes.transData)
    for factor, levels in groups.items():
        rows.append(_words(factor))
        for level in levels:
            chosen = np.flatnonzero(choices[factor] == level)
            middle = len(rows) + 0.5
            # one path for all ticks: three points each, the last of them a gap
            xs = np.repeat(chosen + 0.5, 3)
            ys = np.tile([middle - 0.38, middle + 0.38, np.nan], len(chosen))
            axes.plot(
                xs, ys, color=INK, linewidth=max(0.35, 0.6 * WIDTH * 72 * 0.6 / len(choices)), solid_capstyle="butt"
            )
            share = f"{100 * np.average(ahead[chosen], weights=weight[chosen]):.0f}%"
            axes.text(1.015, middle, share, transform=at_end, va="center", fontsize=SMALL)
            rows.append(f"  {_words(level)}")
    axes.text(1.0 + RIGHT, 1.0, "ahead", transform=axes.transAxes, ha="right", va="bottom", fontsize=SMALL, color=MUTED)
    axes.set_ylim(len(rows), 0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows, fontsize=SMALL)
    for row, label in zip(rows, axes.get_yticklabels(), strict=True):
        if not row.startswith("  "):
            label.set_color(MUTED)
            label.set_fontstyle("italic")
    axes.set_xticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
