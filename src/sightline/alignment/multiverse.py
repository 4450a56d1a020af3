"""The ranking of the models over every reasonable choice: how far does it hang on the choices?

A specification is one choice of each factor: target layer x saliency method x threshold rule x consensus rule x
metric (Steegen et al. 2016, "Increasing transparency through a multiverse analysis"; Simonsohn et al. 2020,
"Specification curve analysis"). Every combination counts once, also where a choice changes nothing for two models:
CAM and Grad-CAM of a gap head at the exact layer are one map, so that layer weighs double between gap heads. Shares
describe the choices; they are no probabilities.

Here scores become specifications; `ranking` says what these make of the models. S specifications, N models, A
candidates (a model's maps of one layer and method), M images, R consensus rules, T thresholds, H W image grid,
P = H * W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np

from sightline.alignment.binarised import binarised, crossfit_threshold
from sightline.alignment.iou_and_pointing import iou
from sightline.alignment.threshold_free import BY_SHARE, image_scores
from sightline.maps import is_flat, scaled_of_image
from sightline.statistics.means import means_along
from sightline.statistics.ranking import Specification

OVERLAP = ("iou", "dice")  # need a threshold rule
METRICS = (*OVERLAP, "mass", "rank", "ap", "auroc", "pointing", "nss", "cc", "sim", "vote")  # higher is better
NO_THRESHOLD, SOFT = "none", "soft"  # levels of what has no threshold, and of what is held against the shares
SWEEP = np.round(np.arange(1, 46) * 0.02, 2)  # thresholds that cross-fitting chooses from, as Figures 6 and 7
TOGETHER = 8  # kinds of map of an image that are scored at once: memory does not grow with the models


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


def raw_image_choices(
    raws: Sequence[np.ndarray],
    row: int,
    masks_RHW: np.ndarray,
    share_HW: np.ndarray,
    fixed: Sequence[float],
    top_share: float,
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray, np.ndarray]:
    """`image_choices` of map `row` of A kinds of raw map, any number of them, and which are flat, bool A."""
    choices, sweeps, flat = [], [], []
    for start in range(0, len(raws), TOGETHER):
        maps_AHW = scaled_of_image(raws[start : start + TOGETHER], row, *share_HW.shape)
        scores, sweep_ART = image_choices(maps_AHW, masks_RHW, share_HW, fixed, top_share)
        choices.append(scores)
        sweeps.append(sweep_ART)
        flat.append(is_flat(maps_AHW))
    found = {key: np.concatenate([scores[key] for scores in choices]) for key in choices[0]}
    return found, np.concatenate(sweeps), np.concatenate(flat)


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
    means = {key: means_along(values_MAR, axis=0) for key, values_MAR in scores.items()}
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
