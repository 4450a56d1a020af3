"""The ranking of the models over every reasonable choice: how far does it hang on the choices?

A specification is one choice of each factor: target layer x saliency method x threshold rule x consensus rule x
metric (Steegen et al. 2016, "Increasing transparency through a multiverse analysis"; Simonsohn et al. 2020,
"Specification curve analysis"). Every combination counts once, also where a choice changes nothing for two models:
CAM and Grad-CAM of a gap head at the exact layer are one map, so that layer weighs double between gap heads. Shares
describe the choices; they are no probabilities.

S specifications, N models, A candidates (a model's maps of one layer and method), M images, R consensus rules,
T thresholds, Q pairs of models, H W image grid, P = H * W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sightline.alignment import iou
from sightline.binary import binarised, crossfit_threshold
from sightline.scores import BY_SHARE, image_scores

FACTORS = ("layer", "method", "threshold_rule", "consensus_rule", "metric")
OVERLAP = ("iou", "dice")  # need a threshold rule
METRICS = (*OVERLAP, "mass", "rank", "ap", "auroc", "pointing", "nss", "cc", "sim", "vote")  # higher is better
NO_THRESHOLD, SOFT = "none", "soft"  # levels of what has no threshold, and of what is held against the shares
SWEEP = np.round(np.arange(1, 46) * 0.02, 2)  # thresholds that cross-fitting chooses from, as Figures 6 and 7
DIGITS = 4  # of standings in the curve: what is nearer than that keeps the study's order
SAME = 1e-12  # scores nearer than this are a tie: means of the same numbers in another order


class Specification(NamedTuple):
    layer: str
    method: str
    threshold_rule: str
    consensus_rule: str
    metric: str


def fixed_rule(threshold: float) -> str:
    """The name of the threshold rule `map >= threshold`: `fixed_0.5`."""
    return f"fixed_{threshold:g}"


def specifications(
    targets: Sequence[tuple[str, str]],
    threshold_rules: Sequence[str],
    consensus_rules: Sequence[str],
    metrics: Sequence[str],
    share_rule: str = SOFT,
) -> list[Specification]:
    """Every choice that has a meaning, in the order of its arguments; `targets` are pairs of layer and method.

    Metrics without a threshold have the threshold rule `none`. Those against the annotators' share (`cc`, `sim`,
    `vote`) have the consensus rule `share_rule`, once: no rule of merging has a part in them. Dice of an area-matched
    map is the relevance rank accuracy, so with `rank` among the metrics it is not listed again.
    """
    found = []
    for layer, method in targets:
        for metric in metrics:
            for threshold_rule in threshold_rules if metric in OVERLAP else [NO_THRESHOLD]:
                if (metric, threshold_rule) == ("dice", "area_matched") and "rank" in metrics:
                    continue
                for consensus_rule in [share_rule] if metric in BY_SHARE else consensus_rules:
                    found.append(Specification(layer, method, threshold_rule, consensus_rule, metric))
    return found


def image_choices(
    maps_AHW: np.ndarray, masks_RHW: np.ndarray, share_HW: np.ndarray, fixed: Sequence[float], top_share: float
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray]:
    """Scores of one image by (threshold rule, metric), float64 A x R each, and IoU along `SWEEP`, A x R x T.

    `maps_AHW`: float32 from `maps.scaled_maps`; `masks_RHW`: bool, the consensus by each rule; `share_HW`: in [0, 1].
    The threshold rules are `fixed_<t>`, `otsu`, `top_share` (all of `binary.binarised`) and `area_matched`, which is
    here the expectation over ties at the cut (`scores.image_scores`). `crossfit` needs all images: `crossfitted`.

    An empty consensus gives NaN in its column, but for metrics against the share, whose columns are equal. A flat map
    scores chance where no threshold is set, and when area-matched; cut by any other rule it is empty, and scores 0.
    """
    num_maps, num_rules = len(maps_AHW), len(masks_RHW)
    shares_RHW = np.broadcast_to(share_HW, masks_RHW.shape)
    plain = image_scores(maps_AHW, masks_RHW, shares_RHW, np.zeros(masks_RHW.shape, bool), tolerance=1.0)
    scores = {(NO_THRESHOLD, metric): plain[metric] for metric in METRICS if metric not in OVERLAP}
    masks_RP = masks_RHW.reshape(num_rules, -1).astype(bool)
    iou_ART = _iou_at(maps_AHW.reshape(num_maps, -1), masks_RP, np.concatenate([SWEEP, np.asarray(fixed, float)]))
    by_rule = {fixed_rule(value): iou_ART[:, :, len(SWEEP) + place] for place, value in enumerate(fixed)}
    pixels_R, masks_PR = masks_RP.sum(axis=1), masks_RP.T.astype(np.float32)
    for name, binary_AHW in (
        ("otsu", binarised(maps_AHW, "otsu")),
        ("top_share", binarised(maps_AHW, "top_share", share=top_share)),
    ):
        binary_AP = binary_AHW.reshape(num_maps, -1)
        shared_AR = (binary_AP.astype(np.float32) @ masks_PR).astype(np.float64)  # exact up to 2**24 pixels
        by_rule[name] = iou(shared_AR, binary_AP.sum(axis=1)[:, None], pixels_R)
    by_rule["area_matched"] = plain["area_iou"]
    for rule, iou_AR in by_rule.items():
        scores[rule, "iou"], scores[rule, "dice"] = iou_AR, dice(iou_AR)
    return scores, iou_ART[:, :, : len(SWEEP)]


def dice(iou_of_any_shape: np.ndarray) -> np.ndarray:
    """2 IoU / (1 + IoU)."""
    return 2 * iou_of_any_shape / (1 + iou_of_any_shape)


def _iou_at(maps_AP: np.ndarray, masks_RP: np.ndarray, thresholds_T: np.ndarray) -> np.ndarray:
    """IoU of `map >= t` with each mask, float64 A x R x T: `alignment.threshold_counts`, one pass for all masks."""
    thresholds_T = thresholds_T.astype(maps_AP.dtype)  # as there: compared in the maps' dtype
    order_T = np.argsort(thresholds_T)
    num_maps, num_cells = len(maps_AP), len(thresholds_T) + 1
    cell_AP = np.searchsorted(thresholds_T[order_T], maps_AP, side="right") + num_cells * np.arange(num_maps)[:, None]

    def reached(cells: np.ndarray) -> np.ndarray:
        histogram = np.bincount(cells.ravel(), minlength=num_maps * num_cells).reshape(num_maps, num_cells)
        counts_AT = np.empty((num_maps, num_cells - 1), dtype=np.int64)
        counts_AT[:, order_T] = np.cumsum(histogram[:, ::-1], axis=1)[:, -2::-1]
        return counts_AT

    shared_ART = np.stack([reached(cell_AP[:, mask_P]) for mask_P in masks_RP], axis=1)
    return iou(shared_ART, reached(cell_AP)[:, None], masks_RP.sum(axis=1)[:, None])


def crossfitted(sweep_MART: np.ndarray, patients_M: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Each map's score at the threshold of `SWEEP` that other patients' images choose, float64 M x A x R.

    `binary.crossfit_threshold` for each candidate and consensus rule, all with the same parts of patients (each gets
    a copy of `rng`); NaN where it gives NaN. For Dice pass Dice along the sweep: its best threshold is its own.
    """
    chosen_MAR = np.empty(sweep_MART.shape[:3])
    for row, col in np.ndindex(sweep_MART.shape[1:3]):
        parts = copy.deepcopy(rng)
        chosen_MAR[:, row, col] = crossfit_threshold(sweep_MART[:, row, col], patients_M, SWEEP, folds, parts)[1]
    return chosen_MAR


