"""Random maps as baselines: a few fields sorted once serve all images, each of which shifts them by its own step.

The fields are periodic, so that a shifted field is as good a draw as a new one: over all shifts each pixel is as likely
to be bright as any other, whatever the field. Each field is cut into levels of 32 pixels, which share one value; every
score then follows from how many pixels of the image, of the region and of other patients' regions lie at each level,
and no image sorts its draws again. Within the lungs the levels keep their order, and all pixels outside are one more
level at the bottom. Definitions: docs/metrics.md#baselines.

D draws, L levels from the highest down (the last one is outside the lungs), R masks of one image, P pixels, K pairs of
a mask and a pixel inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.alignment.binary_maps import EPSILON
from sightline.alignment.iou_and_pointing import periodic_fields
from sightline.alignment.targets import Targets

LEVEL_PIXELS = 32  # pixels that share a level: 4 x 8 of a field whose cells are 22 pixels wide at 224


@dataclass(frozen=True, kw_only=True)
class RandomFields:
    """D fields on an image's grid, cut into levels."""

    grid: tuple[int, int]
    order_DP: np.ndarray
    """int, the pixels from the highest value down; level l has those from l * LEVEL_PIXELS on."""
    level_PD: np.ndarray
    """int32, the level of each pixel."""
    values_DL: np.ndarray
    """float64, the mean of each level's pixels; 0 for the level outside."""

    @property
    def draws(self) -> int:
        return len(self.values_DL)

    @cached_property
    def level_DP(self) -> np.ndarray:
        """int, `level_PD` turned."""
        return np.ascontiguousarray(self.level_PD.T, np.intp)


def sorted_fields(draws: int, height: int, width: int, rng: np.random.Generator) -> RandomFields:
    """`draws`: at least 1, else ValueError."""
    if draws < 1:
        raise ValueError(f"draws: expected at least 1, got {draws}")
    fields_DP = periodic_fields(draws, height, width, rng).reshape(draws, height * width)
    order_DP = np.argsort(-fields_DP, axis=1, kind="stable")
    level_P = np.arange(height * width) // LEVEL_PIXELS
    level_DP = np.empty(order_DP.shape, np.int64)
    np.put_along_axis(level_DP, order_DP, level_P[None], axis=1)
    starts_L = np.arange(0, height * width, LEVEL_PIXELS)
    sums_DL = np.add.reduceat(np.take_along_axis(fields_DP, order_DP, axis=1), starts_L, axis=1)
    values_DL = np.pad(sums_DL / np.bincount(level_P), ((0, 0), (0, 1)))
    return RandomFields(
        grid=(height, width),
        order_DP=order_DP,
        level_PD=np.ascontiguousarray(level_DP.T, np.int32),
        values_DL=values_DL,
    )


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The maps of one image: the fields shifted, within `inside_P` alone, scaled by min-max as every map is."""

    fields: RandomFields
    shift: tuple[int, int]
    """Rows and columns by which the image lies further in the fields."""
    inside_P: np.ndarray
    """bool, the pixels of the image at which the maps are not 0: the lungs, or all."""

    @property
    def is_flat(self) -> bool:
        """Whether there are no pixels at which the maps are not 0."""
        return not self.inside_P.any()

    @cached_property
    def size_DL(self) -> np.ndarray:
        """int, pixels at each level."""
        if self.inside_P.all():
            size_L = np.bincount(self.fields.level_DP[0], minlength=self.fields.values_DL.shape[1])
            return np.broadcast_to(size_L, self.fields.values_DL.shape)
        size_DL = self.sums_by_level(self.inside_P).astype(np.int64)
        size_DL[:, -1] = np.count_nonzero(~self.inside_P)
        return size_DL

    @cached_property
    def values_DL(self) -> np.ndarray:
        """float64 in [0, 1], the maps at each level; levels without a pixel do not matter."""
        values_DL, held_DL = self.fields.values_DL, self.size_DL > 0
        low_D1 = np.where(held_DL, values_DL, np.inf).min(axis=1, keepdims=True)
        high_D1 = np.where(held_DL, values_DL, -np.inf).max(axis=1, keepdims=True)
        return (values_DL - low_D1) / np.where(high_D1 > low_D1, high_D1 - low_D1, 1)

    def sums_by_level(self, values_P: np.ndarray) -> np.ndarray:
        """float64 D x L: sums of values of the image's pixels over each level; none outside may have a value."""
        on_fields_P = np.roll(values_P.reshape(self.fields.grid), self.shift, axis=(0, 1)).ravel()
        sums_DL = np.zeros(self.fields.values_DL.shape)
        places = np.flatnonzero(on_fields_P)
        held = on_fields_P[places]
        for sums_L, level_P in zip(sums_DL, self.fields.level_DP, strict=True):
            sums_L[:] = np.bincount(level_P.take(places), held, minlength=len(sums_L))
        return sums_DL

    def levels(self, pixels_K: np.ndarray) -> np.ndarray:
        """int K x D: the level of these pixels of the image."""
        height, width = self.fields.grid
        rows, cols = np.divmod(pixels_K, width)
        places_K = (rows + self.shift[0]) % height * width + (cols + self.shift[1]) % width
        outside = self.fields.values_DL.shape[1] - 1
        return np.where(self.inside_P[pixels_K, None], self.fields.level_PD[places_K], outside)

    def peaks(self) -> list[np.ndarray]:
        """int, of each map, the image's pixels at its highest level."""
        height, width = self.fields.grid
        found = []
        for draw, level in enumerate(np.argmax(self.size_DL > 0, axis=1).tolist()):
            places = self.fields.order_DP[draw, level * LEVEL_PIXELS : (level + 1) * LEVEL_PIXELS]
            rows, cols = np.divmod(places, width)
            pixels = (rows - self.shift[0]) % height * width + (cols - self.shift[1]) % width
            found.append(pixels[self.inside_P[pixels]])
        return found

    def maps(self) -> np.ndarray:
        """All maps in full, float64 D x P."""
        return np.take_along_axis(self.values_DL, self.levels(np.arange(len(self.inside_P))).T, axis=1)

    def found(self, targets: Targets) -> np.ndarray:
        """float64 D x R x L: pixels of each mask at each level."""
        num_levels = self.fields.values_DL.shape[1]
        shape = (len(targets.regions), self.fields.draws, num_levels)
        starts_KD = (targets.regions.rows_K[:, None] * shape[1] + np.arange(shape[1])) * num_levels
        cells_KD = starts_KD + self.levels(targets.regions.pixels_K)
        counts = np.bincount(cells_KD.ravel(), minlength=shape[0] * shape[1] * shape[2])
        return counts.reshape(shape).transpose(1, 0, 2).astype(np.float64)


