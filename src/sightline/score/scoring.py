"""Maps made elsewhere against the experts' regions: every metric, the baseline ladder, the human scale, with intervals.

What `sightline score` computes, on arrays. A candidates (model, or model.method), K baselines, M images, R readers,
H W common grid, B resamples, S bins of pooled average precision.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sightline.alignment.baselines import baseline_maps, draw_means, stacked
from sightline.alignment.binarised import Rule, binarised, binary_scores
from sightline.alignment.human_scale import ImageScores, image_scores_on_scale, null_masks, scale_summary
from sightline.alignment.lifts import lifts
from sightline.alignment.other_patients import Elsewhere
from sightline.alignment.pooled_precision import binned_average_precision, score_histograms
from sightline.alignment.threshold_free import LOWER_IS_BETTER, METRICS, image_scores
from sightline.experts.consensus import left_out_consensus, left_out_share
from sightline.maps import is_flat, scaled_maps
from sightline.statistics.holm import holm
from sightline.statistics.resampling import hierarchical_weights, interval, paired_difference

DRAWS, RESAMPLES, LEVEL, FLIPS = 20, 5000, 0.95, 10_000  # per image and random baseline; of all intervals and tests
TOLERANCE = 15 / 224  # share of the shorter side, of Pointing Game with tolerance (Zhang et al. 2018: 15 pixels)
TAG_DRAWS, TAG_NULLS, TAG_RESAMPLES, TAG_READERS, TAG_FLIPS = 601, 602, 603, 604, 605  # of the generators
RULES: tuple[Rule, ...] = ("fixed", "otsu", "area_matched")
BINARY = ("iou", "dice", "hd95", "assd", "nsd")
IN_BODY = {"lungs": "body", "random_in_lungs": "random_in_body"}  # what baselines are called without lung masks


@dataclass(frozen=True, kw_only=True)
class Material:
    """What is scored; M images, sorted by name."""

    images: list[str]
    patients_M: np.ndarray
    raw_maps: dict[str, dict[str, np.ndarray]]
    """By candidate and image, float64 h x w, at any size."""
    readers_MRHW: list[np.ndarray]
    """bool R x H x W each."""
    masks_MHW: np.ndarray
    """bool: at least half of the readers, or the finished region."""
    shares_MHW: np.ndarray
    """float32 in [0, 1]."""
    pixels_MHW: np.ndarray | None
    """uint8, the X-rays."""
    anatomy_MHW: np.ndarray | None
    """bool: lungs, or the body."""
    anatomy: str
    """lungs, body or none."""
    is_single: bool
    left_out: dict[str, list[str]]
    """Names by reason; reasons without names are left out."""

    def maps_AHW(self, row: int) -> np.ndarray:
        """float32 in [0, 1], on the common grid."""
        image = self.images[row]
        return np.concatenate([scaled_maps(maps[image][None], *self.grid) for maps in self.raw_maps.values()])

    @property
    def grid(self) -> tuple[int, int]:
        height, width = self.masks_MHW.shape[1:]
        return height, width

    @property
    def tolerance(self) -> float:
        """Pixels."""
        return TOLERANCE * min(self.grid)

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """What was marked on other patients' images."""
        return Elsewhere(self.shares_MHW, self.patients_M, self.masks_MHW)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Scores of every image."""

    baselines: list[str]
    scores: dict[str, np.ndarray]
    """By metric, float64 (A + K) x M."""
    binary: dict[str, dict[str, np.ndarray]]
    """By rule and metric, float64 A x M."""
    histograms_MA2S: np.ndarray
    """int64, of `pooled.score_histograms`."""
    on_scale: list[ImageScores]
    """Empty for finished regions."""
    flat_AM: np.ndarray
    """bool."""


def scored(material: Material, threshold: float, seed: int) -> Found:
    """Scores all maps and baselines of each image. An image's random draws hang on its name and the seed alone."""
    num_candidates = len(material.raw_maps)
    names: list[str] = []
    columns, histograms, on_scale, flat = [], [], [], []
    cut: dict[str, list[dict[str, np.ndarray]]] = {rule: [] for rule in RULES}
    for row, image in enumerate(material.images):
        maps_AHW, mask_1HW = material.maps_AHW(row), material.masks_MHW[[row]]
        baselines = _baselines(material, row, np.random.default_rng([seed, TAG_DRAWS, zlib.crc32(image.encode())]))
        names = list(baselines)
        drawn_DHW, draws = stacked(baselines)
        negatives_1HW = material.elsewhere.marked(row)[None] & ~mask_1HW
        values = image_scores(
            np.concatenate([maps_AHW, drawn_DHW]), mask_1HW, material.shares_MHW[[row]], negatives_1HW,
            material.tolerance,
        )  # fmt: skip
        columns.append(
            {
                metric: np.append(found[:num_candidates, 0], draw_means(found[num_candidates:], draws)[:, 0])
                for metric, found in values.items()
            }
        )
        masks_AHW = np.broadcast_to(mask_1HW, maps_AHW.shape)
        for rule in RULES:
            binary_AHW = binarised(maps_AHW, rule, threshold=threshold, masks_MHW=masks_AHW)
            cut[rule].append(binary_scores(binary_AHW, mask_1HW, material.tolerance))
        histograms.append(score_histograms(maps_AHW, masks_AHW))
        flat.append(is_flat(maps_AHW))
        if material.is_single:
            on_scale.append(_on_scale(material, row, maps_AHW, seed))
    return Found(
        baselines=names,
        scores={metric: np.array([column[metric] for column in columns]).T for metric in METRICS},
        binary={
            rule: {metric: np.array([found[metric][:, 0] for found in cut[rule]]).T for metric in BINARY}
            for rule in RULES
        },
        histograms_MA2S=np.array(histograms),
        on_scale=on_scale,
        flat_AM=np.array(flat).T,
    )


