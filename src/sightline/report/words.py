"""Words for what the report names by keys: measures, baselines, saliency methods' shares; none without an explanation.

A measure's meaning is the half-sentence that stands beside its first use. A test holds the keys against
`scores.METRICS` and `baselines`, which this module does not import: words change more often than numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Measure:
    """How a metric without a threshold is called and printed."""

    words: str
    meaning: str
    is_percent: bool = False
    is_lower_better: bool = False
    decimals: int = 2


# In the order of tables; `dice_area` is the same number as `rank`.
MEASURES = {
    "mass": Measure("relevance mass", "the share of a map's relevance that lies inside the region", True),
    "rank": Measure(
        "relevance rank", "of the map's highest pixels, as many as the region has, the share that lies inside", True
    ),
    "area_iou": Measure("IoU at equal area", "the overlap of the region with as many of the map's highest pixels"),
    "dice_area": Measure("Dice at equal area", "relevance rank under another name", True),
    "ap": Measure(
        "average precision",
        "the share of the map's highest pixels that lie inside the region, averaged over how many are taken",
    ),
    "auroc": Measure("pixel AUROC", "how often a pixel inside is brighter than one outside; 0.5 is chance"),
    "shuffled_auroc": Measure(
        "shuffled AUROC", "the same against pixels marked on other patients; 0.5: only the shared anatomy is known"
    ),
    "pointing": Measure("Pointing Game", "how often the map's maximum lies inside the region", True),
    "pointing_near": Measure("Pointing Game, near", "how often the maximum lies inside or close to the region", True),
    "vote": Measure("vote at the peak", "the share of experts who marked the map's maximum", True),
    "distance": Measure("peak distance", "pixels from the maximum to the region", False, True, 1),
    "nss": Measure("NSS", "the map's mean inside, in standard deviations above its mean"),
    "cc": Measure("correlation", "of the map with the share of experts who marked each pixel"),
    "sim": Measure("similarity", "what the map and the experts' shares have in common, each summing to 1"),
    "kl": Measure("KL divergence", "how badly the map predicts where experts marked", False, True),
}
BASELINES = {
    "uniform": "a uniform map",
    "random_in_image": "random blobs in the image",
    "centred_gaussian": "a blob in the middle",
    "edges": "the image's edges",
    "random_in_lungs": "random blobs in the lungs",
    "lungs": "both lungs",
    "other_region": "another patient's region",
    "atlas": "the atlas of other patients",
    "untrained": "the same network untrained",
}
SHARES = {
    "outside": "outside the lungs",
    "corners": "in the corners",
    "border": "along the border",
    "hottest": "in the hottest of 49 cells",
}
OUTCOMES = {"TP": "true positive", "FP": "false positive", "FN": "false negative", "TN": "true negative"}


def measure(metric: str) -> Measure:
    """The measure of that key; a key unknown here stands for itself."""
    return MEASURES.get(metric, Measure(metric, "see docs/metrics"))


def baseline_words(name: str) -> str:
    return BASELINES.get(name, name)


def percent(value: float, decimals: int = 1) -> str:
    """A fraction in percent, with the sign; NaN as an en dash."""
    return "–" if math.isnan(value) else f"{100 * value:.{decimals}f}%"


def in_units(value: float, metric: str) -> str:
    """`value` as the metric is printed: percent with its sign, or a number; NaN as an en dash."""
    found = measure(metric)
    if found.is_percent:
        return percent(value)
    return "–" if math.isnan(value) else f"{value:.{found.decimals}f}"


def lift_words(lift: float, low: float, high: float, metric: str) -> str:
    """A difference with its sign and interval: +6.2 [3.1, 9.0], in points where the metric is in percent."""
    if math.isnan(lift):
        return "–"
    found = measure(metric)
    factor, decimals = (100, 1) if found.is_percent else (1, found.decimals)
    text = f"{factor * lift:+.{decimals}f}"
    if not (math.isnan(low) or math.isnan(high)):
        text += f" [{factor * low:.{decimals}f}, {factor * high:.{decimals}f}]"
    return text.replace("-", "\N{MINUS SIGN}")


def unit(metric: str) -> str:
    """What a lift is counted in: points of percent, or nothing."""
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


def primary_method(methods: Sequence[str]) -> str:
    """The one method that a model is judged by: Grad-CAM, else CAM, else the first by name.

    One per model, chosen before the results are seen; the others are in Table 3.
    """
    return next((method for method in ("gradcam", "cam") if method in methods), min(methods))


def equals_p(p_value: float) -> str:
    """A p-value after the letter: = 0.012, or < 0.001."""
    text = shown(p_value, -1)
    return text if text.startswith("<") else f"= {text}"


def listed(words: Sequence[str]) -> str:
    """The words with commas and a final "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def range_words(numbers: pd.Series) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low}" if low == high else f"{low} to {high}"
