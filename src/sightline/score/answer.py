"""The results of `sightline score` in sentences beside the verdicts, and its numbers in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from sightline.report.words import (
    ABOVE,
    BELOW,
    OPEN,
    baseline_words,
    in_units,
    lift_words,
    listed,
    measure,
    standing,
    unit,
)

WORDS = {"body": "the estimated body", "random_in_body": "random blobs in the body"}
MINUS = "\N{MINUS SIGN}"


def context(results: dict[str, Any]) -> list[str]:
    """Where the models stand on the ladder, and how far they differ from the first."""
    return [_ladder(results), *_minus_first(results)]


def _ladder(results: dict[str, Any]) -> str:
    primary = results["primary"]
    names: dict[str, list[str]] = {ABOVE: [], BELOW: [], OPEN: []}
    for name, by_metric in results["candidates"].items():
        names[standing(by_metric[primary]["over"])].append(name)
    words = {
        ABOVE: "{} {} higher than every baseline.",
        BELOW: "{} {} lower than the experts' prior.",
        OPEN: "No evidence that {} {} above every baseline.",
    }
    told = [
        words[kind].format(listed(own), "scores" if len(own) == 1 else "score") for kind, own in names.items() if own
    ]
    return f"As context, by {measure(primary).words}: {' '.join(told)}"


def _minus_first(results: dict[str, Any]) -> list[str]:
    primary = results["primary"]
    sentences = []
    for name, gap in results["minus_first"].items():
        words = lift_words(gap["value"], gap["low"], gap["high"], primary)
        sentences.append(f"{name} minus {results['first']}, on the same images: {words}{unit(primary)}.")
    return sentences


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


def named_baseline(baseline: str) -> str:
    """The baseline's name for people, with the body's names in place of the lungs'."""
    return WORDS.get(baseline) or baseline_words(baseline)


def mean_words(mean: dict[str, float], metric: str) -> str:
    """12.3% [10.1, 14.0], or in the metric's own unit; without an interval where it is NaN."""
    if np.isnan(mean["low"]):
        return in_units(mean["value"], metric)
    ends = (in_units(mean[end], metric).rstrip("%") for end in ("low", "high"))
    return f"{in_units(mean['value'], metric)} [{', '.join(ends)}]".replace("-", MINUS)


def place_words(place: dict[str, float]) -> str:
    """A place with its interval, of what is known of them."""
    if np.isnan(place["value"]):
        return "–"
    ends = "" if np.isnan([place["low"], place["high"]]).any() else f" [{place['low']:.2f}, {place['high']:.2f}]"
    return f"{place['value']:.2f}{ends}".replace("-0.00", "0.00").replace("-", MINUS)
