"""The scores of maps of two values, such as a reader's mask or the lungs, in closed form: sums over their pixels.

A map that is 1 on a set of pixels S and 0 elsewhere has one tie at the top and one below, so every metric follows from
a few sums over S. Nothing is sorted, and the work grows with the area of S. Definitions:
docs/metrics.md#threshold-free.

X maps, R masks of one image, P pixels, K pixels of all sets S together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.alignment.overlap import overlap_scores
from sightline.alignment.region_scores import Regions
from sightline.alignment.targets import Targets

EPSILON = 2.220446049250313e-16  # of KL, as in the MIT saliency benchmark


@dataclass(frozen=True, kw_only=True)
class BinaryMaps:
    """X maps that are 1 on their set and 0 elsewhere; no set is empty or covers the image."""

    sets: Regions
    shared_XR: np.ndarray
    """float64: pixels that map and mask share."""

    @property
    def size_X1(self) -> np.ndarray:
        """float64, pixels of each set."""
        return self.sets.size_R[:, None].astype(np.float64)

    def sums(self, values_RP: np.ndarray) -> np.ndarray:
        """float64 X x R: the sums of each row of values over each map's set."""
        return np.stack([self.sets.sums(values_P[self.sets.pixels_K]) for values_P in values_RP], axis=1)


def binary_maps(sets: Regions, targets: Targets) -> BinaryMaps:
    """`sets`: of the grid of the targets."""
    of_pixels = [mask_P[sets.pixels_K] for mask_P in targets.masks_RP]
    return BinaryMaps(sets=sets, shared_XR=np.stack([sets.sums(is_K) for is_K in of_pixels], axis=1))


def by_order(maps: BinaryMaps, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics that depend on the order of the pixels alone, float64 X x R each."""
    scores = overlap_scores(maps.shared_XR, maps.size_X1, targets.size_R, maps.sets.num_pixels)
    return {
        "auroc": scores["auroc"],
        "ap": scores["ap"],
        "rank": scores["rank"],
        "dice_area": scores["rank"],
        "area_iou": scores["rank"] / (2 - scores["rank"]),
    }


def shuffled(maps: BinaryMaps, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The pixels inside against those of other patients' regions by their weight; NaN where there are none."""
    total = targets.weight_E.sum()
    if not total:
        return {"shuffled_auroc": np.full(maps.shared_XR.shape, np.nan)}
    high_X1 = maps.sums(targets.elsewhere_P[None]) / total
    found = maps.shared_XR / targets.size_R
    score_XR = found * (1 - high_X1) + (found * high_X1 + (1 - found) * (1 - high_X1)) / 2
    return {"shuffled_auroc": np.clip(score_XR, 0, 1)}  # sums of weights round


def mass(maps: BinaryMaps, _: Targets, __: float) -> dict[str, np.ndarray]:
    """The share of the map's sum inside, float64 X x R."""
    return {"mass": maps.shared_XR / maps.size_X1}


def by_value(maps: BinaryMaps, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics that compare the map's values with the shares, or in units of their spread, float64 X x R each."""
    num_pixels, pixels_K = maps.sets.num_pixels, maps.sets.pixels_K
    size, mean = maps.size_X1, maps.size_X1 / maps.sets.num_pixels
    spread = np.sqrt(mean * (1 - mean))
    products = maps.sums(targets.shares_RP) - mean * targets.shares_RC.sum(axis=1)
    heights_K = 1 / maps.sets.sizes_K
    common = [maps.sets.sums(np.minimum(density_P[pixels_K], heights_K)) for density_P in targets.density_RP]
    covered = maps.sums(targets.density_RP)
    return {
        "nss": (maps.shared_XR / targets.size_R - mean) / spread,
        "cc": np.clip(products / num_pixels / (spread * targets.spread_R), -1, 1),
        "sim": np.stack(common, axis=1),
        "kl": targets.negentropy_R - covered * np.log(1 / size + EPSILON) - (1 - covered) * np.log(EPSILON),
    }


def at_peak(maps: BinaryMaps, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics of what lies at the peak, which is all of S, float64 X x R each."""
    return {"pointing": maps.shared_XR / maps.size_X1, "vote": maps.sums(targets.shares_RP) / maps.size_X1}


def from_peak(maps: BinaryMaps, targets: Targets, tolerance: float) -> dict[str, np.ndarray]:
    """The metrics of the peak's distance, float64 X x R each."""
    distance_RK = targets.distances(maps.sets.pixels_K)
    near, distance = (
        [maps.sets.sums(of_mask_K) for of_mask_K in by_K] for by_K in (distance_RK < tolerance, distance_RK)
    )
    return {
        "pointing_near": np.stack(near, axis=1) / maps.size_X1,
        "distance": np.stack(distance, axis=1) / maps.size_X1,
    }
