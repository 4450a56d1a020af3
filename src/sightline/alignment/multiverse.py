"""Scores of maps under every choice of threshold rule, consensus rule and metric; `specifications` combines them.

A candidates (a model's maps of one layer and method), M images, R consensus rules, T thresholds, H W image grid,
P = H * W pixels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.alignment.binarised import crossfit_threshold
from sightline.alignment.cuts import Cuts
from sightline.alignment.iou_and_pointing import SWEEP, iou
from sightline.alignment.region_scores import sorted_map
from sightline.alignment.targets import Targets, targets_of
from sightline.alignment.threshold_free import map_scores
from sightline.experts.consensus import consensus_mask, pixel_share
from sightline.maps import is_flat, scaled_of_image
from sightline.processes import in_processes
from sightline.statistics.otsu import otsu_threshold

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
    merged = list(in_processes(_merged, (images_A, masks_AHW, rules), images))
    grid = masks_AHW.shape[1:]
    masks, shares = [masks for masks, _ in merged], [share for _, share in merged]
    return Regions(
        images,
        rules,
        SOFT,
        np.reshape(masks, (len(images), len(rules), *grid)).astype(bool),
        np.reshape(shares, (len(images), *grid)),
    )


def _merged(work: tuple[np.ndarray, np.ndarray, list[str]], image: str) -> tuple[np.ndarray, np.ndarray]:
    """The region of one image by each rule, bool R x H x W, and the share of its readers."""
    images_A, masks_AHW, rules = work
    masks_RHW = masks_AHW[images_A == image]
    by_rule = [consensus_mask(masks_RHW, rule) for rule in rules]  # type: ignore[arg-type]
    return np.reshape(by_rule, (len(rules), *masks_AHW.shape[1:])), pixel_share(masks_RHW)


def fixed_rule(threshold: float) -> str:
    """The name of the threshold rule `map >= threshold`: `fixed_0.5`."""
    return f"fixed_{threshold:g}"


def image_choices(
    maps_AHW: np.ndarray, targets: Targets, fixed: Sequence[float], top_share: float
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray]:
    """Scores of one image by (threshold rule, metric), float64 A x R each, and IoU along `SWEEP`, A x R x T.

    `maps_AHW`: float32 from `maps.scaled_maps`; `targets`: of the image, by each consensus rule (`image_targets`).
    The threshold rules are `fixed_<t>`, `otsu`, `top_share` (all as `binarised` has them) and `area_matched`, which is
    the expectation over ties at the cut here (`threshold_free.image_scores`). `crossfit` needs all images:
    `crossfitted`.

    An empty consensus gives NaN in its column, except for metrics against the share, whose columns are equal. A flat
    map scores chance without a threshold and when area-matched; under any other rule it is empty and scores 0.
    """
    num_maps = len(maps_AHW)
    sorted_maps = [sorted_map(map_HW) for map_HW in maps_AHW]  # once, for the metrics and for all cuts
    without_rule = [name for name in METRICS if name not in OVERLAP]
    plain = map_scores(maps_AHW, targets, 1.0, (*without_rule, "area_iou"), sorted_maps)
    size = (num_maps, len(targets.size_R))
    scores = {(NO_THRESHOLD, metric): np.broadcast_to(plain[metric], size) for metric in without_rule}
    thresholds_T = np.concatenate([SWEEP, np.asarray(fixed, float)])
    num_highest = int(np.floor(top_share * targets.regions.num_pixels + 0.5))
    iou_ART = np.empty((*size, len(thresholds_T)))
    otsu_AR, top_AR = np.empty((2, *size))
    for row, of_map in enumerate(sorted_maps):
        cuts = Cuts(of_map, targets.regions)
        pixels_T, shared_RT = cuts.at_least(thresholds_T)
        iou_ART[row] = iou(shared_RT, pixels_T, targets.size_R[:, None])
        for iou_AR, (pixels, shared_R) in (
            (otsu_AR, cuts.above(otsu_threshold(cuts.ascending_P))),
            (top_AR, cuts.highest(num_highest)),
        ):
            iou_AR[row] = iou(shared_R, np.array(pixels), targets.size_R)
    by_rule = {fixed_rule(value): iou_ART[:, :, len(SWEEP) + place] for place, value in enumerate(fixed)}
    by_rule |= {"otsu": otsu_AR, "top_share": top_AR, "area_matched": plain["area_iou"]}
    for rule, iou_AR in by_rule.items():
        scores[rule, "iou"], scores[rule, "dice"] = iou_AR, dice(iou_AR)
    return scores, iou_ART[:, :, : len(SWEEP)]


def image_targets(masks_RHW: np.ndarray, share_HW: np.ndarray) -> Targets:
    """What the maps of one image are compared with: `masks_RHW` bool, by each rule; `share_HW` in [0, 1].

    The share is one row for all rules: metrics against it are computed once.
    """
    return targets_of(masks_RHW, share_HW[None], np.zeros(share_HW.shape))


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
    targets = image_targets(masks_RHW, share_HW)
    for start in range(0, len(raws), TOGETHER):
        maps_AHW = scaled_of_image(raws[start : start + TOGETHER], row, *share_HW.shape)
        scores, sweep_ART = image_choices(maps_AHW, targets, fixed, top_share)
        choices.append(scores)
        sweeps.append(sweep_ART)
        flat.append(is_flat(maps_AHW))
    by_choice = {key: np.concatenate([scores[key] for scores in choices]) for key in choices[0]}
    return by_choice, np.concatenate(sweeps), np.concatenate(flat)


def _of_image(
    work: tuple[Sequence[np.ndarray], Regions, Sequence[float], float], row: int
) -> tuple[dict[tuple[str, str], np.ndarray], np.ndarray, np.ndarray]:
    raws, regions, fixed, top_share = work
    return raw_image_choices(raws, row, regions.masks_MRHW[row], regions.share_MHW[row], fixed, top_share)


def dice(iou_of_any_shape: np.ndarray) -> np.ndarray:
    """2 IoU / (1 + IoU)."""
    return 2 * iou_of_any_shape / (1 + iou_of_any_shape)


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
    """Scores of every candidate under every choice, the images by all cores; `raws`: each candidate's, M x h x w.

    Patients are dealt into `folds` folds, or into one fold per patient if there are fewer patients than that. A single
    patient has no cross-fitted threshold; that rule is then missing.
    """
    work = (raws, regions, fixed, top_share)
    by_image, sweeps, flat = zip(*in_processes(_of_image, work, range(len(regions.images))), strict=True)
    flat_A = np.sum(flat, axis=0)
    scores = {key: np.stack([choices[key] for choices in by_image]) for key in by_image[0]}
    rules = [*map(fixed_rule, fixed), "otsu", "top_share", "area_matched"]
    folds = min(folds, len(np.unique(patients_M)))
    if folds > 1:
        sweep_MART = np.stack(sweeps)
        scores[CROSSFIT, "iou"] = crossfitted(sweep_MART, patients_M, folds, rng)
        scores[CROSSFIT, "dice"] = crossfitted(dice(sweep_MART), patients_M, folds, rng)
        rules.append(CROSSFIT)
    return Choices(scores, rules, flat_A)
