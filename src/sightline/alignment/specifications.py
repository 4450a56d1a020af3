"""Every combination of choices, the models' scores under each, and what these say of the ranking, as tables and JSON.

A specification is one choice of each factor: target layer x saliency method x threshold rule x consensus rule x
metric (Steegen et al. 2016, "Increasing transparency through a multiverse analysis"; Simonsohn et al. 2020,
"Specification curve analysis"). Families of metrics weigh alike, however many specifications each has (`weights`), and
maps that two targets share count once (`repeated_targets`). Shares describe the choices; they are not probabilities.
Definitions: docs/metrics.md#multiverse.

`multiverse` scores the maps of one image under all choices; `statistics.ranking` compares models over
specifications. S specifications, N models, A candidates (a model's maps of one layer and method), M images,
R consensus rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sightline.alignment.metrics import METRICS
from sightline.alignment.multiverse import NO_THRESHOLD, OVERLAP, SOFT, Choices, Regions
from sightline.alignment.threshold_free import BY_SHARE
from sightline.columns import from_rows
from sightline.statistics.means import means_along
from sightline.statistics.ranking import (
    FACTORS,
    Specification,
    by_margin,
    claim_shares,
    factor_shares,
    ranking_agreement,
    rankings,
    standings,
)

Candidate = tuple[str, str, str]  # model, layer, method
COLUMNS = [*FACTORS, "model", "score", "images"]
CURVE_COLUMNS = ["place", *FACTORS, "model", "standing", "rank", "weight"]
SAME_MAP = 1e-3  # of a map's maximum: the rounding of stored maps is far below, any two methods differ by far more


def specifications(
    targets: Sequence[tuple[str, str]],
    threshold_rules: Sequence[str],
    consensus_rules: Sequence[str],
    metrics: Sequence[str],
    share_rule: str = SOFT,
) -> list[Specification]:
    """Every choice that has a meaning, in the order of the arguments; `targets` are pairs of layer and method.

    Metrics without a threshold have the threshold rule `none`. Those against the readers' share (`cc`, `sim`, `vote`)
    occur once, with the consensus rule `share_rule`, since they involve no consensus rule. Dice of an area-matched
    map is the relevance rank accuracy, so it is not listed again if `rank` is among the metrics.
    """
    specs = []
    for layer, method in targets:
        for metric in metrics:
            for threshold_rule in threshold_rules if metric in OVERLAP else [NO_THRESHOLD]:
                if (metric, threshold_rule) == ("dice", "area_matched") and "rank" in metrics:
                    continue
                for consensus_rule in [share_rule] if metric in BY_SHARE else consensus_rules:
                    specs.append(Specification(layer, method, threshold_rule, consensus_rule, metric))
    return specs


def family(spec: Specification) -> str:
    """The family of the specification's metric: `overlap` for IoU and Dice, but `rank` where the map is cut to the
    region's own area, since they are then functions of the relevance rank; else that of the metric's record."""
    if spec.metric in OVERLAP:
        return "rank" if spec.threshold_rule == "area_matched" else "overlap"
    return METRICS[spec.metric].family or spec.metric


def weights(specs: Sequence[Specification], score_SN: np.ndarray) -> np.ndarray:
    """Weight of each specification, float64 S, summing to 1: families weigh alike, and all of one family alike.

    Specifications that rank fewer than two models have the weight 0.
    """
    counted_S = (~np.isnan(score_SN)).sum(axis=1) > 1
    families = [family(spec) if is_counted else "" for spec, is_counted in zip(specs, counted_S, strict=True)]
    number = Counter(name for name in families if name)
    return np.array([1 / (number[name] * len(number)) if name else 0.0 for name in families])


def is_same_map(one_Mhw: np.ndarray, other_Mhw: np.ndarray) -> bool:
    """Whether two raw maps of the same images are equal up to a positive factor per image, once negatives are 0.

    That is all that the scaled map keeps. Maps on different grids differ.
    """
    if one_Mhw.shape != other_Mhw.shape:
        return False
    scaled = []
    for raw in (one_Mhw, other_Mhw):
        positive = np.maximum(np.asarray(raw, dtype=np.float64), 0)
        highest = positive.max(axis=(1, 2), keepdims=True)
        scaled.append(positive / np.where(highest > 0, highest, 1))
    return bool(np.abs(scaled[0] - scaled[1]).max(initial=0) <= SAME_MAP)


def repeated_targets(maps: Mapping[Candidate, np.ndarray]) -> dict[tuple[str, str], tuple[str, str]]:
    """Targets (layer, method) that show nothing new, and the target that each repeats.

    A target repeats another if every model that has it has the same map at the other (`is_same_map`): CAM and Grad-CAM
    of gap heads at the exact layer, or the paper's layer where that is the exact one for all models. Found from the
    maps, so that external maps and new architectures need no rule. Of two that repeat each other the one with more
    models stays, else Grad-CAM, else the first.
    """
    targets = list(dict.fromkeys((layer, method) for _, layer, method in maps))
    models = {target: [m for m, *rest in maps if tuple(rest) == target] for target in targets}
    preferred = sorted(targets, key=lambda target: (-len(models[target]), target[1] != "gradcam"))
    repeated: dict[tuple[str, str], tuple[str, str]] = {}
    for place, target in enumerate(preferred):
        for other in preferred[:place]:
            if other not in repeated and all(
                (m, *other) in maps and is_same_map(maps[m, *target], maps[m, *other]) for m in models[target]
            ):
                repeated[target] = other
                break
    return repeated


def specification_means(
    specs: Sequence[Specification],
    candidates: Sequence[Candidate],
    models: Sequence[str],
    scores: Mapping[tuple[str, str], np.ndarray],
    consensus_rules: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over images of each model under each specification, float64 S x N, and over how many images, int S x N.

    `candidates`: (model, layer, method) of each A; `scores`: by (threshold rule, metric), M x A x R. NaN is left out
    of the means, so an image whose consensus is empty under one rule counts under the others. A model without maps of
    a specification's layer and method has NaN and 0 images there.
    """
    counts = {key: (~np.isnan(values_MAR)).sum(axis=0) for key, values_MAR in scores.items()}
    means = {key: means_along(values_MAR, axis=0) for key, values_MAR in scores.items()}
    place = {candidate: row for row, candidate in enumerate(candidates)}
    column = {rule: col for col, rule in enumerate(consensus_rules)}
    score_SN, images_SN = np.full((len(specs), len(models)), np.nan), np.zeros((len(specs), len(models)), int)
    for row, spec in enumerate(specs):
        key, rule = (spec.threshold_rule, spec.metric), column.get(spec.consensus_rule, 0)  # any column for the share
        for col, model in enumerate(models):
            candidate = place.get((model, spec.layer, spec.method))
            if candidate is not None:
                score_SN[row, col], images_SN[row, col] = means[key][candidate, rule], counts[key][candidate, rule]
    return score_SN, images_SN