def _baselines(material: Material, row: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The ladder, less what needs an X-ray or lungs that are not given; called body where it is the body."""
    nothing_HW = np.zeros(material.grid, np.uint8)  # what stands in for an X-ray is used by no baseline
    pixels_HW = nothing_HW if material.pixels_MHW is None else material.pixels_MHW[row]
    anatomy_HW = nothing_HW.astype(bool) if material.anatomy_MHW is None else material.anatomy_MHW[row]
    maps = baseline_maps(pixels_HW, anatomy_HW, material.elsewhere, row, rng, DRAWS)
    unknown = {"edges"} if material.pixels_MHW is None else set()
    unknown |= set(IN_BODY) if material.anatomy_MHW is None else set()
    renamed = IN_BODY if material.anatomy == "body" else {}
    return {renamed.get(name, name): found for name, found in maps.items() if name not in unknown}


def _on_scale(material: Material, row: int, maps_AHW: np.ndarray, seed: int) -> ImageScores:
    """Model, left-out expert and another patient's annotations against the same leave-one-out consensuses."""
    masks_RHW = material.readers_MRHW[row]
    elsewhere_HW = material.elsewhere.marked(row)
    rng = np.random.default_rng([seed, TAG_NULLS, zlib.crc32(material.images[row].encode())])
    null_DHW = null_masks(material.readers_MRHW, material.patients_M, row, DRAWS, rng)
    return image_scores_on_scale(
        maps_AHW, masks_RHW, null_DHW, left_out_consensus(masks_RHW), left_out_share(masks_RHW),
        lambda maps, masks, shares: image_scores(maps, masks, shares, elsewhere_HW & ~masks, material.tolerance),
    )  # fmt: skip


def summary(material: Material, found: Found, primary: str, seed: int) -> dict[str, Any]:
    """Means over images with intervals by patient, lifts over each candidate's best baseline, and what was left out."""
    names, num = list(material.raw_maps), len(material.raw_maps)
    patients_M = material.patients_M
    num_patients = len(np.unique(patients_M))
    rng = np.random.default_rng([seed, TAG_RESAMPLES])
    weights_BM = hierarchical_weights(patients_M, RESAMPLES, rng, deepest="patients")
    candidates: dict[str, Any] = {name: {} for name in names}
    baselines: dict[str, Any] = {name: {} for name in found.baselines}
    for metric in METRICS:
        values = found.scores[metric]
        lifted = lifts(
            values[:num], values[num:], None, weights_BM, patients_M, LEVEL, FLIPS, [seed, TAG_FLIPS],
            higher_is_better=metric not in LOWER_IS_BETTER,
        )  # fmt: skip
        for row, name in enumerate(names):
            candidates[name][metric] = {
                "value": lifted.value_A[row],
                "low": lifted.low_A[row],
                "high": lifted.high_A[row],
                "best_baseline": found.baselines[lifted.best_A[row]],
                "lift": lifted.lift_A[row],
                "lift_low": lifted.lift_low_A[row],
                "lift_high": lifted.lift_high_A[row],
                "p": lifted.p_A[row],
            }
        sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
        for name, values_M in zip(found.baselines, values[num:], strict=True):
            baselines[name][metric] = _means(values_M[None], weights_BM, num_patients)[0]
            gaps = _means(sign * (values[:num] - values_M), weights_BM, num_patients)
            for candidate, gap in zip(names, gaps, strict=True):
                candidates[candidate][metric].setdefault("over", {})[name] = gap
    adjusted = holm(np.array([candidates[name][primary]["p"] for name in names]))
    pooled = _pooled(found.histograms_MA2S, weights_BM, num_patients)
    for row, name in enumerate(names):
        candidates[name][primary]["p_holm"] = adjusted[row]
        candidates[name]["pooled_ap"] = pooled[row]
        candidates[name]["flat_maps"] = int(found.flat_AM[row].sum())
        candidates[name]["binary"] = {rule: {} for rule in RULES}
    for rule, by_metric in found.binary.items():
        for metric, values in by_metric.items():
            for name, means in zip(names, _means(values, weights_BM, num_patients), strict=True):
                candidates[name]["binary"][rule][metric] = means
    first = found.scores[primary][0]
    minus_first = dict(zip(names, _means(found.scores[primary][:num] - first, weights_BM, num_patients), strict=True))
    return {
        "candidates": candidates,
        "baselines": baselines,
        "first": names[0],
        "minus_first": {name: gap for name, gap in minus_first.items() if name != names[0]},
        "human_scale": _human_scale(material, found, names, seed),
        "primary": primary,
        "images": len(material.images),
        "patients": num_patients,
        "grid": list(material.grid),
        "tolerance_pixels": material.tolerance,
        "region_share": float(material.masks_MHW.mean()),
        "anatomy": material.anatomy,
        "regions": "consensus of annotations" if material.is_single else "finished",
        "left_out": {reason: {"count": len(cases), "names": cases} for reason, cases in material.left_out.items()},
        "settings": {"seed": seed, "draws": DRAWS, "resamples": RESAMPLES, "level": LEVEL, "sign_flips": FLIPS},
    }


def _means(values_AM: np.ndarray, weights_BM: np.ndarray, num_patients: int) -> list[dict[str, float]]:
    """Value and interval of each row's mean over the images on which it is defined."""
    means = paired_difference(values_AM, np.zeros(values_AM.shape[1]), weights_BM, LEVEL, num_patients)
    ends = zip(means.estimate, means.low, means.high, strict=True)
    return [{"value": value, "low": low, "high": high} for value, low, high in ends]


def _pooled(histograms_MA2S: np.ndarray, weights_BM: np.ndarray, num_patients: int) -> list[dict[str, float]]:
    """Average precision of the pixels of all images together, in bins of 0.001; chance is their prevalence."""
    ends = []
    for histograms_M2S in histograms_MA2S.transpose(1, 0, 2, 3):
        flat = histograms_M2S.reshape(len(histograms_M2S), -1).astype(np.float64)
        resampled_B2S = (weights_BM @ flat).reshape(-1, *histograms_M2S.shape[1:])
        value = binned_average_precision(histograms_M2S.sum(axis=0))
        low, high = interval(binned_average_precision(resampled_B2S)[:, None], LEVEL, num_patients)
        ends.append({"value": float(value), "low": low[0], "high": high[0]})
    return ends


def _human_scale(material: Material, found: Found, names: list[str], seed: int) -> dict[str, Any]:
    """By metric: what a left-out expert and anatomy reach, and each candidate's place between; {} if unknown."""
    if not any(not image.left_out for image in found.on_scale):
        return {}
    keys = [(name, "") for name in names]
    whole = scale_summary(found.on_scale, keys, material.patients_M, RESAMPLES, LEVEL, [seed, TAG_READERS])
    told = ("human", "human_low", "human_high", "anatomy", "images", "readings")
    return {
        metric: {
            **{name: scale[name] for name in told},
            "candidates": {
                name: {end: scale["models"][name][""][end] for end in ("value", "low", "high")} for name in names
            },
        }
        for metric, scale in whole.items()
    }
