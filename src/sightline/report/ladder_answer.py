"""What the ladder and the human scale say in plain words, and no more than they say.

One measure decides, the study's primary one. A model is above anatomy alone where its lift is positive and its
Holm-adjusted p-value below LEVEL, below where the interval of its lift ends below 0; otherwise the question is open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sightline.alignment.metrics import scale_metric
from sightline.report.contents import Study
from sightline.report.words import (
    LEVEL,
    Metrics,
    baseline_words,
    equals_p,
    in_units,
    lift_words,
    listed,
    measure,
    method_words,
    number_at,
    primary_method,
    unit,
)
from sightline.study.models import Entry

COLUMNS = (
    "model", "method", "value", "low", "high", "untrained", "baseline", "baseline_value",
    "lift", "lift_low", "lift_high", "p", "p_holm", "place", "place_low", "place_high", "verdict",
    "accuracy", "accuracy_low", "accuracy_high",
)  # fmt: skip
ABOVE, BELOW, OPEN = "above", "below", "open"


def standings(ladder: Metrics, classification: Metrics, models: Mapping[str, Entry]) -> pd.DataFrame:
    """One row per model on the ladder, by its primary method and the primary measure; NaN where unknown.

    `baseline` is the model's best baseline and `baseline_value` the mean of that, `lift` the distance above it
    (positive is better), `place` the place on the human scale, `verdict` one of above, below, open. Models without a
    score are left out.
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
        row["verdict"] = OPEN
        if row["lift"] > 0 and row["p_holm"] < LEVEL:
            row["verdict"] = ABOVE
        elif row["lift_high"] < 0:
            row["verdict"] = BELOW
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).dropna(subset=["value"]).reset_index(drop=True)


def answer(frame: pd.DataFrame, ladder: Metrics, experts: str) -> list[str]:
    """Sentences, the most important first; `basis` says how they were judged.

    `frame` is from `standings`, with at least one row.
    """
    return [
        _count(frame, experts),
        _anatomy(ladder, experts),
        _furthest(frame, ladder),
        *_others(frame),
        *_scale(frame, ladder, experts),
    ]


def basis(frame: pd.DataFrame, ladder: Metrics) -> str:
    """The measure, the methods and the tests that `answer` rests on, in a sentence."""
    primary = str(ladder["primary"])
    methods = listed([method_words(method) for method in dict.fromkeys(frame["method"])])
    tests = len(ladder["models"])  # one per model: see src/ladder.py
    return (
        f"Judged by {measure(primary).words}, the one measure that params.yaml names for the tests "
        f"({measure(primary).meaning}): {methods} on {number_at(ladder, 'images'):.0f} images, one-sided sign-flip "
        f"tests by patient at p < {LEVEL}"
        + (f", adjusted for {tests} models (Holm)" if tests > 1 else "")
        + ". All other measures on this page are exploratory."
    )


def no_ladder(study: Study) -> str:
    """Why the study has no standings, in a sentence."""
    reason = "no image has a consensus region" if not study.alignment else "metrics/ladder.json is missing or empty"
    return f"No map of this study was compared with the baselines: {reason}."


def _count(frame: pd.DataFrame, experts: str) -> str:
    above, below, total = (frame["verdict"] == ABOVE).sum(), (frame["verdict"] == BELOW).sum(), len(frame)
    goal = f"where the {experts} look, more than anatomy alone would predict"
    if above == total:
        return f"{'The one model looks' if total == 1 else f'All {total} models look'} {goal}."
    if above:
        return f"{above} of {total} models look{'s' if above == 1 else ''} {goal}."
    if below == total:
        who = "The one model looks" if total == 1 else f"All {total} models look"
        return f"{who} where the {experts} look, less than anatomy alone would predict."
    who = "the one model" if total == 1 else f"any of the {total} models"
    return f"No evidence that {who} looks {goal}."


def _scale(frame: pd.DataFrame, ladder: Metrics, experts: str) -> list[str]:
    """The highest place on the human scale, with what 0 and 1 mean."""
    told = scale_metric(str(ladder["primary"]))
    human, anatomy = (number_at(ladder, "human_scale", told, name) for name in ("human", "anatomy"))
    if math.isnan(human):
        return [
            f"How well the {experts} themselves would score is unknown: no image has single annotations by two of "
            "them, so there is no human scale."
        ]
    placed = frame.dropna(subset=["place"])
    if placed.empty:
        return [
            f"There is no human scale: on these images one of the {experts}, compared with the others, scores no "
            "higher than another patient's region."
        ]
    row = placed.to_dict("records")[int(placed["place"].to_numpy().argmax())]
    who = "it" if len(frame) == 1 else f"the highest model, {row['model']},"
    text = (
        f"On the human scale, by {measure(told).words}, 0 is the score of a region drawn on another patient "
        f"({in_units(anatomy, told)}) and 1 the score of one of the {experts} against the others "
        f"({in_units(human, told)}); {who} stands at {place_words(row)}."
    )
    if row["place"] < 0:
        text += " Below 0, a map says less about this patient than an annotation of another patient does."
    if row["place"] >= 1:
        text += " That is not better than a human: a consensus of several is steadier than the drawing of one."
    return [text]


def _furthest(frame: pd.DataFrame, ladder: Metrics) -> str:
    primary = str(ladder["primary"])
    row = frame.to_dict("records")[int(frame["lift"].fillna(-math.inf).to_numpy().argmax())]
    who = "Its" if len(frame) == 1 else f"The highest lift is that of {row['model']}: its"
    return (
        f"{who} {measure(primary).words} is {in_units(row['value'], primary)}, that of its best baseline "
        f"({baseline_words(row['baseline'])}) is {in_units(row['baseline_value'], primary)}, a difference of "
        f"{lift_words(row['lift'], row['lift_low'], row['lift_high'], primary)}{unit(primary)} "
        f"(adjusted p {equals_p(row['p_holm'])})."
    )


def _others(frame: pd.DataFrame) -> list[str]:
    """Which models are not above; nothing where the first sentence says so of all of them."""
    kinds = {OPEN: "No more than anatomy alone, as far as these images show", BELOW: "Less than anatomy alone"}
    chosen = {verdict: frame.loc[frame["verdict"] == verdict, "model"].tolist() for verdict in kinds}
    return [f"{words}: {listed(chosen[kind])}." for kind, words in kinds.items() if 0 < len(chosen[kind]) < len(frame)]


def _anatomy(ladder: Metrics, experts: str) -> str:
    """What the baselines are, in a sentence."""
    baselines = [*ladder.get("baselines", {}), *(["untrained"] if _has_untrained(ladder) else [])]
    named = [baseline_words(name) for name in ("lungs", "atlas", "other_region", "untrained") if name in baselines]
    among = f", among them {listed(named)}" if named else ""
    return (
        f"“Anatomy alone” is the best of {len(baselines)} maps that know nothing of what the {experts} saw in this "
        f"patient{among}."
    )


def _has_untrained(ladder: Metrics) -> bool:
    primary = str(ladder["primary"])
    return any(
        not math.isnan(number_at(values, primary, "untrained"))
        for by_method in ladder["models"].values()
        for values in by_method.values()
    )


def place_words(row: Mapping[Any, Any]) -> str:
    """A place on the human scale with its interval."""
    text = f"{row['place']:.2f}"
    if not (math.isnan(row["place_low"]) or math.isnan(row["place_high"])):
        text += f" [{row['place_low']:.2f}, {row['place_high']:.2f}]"
    return text.replace("-", "\N{MINUS SIGN}")
