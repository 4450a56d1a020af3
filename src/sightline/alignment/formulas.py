"""The formulas of the metrics without a threshold, for one map and all masks of its image.

Metrics that share work, such as one sort of the pixels, are computed together, by a `Family`. A new metric joins a
family or brings its own; its record stands in `metrics.py`. Definitions: docs/metrics.md#threshold-free.

R masks of one image, H W image grid, P = H * W pixels, K pairs of a mask and a pixel inside it, C pixels that some
reader marked, E pixels of other patients' regions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from sightline.alignment import binary_maps, random_draws, region_scores
from sightline.alignment.binary_maps import EPSILON, BinaryMaps
from sightline.alignment.random_draws import DrawsOnTargets
from sightline.alignment.region_scores import SortedMap
from sightline.alignment.targets import Targets

Computed = dict[str, np.ndarray]
"""By metric, float64 R; values for empty regions do not matter, since `image_scores` sets them to NaN."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Metrics that share work, computed by one function for a map and one for flat maps."""

    of_map: Callable[[SortedMap, Targets, float], Computed]
    """Of one map that is not flat, in [0, 1]; the targets and the tolerance in pixels."""
    of_flat: Callable[[Targets, float], Computed]
    """Of a flat map: chance."""
    of_binary: Callable[[BinaryMaps, Targets, float], Computed] | None = None
    """Of X maps of two values at once, float64 X x R each, in closed form; None: `of_map` computes them too."""
    of_draws: Callable[[DrawsOnTargets, Targets, float], Computed] | None = None
    """Of D random maps at once, float64 D x R each, from fields sorted once; None: `of_map` computes them too."""
    metrics: frozenset[str] = frozenset()
    """What it computes, to be left out where none is needed; empty: it always is."""

    def has_any(self, metrics: Collection[str]) -> bool:
        return not self.metrics or not self.metrics.isdisjoint(metrics)


def _region_shares(targets: Targets) -> np.ndarray:
    """q of each mask: its share of the image, float64 R."""
    return targets.size_R / targets.masks_RP.shape[1]


def _by_order(of_map: SortedMap, targets: Targets, _: float) -> Computed:
    """The metrics that depend on the order of the pixels alone."""
    seen = region_scores.OnRegions(of_map=of_map, regions=targets.regions)
    rank_R = region_scores.rank(seen)
    return {
        "auroc": region_scores.auroc(seen),
        "ap": region_scores.average_precision(seen),
        "rank": rank_R,
        "dice_area": rank_R,
        "area_iou": rank_R / (2 - rank_R),
    }


def _flat_by_order(targets: Targets, _: float) -> Computed:
    q_R = _region_shares(targets)
    return {
        **dict.fromkeys(("ap", "rank", "dice_area"), q_R),
        "area_iou": q_R / (2 - q_R),
        "auroc": np.where(q_R < 1, 0.5, np.nan),
    }


def _shuffled(of_map: SortedMap, targets: Targets, _: float) -> Computed:
    """The pixels inside against those of other patients' regions by their weight; NaN where there are none."""
    regions, weight_P = targets.regions, targets.elsewhere_P
    if not len(targets.elsewhere_E):
        return {"shuffled_auroc": np.full(len(regions), np.nan)}
    reached_S = np.zeros(len(weight_P) + 1)  # by the place of the last pixel
    np.cumsum(weight_P.take(of_map.order_P), out=reached_S[1:])
    first_K = of_map.above_P.take(regions.pixels_K)
    higher_K, as_high_K = reached_S.take(first_K), reached_S.take(first_K + of_map.length_S.take(first_K))
    score_R = 1 - regions.sums(higher_K + as_high_K) / (2 * regions.size_R * reached_S[-1])
    return {"shuffled_auroc": np.clip(score_R, 0, 1)}  # sums of weights round


def _flat_shuffled(targets: Targets, _: float) -> Computed:
    return {"shuffled_auroc": np.full(len(targets.size_R), 0.5 if len(targets.elsewhere_E) else np.nan)}


def _mass(of_map: SortedMap, targets: Targets, _: float) -> Computed:
    return {"mass": _inside(of_map, targets) / of_map.values_P.sum(dtype=np.float64)}


def _flat_mass(targets: Targets, _: float) -> Computed:
    return {"mass": _region_shares(targets)}


def _inside(of_map: SortedMap, targets: Targets) -> np.ndarray:
    """The map's sum over each mask, float64 R."""
    return targets.regions.sums(of_map.values_P.take(targets.regions.pixels_K))


