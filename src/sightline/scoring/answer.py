"""The results of `sightline score` in sentences beside the verdicts, and its numbers in words."""

from __future__ import annotations

import math
from typing import Any

from sightline.report.words import (
    ABOVE,
    BELOW,
    OPEN,
    baseline_words,
    lift_words,
    listed,
    measure,
    place_words,
    standing,
    unit,
    value_words,
)


def context(results: dict[str, Any]) -> list[str]:
    """Where the models stand on the ladder, and how far they differ from the first."""
    return [_ladder(results), *_differences(results)]


def _ladder(results: dict[str, Any]) -> str:
    primary = results["primary"]
    names: dict[str, list[str]] = {ABOVE: [], BELOW: [], OPEN: []}
    for name, by_metric in results["candidates"].items():
        names[standing(by_metric[primary]["over"])].append(name)
    words = {
        ABOVE: "{} {} higher than every baseline.",
        BELOW: "{} {} lower than the experts' prior.",
        OPEN: "No evidence that {} scores higher than every baseline.",
    }
    told = [
        words[kind].format(listed(own, "or" if kind == OPEN else "and"), "scores" if len(own) == 1 else "score")
        for kind, own in names.items()
        if own
    ]
    return f"As context, by {measure(primary).words}: {' '.join(told)}"


def _differences(results: dict[str, Any]) -> list[str]:
    sentences = []
    for gap in results["differences"]:
        words = f"{lift_words(gap['value'], gap['low'], gap['high'], gap['metric'])}{unit(gap['metric'])}"
        sentences.append(f"{gap['candidate']} minus {gap['minus']}, on the same images: {words}.")
    return sentences


def steps(results: dict[str, Any]) -> list[tuple[str, dict[str, Any], bool]]:
    """The ladder, best first by the primary score: name for people, its entry, and whether it is a model's."""
    primary = results["primary"]
    found = [(name, by_metric[primary], True) for name, by_metric in results["candidates"].items()]
    found += [(baseline_words(name), by_metric[primary], False) for name, by_metric in results["baselines"].items()]
    sign = 1 if measure(primary).is_lower_better else -1
    return sorted(found, key=lambda step: (math.isnan(step[1]["value"]), sign * step[1]["value"]))


def limits(results: dict[str, Any]) -> str:
    """What the baselines know of the patients, and whether these are few."""
    few = "So few patients show only large differences. " if results["patients"] < 30 else ""
    return few + _anatomy(results)


def _anatomy(results: dict[str, Any]) -> str:
    return {
        "lungs": "The baselines know the lungs from the masks given.",
        "body": "No lung masks were given: the anatomical baseline is the estimated outline of the body, a lower bar.",
        "none": "Neither X-rays nor lung masks were given, so no baseline knows this patient's anatomy: a low bar.",
    }[results["anatomy"]]


def mean_words(mean: dict[str, float], metric: str) -> str:
    """12% [10, 14], or in the metric's own unit; without an interval where it is NaN."""
    return value_words(mean["value"], mean["low"], mean["high"], metric)


def place_of(place: dict[str, float]) -> str:
    """A place with its interval, of what is known of them."""
    return place_words(place["value"], place["low"], place["high"])
