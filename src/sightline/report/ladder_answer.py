"""What the ladder and the human scale say in plain words, and no more than they say: context, not the verdict.

One measure decides, the study's primary one. A model is above where every baseline's interval of its lift begins above
0, below where its interval over the experts' prior ends below 0, both corrected for the number of models
(`words.standing`); otherwise the question is open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sightline.alignment.metrics import scale_metric
from sightline.report.contents import Study
from sightline.report.words import (
    ABOVE,
    BELOW,
    LEVEL,
    OPEN,
    Metrics,
    baseline_words,
    in_units,
    lift_words,
    listed,
    measure,
    method_words,
    number_at,
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


def answer(frame: pd.DataFrame, ladder: Metrics, experts: str) -> list[str]:
    """Sentences, the most important first; `basis` says how they were judged.

    `frame` is from `standings`, with at least one row.
    """
    return [
        _count(frame),
        _anatomy(ladder, experts),
        _furthest(frame, ladder),
        *_others(frame),
        *_scale(frame, ladder, experts),
    ]


def basis(frame: pd.DataFrame, ladder: Metrics) -> str:
    """The measure, the methods and the tests that `answer` rests on, in a sentence."""
    primary = str(ladder["primary"])
    methods = listed([method_words(method) for method in dict.fromkeys(frame["method"])])
    tests = len(ladder["models"])  # one method per model: see src/ladder.py
    return (
        f"Judged by {measure(primary).words}, the one measure that params.yaml names "
        f"({measure(primary).meaning}): {methods} on {number_at(ladder, 'images'):.0f} images, by the intervals of the "
        f"lift over each baseline at {100 * (1 - LEVEL):.0f}%"
        + (f", widened so that they hold for all {tests} models together" if tests > 1 else "")
        + ". All other measures on this page are exploratory."
    )


def no_ladder(study: Study) -> str:
    """Why the study has no standings, in a sentence."""
    reason = "no image has a consensus region" if not study.alignment else "metrics/ladder.json is missing or empty"
    return f"No map of this study was compared with the baselines: {reason}."


def _count(frame: pd.DataFrame) -> str:
    above, below, total = (frame["verdict"] == ABOVE).sum(), (frame["verdict"] == BELOW).sum(), len(frame)
    goal = "higher than every baseline"
    if above == total:
        return f"{'The one model scores' if total == 1 else f'All {total} models score'} {goal}."
    if above:
        return f"{above} of {total} models score{'s' if above == 1 else ''} {goal}."
    if below == total:
        return f"{'The one model scores' if total == 1 else f'All {total} models score'} lower than the experts' prior."
    who = "the one model" if total == 1 else f"any of the {total} models"
    return f"No evidence that {who} scores {goal}."


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


def _anatomy(ladder: Metrics, experts: str) -> str:
    """What the baselines are, in a sentence."""
    baselines = [*ladder.get("baselines", {}), *(["untrained"] if _has_untrained(ladder) else [])]
    named = [baseline_words(name) for name in ("lungs", "atlas", "other_region", "untrained") if name in baselines]
    among = f", among them {listed(named)}" if named else ""
    return (
        f"The baselines are {len(baselines)} maps that know nothing of what the {experts} saw in this patient{among}. "
        f"The experts' prior has seen where the {experts} marked other patients: it is more than anatomy, and no "
        "bar that a map must pass."
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
