"""What `sightline score` writes: the scores of the ladder's core in the shape of scores.csv and scores.json.

All values are fractions, or pixels where they are distances. Each column and key: docs/scores.md.

A candidates (model, or model.method), K baselines, M images, R readers, H W common grid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sightline.alignment.binarised import Rule
from sightline.alignment.ladder import MapsAndRegions, Scores, score_table
from sightline.alignment.ladder_summary import ladder_summary, minus_first, resampled_images
from sightline.alignment.metrics import METRICS
from sightline.alignment.settings import Ladder
from sightline.scoring.verdict import Judged

if TYPE_CHECKING:  # pandas takes most of the start-up: it loads while other processes score
    import pandas as pd

RULES: tuple[Rule, ...] = ("fixed", "otsu", "area_matched")
TOLERANCE = 15 / 224  # share of the shorter side, of Pointing Game with tolerance (Zhang et al. 2018: 15 pixels)
IN_BODY = {"lungs": "body", "random_in_lungs": "random_in_body"}  # names of baselines without lung masks
SAME = "dice_area"  # the same number as rank on every map, so it is in no file
SCALE = ("human", "human_low", "human_high", "anatomy", "images", "readings")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the results say of their inputs."""

    anatomy: str
    """lungs, body or none."""
    is_single: bool
    """Whether the regions are a consensus of single readers' annotations rather than finished."""
    left_out: dict[str, list[str]]
    """Names by reason; reasons without names are left out."""
    notes: list[str] = field(default_factory=list)
    """What a user should know of the inputs, in sentences."""


def settings(primary: str) -> Ladder:
    """Of the ladder, its tests and the human scale: the same for every user but for the primary metric."""
    return Ladder(draws=20, tolerance=TOLERANCE, primary=primary, resamples=5000, level=0.95, permutations=10_000)


def image_table(study: MapsAndRegions, scores: Scores) -> pd.DataFrame:
    """A row for each candidate or baseline and image; binary metrics as `<rule>_<metric>`, for candidates only."""
    import pandas as pd

    table = pd.DataFrame(score_table(study, scores)).drop(columns=SAME)
    table.insert(1, "patient", np.tile(study.patients_M, len(table) // len(study.images)))
    for rule, by_metric in scores.binary.items():
        for metric, values_AM in by_metric.items():
            baselines = np.full(len(table) - values_AM.size, np.nan)
            table[f"{rule}_{metric}"] = np.concatenate([values_AM.ravel(), baselines])
    return table


def ladder_numbers(study: MapsAndRegions, scores: Scores) -> dict[str, Any]:
    """What the results take from the scores alone: `ladder_summary`, `differences` and the regions' mean share."""
    names, draws = list(study.maps), resampled_images(study)
    summary = ladder_summary(study, scores, draws, family=names)
    for name in names:
        for metric in METRICS:
            del summary["candidates"][name][metric]["untrained"]  # maps made elsewhere come without their network
        del summary["candidates"][name][SAME]
    for by_metric in summary["baselines"].values():
        del by_metric[SAME]
    primary = study.settings.primary
    return {
        **summary,
        "differences": [
            {"candidate": name, "minus": names[0], "metric": primary, **gap}
            for name, gap in minus_first(study, scores, draws).items()
        ],
        "region_share": float(np.mean([study.masks_MHW[row].mean() for row in range(len(study.images))])),
    }


def results(study: MapsAndRegions, numbers: dict[str, Any], judged: Judged, origin: Origin) -> dict[str, Any]:
    """The verdicts, means over images with intervals by patient, lifts over each baseline, what was left out.

    `candidates.<name>` has the keys of the verdict and, by metric, those of `ladder_summary`; `numbers`: of
    `ladder_numbers`.
    """
    chosen = study.settings
    return {
        "candidates": {name: {**judged.candidates[name], **numbers["candidates"][name]} for name in study.maps},
        "controls": judged.controls,
        "verdict_settings": judged.settings,
        "baselines": numbers["baselines"],
        "differences": numbers["differences"],
        "human_scale": _human_scale(numbers["human_scale"]),
        "primary": chosen.primary,
        "images": len(study.images),
        "patients": len(np.unique(study.patients_M)),
        "grid": list(study.grid),
        "tolerance_pixels": study.tolerance,
        "region_share": numbers["region_share"],
        "anatomy": origin.anatomy,
        "regions": "consensus of annotations" if origin.is_single else "finished",
        "notes": origin.notes,
        "left_out": {reason: {"count": len(cases), "names": cases} for reason, cases in origin.left_out.items()},
        "settings": {
            "seed": study.seed, "draws": chosen.draws, "resamples": chosen.resamples, "level": chosen.level,
        },
    }  # fmt: skip


def verdicts_of(summary: dict[str, Any]) -> dict[str, Any]:
    """What `report.verdict` prints, of the results."""
    parts = {name: summary[name] for name in ("candidates", "controls", "primary")} | {"lungs": summary["anatomy"]}
    return {**summary["verdict_settings"], **parts, "families": {}}


def _human_scale(by_metric: dict[str, Any]) -> dict[str, Any]:
    return {
        metric: {
            **{name: scale[name] for name in SCALE},
            "candidates": {
                name: {end: place[end] for end in ("value", "low", "high")}
                for name, place in scale["candidates"].items()
            },
        }
        for metric, scale in by_metric.items()
        if metric != SAME
    }