def _by_value(of_map: SortedMap, targets: Targets, _: float) -> Computed:
    """The metrics that compare the map's values with the shares, or in units of their spread; in float64."""
    values_P = of_map.values_P.astype(np.float64)
    total = values_P.sum()
    mean = total / len(values_P)
    centred_P = values_P - mean
    spread = np.sqrt(centred_P @ centred_P / len(values_P))
    # shares are 0 beyond the support: the sum over all pixels of share * (value - mean) needs no others
    products_R = targets.shares_RC @ centred_P[targets.support_C] / len(values_P)
    similarity_R, divergence_R = _densities(values_P[targets.support_C] / total, targets)
    return {
        "nss": (_inside(of_map, targets) / targets.size_R - mean) / spread,
        "cc": np.clip(products_R / (spread * targets.spread_R), -1, 1),
        "sim": similarity_R,
        "kl": divergence_R,
    }


def _flat_by_value(targets: Targets, _: float) -> Computed:
    num_masks, num_pixels = targets.masks_RP.shape
    similarity_R, divergence_R = _densities(np.full(len(targets.support_C), 1 / num_pixels), targets)
    return {
        "nss": np.zeros(num_masks),
        "cc": np.where(np.isnan(targets.spread_R), np.nan, 0.0),
        "sim": similarity_R,
        "kl": divergence_R,
    }


def _densities(density_C: np.ndarray, targets: Targets) -> tuple[np.ndarray, np.ndarray]:
    """Common mass and Kullback-Leibler divergence from the shares' densities; pixels with a share of 0 add nothing.

    `density_C`: the map's, at the pixels of `targets.support_C`.
    """
    # Of KL's two epsilons the outer one is left out: where the share is 0 it adds 0 * log(eps) = 0, and elsewhere it
    # moves the logarithm by eps * S / Q.
    divergence_R = targets.negentropy_R - targets.density_RC @ np.log(density_C + EPSILON)
    return np.minimum(targets.density_RC, density_C).sum(axis=1), divergence_R


def _at_peak(of_map: SortedMap, targets: Targets, _: float) -> Computed:
    """The metrics of what lies at the peak: means over the pixels that share it."""
    peak = _peak(of_map)
    return {"pointing": targets.masks_RP[:, peak].mean(axis=1), "vote": targets.shares_RP[:, peak].mean(axis=1)}


def _peak(of_map: SortedMap) -> np.ndarray:
    """int, the pixels of the highest value."""
    return of_map.order_P[: of_map.length_S[0]]


def _flat_at_peak(targets: Targets, _: float) -> Computed:
    return {"pointing": _region_shares(targets), "vote": targets.shares_RP.mean(axis=1)}


def _from_peak(of_map: SortedMap, targets: Targets, tolerance: float) -> Computed:
    """The metrics of the peak's distance: means over the pixels that share it."""
    distance_RK = targets.distances(_peak(of_map))
    return {"pointing_near": (distance_RK < tolerance).mean(axis=1), "distance": distance_RK.mean(axis=1)}


def _flat_from_peak(targets: Targets, tolerance: float) -> Computed:
    return {
        "pointing_near": (targets.distance_RP < tolerance).mean(axis=1),
        "distance": targets.distance_RP.mean(axis=1),
    }


# What computes the metrics; all families together compute exactly those of `METRICS`.
FAMILIES = [
    Family(
        of_map=_by_order, of_flat=_flat_by_order, of_binary=binary_maps.by_order, of_draws=random_draws.by_order,
        metrics=frozenset(("auroc", "ap", "rank", "dice_area", "area_iou")),
    ),
    Family(
        of_map=_shuffled, of_flat=_flat_shuffled, of_binary=binary_maps.shuffled, of_draws=random_draws.shuffled,
        metrics=frozenset(("shuffled_auroc",)),
    ),
    Family(
        of_map=_mass, of_flat=_flat_mass, of_binary=binary_maps.mass, of_draws=random_draws.mass,
        metrics=frozenset(("mass",)),
    ),
    Family(
        of_map=_by_value, of_flat=_flat_by_value, of_binary=binary_maps.by_value, of_draws=random_draws.by_value,
        metrics=frozenset(("nss", "cc", "sim", "kl")),
    ),
    Family(
        of_map=_at_peak, of_flat=_flat_at_peak, of_binary=binary_maps.at_peak, of_draws=random_draws.at_peak,
        metrics=frozenset(("pointing", "vote")),
    ),
    Family(
        of_map=_from_peak, of_flat=_flat_from_peak, of_binary=binary_maps.from_peak, of_draws=random_draws.from_peak,
        metrics=frozenset(("pointing_near", "distance")),
    ),
]  # fmt: skip