def specification_means(
    specs: Sequence[Specification],
    candidates: Sequence[tuple[str, str, str]],
    models: Sequence[str],
    scores: Mapping[tuple[str, str], np.ndarray],
    consensus_rules: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over images of each model under each specification, float64 S x N, and over how many images, int S x N.

    `candidates`: (model, layer, method) of each A; `scores`: by (threshold rule, metric), M x A x R. NaN is left out
    of the means: an image whose consensus is empty under one rule counts under the others. A model without maps of a
    specification's layer and method has NaN and 0 images there.
    """
    counts = {key: (~np.isnan(values_MAR)).sum(axis=0) for key, values_MAR in scores.items()}
    with np.errstate(invalid="ignore"):
        means = {key: np.nansum(values_MAR, axis=0) / counts[key] for key, values_MAR in scores.items()}
    place = {candidate: row for row, candidate in enumerate(candidates)}
    column = {rule: col for col, rule in enumerate(consensus_rules)}
    score_SN, images_SN = np.full((len(specs), len(models)), np.nan), np.zeros((len(specs), len(models)), int)
    for row, spec in enumerate(specs):
        key, rule = (spec.threshold_rule, spec.metric), column.get(spec.consensus_rule, 0)  # the share: any column
        for col, model in enumerate(models):
            candidate = place.get((model, spec.layer, spec.method))
            if candidate is not None:
                score_SN[row, col], images_SN[row, col] = means[key][candidate, rule], counts[key][candidate, rule]
    return score_SN, images_SN


def is_ahead(score_SN: np.ndarray) -> np.ndarray:
    """Float64 S x N x N: 1 where the row's model scores higher than the column's, 0 lower, 0.5 a tie.

    NaN on the diagonal and where either model has no score.
    """
    gap_SNN = score_SN[:, :, None] - score_SN[:, None, :]
    ahead_SNN = np.where(np.abs(gap_SNN) <= SAME, 0.5, (gap_SNN > 0).astype(float))
    return np.where(np.isnan(gap_SNN) | np.eye(score_SN.shape[1], dtype=bool), np.nan, ahead_SNN)


def claim_shares(score_SN: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the specifications that have both, the share in which the row's model beats the column's; and their number.

    Float64 N x N in [0, 1], ties half, so that [a, b] + [b, a] = 1; NaN for none and on the diagonal; int N x N.
    """
    ahead_SNN = is_ahead(score_SN)
    number_NN = (~np.isnan(ahead_SNN)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.nansum(ahead_SNN, axis=0) / number_NN, number_NN


def rankings(score_SN: np.ndarray) -> np.ndarray:
    """Each model's rank, float64 S x N: 1 is the highest score, ties share the mean rank; NaN without a score.

    NaN, too, where a specification has fewer than two models: there is nothing to rank.
    """
    behind_SN = np.nansum(is_ahead(score_SN), axis=1)  # of how many each column's model is behind
    return np.where(_is_ranked(score_SN), 1 + behind_SN, np.nan)


def standings(score_SN: np.ndarray) -> np.ndarray:
    """Each score's distance from the mean of its specification's models, in their standard deviations; S x N.

    It makes specifications of different metrics comparable. All 0 where the models tie (population standard
    deviation of 0); two models are always at 1 and -1, or tie. NaN as in `rankings`.
    """
    ranked_SN = _is_ranked(score_SN)
    values_SN, number_S1 = np.where(ranked_SN, score_SN, 0), ranked_SN.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        gap_SN = np.where(ranked_SN, values_SN - values_SN.sum(axis=1, keepdims=True) / number_S1, 0)
        spread_S1 = np.sqrt((gap_SN**2).sum(axis=1, keepdims=True) / number_S1)
    return np.where(ranked_SN, np.where(spread_S1 > SAME, gap_SN / np.where(spread_S1 > SAME, spread_S1, 1), 0), np.nan)


def _is_ranked(score_SN: np.ndarray) -> np.ndarray:
    known_SN = ~np.isnan(score_SN)
    return known_SN & (known_SN.sum(axis=1, keepdims=True) > 1)


def ranking_agreement(score_SN: np.ndarray) -> float:
    """Mean Kendall's tau-b between the rankings of two specifications, over all pairs of them, in [-1, 1].

    Over the models that both have; pairs of specifications where tau is not defined (fewer than two common models,
    or all tied in one) are left out; NaN if none is left. 1: no choice matters. 0: the order is the choices' alone.
    """
    row_Q, col_Q = np.triu_indices(score_SN.shape[1], 1)
    sign_SQ = 2 * is_ahead(score_SN)[:, row_Q, col_Q] - 1
    known_SQ, sign_SQ = (~np.isnan(sign_SQ)).astype(float), np.nan_to_num(sign_SQ)
    untied_SS = sign_SQ**2 @ known_SQ.T
    with np.errstate(invalid="ignore"):
        tau_SS = (sign_SQ @ sign_SQ.T) / np.sqrt(untied_SS * untied_SS.T)
    tau = tau_SS[np.triu_indices(len(score_SN), 1)]
    return float(np.nanmean(tau)) if not np.isnan(tau).all() else float("nan")


def factor_shares(
    score_SN: np.ndarray, specs: Sequence[Specification]
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """How much of the variance of a difference of two models' standings each factor's main effect explains.

    By factor: over all pairs together, and for each pair, float64 N x N, symmetric. It is eta squared: the sum of
    squares between the factor's levels over the total, in [0, 1]; NaN where a pair's difference never varies. The
    factors are not crossed (threshold rules belong to overlap metrics, `soft` to those against the share), so the
    shares overlap and need not sum to 1; what is missing to 1 is interaction.
    """
    num_models = score_SN.shape[1]
    row_Q, col_Q = np.triu_indices(num_models, 1)
    standing_SN = standings(score_SN)
    gap_SQ = standing_SN[:, row_Q] - standing_SN[:, col_Q]
    known_SQ = ~np.isnan(gap_SQ)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap_SQ = np.where(known_SQ, gap_SQ - np.nansum(gap_SQ, axis=0) / known_SQ.sum(axis=0), 0)
        total_Q = (gap_SQ**2).sum(axis=0)
        total_Q = np.where(total_Q > SAME, total_Q, np.nan)
        pooled, by_pair = {}, {}
        for place, factor in enumerate(FACTORS):
            _, level_S = np.unique([spec[place] for spec in specs], return_inverse=True)
            is_level_LS = (level_S == np.arange(level_S.max(initial=-1) + 1)[:, None]).astype(float)
            number_LQ = is_level_LS @ known_SQ
            between_Q = ((is_level_LS @ gap_SQ) ** 2 / np.where(number_LQ > 0, number_LQ, 1)).sum(axis=0)
            between_Q = np.where(np.isnan(total_Q), np.nan, between_Q)
            by_pair[factor] = np.full((num_models, num_models), np.nan)
            by_pair[factor][row_Q, col_Q] = by_pair[factor][col_Q, row_Q] = between_Q / total_Q
            pooled[factor] = float(np.nansum(between_Q) / np.nansum(total_Q))
    return pooled, by_pair


def by_margin(score_SN: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The order of a specification curve, int S, and the two leaders, the columns with the highest mean standing.

    Specifications come by the first leader's standing less the second's, largest first; then those that lack one of
    the two, in their own order. Specifications that rank nothing are left out. Fewer leaders if fewer are ranked.
    """
    standing_SN = standings(score_SN)
    ranked_S = np.flatnonzero(~np.isnan(standing_SN).all(axis=1))
    known_N = (~np.isnan(standing_SN)).sum(axis=0)
    mean_N = np.where(known_N > 0, np.nansum(standing_SN, axis=0) / np.maximum(known_N, 1), -np.inf)
    leaders = [int(col) for col in np.argsort(-np.round(mean_N, DIGITS), kind="stable")[:2] if known_N[col]]
    if len(leaders) < 2:
        return ranked_S, leaders
    margin_S = standing_SN[ranked_S, leaders[0]] - standing_SN[ranked_S, leaders[1]]
    return ranked_S[np.argsort(-np.round(margin_S, DIGITS), kind="stable")], leaders
