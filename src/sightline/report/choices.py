"""The report's section on the models' ranking: which pairs differ, and how far the order depends on choices."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from sightline.counts import counted
from sightline.report.choices_figure import specification_figure
from sightline.report.contents import Study
from sightline.report.html import bullets, chart, details_html, paragraph, table
from sightline.report.words import LEVEL, Metrics, lift_words, listed, measure, number_at, percent, shown

FACTORS = {
    "layer": "layer of the network", "method": "saliency method", "threshold_rule": "threshold rule",
    "consensus_rule": "consensus rule", "metric": "metric",
}  # fmt: skip
MINUS = "\N{MINUS SIGN}"


def ranking(study: Study) -> list[str]:
    """The specification curve, the share of specifications in which each claim holds, and what flips it."""
    multiverse = study.multiverse
    if not multiverse.get("pairs"):
        reason = f"with {next(iter(study.models), 'no model')} alone there is nothing to rank"
        if len(study.models) > 1:
            reason = "no image was scored by several choices (metrics/multiverse.json is missing or empty)"
        untried = f"The ranking was not tried under other choices: {reason}."
        return [paragraph(" ".join([*_differing(study), untried])), *_pairs(study)]
    figure = specification_figure(study.specifications, study.models)
    caption = (
        "Each column is one combination of choices. Top: how far the leader stands above the runner-up; below zero, "
        "the runner-up leads. Middle: each model's rank. Bottom: which choices these were and, at the end of each row, "
        "how often the leader is ahead with that choice."
    )
    words = " ".join(
        [*leaders(multiverse), *_differing(study), "Exploratory: the verdicts rest on one choice, made before."]
    )
    return [
        *([chart(figure, caption)] if figure else []),
        paragraph(words),
        details_html("What was tried", bullets(_tried(study))),
        details_html("How often each model ranks above each other one", _claims(multiverse) + _flips(multiverse)),
        *_pairs(study),
    ]


def _tried(study: Study) -> list[str]:
    """The combinations, how they are weighed, and how much each choice matters."""
    multiverse = study.multiverse
    factors = {name: number_at(multiverse, "factors", name) for name in multiverse.get("factors", {})}
    known = sorted((name for name in factors if factors[name] > 0), key=lambda name: -factors[name])
    count = number_at(multiverse, "specifications")
    items = [
        f"Which model looks where the {study.experts} look may depend on how that is measured. So the models were "
        f"ranked in {counted(count, 'combination')} of reasonable choices.",
        "Metrics that ask the same question (IoU and Dice; the relevance rank and the overlap at equal area) weigh as "
        "one family, every family weighs alike, and maps that two methods share count once.",
        "Two of these rankings agree with a Kendall's tau of "
        f"{shown(number_at(multiverse, 'ranking_agreement'), 2)} on average (1: the same order; 0: unrelated).",
    ]
    if known:
        shares = [f"{FACTORS.get(name, name)} {percent(factors[name], 0)}" for name in known]
        items.append(
            f"Each choice alone explains a share of the variation in how far apart two models lie: {listed(shares)}."
        )
    return items


def _tested(study: Study) -> dict[str, Metrics]:
    """The pairs of models whose difference was tested."""
    return {
        str(pair): values
        for pair, values in study.comparisons.get("alignment", {}).items()
        if not math.isnan(number_at(values, "difference"))
    }


def _differing(study: Study) -> list[str]:
    """How many pairs of models differ by the primary measure, in a sentence; nothing if none was tested."""
    pairs = _tested(study)
    if not pairs:
        return []
    firm = sum(number_at(values, "p_holm") < LEVEL for values in pairs.values())
    words = measure(str(study.comparisons.get("primary"))).words
    if len(pairs) == 1:
        verb = "differ" if firm else "cannot be told apart"
        return [
            f"On the same images and by {words}, {listed(next(iter(pairs)).split(' - '))} {verb} (sign flips by "
            "patient)."
        ]
    return [
        f"On the same images and by {words}, {firm} of {len(pairs)} pairs of models "
        f"{'differs' if firm == 1 else 'differ'} (sign flips by patient, adjusted p < {LEVEL})."
    ]


def _pairs(study: Study) -> list[str]:
    """The difference of each pair of models; nothing if none was tested."""
    pairs = _tested(study)
    if not pairs:
        return []
    primary = str(study.comparisons.get("primary"))
    metric = measure(primary)
    rows = []
    for pair, values in pairs.items():
        difference, low, high = (number_at(values, name) for name in ("difference", "low", "high"))
        p_values = [shown(number_at(values, name), -1) for name in ("p", "p_holm", "p_pointing")]
        rows.append([pair.replace(" - ", f" {MINUS} "), lift_words(difference, low, high, primary), *p_values])
    test = study.comparisons.get("pointing_pairs_test", "two-sided test")
    caption = (
        f"Difference in {metric.words}{' in percentage points' if metric.is_percent else ''} on the same images, with "
        f"its interval{'; lower is better' if metric.is_lower_better else ''}. p: two-sided, sign flips by patient"
        + (f"; Holm: adjusted for all {len(pairs)} pairs" if len(pairs) > 1 else "")
        + f". Pointing Game: {test}, not adjusted, exploratory."
    )
    header = ["Pair", "Difference", "p", "p\nHolm", "p\nPointing Game"]
    return [details_html("The difference of each pair", table(header, rows, caption))]


def _share(multiverse: Metrics, first: str, second: str) -> float:
    share = number_at(multiverse, "pairs", f"{first} > {second}", "share")
    return share if share == share else 1 - number_at(multiverse, "pairs", f"{second} > {first}", "share")


def _order(multiverse: Metrics) -> list[str]:
    """Models by the mean share of their claims, highest first; ties in the order of the file."""
    models = list(multiverse["models"])
    means = {
        model: float(np.nan_to_num([_share(multiverse, model, rival) for rival in models if rival != model]).mean())
        for model in models
    }
    return sorted(models, key=lambda model: -means[model])


def _claims(multiverse: Metrics) -> str:
    order = _order(multiverse)
    rows = [
        [
            f"{number} {first}",
            *("" if first == second else percent(_share(multiverse, first, second), 0) for second in order),
        ]
        for number, first in enumerate(order, 1)
    ]
    caption = (
        "The share of combinations, families of metrics weighing alike, in which the row's model ranks above the model "
        "with the column's number (ties count half). 100% or 0%: the claim does not depend on these choices; 50%: the "
        "choices decide it."
    )
    return table(["Above", *(str(number) for number in range(1, len(order) + 1))], rows, caption)


def _flips(multiverse: Metrics) -> str:
    """For each pair of neighbours in the ranking, the choice that moves their claim most, and how far."""
    items = []
    order = _order(multiverse)
    for first, second in pairwise(order):
        pair = multiverse["pairs"].get(f"{first} > {second}", {})
        spans = {}
        for factor, by_level in (pair.get("by") or {}).items():
            known = {str(level): float(share) for level, share in by_level.items() if share is not None}
            if len(known) > 1:
                spans[factor] = known
        if not spans:
            continue
        factor = max(spans, key=lambda name: max(spans[name].values()) - min(spans[name].values()))
        low, high = (pick(spans[factor], key=lambda level: spans[factor][level]) for pick in (min, max))
        share, count = percent(_share(multiverse, first, second), 0), number_at(pair, "n")
        text = f"{first} above {second}: {share} of the weight of {counted(count, 'combination')}"
        if spans[factor][high] > spans[factor][low]:
            text += (
                f"; this depends most on the {FACTORS.get(factor, factor)}: {percent(spans[factor][low], 0)} with "
                f"{_level_words(low)}, {percent(spans[factor][high], 0)} with {_level_words(high)}"
            )
        items.append(text + ".")
    return bullets(items)


def _level_words(level: str) -> str:
    return "no threshold" if level == "none" else level.replace("_", " ")


def leaders(multiverse: Metrics) -> list[str]:
    """How often the leader leads, in a sentence; nothing where nothing was ranked."""
    if not multiverse.get("pairs"):
        return []
    first, second, *_ = _order(multiverse)
    share, count = _share(multiverse, first, second), number_at(multiverse, "pairs", f"{first} > {second}", "n")
    if math.isnan(share):
        return []
    firm = "hardly depends" if share >= 0.95 else "depends" if share >= 0.75 else "depends heavily"
    return [
        f"The ranking of the models {firm} on how alignment is measured: in {counted(count, 'combination')} of "
        f"reasonable choices, {first} ranks above the next model, {second}, in {percent(share, 0)}."
    ]
