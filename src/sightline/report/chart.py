"""One chart as inline SVG: style, colours, the look of each model, and labels that do not overlap.

pyplot's global state is not touched. Colours are CSS variables with a fallback, so that a page can set them for light
and dark, and a single SVG file still shows them.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from sightline.study.models import Entry, Network

INK, MUTED, RULE = "#1b1f24", "#59626d", "#d4d8dd"
# Blue, vermilion, green, purple (Okabe and Ito's hues, darkened to 4.5:1 on white), then two for external maps.
SERIES = ("#0069ab", "#bb4700", "#00745a", "#94397a", "#6e5f00", "#4a5560")
CSS_COLOURS = {INK: "currentColor", MUTED: "var(--muted,#59626d)", RULE: "var(--rule,#d4d8dd)"} | {
    colour: f"var(--s{number},{colour})" for number, colour in enumerate(SERIES, 1)
}
ARCHITECTURES = {
    "alexnet": (0, "o"), "vgg16": (1, "s"), "googlenet": (2, "^"), "resnet50": (3, "D"),
    "squeezenet1_1": (2, "v"), "resnet18": (3, "d"),
}  # fmt: skip
OTHER = (5, "h")  # an architecture that is not listed
FURTHER = ("X", "*", "p", "H")  # markers where an architecture's colour is taken
WIDTH = 4.8  # inches; about a phone's width at 72 units an inch, so 9-unit text stays readable there
LETTER = 0.0158  # share of a figure's width that a letter takes, rather more than less
MOST_LETTERS = 29  # of a row's name on one line, which then takes half of the width
STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "sightline", "text.parse_math": False,
    "font.family": "DejaVu Sans", "font.size": 9.5,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": MUTED, "axes.linewidth": 0.7, "axes.titlesize": 9.5,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": RULE, "grid.linewidth": 0.6, "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "xtick.major.size": 3, "ytick.major.size": 0,
    "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none", "path.simplify": False,
}  # fmt: skip


class Chart(NamedTuple):
    """A chart that is still to be drawn."""

    draw: Callable[[Figure], None]
    height: float
    """Inches; the width is WIDTH."""
    name: str
    """Begins its ids on a page."""
    alt: str


class ShownFigure(Figure):
    """A figure that a notebook shows, also where pyplot was never imported."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """PNG, and its width and height in a page's pixels, 96 to the inch."""
        picture = io.BytesIO()
        self.savefig(picture, format="png", metadata={"Software": None})
        width, height = (round(96 * float(inches)) for inches in self.get_size_inches())
        return picture.getvalue(), {"width": width, "height": height}


def figure_of(chart: Chart) -> Figure:
    """The chart as a matplotlib figure on white paper, of no pyplot state."""
    with mpl.rc_context({**STYLE, "figure.facecolor": "white", "axes.facecolor": "white"}):
        figure = ShownFigure(figsize=(WIDTH, chart.height), dpi=144)
        chart.draw(figure)
        _keep_inside(figure)
    return figure


