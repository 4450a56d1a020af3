"""The report's sections on the models' ranking: how far it hangs on choices, and whether accuracy goes with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from sightline.report import figures
from sightline.report.accuracy import Ends, accuracy_alignment
from sightline.report.choices_figure import specification_figure
from sightline.report.contents import Study
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.words import LEVEL, Metrics, equals_p, lift_words, listed, measure, number_at, percent, shown

FACTORS = {
    "layer": "layer of the network", "method": "saliency method", "threshold_rule": "threshold rule",
    "consensus_rule": "consensus rule", "metric": "metric",
}  # fmt: skip
SPEARMAN = 2  # tag of this generator; `src/report.py` has the other
MINUS = "\N{MINUS SIGN}"


def ranking(study: Study) -> list[str]:
    """The specification curve, the share of specifications in which each claim holds, and what flips it."""
    found = study.multiverse
    differing = differences(study)
    if not found.get("pairs"):
        reason = "with one model there is nothing to rank"
        if len(study.models) > 1:
            reason = "no image was scored by several choices (metrics/multiverse.json is missing or empty)"
        return [*differing, paragraph(f"The ranking was not tried under other choices: {reason}.")]
    factors = {name: number_at(found, "factors", name) for name in found.get("factors", {})}
    known = sorted((name for name in factors if factors[name] > 0), key=lambda name: -factors[name])
    words = (
        f"Which model looks where the {study.experts} look may depend on how that is measured. So the ranking was made "
        f"anew in all {number_at(found, 'specifications'):.0f} combinations of reasonable choices. Two of them agree "
        f"on the order with a Kendall's tau of {shown(number_at(found, 'ranking_agreement'), 2)} on average (1: the "
        "same order; 0: unrelated)."
    )
    if known:
        shares = [f"{FACTORS.get(name, name)} {percent(factors[name], 0)}" for name in known]
        words += f" Of the variation in how far two models lie apart, each choice alone explains: {listed(shares)}."
    parts = [*differing, paragraph(words)]
    if figure := specification_figure(study.specifications, study.models):
        caption = (
            "Every column is one combination of choices. On top, how far the leader stands above the runner-up there: "
            "below zero, the runner-up leads. In the middle, each model's rank. At the bottom, which choices those "
            "were, and at the end of each row how often the leader is ahead when that choice is made. Exploratory."
        )
        parts.append(chart(figure, caption))
    return [*parts, _claims(found), _flips(found)]


def differences(study: Study) -> list[str]:
    """Which pairs of models differ by the primary measure, and the pairs in full; nothing if none was tested."""
    pairs = {
        str(pair): values
        for pair, values in study.comparisons.get("alignment", {}).items()
        if not math.isnan(number_at(values, "difference"))
    }
    if not pairs:
        return []
    primary = str(study.comparisons.get("primary"))
    found = measure(primary)
    firm = sum(number_at(values, "p_holm") < LEVEL for values in pairs.values())
    rows = []
    for pair, values in pairs.items():
        difference, low, high = (number_at(values, name) for name in ("difference", "low", "high"))
        p_values = [shown(number_at(values, name), -1) for name in ("p", "p_holm", "p_pointing_mcnemar")]
        rows.append([pair.replace(" - ", f" {MINUS} "), lift_words(difference, low, high, primary), *p_values])
    caption = (
        f"Difference in {found.words}{' in points of percent' if found.is_percent else ''} on the same images, with "
        f"its interval{'; lower is better' if found.is_lower_better else ''}. p: two-sided, signs flipped by patient; "
        f"Holm: adjusted for all {len(pairs)} pairs. Pointing Game: McNemar's exact test, not adjusted, exploratory."
    )
    words = (
        f"On the same images and by the primary measure, {found.words}, {firm} of {len(pairs)} pairs of models differ "
        f"(sign flips by patient, adjusted p < {LEVEL})."
    )
    header = ["Pair", "Difference", "p", "p\nHolm", "p\nPointing Game"]
    return [paragraph(words), details_html("All pairs of models", table(header, rows, caption))]


def _share(found: Metrics, first: str, second: str) -> float:
    share = number_at(found, "pairs", f"{first} > {second}", "share")
    return share if share == share else 1 - number_at(found, "pairs", f"{second} > {first}", "share")


def _order(found: Metrics) -> list[str]:
    """Models by the mean share of their claims, most first; equal ones as they come."""
    models = list(found["models"])
    means = {
        model: float(np.nan_to_num([_share(found, model, other) for other in models if other != model]).mean())
        for model in models
    }
    return sorted(models, key=lambda model: -means[model])


def _claims(found: Metrics) -> str:
    order = _order(found)
    rows = [
        [
            f"{number} {first}",
            *("" if first == second else percent(_share(found, first, second), 0) for second in order),
        ]
        for number, first in enumerate(order, 1)
    ]
    caption = (
        "In what share of the combinations is the model of the row above the model with the column's number (ties "
        "count half)? 100% or 0%: the claim does not hang on these choices; 50%: it is made by them."
    )
    return table(["Above", *(str(number) for number in range(1, len(order) + 1))], rows, caption)


def _flips(found: Metrics) -> str:
    """For each two neighbours in the ranking the choice that moves their claim most, and how far."""
    items = []
    order = _order(found)
    for first, second in pairwise(order):
        pair = found["pairs"].get(f"{first} > {second}", {})
        spans = {}
        for factor, by_level in (pair.get("by") or {}).items():
            known = {str(level): float(share) for level, share in by_level.items() if share is not None}
            if len(known) > 1:
                spans[factor] = known
        if not spans:
            continue
        factor = max(spans, key=lambda name: max(spans[name].values()) - min(spans[name].values()))
        low, high = (pick(spans[factor], key=lambda level: spans[factor][level]) for pick in (min, max))
        text = f"{first} above {second}: {percent(_share(found, first, second), 0)} of {number_at(pair, 'n'):.0f}"
        if spans[factor][high] > spans[factor][low]:
            text += (
                f", most by the {FACTORS.get(factor, factor)}: {percent(spans[factor][low], 0)} with "
                f"{_level_words(low)}, {percent(spans[factor][high], 0)} with {_level_words(high)}"
            )
        items.append(text + ".")
    return bullets(items)


def _level_words(level: str) -> str:
    return "no threshold" if level == "none" else level.replace("_", " ")


def leaders(found: Metrics) -> list[str]:
    """How often the leader leads, in a sentence; nothing where nothing was ranked."""
    if not found.get("pairs"):
        return []
    first, second, *_ = _order(found)
    share, count = _share(found, first, second), number_at(found, "pairs", f"{first} > {second}", "n")
    if math.isnan(share):
        return []
    firm = "hardly depends" if share >= 0.95 else "depends" if share >= 0.75 else "depends heavily"
    return [
        f"The ranking of the models {firm} on how alignment is measured: over "
        f"{count:.0f} combinations of reasonable choices {first} comes out above the next, {second}, in "
        f"{percent(share, 0)}."
    ]


def together(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame) -> dict[str, Any]:
    """`accuracy_alignment` by the primary measure, without a ladder by IoU, with the `words` of the measure.

    A measure that is better when lower is negated, so that up is better.
    """
    frame, columns, words = verdicts, ("iou", "iou_low", "iou_high"), "IoU with the consensus"
    sign = 1.0
    if len(standings):
        found = measure(str(study.ladder["primary"]))
        frame, columns, words = standings, ("value", "low", "high"), found.words
        if found.is_lower_better:
            sign, columns, words = -1.0, ("value", "high", "low"), f"{MINUS}{found.words}"
    rows = frame.to_dict("records")
    accuracy = {str(row["model"]): _ends(row, ("accuracy", "accuracy_low", "accuracy_high")) for row in rows}
    alignment = {str(row["model"]): _ends(row, columns, sign) for row in rows}
    # of a p-value's last digits, where there are more than 9 models
    rng = np.random.default_rng([int(study.params.get("seed", 0)), SPEARMAN])
    return {**accuracy_alignment(accuracy, alignment, rng), "words": words}


def _ends(row: Mapping[Any, Any], columns: Sequence[str], sign: float = 1.0) -> Ends:
    value, low, high = (sign * float(row[name]) for name in columns)
    return value, low, high


def correlation(found: Mapping[str, Any]) -> list[str]:
    """Whether accurate models are aligned ones, in a sentence; nothing for fewer than three or without variation."""
    rho, p, smallest, count = (found["spearman"][name] for name in ("rho", "p", "smallest_p", "n"))
    if math.isnan(rho) or count < 3:
        return []
    words = "show no clear relation"
    if p < LEVEL:
        words = "rise together" if rho > 0 else "run against each other"
    text = (
        f"Over these {count} models accuracy and {found['words'].removeprefix(MINUS)} {words} (Spearman's rank "
        f"correlation {f'{rho:.2f}'.replace('-', MINUS)}, p {equals_p(p)}"
    )
    text += f"; {count} models cannot reach less than {shown(smallest, 3)}" if smallest > 0.001 else ""
    return [f"{text}). They describe themselves only and prove nothing about others."]


def accuracy(study: Study, found: Mapping[str, Any]) -> list[str]:
    """Every model with both as a point, the Pareto front and the rank correlation; `found` is from `together`."""
    if not found["points"]:
        return [paragraph("No model of this study has both predictions and scored maps.")]
    figure = figures.scatter_figure(pd.DataFrame(found["points"]), found["words"], study.models)
    caption = (
        "Right is more accurate, up is closer to the consensus; lines are intervals. Filled: gap head; hollow: fc head."
    )
    parts = [chart(figure, caption)]
    if len(found["points"]) > 1:
        parts[0] = chart(figure, caption + " Dotted: the models that no other beats on both (the Pareto front).")
        front = f"No other model beats {listed(found['pareto'])} on both accuracy and alignment."
        parts.append(paragraph(" ".join([front, *correlation(found)])))
    if found["left_out"]:
        parts.append(paragraph(f"Without one of the two, so not shown: {listed(found['left_out'])}.", "note"))
    return parts
