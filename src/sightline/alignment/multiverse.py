"""Scores of maps under every choice of threshold rule, consensus rule and metric; `specifications` combines them.

A candidates (a model's maps of one layer and method), M images, R consensus rules, T thresholds, H W image grid,
P = H * W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.alignment.binarised import binarised, crossfit_threshold
from sightline.alignment.iou_and_pointing import SWEEP, iou
from sightline.alignment.threshold_free import image_scores
from sightline.experts.consensus import consensus_mask, pixel_share
from sightline.maps import is_flat, scaled_of_image

OVERLAP = ("iou", "dice")  # need a threshold rule
METRICS = (*OVERLAP, "mass", "rank", "ap", "auroc", "pointing", "nss", "cc", "sim", "vote")  # higher is better
CROSSFIT = "crossfit"  # the threshold rule that a single patient does not have
NO_THRESHOLD, SOFT = "none", "soft"  # levels of metrics without a threshold, and of metrics against the shares
TOGETHER = 8  # candidates of an image that are scored at once: memory does not grow with the models


@dataclass(frozen=True)
class Regions:
    """What maps are compared with, of M images sorted by name, by R consensus rules."""

    images: list[str]
    rules: list[str]
    share_rule: str
    """The consensus rule under which metrics against the readers' share are listed."""
    masks_MRHW: np.ndarray
    share_MHW: np.ndarray


@dataclass(frozen=True)
class Choices:
    """The study's scores under every choice."""

    scores: dict[tuple[str, str], np.ndarray]
    """By (threshold rule, metric), M x A x R; NaN where an image's consensus is empty."""
    threshold_rules: list[str]
    flat_A: np.ndarray
    """int, how many of each candidate's maps are flat."""


def merged_regions(images: list[str], images_A: np.ndarray, masks_AHW: np.ndarray, rules: list[str]) -> Regions:
    """The regions that each image's annotations make by every rule; `images_A` names each annotation's image."""
    by_image = [masks_AHW[images_A == image] for image in images]
    grid = masks_AHW.shape[1:]
    masks = [consensus_mask(masks_RHW, rule) for masks_RHW in by_image for rule in rules]  # type: ignore[arg-type]
    return Regions(
        images,
        rules,
        SOFT,
        np.reshape(masks, (len(images), len(rules), *grid)).astype(bool),
        np.reshape([pixel_share(masks_RHW) for masks_RHW in by_image], (len(images), *grid)),
    )


def fixed_rule(threshold: float) -> str:
    """The name of the threshold rule `map >= threshold`: `fixed_0.5`."""
    return f"fixed_{threshold:g}"


def image_choices(
    maps_AHW: np.ndarray, masks_RHW: np.ndarray, share_HW: np.ndarray, fixed: Sequence[float], top_share: float
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray]:
    """Scores of one image by (threshold rule, metric), float64 A x R each, and IoU along `SWEEP`, A x R x T.

    `maps_AHW`: float32 from `maps.scaled_maps`; `masks_RHW`: bool, the consensus by each rule; `share_HW`: in [0, 1].
    The threshold rules are `fixed_<t>`, `otsu`, `top_share` (all as `binarised` has them) and `area_matched`, which is
    the expectation over ties at the cut here (`threshold_free.image_scores`). `crossfit` needs all images:
    `crossfitted`.

    An empty consensus gives NaN in its column, except for metrics against the share, whose columns are equal. A flat
    map scores chance without a threshold and when area-matched; under any other rule it is empty and scores 0.
    """
    num_maps, num_rules = len(maps_AHW), len(masks_RHW)
    shares_RHW = np.broadcast_to(share_HW, masks_RHW.shape)
    plain = image_scores(maps_AHW, masks_RHW, shares_RHW, np.zeros(masks_RHW.shape[1:]), tolerance=1.0)
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
    """`image_choices` of map `row` of A candidates' raw maps, any number of them, and which are flat, bool A."""
    choices, sweeps, flat = [], [], []
    for start in range(0, len(raws), TOGETHER):
        maps_AHW = scaled_of_image(raws[start : start + TOGETHER], row, *share_HW.shape)
        scores, sweep_ART = image_choices(maps_AHW, masks_RHW, share_HW, fixed, top_share)
        choices.append(scores)
        sweeps.append(sweep_ART)
        flat.append(is_flat(maps_AHW))
    by_choice = {key: np.concatenate([scores[key] for scores in choices]) for key in choices[0]}
    return by_choice, np.concatenate(sweeps), np.concatenate(flat)


def dice(iou_of_any_shape: np.ndarray) -> np.ndarray:
    """2 IoU / (1 + IoU)."""
    return 2 * iou_of_any_shape / (1 + iou_of_any_shape)


def _iou_at(maps_AP: np.ndarray, masks_RP: np.ndarray, thresholds_T: np.ndarray) -> np.ndarray:
    """IoU of `map >= t` with each mask, float64 A x R x T: as `threshold_counts`, in one pass for all masks."""
    thresholds_T = thresholds_T.astype(maps_AP.dtype)  # as there, compared in the maps' dtype
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

    `binarised.crossfit_threshold` of each candidate and consensus rule, all with the same folds of patients (each gets
    a copy of `rng`); NaN where it gives NaN. For Dice, pass Dice along the sweep: its best threshold is another.
    """
    chosen_MAR = np.empty(sweep_MART.shape[:3])
    for row, col in np.ndindex(sweep_MART.shape[1:3]):
        parts = copy.deepcopy(rng)
        chosen_MAR[:, row, col] = crossfit_threshold(sweep_MART[:, row, col], patients_M, SWEEP, folds, parts)[1]
    return chosen_MAR


def study_choices(
    raws: Sequence[np.ndarray],
    regions: Regions,
    patients_M: np.ndarray,
    *,
    fixed: Sequence[float],
    top_share: float,
    folds: int,
    rng: np.random.Generator,
) -> Choices:
    """Scores of every candidate under every choice; `raws`: each candidate's raw maps, M x h x w.

    Patients are dealt into `folds` folds, or into one fold per patient if there are fewer patients than that. A single
    patient has no cross-fitted threshold; that rule is then missing.
    """
    by_image, sweeps = [], []
    flat_A = np.zeros(len(raws), int)
    for row, (masks_RHW, share_HW) in enumerate(zip(regions.masks_MRHW, regions.share_MHW, strict=True)):
        choices, sweep_ART, is_flat_A = raw_image_choices(raws, row, masks_RHW, share_HW, fixed, top_share)
        by_image.append(choices)
        sweeps.append(sweep_ART)
        flat_A += is_flat_A
    scores = {key: np.stack([choices[key] for choices in by_image]) for key in by_image[0]}
    rules = [*map(fixed_rule, fixed), "otsu", "top_share", "area_matched"]
    folds = min(folds, len(np.unique(patients_M)))
    if folds > 1:
        sweep_MART = np.stack(sweeps)
        scores[CROSSFIT, "iou"] = crossfitted(sweep_MART, patients_M, folds, rng)
        scores[CROSSFIT, "dice"] = crossfitted(dice(sweep_MART), patients_M, folds, rng)
        rules.append(CROSSFIT)
    return Choices(scores, rules, flat_A)
