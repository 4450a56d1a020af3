"""The ladder in numbers: means over images with intervals, lifts over each baseline, places on the human scale.

Intervals resample patients; all candidates and metrics share the resamples, which are drawn in batches and applied to
all rows at once. Definitions: docs/metrics.md#lift.

A candidates, K baselines, R = K + 1 rivals of a candidate, M images, B resamples, X rows of several metrics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sightline.alignment.human_scale_summary import scale_summary
from sightline.alignment.ladder import MapsAndRegions, Scores
from sightline.alignment.lifts import best_rivals, gaps_to_each
from sightline.alignment.metrics import METRICS
from sightline.alignment.pooled_precision import resampled_precision
from sightline.statistics.bootstrap_t import Gaps, bootstrap_ts, resamples_for
from sightline.statistics.exact_tests import hit_rate_interval
from sightline.statistics.means import mean_known
from sightline.statistics.patient_draws import PatientDraws
from sightline.statistics.resampling import Difference, interval_with_width
from sightline.statistics.streams import stream

OWN = "untrained"  # the candidate's own baseline


def resampled_images(study: MapsAndRegions) -> PatientDraws:
    """The resamples of patients whose images make up the `draws` of this module."""
    return PatientDraws(
        study.patients_M, study.settings.resamples, lambda: stream(study.seed, "ladder", "resamples")
    )  # fmt: skip


def ladder_summary(study: MapsAndRegions, scores: Scores, draws: PatientDraws, family: Sequence[str]) -> dict[str, Any]:
    """`candidates.<name>`, `baselines.<name>` and `human_scale`: every metric's mean, interval and lifts.

    `candidates.<name>.<metric>` has value, low, high, best_baseline, lift (over that, a description), untrained (its
    mean, NaN without one) and `over.<baseline>` with value, low, high for each baseline, `untrained` where there is
    one. For the primary metric the candidates of `family` also have `over.<baseline>.family_low` and `family_high`:
    the ends at a level that holds for all of them together (Bonferroni). Each candidate also has pooled_ap, flat_maps
    and `binary.<rule>.<metric>`. `baselines.<name>.<metric>` has value, low, high; `human_scale` is that of
    `human_scale_summary.scale_summary`. Without an image all of them are empty or NaN.
    """
    settings, names = study.settings, list(study.maps)
    models = {metric: scores.by_metric[metric][: len(names)] for metric in METRICS}
    rivals = {metric: _baseline_rows(study, scores, metric) for metric in METRICS}
    cut = {(rule, metric): rows for rule, by_metric in scores.binary.items() for metric, rows in by_metric.items()}
    means = iter(_means(study, [*models.values(), *rivals.values(), *cut.values()], draws))
    of_models = {metric: next(means) for metric in METRICS}
    of_rivals = {metric: next(means) for metric in METRICS}
    of_cut = {key: next(means) for key in cut}
    for metric, record in METRICS.items():
        if record.family == "pointing":  # hits have exact intervals
            for found, rows in ((of_models[metric], models[metric]), (of_rivals[metric], rivals[metric])):
                for mean, values_M in zip(found, rows, strict=True):
                    mean["low"], mean["high"] = hit_rate_interval(values_M, study.patients_M, settings.level)
    candidates = _candidates(study, scores, of_models, family)
    pooled = _pooled(study, scores, draws)
    for row, name in enumerate(names):
        candidates[name]["pooled_ap"] = pooled[row]
        candidates[name]["flat_maps"] = int(scores.flat_AM[row].sum())
        candidates[name]["binary"] = {
            rule: {metric: of_cut[rule, metric][row] for metric in by_metric}
            for rule, by_metric in scores.binary.items()
        }
    return {
        "candidates": candidates,
        "baselines": {
            name: {metric: of_rivals[metric][row] for metric in METRICS} for row, name in enumerate(scores.baselines)
        },
        "human_scale": scale_summary(
            scores.on_scale, names, study.patients_M, settings.resamples, settings.level,
            lambda: stream(study.seed, "ladder", "readers"), study.reader_names_MR,
        ),
    }  # fmt: skip


def minus_first(study: MapsAndRegions, scores: Scores, draws: PatientDraws) -> dict[str, dict[str, float]]:
    """Of each candidate but the first: its primary metric minus that of the first on the same images."""
    models_AM = scores.by_metric[study.settings.primary][: len(study.maps)]
    (gaps,) = _means(study, [models_AM[1:] - models_AM[:1]], draws)
    return dict(zip(list(study.maps)[1:], gaps, strict=True))


def _means(
    study: MapsAndRegions, values: Sequence[np.ndarray], draws: PatientDraws
) -> Iterator[list[dict[str, float]]]:
    """For each A x M: value, low and high of each row's mean over the images on which it is defined."""
    found = draws.mean_differences(values, study.settings.level)
    rows = [
        {"value": value, "low": low, "high": high}
        for value, low, high in zip(found.estimate, found.low, found.high, strict=True)
    ]
    start = 0
    for values_AM in values:
        yield rows[start : (start := start + len(values_AM))]


