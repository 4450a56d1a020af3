"""Words for what the report names by keys: measures, baselines, saliency methods' shares; none without an explanation.

A measure's words are those of its record in `alignment/metrics.py`, the one file outside `study` and `statistics` that
the report imports. Tests compare the other keys with the code that writes them, which the report does not import.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sightline.alignment.metrics import METRICS, Metric
from sightline.counts import counted
from sightline.report.digits import plain, with_ends
from sightline.study.models import Classifying, Entry

Metrics = Mapping[str, Any]  # nested JSON: names down to numbers or null

BASELINES = {
    "uniform": "a uniform map",
    "random_in_image": "random blobs in the image",
    "centred_gaussian": "a blob in the middle",
    "edges": "the image's edges",
    "random_in_lungs": "random blobs in the lungs",
    "lungs": "both lungs",
    "body": "the estimated body",
    "random_in_body": "random blobs in the estimated body",
    "other_region": "another patient's region",
    "atlas": "the experts' prior",
    "untrained": "the same network untrained",
}
IN_BODY = {"lungs": "body", "random_in_lungs": "random_in_body"}  # baselines of the lungs where there are no lung masks
SHARES = {
    "outside": "outside {}",
    "corners": "in the corners",
    "border": "along the border",
    "hottest": "in the hottest of 49 cells",
}
OUTCOMES = {"TP": "true positive", "FP": "false positive", "FN": "false negative", "TN": "true negative"}


def measure(metric: str) -> Metric:
    """The record of that key; an unknown key stands for itself."""
    meaning = "see docs/metrics.md#threshold-free"
    return METRICS.get(metric) or Metric(name=metric, words=metric, meaning=meaning, source="")


def baseline_words(name: str, found: Metrics | None = None) -> str:
    """A baseline's name for people; `found`: the metrics that it comes from, which say whether lungs are known."""
    name = IN_BODY.get(name, name) if found is not None and is_body(found) else name
    return BASELINES.get(name, name)


def is_body(found: Metrics) -> bool:
    """Whether the estimated body stands in for the lungs; `found`: what a stage wrote, with `lungs_kind`."""
    return found.get("lungs_kind") == "body"


def anatomy(found: Metrics) -> str:
    """What the study knows of the patient's anatomy: "the lungs", or "the estimated body (86% of the film)"."""
    if not is_body(found):
        return "the lungs"
    share = number_at(found, "lungs_share")
    return "the estimated body" + ("" if math.isnan(share) else f" ({percent(share, 0)} of the film)")


def percent(value: float, decimals: int = 1) -> str:
    """A fraction in percent, with the sign; NaN as an en dash."""
    return "–" if math.isnan(value) else f"{100 * value:.{decimals}f}%"


def in_units(value: float, metric: str) -> str:
    """`value` as the metric is printed: percent with its sign, or a number; NaN as an en dash."""
    if measure(metric).is_percent:
        return percent(value)
    return plain(value, measure(metric).decimals)


def value_words(value: float, low: float, high: float, metric: str) -> str:
    """A metric's value with its interval in its own unit: 12% [6, 18]; see `digits.with_ends`."""
    words = measure(metric)
    if words.is_percent:
        return with_ends(value, low, high, 1, factor=100, unit="%")
    return with_ends(value, low, high, words.decimals)


def lift_words(lift: float, low: float, high: float, metric: str) -> str:
    """A difference with its sign and interval: +6 [3, 9], in points where the metric is in percent."""
    words = measure(metric)
    factor, most = (100, 1) if words.is_percent else (1, words.decimals)
    return with_ends(lift, low, high, most, factor=factor, sign="+")


def place_words(value: float, low: float, high: float) -> str:
    """A place on a scale whose 1 is an expert, with its interval."""
    return with_ends(value, low, high, 2)


def unit(metric: str) -> str:
    """The unit of a lift: percentage points, or nothing."""
    return " points" if measure(metric).is_percent else ""


