"""Threshold sweep: the IoU of 50 maps at 45 thresholds, against binarising the maps at every threshold.

The peer binarises all maps at once at each threshold and counts intersection and union, as the paper's code does image
by image (which takes longer). Maps are bilinear, from 7 x 7 and 14 x 14 grids, like the project's.
Run: python benchmarks/threshold_sweep.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from measure import Row, finish, in_turn, rate_row, timed
from sightline.alignment.iou_and_pointing import iou, threshold_counts
from sightline.maps import scaled_maps

MAPS, SIDE, ROUNDS, MUST = 50, 224, 9, 8
THRESHOLDS = np.round(np.arange(1, 46) * 0.02, 2)


def main() -> None:
    rng = np.random.default_rng(0)
    rows = []
    for grid in (7, 14):
        maps_MHW = scaled_maps(rng.normal(0.5, 1, (MAPS, grid, grid)).astype(np.float32), SIDE, SIDE)
        masks_MHW = np.zeros((MAPS, SIDE, SIDE), bool)
        for mask_HW, (row, col) in zip(masks_MHW, rng.integers(0, SIDE - 70, (MAPS, 2)), strict=True):
            mask_HW[row : row + 70, col : col + 70] = True  # 10% of the image
        mask_pixels_M1 = masks_MHW.sum(axis=(1, 2))[:, None]  # once for all kinds of map, as in the stage

        def ours(
            maps_MHW: np.ndarray = maps_MHW, masks_MHW: np.ndarray = masks_MHW, pixels_M1: np.ndarray = mask_pixels_M1
        ) -> np.ndarray:
            map_pixels_MT, shared_MT = threshold_counts(maps_MHW, masks_MHW, THRESHOLDS)
            return iou(shared_MT, map_pixels_MT, pixels_M1)

        def peer_ious(maps_MHW: np.ndarray = maps_MHW, masks_MHW: np.ndarray = masks_MHW) -> np.ndarray:
            ious = []
            for threshold in THRESHOLDS.tolist():
                binary_MHW = maps_MHW >= threshold
                shared_M = np.logical_and(binary_MHW, masks_MHW).sum(axis=(1, 2))
                ious.append(shared_M / np.logical_or(binary_MHW, masks_MHW).sum(axis=(1, 2)))
            return np.stack(ious, axis=1)

        is_equal = bool((ours() == peer_ious()).all())
        peer = "binarising at every threshold"
        seconds = in_turn({"ours": timed(ours), peer: timed(peer_ious)}, ROUNDS)
        what = f"threshold sweep, {len(THRESHOLDS)} thresholds x {MAPS} maps from {grid} x {grid}"
        rows.append(rate_row(what, "maps/s", MAPS, seconds, peer, MUST))
        rows.append(
            Row(
                what=f"{what}: values that differ",
                unit="",
                ours=float((ours() != peer_ious()).sum()),
                against=peer,
                must="0, exactly",
                met=is_equal,
            )
        )
    finish(rows)


if __name__ == "__main__":
    main()
