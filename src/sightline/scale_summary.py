"""The human scale of a whole study, metric by metric, as the metrics file has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.hierarchy import hierarchical_means, interval
from sightline.human_scale import ImageScores, human_scale, readings, rows_normalised
from sightline.lifts import LOWER_IS_BETTER
from sightline.scores import METRICS


def scale_summary(
    found: Sequence[ImageScores],
    keys: Sequence[tuple[str, str]],
    patients_M: np.ndarray,
    resamples: int,
    level: float,
    seed: list[int],
) -> dict[str, Any]:
    """By metric: what a left-out expert and anatomy reach, and by model and method the place between the two.

    `found`: every image of the study, left-out ones too; `keys`: (model, method) of its maps. Intervals resample
    patients, then images, then readers, by the same draws for every metric; resamples in which the experts are not
    better than anatomy have no scale and are counted.
    """
    result: dict[str, Any] = {}
    for metric in METRICS:
        is_up = metric not in LOWER_IS_BETTER
        point = human_scale(found, metric, is_up)
        means_B3A = hierarchical_means(readings(found, metric), patients_M, resamples, np.random.default_rng(seed))
        places_BA = rows_normalised(means_B3A, is_up)
        low_A, high_A = interval(places_BA, level)
        human_low, human_high = interval(means_B3A[:, -1:], level)
        result[metric] = {
            "human": point.human_A[0],
            "human_low": human_low[0],
            "human_high": human_high[0],
            "anatomy": point.null_A[0],
            "images": point.num_images,
            "readings": point.num_annotators,
            "left_out_few_annotators": point.num_few_annotators,
            "left_out_no_consensus": point.num_no_consensus,
            "models": {},
        }
        for place, (model, method) in enumerate(keys):
            result[metric]["models"].setdefault(model, {})[method] = {
                "value": point.normalised_A[place],
                "low": low_A[place],
                "high": high_A[place],
                "undefined_resamples": int(np.isnan(places_BA[:, place]).sum()),
            }
    return result
