"""The results of `sightline score` in sentences, which claim no more than its intervals, and its numbers in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from sightline.alignment.metrics import scale_metric
from sightline.report.words import ABOVE, BELOW, baseline_words, in_units, lift_words, listed, measure, standing, unit

WORDS = {"body": "the estimated body", "random_in_body": "random blobs in the body"}
MINUS = "\N{MINUS SIGN}"


def answer(results: dict[str, Any]) -> list[str]:
    """Sentences, the most important first; the primary measure alone decides."""
    primary = results["primary"]
    candidates = {name: by_metric[primary] for name, by_metric in results["candidates"].items()}
    baselines = {name: by_metric[primary]["value"] for name, by_metric in results["baselines"].items()}
    above, below = (
        [name for name, entry in candidates.items() if standing(entry["over"]) == kind] for kind in (ABOVE, BELOW)
    )
    rest = [name for name in candidates if name not in (*above, *below)]
    sentences = []
    if above:
        sentences.append(f"{listed(above)} {'scores' if len(above) == 1 else 'score'} higher than every baseline.")
    if below:
        sentences.append(f"{listed(below)} {'scores' if len(below) == 1 else 'score'} lower than the experts' prior.")
    if rest:
        sentences.append(
            f"No evidence that {listed(rest)} {'scores' if len(rest) == 1 else 'score'} above every baseline."
        )
    for name, entry in candidates.items():
        best = entry["best_baseline"]
        sentences.append(
            f"{name}: {measure(primary).words} {mean_words(entry, primary)}; its best baseline, "
            f"{named_baseline(best)}, {in_units(baselines[best], primary)}; difference "
            f"{lift_words(entry['lift'], np.nan, np.nan, primary)}{unit(primary)}."
        )
    for name, gap in results["minus_first"].items():
        words = lift_words(gap["value"], gap["low"], gap["high"], primary)
        sentences.append(f"{name} minus {results['first']}, on the same images: {words}{unit(primary)}.")
    told = scale_metric(primary)
    scale = results["human_scale"].get(told)
    if scale:
        places = listed([f"{name} at {place_words(place)}" for name, place in scale["candidates"].items()])
        sentences.append(
            f"By {measure(told).words}, where 0 is a region drawn on another patient "
            f"({in_units(scale['anatomy'], told)}) and 1 an expert compared with the others "
            f"({in_units(scale['human'], told)}): {places}."
        )
    few = " So few patients show only large differences." if results["patients"] < 30 else ""
    sentences.append(
        f"Judged by {measure(primary).words}, {measure(primary).meaning}, on {results['images']} images of "
        f"{results['patients']} patients.{few} {_anatomy(results)}"
    )
    return sentences


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
    """A place on the human scale with its interval."""
    return f"{place['value']:.2f} [{place['low']:.2f}, {place['high']:.2f}]".replace("-", MINUS)