def summary(specs: Sequence[Specification], models: Sequence[str], score_SN: np.ndarray) -> dict[str, Any]:
    """How often each claim holds, under which choices, and what the ranking depends on; weighted by `weights`.

    - `specifications`: how many rank at least two models; `families`: how many of them each family of metrics has.
    - `models.<model>`: mean, best and worst rank, and the share of its specifications in which it alone is first.
    - `pairs."a > b"`: of the `n` specifications that have both, the `share` in which a scores higher, ties half;
      `by`, the same at each level of each factor; `factors`, the share of the variance of their difference that each
      factor explains. At the top level, `factors` is that of all pairs together.
    - `leaders`: the two models with the highest mean standing.
    """
    rank_SN, weight_S = rankings(score_SN), weights(specs, score_SN)
    share_NN, number_NN = claim_shares(score_SN, weight_S)
    pooled, factors = factor_shares(score_SN, specs, weight_S)
    levels = []
    for place, factor in enumerate(FACTORS):
        for level in dict.fromkeys(spec[place] for spec in specs):
            is_level_S = np.array([spec[place] == level for spec in specs])
            levels.append((factor, level, claim_shares(score_SN[is_level_S], weight_S[is_level_S])[0]))
    pairs: dict[str, Any] = {}
    for row, col in np.argwhere(number_NN > 0):
        by: dict[str, dict[str, float]] = {factor: {} for factor in FACTORS}
        for factor, level, level_NN in levels:
            by[factor][level] = level_NN[row, col]
        pairs[f"{models[row]} > {models[col]}"] = {
            "share": share_NN[row, col],
            "n": number_NN[row, col],
            "by": by,
            "factors": {factor: values_NN[row, col] for factor, values_NN in factors.items()},
        }
    ranked = {
        model: (rank_SN[known_S, col], weight_S[known_S])
        for col, model in enumerate(models)
        if (known_S := ~np.isnan(rank_SN[:, col])).any()
    }
    is_ranked_S = (~np.isnan(rank_SN)).any(axis=1)
    return {
        "specifications": int(is_ranked_S.sum()),
        "families": dict(
            Counter(family(spec) for spec, is_ranked in zip(specs, is_ranked_S, strict=True) if is_ranked)
        ),
        "models": {
            model: {
                "specifications": len(ranks),
                "mean_rank": np.average(ranks, weights=own),
                "best_rank": ranks.min(),
                "worst_rank": ranks.max(),
                "first": np.average(ranks == 1, weights=own),
            }
            for model, (ranks, own) in ranked.items()
        },
        "leaders": [models[col] for col in by_margin(score_SN, weight_S)[1]],
        "pairs": pairs,
        "ranking_agreement": ranking_agreement(score_SN, weight_S),
        "factors": pooled,
    }


