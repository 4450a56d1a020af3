"""Words for what the report names by keys: measures, baselines, saliency methods' shares; none without an explanation.

A measure's meaning is the half-sentence that stands beside its first use. A test holds the keys against
`scores.METRICS` and `baselines`, which this module does not import: words change more often than numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


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
