"""The ladder in numbers: means over images with intervals, lifts over each baseline, places on the human scale.

Intervals resample patients; all candidates and metrics share the resamples. Definitions: docs/metrics.md#lift.

A candidates, K baselines, M images, B resamples, S bins of pooled average precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sightline.alignment.human_scale import scale_summary
from sightline.alignment.ladder import MapsAndRegions, Scores
from sightline.alignment.lifts import lifts, over_each
from sightline.alignment.metrics import METRICS
from sightline.alignment.pooled_precision import BINS, binned_average_precision
from sightline.statistics.bootstrap_t import resamples_for
from sightline.statistics.exact_tests import hit_rate_interval
from sightline.statistics.means import mean_known
from sightline.statistics.resampling import hierarchical_weights, interval_with_width, paired_difference
from sightline.statistics.streams import stream

OWN = "untrained"  # the candidate's own baseline


def resampled_images(study: MapsAndRegions) -> np.ndarray:
    """How often each resample of patients drew each image, int64 B x M: the `weights_BM` of this module."""
    rng = stream(study.seed, "ladder", "resamples")
    return hierarchical_weights(study.patients_M, study.settings.resamples, rng, deepest="patients")


def ladder_summary(
    study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray, family: Sequence[str]
) -> dict[str, Any]:
    """`candidates.<name>`, `baselines.<name>` and `human_scale`: every metric's mean, interval and lifts.

    `candidates.<name>.<metric>` has value, low, high, best_baseline, lift (over that, a description), untrained (its
    mean, NaN without one) and `over.<baseline>` with value, low, high for each baseline, `untrained` where there is
    one. For the primary metric the candidates of `family` also have `over.<baseline>.family_low` and `family_high`:
    the ends at a level that holds for all of them together (Bonferroni). Each candidate also has pooled_ap, flat_maps
    and `binary.<rule>.<metric>`. `baselines.<name>.<metric>` has value, low, high; `human_scale` is that of
    `human_scale.scale_summary`. Without an image all of them are empty or NaN.
    """
    settings = study.settings
    candidates = _candidates(study, scores, weights_BM, family)
    _add_family_ends(study, scores, candidates, family)
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
        values = _baseline_rows(study, scores, metric)
        means = means_with_intervals(study, values, weights_BM)
        for name, mean, exact in zip(scores.baselines, means, _exact_ends(study, metric, values), strict=True):
            baselines[name][metric] = mean | exact
    return {
        "candidates": candidates,
        "baselines": baselines,
        "human_scale": scale_summary(
            scores.on_scale, list(study.maps), study.patients_M, settings.resamples, settings.level,
            lambda: stream(study.seed, "ladder", "readers"), study.reader_names_MR,
        ),
    }  # fmt: skip


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


def _candidates(study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray, family: Sequence[str]) -> dict[str, Any]:
    names = list(study.maps)
    candidates: dict[str, Any] = {name: {} for name in names}
    rivals = [*scores.baselines, OWN]
    _, family_resamples = _family_level(study, family)
    for metric, record in METRICS.items():
        resamples = family_resamples if metric == study.settings.primary else study.settings.resamples
        fresh_AM = _untrained_rows(study, scores, metric)
        lifted = lifts(
            scores.by_metric[metric][: len(names)], _baseline_rows(study, scores, metric), fresh_AM, weights_BM,
            study.patients_M, study.settings.level, resamples, _patients_rng(study), not record.is_lower_better,
        )  # fmt: skip
        exact = _exact_ends(study, metric, scores.by_metric[metric][: len(names)])
        for row, name in enumerate(names):
            own = [OWN] if name in study.untrained else []
            candidates[name][metric] = {
                "value": lifted.mean_A.estimate[row],
                "low": lifted.mean_A.low[row],
                "high": lifted.mean_A.high[row],
                "best_baseline": rivals[lifted.best_A[row]],
                "lift": lifted.lift_A[row],
                "untrained": mean_known(fresh_AM[row]),
                "over": {
                    rival: {
                        "value": lifted.over_AR.estimate[row, place],
                        "low": lifted.over_AR.low[row, place],
                        "high": lifted.over_AR.high[row, place],
                    }
                    for place, rival in enumerate(rivals)
                    if rival in (*scores.baselines, *own)
                },
                **exact[row],
            }
    return candidates


def _exact_ends(study: MapsAndRegions, metric: str, values_AM: np.ndarray) -> list[dict[str, float]]:
    """`low` and `high` of each row of hits (`exact_tests.hit_rate_interval`); empty where the metric counts no hits."""
    if METRICS[metric].family != "pointing":
        return [{} for _ in values_AM]
    ends = [hit_rate_interval(values_M, study.patients_M, study.settings.level) for values_M in values_AM]
    return [{"low": low, "high": high} for low, high in ends]


def _add_family_ends(study: MapsAndRegions, scores: Scores, candidates: dict[str, Any], family: Sequence[str]) -> None:
    """Ends of the lifts by the primary metric that hold for the whole family at once."""
    if not family:
        return
    primary = study.settings.primary
    level, resamples = _family_level(study, family)
    rows = [list(study.maps).index(name) for name in family]
    ends = over_each(
        scores.by_metric[primary][: len(study.maps)][rows], _baseline_rows(study, scores, primary),
        _untrained_rows(study, scores, primary)[rows], study.patients_M, level, resamples,
        _patients_rng(study), not METRICS[primary].is_lower_better,
    )  # fmt: skip
    for row, name in enumerate(family):
        for place, rival in enumerate([*scores.baselines, OWN]):
            if rival in candidates[name][primary]["over"]:
                candidates[name][primary]["over"][rival] |= {
                    "family_low": ends.low[row, place],
                    "family_high": ends.high[row, place],
                }


def _family_level(study: MapsAndRegions, family: Sequence[str]) -> tuple[float, int]:
    """The level of each interval that makes `level` hold for all, and enough resamples for it."""
    level = 1 - (1 - study.settings.level) / max(len(family), 1)
    return level, resamples_for(level, study.settings.resamples)


def _patients_rng(study: MapsAndRegions) -> Callable[[], np.random.Generator]:
    return lambda: stream(study.seed, "ladder", "lifts")


def _untrained_rows(study: MapsAndRegions, scores: Scores, metric: str) -> np.ndarray:
    """float64 A x M: each candidate's untrained network, NaN without one."""
    names, untrained = list(study.maps), list(study.untrained)
    fresh_AM = np.full((len(names), len(study.images)), np.nan)
    for row, name in enumerate(names):
        if name in study.untrained:
            fresh_AM[row] = scores.by_metric[metric][len(names) + untrained.index(name)]
    return fresh_AM


def _baseline_rows(study: MapsAndRegions, scores: Scores, metric: str) -> np.ndarray:
    """float64 K x M."""
    return scores.by_metric[metric][len(study.maps) + len(study.untrained) :]


def _pooled(study: MapsAndRegions, scores: Scores, weights_BM: np.ndarray) -> list[dict[str, float]]:
    """Average precision of the pixels of all images together, in bins of 0.001; chance is their prevalence."""
    ends = []
    for histograms_M2S in scores.histograms_MA2S.transpose(1, 0, 2, 3):
        flat = histograms_M2S.reshape(len(histograms_M2S), 2 * BINS).astype(np.float64)
        resampled_B2S = (weights_BM @ flat).reshape(-1, *histograms_M2S.shape[1:])
        value = binned_average_precision(histograms_M2S.sum(axis=0))
        spread_B1 = binned_average_precision(resampled_B2S)[:, None]
        low, high = interval_with_width(spread_B1, study.settings.level, _num_patients(study))
        ends.append({"value": float(value), "low": low[0], "high": high[0]})
    return ends


def _num_patients(study: MapsAndRegions) -> int:
    return len(np.unique(study.patients_M))
