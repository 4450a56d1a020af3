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

BASELINES = {
    "uniform": "a uniform map",
    "random_in_image": "random blobs in the image",
    "centred_gaussian": "a blob in the middle",
    "edges": "the image's edges",
    "random_in_lungs": "random blobs in the lungs",
    "lungs": "both lungs",
    "other_region": "another patient's region",
    "atlas": "the experts' prior",
    "untrained": "the same network untrained",
}
SHARES = {
    "outside": "outside the lungs",
    "corners": "in the corners",
    "border": "along the border",
    "hottest": "in the hottest of 49 cells",
}
OUTCOMES = {"TP": "true positive", "FP": "false positive", "FN": "false negative", "TN": "true negative"}


def measure(metric: str) -> Metric:
    """The record of that key; an unknown key stands for itself."""
    meaning = "see docs/metrics.md#threshold-free"
    return METRICS.get(metric) or Metric(name=metric, words=metric, meaning=meaning, source="")


def baseline_words(name: str) -> str:
    return BASELINES.get(name, name)


def percent(value: float, decimals: int = 1) -> str:
    """A fraction in percent, with the sign; NaN as an en dash."""
    return "–" if math.isnan(value) else f"{100 * value:.{decimals}f}%"


def in_units(value: float, metric: str) -> str:
    """`value` as the metric is printed: percent with its sign, or a number; NaN as an en dash."""
    if measure(metric).is_percent:
        return percent(value)
    return "–" if math.isnan(value) else f"{value:.{measure(metric).decimals}f}"


def lift_words(lift: float, low: float, high: float, metric: str) -> str:
    """A difference with its sign and interval: +6.2 [3.1, 9.0], in points where the metric is in percent."""
    if math.isnan(lift):
        return "–"
    words = measure(metric)
    factor, decimals = (100, 1) if words.is_percent else (1, words.decimals)
    text = f"{factor * lift:+.{decimals}f}"
    if not (math.isnan(low) or math.isnan(high)):
        text += f" [{factor * low:.{decimals}f}, {factor * high:.{decimals}f}]"
    return text.replace("-", "\N{MINUS SIGN}")


def with_ends(value: str, low: float, high: float, metric: str) -> str:
    """The value with its interval on a line of its own; without ends where these are unknown."""
    if math.isnan(low) or math.isnan(high):
        return value
    return f"{value}\n[{in_units(low, metric)}, {in_units(high, metric)}]"


def unit(metric: str) -> str:
    """The unit of a lift: percentage points, or nothing."""
    return " points" if measure(metric).is_percent else ""


Metrics = Mapping[str, Any]  # nested JSON: names down to numbers or null

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


def listed(words: Sequence[str]) -> str:
    """The words with commas and a final "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def counted(number: int, noun: str) -> str:
    """1 image, 2 images."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def range_words(numbers: pd.Series) -> str:
    """The least and the greatest of whole numbers: 40 to 50, or 50 if they are equal."""
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low}" if low == high else f"{low} to {high}"
