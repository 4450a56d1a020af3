"""Every map against the consensus at the threshold: IoU, Pointing Game, chance and random maps, and the sweep.

What the stage `align` computes, on arrays. Definitions: docs/metrics.md#overlap.

M images, H W image grid, T thresholds, A kinds of map (model x method).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

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
from sightline.statistics.exact_tests import grouped_pointing_p
from sightline.statistics.significance import mann_whitney_greater

MEANS = ["iou", "pointing", "chance_iou", "chance_pointing", "random_iou", "random_pointing"]
COLUMNS = [
    *["image", "model", "method", "threshold", "iou", "pointing", "map_area", "consensus_area"],
    *["chance_iou", "chance_pointing", "random_iou", "random_pointing"],
    *["published_random_iou", "published_random_pointing", "flat"],
]
SWEEP_COLUMNS = ["model", "method", "threshold", "iou"]


def score_maps(
    maps: Mapping[tuple[str, str], np.ndarray],
    images: list[str],
    masks_MHW: np.ndarray,
    threshold: float,
    random_maps: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables: a row per image x model x method at the threshold, and the mean IoU along the sweep.

    `maps`: raw, M x h x w by model and method; `masks_MHW`: bool, none of them empty; `random_maps`: fields of
    `random_alignment`, drawn by `rng`. No maps give empty tables.
    """
    if not maps:
        return pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=SWEEP_COLUMNS)
    _, height, width = masks_MHW.shape
    mask_pixels_M = masks_MHW.sum(axis=(1, 2))
    thresholds_T = np.append(SWEEP, threshold)
    rows, sweeps, areas_AM = [], [], []
    for (model, method), raw in maps.items():
        maps_MHW = scaled_maps(raw, height, width)
        map_pixels_MT, shared_MT = threshold_counts(maps_MHW, masks_MHW, thresholds_T)
        iou_MT = iou(shared_MT, map_pixels_MT, mask_pixels_M[:, None])
        map_share_M, mask_share_M = map_pixels_MT[:, -1] / (height * width), mask_pixels_M / (height * width)
        areas_AM.append(map_pixels_MT[:, -1])
        sweep = {"model": model, "method": method, "threshold": SWEEP, "iou": iou_MT[:, :-1].mean(axis=0)}
        sweeps.append(pd.DataFrame(sweep))
        row = {
            "image": images,
            "model": model,
            "method": method,
            "threshold": threshold,
            "iou": iou_MT[:, -1],
            "pointing": pointing(maps_MHW, masks_MHW),
            "map_area": map_share_M,
            "consensus_area": mask_share_M,
            "chance_iou": chance_iou(map_share_M, mask_share_M),
            "chance_pointing": chance_pointing(mask_share_M),
            "flat": is_flat(maps_MHW).astype(int),
        }
        rows.append(pd.DataFrame(row))
    random = random_alignment(np.array(areas_AM), masks_MHW, random_maps, rng)
    table = pd.concat(rows, ignore_index=True)  # model x method outside, image inside, as areas_AM
    table["random_iou"] = random.iou_AM.ravel()
    table["random_pointing"] = np.tile(random.pointing_M, len(maps))
    table["published_random_iou"] = random.published_iou_AM.ravel()
    table["published_random_pointing"] = np.tile(random.published_pointing_M, len(maps))
    return table[COLUMNS], pd.concat(sweeps, ignore_index=True)


def summarise(table: pd.DataFrame, sweep: pd.DataFrame, patients: list[str]) -> dict[str, Any]:
    """`<model>.<method>`: means over images, p-values, the sweep's best threshold.

    `p_*_published` is the paper's Mann-Whitney test against one random map per image. `p_pointing_exact` is the exact
    test of the hits against each image's own chance, its region's share of the image, by patient
    (`exact_tests.grouped_pointing_p`). IoU has no such test here: what random maps score says nothing of a map that is
    the same on every image, which lies above them in 20 to 30% of studies. `patients`: of the images, in their order.
    The best threshold (the lowest, if tied) is chosen on the images that it is scored on, so its IoU is optimistic.
    """
    curves = dict(iter(sweep.groupby(["model", "method"])))
    metrics: dict[str, Any] = {}
    for (model, method), rows in table.groupby(["model", "method"], sort=False):
        curve = curves[model, method].set_index("threshold")["iou"]
        summary = rows[MEANS].mean().to_dict()
        summary |= {"images": len(rows), "flat_maps": int(rows["flat"].sum())}
        summary |= {"best_threshold": curve.idxmax(), "best_iou": curve.max()}
        for score in ("iou", "pointing"):
            published = rows[f"published_random_{score}"].to_numpy()
            summary[f"p_{score}_published"] = mann_whitney_greater(rows[score].to_numpy(), published)
        hits, chances = rows["pointing"].to_numpy(), rows["chance_pointing"].to_numpy()
        summary["p_pointing_exact"] = grouped_pointing_p(hits, chances, np.array(patients))
        metrics.setdefault(str(model), {})[method] = summary
    return metrics
