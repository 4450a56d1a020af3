"""The report's section on accuracy against alignment: every model as a point, the Pareto front, rank correlation.

N models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sightline.report import figures
from sightline.report.contents import Study
from sightline.report.decisions import accuracy_at_youden
from sightline.report.html import bullets, chart, details_html, paragraph
from sightline.report.words import LEVEL, equals_p, listed, measure, shown
from sightline.statistics.rank_correlation import pareto_front, spearman_exact
from sightline.statistics.streams import stream

DRAWS = 99_999  # orders drawn where there are too many models to count all
MINUS = "\N{MINUS SIGN}"
Ends = tuple[float, float, float]


def accuracy_alignment(
    accuracy: Mapping[str, Ends], alignment: Mapping[str, Ends], rng: np.random.Generator, draws: int = DRAWS
) -> dict[str, Any]:
    """Points, front and rank correlation of the models that have both values, as plain JSON types.

    `accuracy` and `alignment`: (value, low, high) by model, larger is better. Returned:
    `points`: a dictionary for each model, in the order of `accuracy`: `model`, `accuracy`, `accuracy_low`,
    `accuracy_high`, `alignment`, `alignment_low`, `alignment_high`, `is_pareto`;
    `pareto`: the models that no other beats on both axes, equal points together, in that order;
    `spearman`: `rho`, `p` (two-sided, by permutation), `smallest_p` (the least that so few models can reach) and `n`;
    `left_out`: models that lack one of the two values or have NaN in its place.
    Ties have mid-ranks. Up to 9 models p is exact, and `rng` and `draws` are not used (`rank_correlation`). Front
    and correlation are those of the estimates, without their intervals. Fewer than two models, or one axis
    constant: rho and both p are NaN.
    """
    known = [
        model
        for model in accuracy
        if model in alignment and not np.isnan([accuracy[model][0], alignment[model][0]]).any()
    ]
    x_N, y_N = (np.array([ends[model][0] for model in known], dtype=float) for ends in (accuracy, alignment))
    front_N = pareto_front(x_N, y_N)
    points = []
    for model, is_pareto in zip(known, front_N.tolist(), strict=True):
        point: dict[str, Any] = {"model": model}
        for axis, ends in (("accuracy", accuracy), ("alignment", alignment)):
            point |= dict(zip((axis, f"{axis}_low", f"{axis}_high"), map(float, ends[model]), strict=True))
        points.append({**point, "is_pareto": is_pareto})
    rho, p, smallest_p = spearman_exact(x_N, y_N, draws, rng)
    return {
        "points": points,
        "pareto": [point["model"] for point in points if point["is_pareto"]],
        "spearman": {"rho": rho, "p": p, "smallest_p": smallest_p, "n": len(known)},
        "left_out": [model for model in dict.fromkeys([*accuracy, *alignment]) if model not in known],
    }


def together(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame) -> dict[str, Any]:
    """`accuracy_alignment` by the primary measure (without a ladder, by IoU), and the measure's `words`.

    A measure for which lower is better is negated, so that up is better in the chart.
    """
    frame, columns, words = verdicts, ("iou", "iou_low", "iou_high"), "IoU with the consensus"
    sign = 1.0
    if len(standings):
        primary = measure(str(study.ladder["primary"]))
        frame, columns, words = standings, ("value", "low", "high"), primary.words
        if primary.is_lower_better:
            sign, columns, words = -1.0, ("value", "high", "low"), f"{MINUS}{primary.words}"
    rows = frame.to_dict("records")
    accuracy = {str(row["model"]): _ends(row, ("accuracy", "accuracy_low", "accuracy_high")) for row in rows}
    alignment = {str(row["model"]): _ends(row, columns, sign) for row in rows}
    # affects only the last digits of a p-value, and only with more than 9 models
    rng = stream(int(study.params.get("seed", 0)), "report", "rank correlation")
    return {**accuracy_alignment(accuracy, alignment, rng), "words": words}


def _ends(row: Mapping[Any, Any], columns: Sequence[str], sign: float = 1.0) -> Ends:
    value, low, high = (sign * float(row[name]) for name in columns)
    return value, low, high


def correlation(together: Mapping[str, Any]) -> list[str]:
    """Whether accurate models align better, in a sentence; nothing for fewer than three or without variation."""
    rho, p, smallest, count = (together["spearman"][name] for name in ("rho", "p", "smallest_p", "n"))
    if math.isnan(rho) or count < 3:
        return []
    words = "show no clear relation"
    if p < LEVEL:
        words = "rise together" if rho > 0 else "move in opposite directions"
    text = (
        f"Over these {count} models, accuracy and {together['words'].removeprefix(MINUS)} {words} (Spearman's rank "
        f"correlation {f'{rho:.2f}'.replace('-', MINUS)}, p {equals_p(p)}"
    )
    text += f"; the smallest p that {count} models can reach is {shown(smallest, 3)}" if smallest > 0.001 else ""
    return [f"{text}). This describes these models only and proves nothing about others."]


def accuracy(study: Study, together: Mapping[str, Any]) -> list[str]:
    """Every model with both values as a point, the Pareto front and the rank correlation.

    The argument `together` is the result of the function of that name.
    """
    if not together["points"]:
        return [paragraph("No model of this study has both predictions and scored maps.")]
    names = [point["model"] for point in together["points"]]
    figure = figures.scatter_figure(pd.DataFrame(together["points"]), together["words"], study.models)
    caption = (
        "Right is more accurate, up is closer to the consensus; lines are intervals. Filled: gap head; hollow: fc head."
    )
    words = [f"{listed(names)} has both values, so there is nothing to compare."] if len(names) == 1 else []
    if len(names) > 1:
        caption += " Dotted: the Pareto front, the models that no other beats on both."
        beaten = f"No other model beats {listed(together['pareto'])} on both accuracy and alignment."
        # trainings of one architecture are not independent: with several, the part on the population has the relation
        words += [beaten, *([] if study.population else correlation(together))]
    notes = accuracy_at_youden(study)
    if together["left_out"]:
        notes.append(f"Not shown, because one of the two values is missing: {listed(together['left_out'])}.")
    folded = [details_html("Other thresholds, and models not shown", bullets(notes))] if notes else []
    return [chart(figure, caption), paragraph(" ".join(words)), *folded]
