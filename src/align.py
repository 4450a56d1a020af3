"""Scores every saliency map against the consensus: IoU at the threshold, Pointing Game, chance and random maps.

Reads data/consensus.npz, data/saliency/<key>.npz of every model and the patients of data/prepared/index.csv; writes
data/alignment.csv (image x model x method), metrics/alignment.json and plots/threshold_sweep.csv.
Run: python src/align.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightline.alignment.iou_and_pointing import (
    chance_iou,
    chance_pointing,
    iou,
    pointing,
    random_alignment,
    threshold_counts,
)
from sightline.inputs import CONSENSUS, INDEX, SALIENCY, read_consensus, read_maps, read_patients
from sightline.maps import is_flat, scaled_maps
from sightline.statistics.significance import mann_whitney_greater, sign_flip_p
from sightline.study.errors import run_stage
from sightline.study.files import write_csv, write_json
from sightline.study.models import Entry
from sightline.study.parameters import read_params

SWEEP = np.round(np.arange(1, 46) * 0.02, 2)  # 0.02 to 0.90 (Paper: Figures 6 and 7)
RANDOM_MAPS, SIGN_FLIPS = 1, 2  # tags of this stage's generators
MEANS = ["iou", "pointing", "chance_iou", "chance_pointing", "random_iou", "random_pointing"]
COLUMNS = [
    *["image", "model", "method", "threshold", "iou", "pointing", "map_area", "consensus_area"],
    *["chance_iou", "chance_pointing", "random_iou", "random_pointing"],
    *["published_random_iou", "published_random_pointing", "flat"],
]
SWEEP_COLUMNS = ["model", "method", "threshold", "iou"]


@dataclass(frozen=True, kw_only=True)
class Align:
    random_maps: int
    """Random maps, each cut to the area of the map that it stands for."""
    permutations: int
    """Sign flips of the paired test."""

    def __post_init__(self) -> None:
        if self.random_maps < 1:
            raise ValueError(f"random_maps: expected at least 1, got {self.random_maps}")
        if self.permutations < 1:
            raise ValueError(f"permutations: expected at least 1, got {self.permutations}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    threshold: float
    """Values of a scaled map at or above it are salient."""
    align: Align
    models: dict[str, Entry]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold: expected above 0 and at most 1, got {self.threshold}")


def main() -> None:
    params = read_params(Params)
    images, masks_MHW, _ = read_consensus(CONSENSUS)
    patients = read_patients(images, INDEX, CONSENSUS)
    maps = read_maps(params.models, images, SALIENCY) if images else {}  # without a consensus no map is needed
    table, sweep = score_maps(maps, images, masks_MHW, params)
    write_csv("data/alignment.csv", table)
    write_csv("plots/threshold_sweep.csv", sweep)
    write_json("metrics/alignment.json", summarise(table, sweep, patients, params))


def score_maps(
    maps: dict[tuple[str, str], np.ndarray], images: list[str], masks_MHW: np.ndarray, params: Params
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two tables: a row per image x model x method at the threshold, and the mean IoU along the sweep."""
    if not maps:
        return pd.DataFrame(columns=COLUMNS), pd.DataFrame(columns=SWEEP_COLUMNS)
    _, height, width = masks_MHW.shape
    mask_pixels_M = masks_MHW.sum(axis=(1, 2))
    thresholds_T = np.append(SWEEP, params.threshold)
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
            "threshold": params.threshold,
            "iou": iou_MT[:, -1],
            "pointing": pointing(maps_MHW, masks_MHW),
            "map_area": map_share_M,
            "consensus_area": mask_share_M,
            "chance_iou": chance_iou(map_share_M, mask_share_M),
            "chance_pointing": chance_pointing(mask_share_M),
            "flat": is_flat(maps_MHW).astype(int),
        }
        rows.append(pd.DataFrame(row))
    rng = np.random.default_rng([params.seed, RANDOM_MAPS])
    random = random_alignment(np.array(areas_AM), masks_MHW, params.align.random_maps, rng)
    table = pd.concat(rows, ignore_index=True)  # model x method outside, image inside, as areas_AM
    table["random_iou"] = random.iou_AM.ravel()
    table["random_pointing"] = np.tile(random.pointing_M, len(maps))
    table["published_random_iou"] = random.published_iou_AM.ravel()
    table["published_random_pointing"] = np.tile(random.published_pointing_M, len(maps))
    return table[COLUMNS], pd.concat(sweeps, ignore_index=True)


def summarise(table: pd.DataFrame, sweep: pd.DataFrame, patients: list[str], params: Params) -> dict[str, Any]:
    """`<model>.<method>`: means over images, p-values against random maps, the sweep's best threshold.

    `p_*_published` is the paper's Mann-Whitney test against one random map per image. `p_*` flips the signs of each
    image's score minus its chance value, by patient, with the same flips for every model and method; that value is
    the random maps' mean IoU, and for pointing, where it is known exactly, the closed form. The best threshold (the
    lowest, if tied) is chosen on the images that it is scored on, so its IoU is optimistic.
    """
    curves = dict(iter(sweep.groupby(["model", "method"])))
    metrics: dict[str, Any] = {}
    for (model, method), rows in table.groupby(["model", "method"], sort=False):
        best = curves[model, method].set_index("threshold")["iou"]
        summary = rows[MEANS].mean().to_dict()
        summary |= {"images": len(rows), "flat_maps": int(rows["flat"].sum())}
        summary |= {"best_threshold": best.idxmax(), "best_iou": best.max()}
        for score, chance in (("iou", "random_iou"), ("pointing", "chance_pointing")):
            values = rows[score].to_numpy()
            published = rows[f"published_random_{score}"].to_numpy()
            summary[f"p_{score}_published"] = mann_whitney_greater(values, published)
            rng = np.random.default_rng([params.seed, SIGN_FLIPS])
            difference = values - rows[chance].to_numpy()
            summary[f"p_{score}"] = sign_flip_p(difference, np.array(patients), params.align.permutations, rng)
        metrics.setdefault(str(model), {})[method] = summary
    return metrics


if __name__ == "__main__":
    run_stage(main)
