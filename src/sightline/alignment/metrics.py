"""The metrics without a threshold: one record for each, from which every list of metrics is derived.

To add a metric, add its record here and its formula to `formulas.py`; it then appears in data/ladder.csv,
metrics/ladder.json, the results of `sightline score` and the report. Definitions: docs/metrics.md#threshold-free.

This file holds words and facts and imports nothing of ours, so the report may read it; it is the only file of this
package that the report may import. Read `METRICS` when a list is needed, not at import: a test adds a record to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LAST = 1000  # row of a metric that claims none


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a metric is called, how it is printed, and where it may be used."""

    name: str
    """Its key in files and parameters."""
    words: str
    """Its name for people."""
    meaning: str
    """The half-sentence beside its first use."""
    source: str
    against: Literal["region", "share"] = "region"
    """What maps are compared with; where that is empty the metric is NaN."""
    is_percent: bool = False
    """Printed in percent, and its differences in points."""
    decimals: int = 2
    """Printed, where it is not in percent."""
    is_lower_better: bool = False
    is_graded: bool = False
    """Rewards a ranking of all pixels, which a region cut at one place does not have: a graded map can then score
    higher than a reader without seeing more. So the metric is not on the human scale."""
    is_at_peak: bool = False
    """Depends on the map's maximum alone, which a mask does not have; see `human_scale` for a reader's point."""
    has_scale_column: bool = False
    """Has a column in the report's table of the human scale."""
    may_be_primary: bool = False
    """Whether `ladder.primary` may name it."""
    family: str = ""
    """Of metrics that are monotone in one another or ask the same question; weighs as one metric in the multiverse.
    Empty: the metric is a family by itself. Metrics of family `pointing` count hits, and have exact intervals."""
    row: int = LAST
    """Its place in the report's tables, from the top."""


JUDD = "Judd et al. 2012; Bylinskii et al. 2019"
BYLINSKII = "Bylinskii et al. 2019, with the MIT saliency benchmark"
ARRAS = "Arras et al. 2021, arXiv 2003.07258"
ZHANG = "Zhang et al. 2018"
OURS = "ours"

# In the order of columns in files; `dice_area` is the same number as `rank`.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="area_iou",
            family="rank",
            words="IoU at equal area",
            meaning="the overlap of the region with as many of the map's highest pixels",
            source=ARRAS,
            may_be_primary=True,
            row=3,
        ),
        Metric(
            name="dice_area",
            family="rank",
            words="Dice at equal area",
            meaning="relevance rank under another name",
            source=ARRAS,
            is_percent=True,
            row=4,
        ),
        Metric(
            name="rank",
            family="rank",
            words="relevance rank",
            meaning="of the map's highest pixels, as many as the region has, the share that lies inside",
            source=ARRAS,
            is_percent=True,
            has_scale_column=True,
            may_be_primary=True,
            row=2,
        ),
        Metric(
            name="auroc",
            words="pixel AUROC",
            meaning="how often a pixel inside is brighter than one outside; 0.5 is chance",
            source=JUDD,
            is_graded=True,
            may_be_primary=True,
            row=6,
        ),
        Metric(
            name="shuffled_auroc",
            words="shuffled AUROC",
            meaning="how often a pixel inside is brighter than one inside another patient's region; 0.5 is chance",
            source="MIT saliency benchmark; for chest X-rays Bigolin Lanfredi et al. 2021, arXiv 2112.11716",
            is_graded=True,
            may_be_primary=True,
            row=7,
        ),
        Metric(
            name="ap",
            words="average precision",
            meaning="the share of the map's highest pixels that lie inside the region, averaged over how many are "
            "taken",
            source="Choe et al. 2020, section 4, for each image by itself",
            is_graded=True,
            may_be_primary=True,
            row=5,
        ),
        Metric(
            name="pointing",
            family="pointing",
            words="Pointing Game",
            meaning="how often the map's maximum lies inside the region",
            source=ZHANG,
            is_percent=True,
            has_scale_column=True,
            may_be_primary=True,
            is_at_peak=True,
            row=8,
        ),
        Metric(
            name="pointing_near",
            family="pointing",
            words="Pointing Game, near",
            meaning="how often the maximum lies inside or close to the region",
            source=ZHANG,
            is_percent=True,
            is_at_peak=True,
            row=9,
        ),
        Metric(
            name="distance",
            words="peak distance",
            meaning="pixels from the maximum to the region",
            source=OURS,
            decimals=1,
            is_lower_better=True,
            is_at_peak=True,
            row=11,
        ),
        Metric(
            name="mass",
            words="relevance mass",
            meaning="the share of a map's relevance that lies inside the region",
            source=ARRAS,
            is_percent=True,
            has_scale_column=True,
            may_be_primary=True,
            row=1,
        ),
        Metric(
            name="nss",
            words="NSS",
            meaning="the map's mean inside, in standard deviations above its mean",
            source="Peters et al. 2005",
            is_graded=True,
            may_be_primary=True,
            row=12,
        ),
        Metric(
            name="cc",
            words="correlation",
            meaning="of the map with the share of experts who marked each pixel",
            source=BYLINSKII,
            against="share",
            is_graded=True,
            may_be_primary=True,
            row=13,
        ),
        Metric(
            name="sim",
            words="similarity",
            meaning="what the map and the experts' shares have in common, each summing to 1",
            source=BYLINSKII,
            against="share",
            is_graded=True,
            may_be_primary=True,
            row=14,
        ),
        Metric(
            name="kl",
            words="KL divergence",
            meaning="how badly the map predicts where experts marked",
            source=BYLINSKII,
            against="share",
            is_lower_better=True,
            is_graded=True,
            row=15,
        ),
        Metric(
            name="vote",
            words="vote at the peak",
            meaning="the share of experts who marked the map's maximum",
            source=OURS,
            against="share",
            is_percent=True,
            is_at_peak=True,
            row=10,
        ),
    )
}


def scale_metric(primary: str) -> str:
    """The metric that places models on the human scale: the primary one, or relevance rank if that is graded."""
    return "rank" if primary in METRICS and METRICS[primary].is_graded else primary


def table_order() -> list[str]:
    """Names in the order of the report's tables; metrics that claim no row come last."""
    return sorted(METRICS, key=lambda name: METRICS[name].row)