def _candidates(
    study: MapsAndRegions, scores: Scores, means: dict[str, list[dict[str, float]]], family: Sequence[str]
) -> dict[str, Any]:
    """By candidate and metric: its mean, and its lifts over the baselines and its own untrained network."""
    names = list(study.maps)
    rivals = [*scores.baselines, OWN]
    candidates: dict[str, Any] = {name: {} for name in names}
    for metric, over in zip(METRICS, _lifts(study, scores, family), strict=True):
        rows = (*_rows(study, scores, metric), not METRICS[metric].is_lower_better)
        best_A, lift_A = best_rivals(*rows)
        for row, name in enumerate(names):
            candidates[name][metric] = {
                **means[metric][row],
                "best_baseline": rivals[best_A[row]],
                "lift": lift_A[row],
                "untrained": mean_known(rows[2][row]),
                "over": {
                    rival: _ends(over, row * len(rivals) + place, name in family)
                    for place, rival in enumerate(rivals)
                    if rival != OWN or name in study.untrained
                },
            }
    return candidates


def _lifts(study: MapsAndRegions, scores: Scores, family: Sequence[str]) -> Iterator[tuple[Difference, ...]]:
    """By metric the mean of each candidate's lift over each rival, all rivals of the first candidate first.

    The primary metric has a second interval, at the level that makes `level` hold for the whole family at once.
    """
    settings = study.settings
    family_level = 1 - (1 - settings.level) / max(len(family), 1)

    def questions() -> Iterator[Gaps]:
        for metric, record in METRICS.items():
            gaps_ARM = gaps_to_each(*_rows(study, scores, metric), not record.is_lower_better)
            gaps_XM = gaps_ARM.reshape(gaps_ARM.shape[0] * gaps_ARM.shape[1], gaps_ARM.shape[2])
            if metric == settings.primary:
                levels = (settings.level, family_level) if family else (settings.level,)
                yield Gaps(gaps_XM, levels, resamples_for(family_level, settings.resamples))
            else:
                yield Gaps(gaps_XM, (settings.level,), settings.resamples)

    return bootstrap_ts(questions(), study.patients_M, stream(study.seed, "ladder", "lifts"))


def _ends(over: Sequence[Difference], row: int, is_of_family: bool) -> dict[str, float]:
    """value, low and high of a lift; of candidates of the family, family_low and family_high where these are known."""
    ends = {"value": over[0].estimate[row], "low": over[0].low[row], "high": over[0].high[row]}
    if is_of_family and len(over) > 1:
        ends |= {"family_low": over[1].low[row], "family_high": over[1].high[row]}
    return ends


def _rows(study: MapsAndRegions, scores: Scores, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A x M, K x M, A x M: candidates, baselines, the candidates' untrained networks."""
    models_AM = scores.by_metric[metric][: len(study.maps)]
    return models_AM, _baseline_rows(study, scores, metric), _untrained_rows(study, scores, metric)


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


def _pooled(study: MapsAndRegions, scores: Scores, draws: PatientDraws) -> list[dict[str, float]]:
    """Average precision of the pixels of all images together, in bins of 0.001; chance is their prevalence."""
    if not len(scores.histograms_MA2S):
        return [{"value": float("nan"), "low": float("nan"), "high": float("nan")} for _ in study.maps]
    value_A, spread_BA = resampled_precision(scores.histograms_MA2S, draws)
    low_A, high_A = interval_with_width(spread_BA, study.settings.level, draws.by_patient.num_patients)
    ends = zip(value_A.tolist(), low_A, high_A, strict=True)
    return [{"value": value, "low": low, "high": high} for value, low, high in ends]
