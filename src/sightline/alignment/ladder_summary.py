"""The ladder in numbers: means over images with intervals, lifts over the best baseline, places on the human scale.

Intervals resample patients; all candidates and metrics share the resamples. Definitions: docs/metrics.md#lift.

A candidates, K baselines, M images, B resamples, S bins of pooled average precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.alignment.human_scale import scale_summary
from sightline.alignment.ladder import MapsAndRegions, Scores
from sightline.alignment.lifts import lifts
from sightline.alignment.metrics import METRICS
from sightline.alignment.pooled_precision import binned_average_precision
from sightline.statistics.holm import holm
from sightline.statistics.means import mean_known
from sightline.statistics.resampling import hierarchical_weights, interval, paired_difference
from sightline.statistics.streams import stream


def resampled_images(study: MapsAndRegions) -> np.ndarray:
    """How often each resample of patients drew each image, int64 B x M: the `weights_BM` of this module."""
    rng = stream(study.seed, "ladder", "resamples")
    return hierarchical_weights(study.patients_M, study.settings.resamples, rng, deepest="patients")


def ladder_summary(
    study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray, family: Sequence[str]
) -> dict[str, Any]:
    """`candidates.<name>`, `baselines.<name>` and `human_scale`: every metric's mean, interval and lift.

    `candidates.<name>.<metric>` has value, low, high, best_baseline, untrained (its mean, NaN without one), lift,
    lift_low, lift_high, p. `p_holm` of the primary metric adjusts for the candidates of `family`, which have it alone.
    Each candidate also has pooled_ap, flat_maps and `binary.<rule>.<metric>`. `baselines.<name>.<metric>` has value,
    low, high; `human_scale` is that of `human_scale.scale_summary`.
    """
    settings = study.settings
    candidates = _candidates(study, scores, weights_BM)
    primary = settings.primary
    adjusted = holm(np.array([candidates[name][primary]["p"] for name in family]))
    for name, p in zip(family, adjusted, strict=True):
        candidates[name][primary]["p_holm"] = p
    pooled = _pooled(study, scores, weights_BM)
    for row, name in enumerate(study.maps):
        candidates[name]["pooled_ap"] = pooled[row]
        candidates[name]["flat_maps"] = int(scores.flat_AM[row].sum())
        candidates[name]["binary"] = {rule: {} for rule in scores.binary}
    for rule, by_metric in scores.binary.items():
        for metric, values_AM in by_metric.items():
            for name, mean in zip(study.maps, means_with_intervals(study, values_AM, weights_BM), strict=True):
                candidates[name]["binary"][rule][metric] = mean
    baselines: dict[str, Any] = {name: {} for name in scores.baselines}
    for metric in METRICS:
        means = means_with_intervals(study, _baseline_rows(study, scores, metric), weights_BM)
        for name, mean in zip(scores.baselines, means, strict=True):
            baselines[name][metric] = mean
    return {
        "candidates": candidates,
        "baselines": baselines,
        "human_scale": scale_summary(
            scores.on_scale, list(study.maps), study.patients_M, settings.resamples, settings.level,
            lambda: stream(study.seed, "ladder", "readers"), study.reader_names_MR,
        ),
    }  # fmt: skip


def over_each_baseline(study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray) -> dict[str, dict[str, Any]]:
    """By candidate, metric and baseline: the paired mean difference with its interval; positive is better."""
    result: dict[str, dict[str, Any]] = {name: {metric: {} for metric in METRICS} for name in study.maps}
    for metric, record in METRICS.items():
        sign = -1.0 if record.is_lower_better else 1.0
        models_AM = scores.by_metric[metric][: len(study.maps)]
        for baseline, values_M in zip(scores.baselines, _baseline_rows(study, scores, metric), strict=True):
            gaps = means_with_intervals(study, sign * (models_AM - values_M), weights_BM)
            for name, gap in zip(study.maps, gaps, strict=True):
                result[name][metric][baseline] = gap
    return result


def minus_first(study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray) -> dict[str, dict[str, float]]:
    """Of each candidate but the first: its primary metric minus that of the first on the same images."""
    models_AM = scores.by_metric[study.settings.primary][: len(study.maps)]
    gaps = means_with_intervals(study, models_AM - models_AM[0], weights_BM)
    return dict(list(zip(study.maps, gaps, strict=True))[1:])


def means_with_intervals(
    study: MapsAndRegions, values_AM: np.ndarray, weights_BM: np.ndarray
) -> list[dict[str, float]]:
    """Value, low and high of each row's mean over the images on which it is defined."""
    nothing_M = np.zeros(values_AM.shape[1])
    means = paired_difference(values_AM, nothing_M, weights_BM, study.settings.level, _num_patients(study))
    ends = zip(means.estimate, means.low, means.high, strict=True)
    return [{"value": value, "low": low, "high": high} for value, low, high in ends]


def _candidates(study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray) -> dict[str, Any]:
    def sign_flips() -> np.random.Generator:
        return stream(study.seed, "ladder", "sign flips")

    settings = study.settings
    names, untrained, num_maps = list(study.maps), list(study.untrained), len(study.maps)
    candidates: dict[str, Any] = {name: {} for name in names}
    for metric, record in METRICS.items():
        values = scores.by_metric[metric]
        fresh_AM = np.full((num_maps, len(study.images)), np.nan)
        for row, name in enumerate(names):
            if name in study.untrained:
                fresh_AM[row] = values[num_maps + untrained.index(name)]
        lifted = lifts(
            values[:num_maps], _baseline_rows(study, scores, metric), fresh_AM, weights_BM, study.patients_M,
            settings.level, settings.permutations, sign_flips, higher_is_better=not record.is_lower_better,
        )  # fmt: skip
        rivals = [*scores.baselines, "untrained"]
        for row, name in enumerate(names):
            candidates[name][metric] = {
                "value": lifted.value_A[row],
                "low": lifted.low_A[row],
                "high": lifted.high_A[row],
                "best_baseline": rivals[lifted.best_A[row]],
                "untrained": mean_known(fresh_AM[row]),
                "lift": lifted.lift_A[row],
                "lift_low": lifted.lift_low_A[row],
                "lift_high": lifted.lift_high_A[row],
                "p": lifted.p_A[row],
            }
    return candidates


def _baseline_rows(study: MapsAndRegions, scores: Scores, metric: str) -> np.ndarray:
    """float64 K x M."""
    return scores.by_metric[metric][len(study.maps) + len(study.untrained) :]


def _pooled(study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray) -> list[dict[str, float]]:
    """Average precision of the pixels of all images together, in bins of 0.001; chance is their prevalence."""
    ends = []
    for histograms_M2S in scores.histograms_MA2S.transpose(1, 0, 2, 3):
        flat = histograms_M2S.reshape(len(histograms_M2S), -1).astype(np.float64)
        resampled_B2S = (weights_BM @ flat).reshape(-1, *histograms_M2S.shape[1:])
        value = binned_average_precision(histograms_M2S.sum(axis=0))
        spread_B1 = binned_average_precision(resampled_B2S)[:, None]
        low, high = interval(spread_B1, study.settings.level, _num_patients(study))
        ends.append({"value": float(value), "low": low[0], "high": high[0]})
    return ends


def _num_patients(study: MapsAndRegions) -> int:
    return len(np.unique(study.patients_M))