def by_rank(draws: Draws, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics that depend on the order of the pixels alone, float64 D x R each; ties by expectation."""
    found_DRL, size_D1L = draws.found(targets), draws.size_DL[:, None]
    num_pixels, size_R = len(draws.inside_P), targets.regions.size_R.astype(np.float64)
    reached_D1L = np.cumsum(size_D1L, axis=2)
    above_D1L = reached_D1L - size_D1L
    pairs_DR = (found_DRL * (num_pixels - above_D1L - size_D1L / 2)).sum(axis=2) - size_R**2 / 2
    outside_R = num_pixels - size_R
    taken_DRL = np.clip((size_R[:, None] - above_D1L) / np.maximum(size_D1L, 1), 0, 1)
    rank_DR = (found_DRL * taken_DRL).sum(axis=2) / size_R
    precision_DRL = np.cumsum(found_DRL, axis=2) / np.maximum(reached_D1L, 1)
    return {
        "auroc": np.where(outside_R > 0, pairs_DR / (size_R * outside_R), np.nan),
        "shuffled_auroc": _shuffled_auroc(draws, targets, found_DRL),
        "ap": (found_DRL * precision_DRL).sum(axis=2) / size_R,
        "rank": rank_DR,
        "dice_area": rank_DR,
        "area_iou": rank_DR / (2 - rank_DR),
    }


def _shuffled_auroc(draws: Draws, targets: Targets, found_DRL: np.ndarray) -> np.ndarray:
    """The pixels inside against those of other patients' regions by their weight; NaN where there are none."""
    weight_P = targets.elsewhere_P
    total = weight_P.sum()
    if not total:
        return np.full(found_DRL.shape[:2], np.nan)
    weight_DL = draws.sums_by_level(weight_P * draws.inside_P)
    weight_DL[:, -1] += weight_P[~draws.inside_P].sum()
    lower_DL = total - np.cumsum(weight_DL, axis=1) + weight_DL / 2
    return (found_DRL * lower_DL[:, None]).sum(axis=2) / (targets.regions.size_R * total)


def by_value(draws: Draws, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics that depend on the maps' values, float64 D x R each."""
    num_pixels = len(draws.inside_P)
    values_DL, size_DL = draws.values_DL, draws.size_DL
    total_D1 = (size_DL * values_DL).sum(axis=1, keepdims=True)
    mean_D1 = total_D1 / num_pixels
    spread_D1 = np.sqrt((size_DL * (values_DL - mean_D1) ** 2).sum(axis=1, keepdims=True) / num_pixels)
    within_DR = (draws.found(targets) * values_DL[:, None]).sum(axis=2)
    levels_DC = draws.levels(targets.support_C).T
    centred_DC = np.take_along_axis(values_DL - mean_D1, levels_DC, axis=1)
    density_DC = np.take_along_axis(values_DL / total_D1, levels_DC, axis=1)
    logarithm_DC = np.take_along_axis(np.log(np.maximum(values_DL / total_D1, 0) + EPSILON), levels_DC, axis=1)
    common = [np.minimum(density_C, density_DC).sum(axis=1) for density_C in targets.density_RC]
    return {
        "mass": within_DR / total_D1,
        "nss": (within_DR / targets.regions.size_R - mean_D1) / spread_D1,
        "cc": centred_DC @ targets.shares_RP[:, targets.support_C].T / num_pixels / (spread_D1 * targets.spread_R),
        "sim": np.stack(common, axis=1),
        "kl": targets.negentropy_R - logarithm_DC @ targets.density_RC.T,
    }


def at_peak(draws: Draws, targets: Targets, tolerance: float) -> dict[str, np.ndarray]:
    """The metrics of the peak: means over the pixels of the highest level, float64 D x R each."""
    peaks = draws.peaks()
    pixels_Q, starts_D = np.concatenate(peaks), np.cumsum([0, *(len(peak) for peak in peaks[:-1])])
    distance_RQ = targets.distances(pixels_Q)
    by_metric = {
        "pointing": targets.masks_RP[:, pixels_Q],
        "pointing_near": (distance_RQ < tolerance).astype(np.float64),
        "vote": targets.shares_RP[:, pixels_Q],
        "distance": distance_RQ,
    }
    sizes_D1 = np.array([[len(peak)] for peak in peaks])
    return {
        metric: np.add.reduceat(values_RQ, starts_D, axis=1).T / sizes_D1 for metric, values_RQ in by_metric.items()
    }
