"""Do the accurate models look where experts look: every model as a point, the Pareto front, Spearman.

N models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sightline.statistics.rank_correlation import pareto_front, spearman_exact

DRAWS = 99_999  # orders drawn where there are too many models to count all
Ends = tuple[float, float, float]


def accuracy_alignment(
    accuracy: Mapping[str, Ends], alignment: Mapping[str, Ends], rng: np.random.Generator, draws: int = DRAWS
) -> dict[str, Any]:
    """Points, front and rank correlation of the models that have both, as JSON takes it.

    Both arguments: (value, low, high) by model, larger is better. Returned:
    `points`: a dictionary for each model, in the order of `accuracy`: `model`, `accuracy`, `accuracy_low`,
    `accuracy_high`, `alignment`, `alignment_low`, `alignment_high`, `is_pareto`;
    `pareto`: the models that no other beats on both axes, equal points together, in that order;
    `spearman`: `rho`, `p` (two-sided, by permutation), `smallest_p` (the least that so few models can reach) and `n`;
    `left_out`: models that lack one of the two values, or have NaN there.
    Ties have mid-ranks. Up to 9 models p is exact, and `rng` and `draws` are not used (`rank_correlation`). The
    intervals have no part in front or correlation: both are of the estimates. Fewer than two models, or one axis
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
