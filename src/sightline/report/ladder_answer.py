"""What the ladder and the human scale say in plain words, and no more than they say: context, not the verdict.

One measure decides, the study's primary one. A model is above where every baseline's interval of its lift begins above
0, below where its interval over the experts' prior ends below 0, both corrected for the number of models
(`words.standing`); otherwise the question is open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sightline.alignment.metrics import scale_metric
from sightline.counts import counted
from sightline.report.contents import Study
from sightline.report.words import (
    ABOVE,
    BELOW,
    LEVEL,
    NAMED,
    OPEN,
    Metrics,
    baseline_words,
    in_units,
    lift_words,
    listed,
    measure,
    method_words,
    named,
    number_at,
    place_words,
    standing,
    unit,
)
from sightline.study.models import Entry, primary_method

COLUMNS = (
    "model", "method", "value", "low", "high", "untrained", "baseline", "baseline_value",
    "lift", "place", "place_low", "place_high", "verdict",
    "accuracy", "accuracy_low", "accuracy_high",
)  # fmt: skip


def standings(ladder: Metrics, classification: Metrics, models: Mapping[str, Entry]) -> pd.DataFrame:
    """One row per model on the ladder, by its primary method and the primary measure; NaN where unknown.

    `baseline` is the model's best baseline on these images and `baseline_value` the mean of that, `lift` the distance
    above it (positive is better; a description), `place` the place on the human scale, `verdict` one of above, below,
    open. Models without a score are left out.
    """
    primary = str(ladder.get("primary"))
    rows = []
    for model in models:
        methods = ladder.get("models", {}).get(model, {})
        if not methods:
            continue
        method = primary_method(list(methods))
        values = methods[method].get(primary, {})
        row: dict[str, Any] = {name: number_at(values, name) for name in COLUMNS if name not in ("baseline", "verdict")}
        row.update(model=model, method=method, baseline=str(values.get("best_baseline")))
        row["baseline_value"] = number_at(
            *(
                (values, "untrained")
                if row["baseline"] == "untrained"
                else (ladder, "baselines", row["baseline"], primary)
            )
        )
        for name, key in (("place", "value"), ("place_low", "low"), ("place_high", "high")):
            row[name] = number_at(ladder, "human_scale", scale_metric(primary), "models", model, method, key)
        for name, key in (("accuracy", "value"), ("accuracy_low", "low"), ("accuracy_high", "high")):
            row[name] = number_at(classification, model, "accuracy", key)
        row["verdict"] = standing(values.get("over") or {})
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).dropna(subset=["value"]).reset_index(drop=True)


def answer(frame: pd.DataFrame, ladder: Metrics) -> list[str]:
    """What the ladder says, the most important sentence first; `basis` says how it was judged.

    `frame` is from `standings`, with at least one row.
    """
    return [_count(frame), _furthest(frame, ladder), *_others(frame)]


def basis(frame: pd.DataFrame, ladder: Metrics, params: Metrics) -> str:
    """The measure, the methods and the tests that `answer` rests on, in a sentence; `params`: all of params.yaml."""
    primary = str(ladder["primary"])
    methods = listed([method_words(method) for method in dict.fromkeys(frame["method"])])
    tests = len(ladder["models"])  # one method per model: see stages/ladder.py
    judge = str((params.get("verdict") or {}).get("primary") or primary)
    return (
        f"Judged by {measure(primary).words} ({measure(primary).meaning}), which ladder.primary names"
        + (
            ""
            if judge == primary
            else f"; the verdict is judged by {measure(judge).words}, which verdict.primary names"
        )
        + f": {methods} on {counted(number_at(ladder, 'images'), 'image')}, by the intervals of the lift over each "
        f"baseline at {100 * (1 - LEVEL):.0f}%"
        + (f", widened so that they hold for all {tests} models together" if tests > 1 else "")
        + ". All other measures of the ladder are exploratory."
    )


def no_ladder(study: Study) -> str:
    """Why the study has no standings, in a sentence."""
    reason = "no image has a consensus region" if not study.alignment else "metrics/ladder.json is missing or empty"
    return f"No map of this study was compared with the baselines: {reason}."


def _count(frame: pd.DataFrame) -> str:
    """Which models are above every baseline, or that there is no evidence of any; else that all are below the prior."""
    models, above = frame["model"].tolist(), frame.loc[frame["verdict"] == ABOVE, "model"].tolist()
    goal = "higher than every baseline"
    if above:
        return f"{named(above, len(models))} {_verb(above)} {goal}."
    if (frame["verdict"] == BELOW).all():
        return f"{named(models, len(models))} {_verb(models)} lower than the experts' prior."
    who = listed(models, "or") if len(models) <= NAMED else f"any of the {len(models)} models"
    return f"No evidence that {who} scores {goal}."


def _verb(models: Sequence[str]) -> str:
    return "scores" if len(models) == 1 else "score"


def scale(frame: pd.DataFrame, ladder: Metrics, experts: str) -> str:
    """The highest place on the human scale, with what 0 and 1 mean; or why there is no scale."""
    told = scale_metric(str(ladder["primary"]))
    human, other = (number_at(ladder, "human_scale", told, name) for name in ("human", "anatomy"))
    if math.isnan(human):
        return (
            f"How well the {experts} themselves would score is unknown: no image has single annotations by two of "
            "them, so there is no human scale."
        )
    placed = frame.dropna(subset=["place"])
    if placed.empty:
        return (
            f"There is no human scale: on these images one of the {experts}, compared with the others, scores no "
            "higher than another patient's region."
        )
    row = placed.to_dict("records")[int(placed["place"].to_numpy().argmax())]
    who = row["model"] if len(frame) == 1 else f"the highest model, {row['model']},"
    place = place_words(*(row[name] for name in ("place", "place_low", "place_high")))
    text = (
        f"On the human scale, by {measure(told).words}, 0 is the score of a region drawn on another patient "
        f"({in_units(other, told)}) and 1 the score of one of the {experts} against the others "
        f"({in_units(human, told)}); {who} stands at {place}."
    )
    if row["place"] < 0:
        text += " Below 0, a map says less about this patient than an annotation of another patient does."
    if row["place"] >= 1:
        text += " That is not better than a human: a consensus of several is steadier than the drawing of one."
    return text


def _furthest(frame: pd.DataFrame, ladder: Metrics) -> str:
    primary = str(ladder["primary"])
    row = frame.to_dict("records")[int(frame["lift"].fillna(-math.inf).to_numpy().argmax())]
    who = "Its" if len(frame) == 1 else f"The highest lift is that of {row['model']}: its"
    return (
        f"{who} {measure(primary).words} is {in_units(row['value'], primary)}, that of its best baseline "
        f"({baseline_words(row['baseline'], ladder)}) is {in_units(row['baseline_value'], primary)}, a difference of "
        f"{lift_words(row['lift'], math.nan, math.nan, primary)}{unit(primary)}."
    )


def _others(frame: pd.DataFrame) -> list[str]:
    """Which models are not above; nothing where the first sentence says so of all of them."""
    kinds = {
        OPEN: "Neither above every baseline nor below the experts' prior, as far as these images show",
        BELOW: "Below the experts' prior",
    }
    chosen = {verdict: frame.loc[frame["verdict"] == verdict, "model"].tolist() for verdict in kinds}
    return [f"{words}: {listed(chosen[kind])}." for kind, words in kinds.items() if 0 < len(chosen[kind]) < len(frame)]


def baselines(ladder: Metrics, experts: str) -> str:
    """What the baselines are, in a sentence."""
    names = [*ladder.get("baselines", {}), *(["untrained"] if _has_untrained(ladder) else [])]
    known = [baseline_words(name, ladder) for name in ("lungs", "atlas", "other_region", "untrained") if name in names]
    among = f", among them {listed(known)}" if known else ""
    return (
        f"The baselines are {counted(len(names), 'map')} that know nothing of what the {experts} saw in this "
        f"patient{among}. The experts' prior is built for each patient from the other patients' marks: it has not seen "
        "this patient, but it knows where disease usually is, so it is more than anatomy and no bar that a map must "
        "pass."
    )


def _has_untrained(ladder: Metrics) -> bool:
    primary = str(ladder["primary"])
    return any(
        not math.isnan(number_at(values, primary, "untrained"))
        for by_method in ladder["models"].values()
        for values in by_method.values()
    )
