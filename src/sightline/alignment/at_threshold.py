"""Every map against the consensus at the threshold: IoU, Pointing Game, chance and random maps, and the sweep.

What the stage `align` computes, on arrays. Definitions: docs/metrics.md#overlap.

M images, H W image grid, T thresholds, A kinds of map (model x method).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sightline.alignment.iou_and_pointing import (
    SWEEP,
    chance_iou,
    chance_pointing,
    iou,
    pointing,
    random_alignment,
    threshold_counts,
)
from sightline.maps import is_flat, scaled_maps
from sightline.statistics.exact_tests import grouped_pointing_p, hit_rate_interval
from sightline.statistics.means import weighted_means
from sightline.statistics.resampling import percentile_interval, resample_patient_counts
from sightline.statistics.significance import mann_whitney_greater

MEANS = ["iou", "pointing", "chance_iou", "chance_pointing", "random_iou", "random_pointing"]
COLUMNS = [
    *["image", "model", "method", "threshold", "iou", "pointing", "map_area", "consensus_area"],
    *["chance_iou", "chance_pointing", "random_iou", "random_pointing"],
    *["published_random_iou", "published_random_pointing", "flat"],
]
SWEEP_COLUMNS = ["model", "method", "threshold", "iou"]
Table = dict[str, np.ndarray]  # columns of one length by name
Results = dict[str, dict[str, Any]]  # by model and method


def score_maps(
    maps: Mapping[tuple[str, str], np.ndarray],
    images: list[str],
    masks_MHW: np.ndarray,
    threshold: float,
    random_maps: int,
    rng: np.random.Generator,
) -> tuple[Table, Table]:
    """Two tables: a row per image x model x method at the threshold, and the mean IoU along the sweep.

    `maps`: raw, M x h x w by model and method; `masks_MHW`: bool, none of them empty; `random_maps`: fields of
    `random_alignment`, drawn by `rng`. No maps give empty tables.
    """
    if not maps:
        return {name: np.zeros(0) for name in COLUMNS}, {name: np.zeros(0) for name in SWEEP_COLUMNS}
    num_images, height, width = masks_MHW.shape
    mask_pixels_M = masks_MHW.sum(axis=(1, 2))
    thresholds_T = np.append(SWEEP, threshold)
    rows, sweeps, areas_AM = [], [], []
    for (model, method), raw in maps.items():
        maps_MHW = scaled_maps(raw, height, width)
        map_pixels_MT, shared_MT = threshold_counts(maps_MHW, masks_MHW, thresholds_T)
        iou_MT = iou(shared_MT, map_pixels_MT, mask_pixels_M[:, None])
        map_share_M, mask_share_M = map_pixels_MT[:, -1] / (height * width), mask_pixels_M / (height * width)
        areas_AM.append(map_pixels_MT[:, -1])
        names = {"model": [model] * len(SWEEP), "method": [method] * len(SWEEP)}
        sweeps.append({**names, "threshold": SWEEP, "iou": iou_MT[:, :-1].mean(axis=0)})
        row = {
            "image": images,
            "model": [model] * num_images,
            "method": [method] * num_images,
            "threshold": np.full(num_images, threshold),
            "iou": iou_MT[:, -1],
            "pointing": pointing(maps_MHW, masks_MHW),
            "map_area": map_share_M,
            "consensus_area": mask_share_M,
            "chance_iou": chance_iou(map_share_M, mask_share_M),
            "chance_pointing": chance_pointing(mask_share_M),
            "flat": is_flat(maps_MHW).astype(int),
        }
        rows.append(row)
    random = random_alignment(np.array(areas_AM), masks_MHW, random_maps, rng)
    table = _joined(rows)  # model x method outside, image inside, as areas_AM
    table["random_iou"] = random.iou_AM.ravel()
    table["random_pointing"] = np.tile(random.pointing_M, len(maps))
    table["published_random_iou"] = random.published_iou_AM.ravel()
    table["published_random_pointing"] = np.tile(random.published_pointing_M, len(maps))
    return {name: table[name] for name in COLUMNS}, _joined(sweeps)


def _joined(parts: Iterable[Mapping[str, Any]]) -> Table:
    """The rows of tables of the same columns, one table after the other."""
    parts = list(parts)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def summarise(table: Table, sweep: Table, patients: list[str]) -> Results:
    """`<model>.<method>`: means over images, p-values, the sweep's best threshold.

    `p_*_published` is the paper's Mann-Whitney test against one random map per image. `p_pointing_exact` is the exact
    test of the hits against each image's own chance, its region's share of the image, by patient
    (`exact_tests.grouped_pointing_p`). IoU has no such test here: what random maps score says nothing of a map that is
    the same on every image, which lies above them in 20 to 30% of studies. `patients`: of the images, in their order.
    The best threshold (the lowest, if tied) is chosen on the images that it is scored on, so its IoU is optimistic.
    """
    metrics: Results = {}
    for model, method in _kinds(table):
        rows = _of(table, model, method)
        curve = _of(sweep, model, method)
        best = int(np.argmax(curve["iou"]))
        summary: dict[str, Any] = {name: rows[name].mean() for name in MEANS}
        summary |= {"images": len(rows["image"]), "flat_maps": int(rows["flat"].sum())}
        summary |= {"best_threshold": curve["threshold"][best], "best_iou": curve["iou"][best]}
        for score in ("iou", "pointing"):
            summary[f"p_{score}_published"] = mann_whitney_greater(rows[score], rows[f"published_random_{score}"])
        hits, chances = rows["pointing"], rows["chance_pointing"]
        summary["p_pointing_exact"] = grouped_pointing_p(hits, chances, np.array(patients))
        metrics.setdefault(model, {})[method] = summary
    return metrics


def intervals(table: Table, patients: Mapping[str, str], draws: int, level: float, rng: np.random.Generator) -> Results:
    """`<model>.<method>.{iou,pointing}`: mean over images and its interval; {} without images.

    IoU: percentiles of `draws` resamples of patients. Pointing Game: exact, by patient
    (`exact_tests.hit_rate_interval`), since a resample of no hits has no hits and would give an interval of no width.
    `patients`: of each image, by name; the resamples do not depend on the order of the images.
    """
    images = sorted(set(table["image"].tolist()))
    if not images:
        return {}
    patients_M = np.array([patients[image] for image in images])
    counts_DM = resample_patient_counts(patients_M, draws, rng)
    results: Results = {}
    for model, method in _kinds(table):
        rows = _of(table, model, method)
        order = np.argsort(rows["image"], kind="stable")
        iou_M, hits_M = rows["iou"][order], rows["pointing"][order]
        ends = {
            "iou": percentile_interval(weighted_means(iou_M[None], counts_DM)[:, 0], level),
            "pointing": hit_rate_interval(hits_M, patients_M, level),
        }
        results.setdefault(model, {})[method] = {
            score: {"value": rows[score].mean(), "low": low, "high": high} for score, (low, high) in ends.items()
        }
    return results


def _kinds(table: Table) -> list[tuple[str, str]]:
    """Model and method of the maps, in the order of the rows."""
    return list(dict.fromkeys(zip(table["model"].tolist(), table["method"].tolist(), strict=True)))


def _of(table: Table, model: str, method: str) -> Table:
    """The rows of a model's maps by a method."""
    is_own = (table["model"] == model) & (table["method"] == method)
    return {name: column[is_own] for name, column in table.items()}
