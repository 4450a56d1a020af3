"""The report's part on accuracy against alignment over a population of architectures, each trained from several seeds.

`population` is metrics/population.json: `points`, one per run, `families`, one per entry of `models` with means and SDs
over its runs, `relations` of accuracy and of AUROC with the contrast, between architectures and within them, `power`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from sightline.counts import counted
from sightline.report import verdict
from sightline.report.chart import SERIES, label_margin, spread, svg
from sightline.report.digits import below, plain, with_ends
from sightline.report.html import chart, details_html, figure_first, table
from sightline.report.words import LEVEL, Metrics, equals_p, measure, number_at, percent, shown

HEIGHT = 3.6  # inches
STANDARD_DEVIATIONS = 2
SLOPE_ENDS = ("slope_low", "slope_high")
AXES = {"accuracy": "accuracy", "auroc": "AUROC"}
CAPTION = (
    "Right is more accurate; up is a larger contrast: the score on the own patient's region minus that on other "
    "patients'. Small dots are single trainings, large ones their means; an ellipse, from three trainings on, "
    "reaches two standard deviations of its architecture's trainings around their mean."
)


def parts(population: Metrics, experts: str = "experts") -> list[str]:
    """The HTML of the part: chart, sentence and table; nothing where there are fewer than five architectures."""
    if not population:
        return []
    return figure_first(
        chart(population_figure(population), CAPTION),
        sentence(population),
        details_html("The numbers of each architecture", _numbers(population, experts)),
        details_html("Both relations, by accuracy and by AUROC", _relations(population)),
    )


def sentence(population: Metrics) -> str:
    """Between and within, and what so many architectures can show, in plain words."""
    found, strength = population["relations"]["accuracy"], population["power"]
    between, within = found["between"], found["within"]
    many = counted(found["clusters"], "architecture")
    text = f"Over {many}, accuracy and contrast {_together(between)}: rank correlation of their means {_rho(between)}."
    if not math.isnan(number_at(within, "rho")):
        text += (
            f" From one training of an architecture to the next they {_together(within)}: {_rho(within)}. Intervals "
            "come from resampling architectures, since trainings of one architecture are no independent evidence."
        )
    return (
        f"{text} A study of {many} finds a correlation of {strength['rho']:g} with a probability of "
        f"{percent(strength['power'], 0)}; for 80% it takes {strength['needed']}."
    )


def _together(relation: Metrics) -> str:
    """Whether they rise together, by the test."""
    rho, p = number_at(relation, "rho"), number_at(relation, "p")
    if math.isnan(rho):
        return "cannot be compared, since one of them is the same everywhere"
    if not p < LEVEL:
        return "show no clear relation"
    return "rise together" if rho > 0 else "move in opposite directions"


def _rho(relation: Metrics) -> str:
    rho, low, high, p = (number_at(relation, name) for name in ("rho", "low", "high", "p"))
    return "–" if math.isnan(rho) else f"{with_ends(rho, low, high, 2)}, p {equals_p(p)}"


def _relations(population: Metrics) -> str:
    rows = []
    for name, words in AXES.items():
        found = population["relations"][name]
        for kind, label in (("between", "between architectures"), ("within", "within, over trainings")):
            own = found[kind]
            rho, slope = _with_ends(own, ("rho", "low", "high"), 2), _with_ends(own, ("slope", *SLOPE_ENDS), 2)
            rows.append([words, label, rho, shown(number_at(own, "p"), -1), slope])
    caption = (
        "Spearman's rank correlation with the contrast; p by permutation of architectures, or of the trainings inside "
        "each; slope: change of the contrast where accuracy or AUROC rises by 1. Only the first row was named as the "
        "question beforehand; the tests are not corrected for their number."
    )
    return table(["Measure", "Relation", "Rank correlation", "p", "Slope"], rows, caption, text_columns=("Relation",))


def _numbers(population: Metrics, experts: str) -> str:
    name = measure(str(population["primary"])).words
    rows = []
    for family in _by_contrast(population):
        accuracy, auroc = (
            percent(number_at(family, axis, "value")) + f"\nSD {100 * number_at(family, axis, 'sd'):.1f}"
            if len(family["runs"]) > 1
            else percent(number_at(family, axis, "value"))
            for axis in AXES
        )
        contrast = family["contrast"]
        ends = _with_ends(contrast, ("value", "low", "high"), 3)
        judged = verdict.words_of(family["verdict"], experts)
        rows.append(
            [family["family"], str(len(family["runs"])), accuracy, auroc, ends, plain(number_at(contrast, "sd"), 3),
             plain(number_at(family, "ceiling"), 2), family["grid"].replace("x", " x "), judged]
        )  # fmt: skip
    header = ["Architecture", "Trainings", "Accuracy", "AUROC", "Contrast", "SD", "Ceiling", "Cells", "Verdict"]
    caption = (
        f"Means over trainings, from the largest contrast ({name}) down; SD: between trainings. The contrast's "
        "interval and the verdict are those of all trainings together. Ceiling: the contrast of the region itself "
        "through the map's grid; grids differ between architectures, and with them what a map can reach."
    )
    return table(header, rows, caption, text_columns=("Verdict",))


def _with_ends(metrics: Metrics, names: Sequence[str], most: int) -> str:
    value, low, high = (number_at(metrics, name) for name in names)
    return below(with_ends(value, low, high, most))


def _by_contrast(population: Metrics) -> list[Metrics]:
    return sorted(population["families"], key=lambda family: -family["contrast"]["value"])


def population_figure(population: Metrics) -> str:
    """Contrast against accuracy: a dot for each run, for each family its mean, an ellipse and its name."""
    families = _by_contrast(population)

    def draw(figure: Figure) -> None:
        right = 1 - label_margin([family["family"] for family in families])
        axes = figure.add_axes((0.125, 0.5 / HEIGHT, right - 0.125, 1 - 0.65 / HEIGHT))
        axes.axhline(0, color=SERIES[5], linewidth=0.8)
        for number, family in enumerate(families):
            colour = SERIES[number % 5]
            own_S2 = np.array(
                [[100 * point["accuracy"], point["contrast"]] for point in population["points"]
                 if point["family"] == family["family"]]
            )  # fmt: skip
            for x, y in ellipse(own_S2):
                axes.fill(x, y, color=colour, alpha=0.13, linewidth=0)
                axes.plot(x, y, color=colour, linewidth=0.9)
            axes.plot(*own_S2.T, linestyle="none", marker="o", markersize=2.6, color=colour)
            axes.plot(*own_S2.mean(axis=0), marker="o", markersize=6, color=colour)
        axes.set_xlabel("accuracy on the test set (%)")
        axes.set_ylabel("contrast")
        (low, high), (first, reach) = axes.get_ylim(), axes.get_xlim()
        reach = min(reach, 101)
        axes.set_xlim(first, reach)
        heights = [family["contrast"]["value"] for family in families]
        places = spread(heights, 11.5 * (high - low) / ((HEIGHT - 0.65) * 72), low, high)
        edge = reach + 0.03 * (reach - first)
        for number, (family, place) in enumerate(zip(families, places, strict=True)):
            colour = SERIES[number % 5]
            start = 100 * family["accuracy"]["value"], family["contrast"]["value"]
            axes.plot([start[0], edge], [start[1], place], color=colour, linewidth=0.5, linestyle=":", clip_on=False)
            axes.text(edge, place, family["family"], color=colour, va="center", fontsize=9)

    alt = "Accuracy and contrast, means over trainings: " + "; ".join(
        f"{family['family']} {percent(family['accuracy']['value'])} and {family['contrast']['value']:.2f}"
        for family in families
    )
    return svg(draw, HEIGHT, "population", alt)


def ellipse(points_S2: np.ndarray, steps: int = 73) -> Sequence[tuple[np.ndarray, np.ndarray]]:
    """The outline at two standard deviations around the mean of S points, as one pair of arrays; none below 3 points.

    The standard deviations are along the principal axes of the points' covariance (divisor S - 1).
    """
    if len(points_S2) < 3:
        return []
    values, axes_22 = np.linalg.eigh(np.cov(points_S2.T))
    turn = np.linspace(0, 2 * np.pi, steps)
    circle_2T = np.stack([np.cos(turn), np.sin(turn)])
    reach = STANDARD_DEVIATIONS * np.sqrt(np.clip(values, 0, None))
    x, y = points_S2.mean(axis=0)[:, None] + axes_22 @ (reach[:, None] * circle_2T)
    return [(x, y)]
