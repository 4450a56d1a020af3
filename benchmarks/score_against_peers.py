"""Library functions that `sightline score` stands on, beside peers on the same arrays; a part of score.py.

Each peer runs in its own process (score_peers.py) and interpreter, one thread each, so that nothing of ours is in it.
Every shared metric is one row: how many maps a second, and how far the values lie apart.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from measure import Row
from score_inputs import SIDE, map_near
from sightline.alignment.binarised import Rule, binarised
from sightline.alignment.iou_and_pointing import iou, pointing
from sightline.alignment.region_scores import region_scores, regions_of, sorted_map
from sightline.maps import scaled_maps

MUST = 10  # times as fast as the fastest peer
SERVED = Path(__file__).parent / "score_peers.py"
ROUNDS = 3
TOLERANCE = 1e-6  # peers compute in float32
EXPLAINED = {
    ("cheXlocalize", "iou_otsu"): "it cuts the map to 256 whole grey values before Otsu's threshold",
}


def peer_rows(python: Path, num_images: int) -> list[Row]:
    """A row of speed and one of values for each metric that a peer shares."""
    maps_MHW, masks_MHW = _arrays(num_images)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "maps.npy", maps_MHW)
        np.save(folder / "masks.npy", masks_MHW)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
        command = [str(python), str(SERVED), str(folder), str(ROUNDS)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed; see above")
    peers = json.loads(done.stdout.splitlines()[-1])
    for peer, reason in peers["missing"].items():
        print(f"peer left out: {peer}: {reason}")
    seconds, values = _ours(maps_MHW, masks_MHW)
    rows = []
    for metric, ours_M in values.items():
        found = {entry["peer"]: entry for entry in peers["results"] if entry["metric"] == metric}
        if not found:
            continue
        fastest = min(found, key=lambda peer: found[peer]["seconds"])
        ratio = found[fastest]["seconds"] / seconds[metric]
        rows.append(
            Row(
                what=f"{metric} of {num_images} maps of {SIDE} x {SIDE}", unit="maps/s",
                ours=num_images / seconds[metric], against=f"{fastest}, the fastest of {', '.join(sorted(found))}",
                other=num_images / found[fastest]["seconds"], ratio=ratio, must=f">= {MUST}x", met=ratio >= MUST,
            )
        )  # fmt: skip
        for peer, entry in found.items():
            apart = float(np.nanmax(np.abs(ours_M - np.array(entry["values"], float))))
            reason = EXPLAINED.get((peer, metric), "")
            rows.append(
                Row(
                    what=f"{metric}: largest difference in value" + (f" ({reason})" if reason else ""), unit="",
                    ours=apart, against=peer, must="" if reason else f"<= {TOLERANCE:g}",
                    met=None if reason else apart <= TOLERANCE,
                )
            )  # fmt: skip
    return [*rows, _together(seconds, peers["results"], num_images)] if rows else rows


def _together(seconds: dict[str, float], results: list[dict[str, object]], num_images: int) -> Row:
    """The threshold-free metrics of one sort of each map, beside the fastest peer of each of them."""
    fastest: dict[str, float] = {}
    for entry in results:
        metric, spent = str(entry["metric"]), float(str(entry["seconds"]))
        if metric in ALL_AT_ONCE:
            fastest[metric] = min(spent, fastest.get(metric, np.inf))
    theirs = sum(fastest.values())
    return Row(
        what=f"{', '.join(fastest)} together, one sort per map, {num_images} maps", unit="maps/s",
        ours=num_images / seconds["together"], against="the fastest peer of each, added up", other=num_images / theirs,
        ratio=theirs / seconds["together"], must=f">= {MUST}x", met=theirs >= MUST * seconds["together"],
    )  # fmt: skip


ALL_AT_ONCE = ("rank", "ap", "auroc", "mass", "pointing")


def _arrays(num_images: int) -> tuple[np.ndarray, np.ndarray]:
    """Scaled maps from the image grid, float32 M x H x W, without ties; bool masks."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    maps, masks = [], []
    for _ in range(num_images):
        centre, radius = rng.uniform(60, SIDE - 60, 2), rng.uniform(15, 40)
        masks.append((rows - centre[0]) ** 2 + (cols - centre[1]) ** 2 <= radius**2)
        maps.append(map_near(centre, radius, 28, rng))
    return scaled_maps(np.stack(maps), SIDE, SIDE), np.stack(masks)


def _ours(maps_MHW: np.ndarray, masks_MHW: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Median seconds of ROUNDS and values, by metric; `together` in the seconds is all of ALL_AT_ONCE."""

    def free(*scores: str) -> Callable[[], np.ndarray]:
        def run() -> np.ndarray:
            pairs = zip(maps_MHW, masks_MHW, strict=True)
            return np.stack(
                [
                    region_scores(sorted_map(map_HW), regions_of(mask_HW[None]), scores)[:, 0]
                    for map_HW, mask_HW in pairs
                ],
                axis=1,
            )

        return run

    def overlap(rule: Rule) -> Callable[[], np.ndarray]:
        def run() -> np.ndarray:
            cut_MHW = binarised(maps_MHW, rule, threshold=0.5)
            counts_M3 = [
                (np.count_nonzero(cut_HW & mask_HW), np.count_nonzero(cut_HW), np.count_nonzero(mask_HW))
                for cut_HW, mask_HW in zip(cut_MHW, masks_MHW, strict=True)
            ]
            return iou(*np.array(counts_M3).T)

        return run

    functions = {name: free(name) for name in ALL_AT_ONCE} | {"iou": overlap("fixed"), "iou_otsu": overlap("otsu")}
    functions["pointing"] = lambda: pointing(maps_MHW, masks_MHW)
    functions["together"] = free(*ALL_AT_ONCE)
    seconds, values = {}, {}
    for name, function in functions.items():
        spent = []
        for _ in range(ROUNDS + 1):
            begun = time.process_time()
            result = function()
            spent.append(time.process_time() - begun)
        seconds[name] = float(np.median(spent[1:]))
        if name != "together":
            values[name] = np.ravel(result)
    return seconds, values