METHOD_WORDS = {"cam": "CAM", "gradcam": "Grad-CAM"}


def number_at(metrics: Metrics, *names: str) -> float:
    """The number below `names`, NaN where a name is missing or the value is null."""
    value: Any = metrics
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return math.nan if value is None else float(value)


def method_words(method: str) -> str:
    """The method as the paper writes it; an external method under its own name."""
    return METHOD_WORDS.get(method, method)


def shown(value: float, decimals: int = 1) -> str:
    """`value` with `decimals`; with decimals -1 as a p-value (three decimals, or < 0.001); NaN as an en dash."""
    if math.isnan(value):
        return "–"
    if decimals < 0:
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    return f"{value:,.{decimals}f}"


LEVEL = 0.05
NAMED = 6  # models that a sentence names; more are counted
PRIOR = "atlas"  # the experts' prior: the one baseline that "below" is said of, so that it is named beforehand
ABOVE, BELOW, OPEN = "above", "below", "open"


def standing(over: Metrics) -> str:
    """A candidate on the ladder, from its lifts over each baseline (`over`), by the ends that hold for all models.

    ABOVE: above every baseline, each by its interval (all must hold, so their number needs no correction). BELOW: below
    the experts' prior by its interval. Else, or where an end is unknown, OPEN.
    """
    lows = [number_at(gap, "family_low") for gap in over.values()]
    if lows and all(low > 0 for low in lows):
        return ABOVE
    return BELOW if number_at(over, PRIOR, "family_high") < 0 else OPEN


def equals_p(p_value: float) -> str:
    """A p-value as it follows "p": = 0.012, or < 0.001."""
    text = shown(p_value, -1)
    return text if text.startswith("<") else f"= {text}"


def listed(words: Sequence[str], conjunction: str = "and") -> str:
    """The words with commas and a final "and", or "or"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def named(models: Sequence[str], total: int) -> str:
    """The models by name, or, where they are many, by their number: 9 of 12 models. `models` is not empty."""
    return listed(models) if len(models) <= NAMED else f"{len(models)} of {total} models"


def sees(entry: Entry) -> str:
    """What a classifier gets to see, where that is not the whole film: "sees the lungs alone"; else nothing."""
    return "sees the lungs alone" if isinstance(entry, Classifying) and entry.input == "lungs" else ""


def consensus_words(consensus: Metrics, who: str) -> str:
    """The study's consensus rule in a sentence, from the section of params.yaml; nothing where it has no rule.

    `who`: the experts, in the plural. A rule by share says what it means for two of them.
    """
    if consensus.get("source") != "annotations":
        return ""
    rule, share = consensus.get("rule"), number_at(consensus, "min_share")
    if rule in ("mean", "weighted"):
        part = "half or more" if share == 0.5 else f"{percent(share, 0)} or more"
        weighed = " by weight" if rule == "weighted" else ""
        text = f"The consensus is what {part} of an image's {who} marked{weighed}"
        if rule == "mean":
            text += f"; of two, that is {'their union' if share <= 0.5 else 'their intersection'}"
        return f"{text}."
    many = f"{number_at(consensus, 'min_count'):.0f} or more"
    return {
        "at_least": f"The consensus is what {many} of an image's {who} marked.",
        "union": f"The consensus is what any of an image's {who} marked: their union.",
        "intersection": f"The consensus is what all of an image's {who} marked: their intersection.",
        "staple": f"The consensus is STAPLE's estimate, which weighs an image's {who} by how well they agree.",
    }.get(str(rule), "")


def range_words(numbers: pd.Series, noun: str) -> str:
    """The least and the greatest of whole numbers with their noun: 40 to 50 images, or 1 image if they are equal."""
    low, high = int(numbers.min()), int(numbers.max())
    return counted(low, noun) if low == high else f"{low:,} to {counted(high, noun)}"