def svg(draw: Callable[[Figure], None], height: float, name: str, alt: str) -> str:
    """SVG of what `draw` puts on a Figure of WIDTH x `height` inches; ids begin with `name`, `alt` is its label."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        draw(figure)
        _keep_inside(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>\s*", "", drawn, flags=re.DOTALL)
    # Two figures on one page must not share ids, and matplotlib numbers each figure from one.
    drawn = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', drawn)
    drawn = re.sub(r'(href="#|url\(#)([^")]+)', rf"\1{name}-\2", drawn)
    drawn = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 system-ui,sans-serif", drawn)
    drawn = re.sub(r"font-family: [^;\"]*", "font-family: system-ui,sans-serif", drawn)
    for colour, variable in CSS_COLOURS.items():
        drawn = drawn.replace(colour, variable)
    size = f'viewBox="0 0 {WIDTH * 72:g} {height * 72:g}"'
    return re.sub(r"<svg [^>]*>", f'<svg {size} role="img" aria-label="{html.escape(alt)}">', drawn, count=1).strip()


def looks(models: Mapping[str, Entry]) -> dict[str, dict[str, Any]]:
    """Per model: `color`, `marker`, `linestyle`, `markerfacecolor`."""
    result = {}
    drawn = _drawn(models)
    external = 0
    for model, entry in models.items():
        if isinstance(entry, Network):
            colour, marker = drawn[entry.arch, entry.input]
            dashed, hollow = entry.init == "scratch", entry.head == "fc"
        else:
            colour, marker, dashed, hollow = 4 + external % 2, "P", False, external % 4 > 1
            external += 1
        result[model] = {
            "color": SERIES[colour], "marker": marker, "linestyle": (0, (4, 2)) if dashed else "-",
            "markerfacecolor": "none" if hollow else SERIES[colour],
        }  # fmt: skip
    return result


def _drawn(models: Mapping[str, Entry]) -> dict[tuple[str, str], tuple[int, str]]:
    """Colour and marker of each architecture, and others where it sees something else or its colour is taken.

    So a network of whole films differs from the same network of lungs alone, also in a grey print. Where no colour is
    free, the architecture's own is used again.
    """
    kinds = dict.fromkeys((entry.arch, entry.input) for entry in models.values() if isinstance(entry, Network))
    result: dict[tuple[str, str], tuple[int, str]] = {}
    for kind in kinds:  # first those that can have their own
        colour, marker = ARCHITECTURES.get(kind[0], OTHER)
        if colour not in {taken for taken, _ in result.values()}:
            result[kind] = colour, marker
    for kind in kinds:
        if kind not in result:
            colours, markers = {colour for colour, _ in result.values()}, {marker for _, marker in result.values()}
            colour, marker = ARCHITECTURES.get(kind[0], OTHER)
            free = [number for number in range(len(SERIES)) if number not in colours]
            others = [other for other in (marker, *FURTHER) if other not in markers]
            result[kind] = (free or [colour])[0], (others or [marker])[0]
    return result


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> np.ndarray:
    """`positions`, moved by one sweep up and one down until they lie `gap` apart between `low` and `high`.

    The order is kept, and no position moves further than the sweeps need; where not all fit, the gap shrinks evenly.
    """
    start = np.asarray(positions, float)
    order = np.argsort(start, kind="stable")
    gap = min(gap, (high - low) / max(len(start) - 1, 1))
    steps = gap * np.arange(len(start))
    # The cumulative maximum of the free distances lifts each label above the one below it, and no further.
    moved = np.maximum.accumulate(np.clip(start[order], low, high) - steps) + steps
    moved = np.minimum.accumulate((np.minimum(moved, high) - steps)[::-1])[::-1] + steps if len(start) else moved
    moved = np.minimum(moved, high - steps[::-1])
    result = np.empty_like(moved)
    result[order] = moved
    return result


def label_margin(labels: Sequence[str]) -> float:
    """Share of the figure's width that the longest label takes, half of it at most."""
    return min(0.5, 0.04 + LETTER * max((len(label) for label in labels), default=0))


def _keep_inside(figure: Figure) -> None:
    """Puts long names of rows on two lines, and the name of an axis, where it would leave the figure, flush right."""
    for axes in figure.axes:
        box = axes.get_position()
        if isinstance(axes.yaxis.get_major_locator(), FixedLocator):
            names = [label.get_text() for label in axes.get_yticklabels()]
            if max(map(len, names), default=0) > MOST_LETTERS:
                axes.set_yticks(axes.get_yticks(), [_on_two_lines(name) for name in names], linespacing=0.9)
                for label in axes.get_yticklabels():
                    label.set_fontsize(8 if "\n" in label.get_text() else STYLE["font.size"])
        if box.x0 + box.width / 2 + LETTER * len(axes.get_xlabel()) / 2 > 1:
            axes.set_xlabel(axes.get_xlabel(), loc="right")


def _on_two_lines(name: str) -> str:
    """The name in two lines of MOST_LETTERS at most, parted after a mark where there is one; cut where it is longer."""
    if len(name) <= MOST_LETTERS:
        return name
    least = max(1, len(name) - MOST_LETTERS) if len(name) <= 2 * MOST_LETTERS else MOST_LETTERS // 2
    place = max((name.rfind(mark, least - 1, MOST_LETTERS) + 1 for mark in " _-./"), default=0) or MOST_LETTERS
    first, rest = name[:place].rstrip(), name[place:].lstrip()
    return f"{first}\n{rest if len(rest) <= MOST_LETTERS else rest[: MOST_LETTERS - 1] + '…'}"


def dots(axes: Axes, frame: pd.DataFrame, columns: tuple[str, str, str], look: Mapping[str, Mapping[str, Any]]) -> None:
    """One row per model, the first at the top: a dot at the value, a whisker over its interval."""
    value, low, high = columns
    for row, record in enumerate(frame.to_dict("records")):
        style = look[record["model"]]
        axes.plot([record[low], record[high]], [row, row], color=style["color"], linewidth=1.6)
        axes.plot([record[value]], [row], **{**style, "linestyle": "none"}, markersize=5.5)
    axes.set_ylim(len(frame) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