def score_table(
    specs: Sequence[Specification], models: Sequence[str], score_SN: np.ndarray, images_SN: np.ndarray
) -> dict[str, list[Any]]:
    """COLUMNS by name: a row per specification and model with maps for it, given at least one image with a region."""
    rows = [
        (*spec, model, score_SN[row, col], images_SN[row, col])
        for row, spec in enumerate(specs)
        for col, model in enumerate(models)
        if images_SN[row, col]
    ]
    return from_rows(rows, COLUMNS)


def curve_table(specs: Sequence[Specification], models: Sequence[str], score_SN: np.ndarray) -> dict[str, list[Any]]:
    """The specification curve, CURVE_COLUMNS by name.

    `place` counts specifications from the leader's largest margin over the runner-up.
    """
    standing_SN, rank_SN, weight_S = standings(score_SN), rankings(score_SN), weights(specs, score_SN)
    rows = [
        (place, *specs[row], model, standing_SN[row, col], rank_SN[row, col], weight_S[row])
        for place, row in enumerate(by_margin(score_SN, weight_S)[0], 1)
        for col, model in enumerate(models)
        if not np.isnan(rank_SN[row, col])
    ]
    return from_rows(rows, CURVE_COLUMNS)


def multiverse_results(
    models: Sequence[str],
    candidates: Sequence[Candidate],
    regions: Regions,
    choices: Choices,
    metrics: Sequence[str],
    repeated: Mapping[tuple[str, str], tuple[str, str]],
) -> tuple[dict[str, list[Any]], dict[str, list[Any]], dict[str, Any]]:
    """Scores (`COLUMNS`), the specification curve (`CURVE_COLUMNS`), and the summary with what it leaves out.

    `candidates` name the maps that `choices` scored, in their order; `repeated`, from `repeated_targets`, leaves out
    targets. The summary also names these (`same_maps`) and counts the images, those with an empty consensus by rule,
    and the flat maps by model.
    """
    targets = [
        target for target in dict.fromkeys((layer, method) for _, layer, method in candidates) if target not in repeated
    ]
    specs = specifications(targets, choices.threshold_rules, regions.rules, metrics, regions.share_rule)
    score_SN, images_SN = specification_means(specs, candidates, models, choices.scores, regions.rules)
    empty_R = (~regions.masks_MRHW.any(axis=(2, 3))).sum(axis=0)
    owners = [model for model, _, _ in candidates]
    flat_maps = {
        model: sum(int(count) for owner, count in zip(owners, choices.flat_A, strict=True) if owner == model)
        for model in models
    }
    same = {f"{layer}.{method}": ".".join(other) for (layer, method), other in repeated.items()}
    counts = {
        "same_maps": same,
        "images": len(regions.images),
        "empty_consensus": dict(zip(regions.rules, empty_R, strict=True)),
        "flat_maps": flat_maps,
    }
    results = {**summary(specs, models, score_SN), **counts}
    return score_table(specs, models, score_SN, images_SN), curve_table(specs, models, score_SN), results
