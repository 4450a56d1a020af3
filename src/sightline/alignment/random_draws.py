"""Random maps as baselines: a few fields sorted once serve all images, each of which shifts them by its own step.

The fields are periodic, so that a shifted field is as good a draw as a new one: over all shifts each pixel is as likely
to be bright as any other, whatever the field. Each field has one value in each of 40 x 40 cells, so every score follows
from how many pixels of the image, of the region and of other patients' regions lie in each cell, and no image sorts its
draws. Within the lungs the cells keep their order, and all pixels outside are one more cell at the bottom. Definitions:
docs/metrics.md#baselines.

D draws, C cells (the last one is outside the lungs), L cells by rank from the highest down (the last one likewise), R
masks of one image, P pixels, K pairs of a mask and a pixel inside it, J cells in which some mask has a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.alignment.binary_maps import EPSILON
from sightline.alignment.iou_and_pointing import periodic_fields
from sightline.alignment.targets import Targets

SIDE_CELLS = 40  # four for each of the 10 that a field is drawn on; 5 or 6 pixels each at 224


@dataclass(frozen=True, kw_only=True)
class RandomFields:
    """D fields on an image's grid, one value in each cell."""

    grid: tuple[int, int]
    row_H: np.ndarray
    """int, the row of cells of each row of pixels."""
    col_W: np.ndarray
    """int, the column of cells of each column of pixels."""
    values_DC: np.ndarray
    """float64, in the order of the cells; 0 for the cell outside."""
    order_DL: np.ndarray
    """int, the cells from the highest value down; the cell outside is the last."""
    rank_DC: np.ndarray
    """int, the place of each cell in that order."""

    @property
    def draws(self) -> int:
        return len(self.values_DC)

    @property
    def num_cells(self) -> int:
        """Those of the fields, without the one outside."""
        return self.values_DC.shape[1] - 1

    @cached_property
    def scaled_DC(self) -> np.ndarray:
        """float64 in [0, 1], the values scaled by min-max over all cells but the one outside."""
        return self.scaled(np.arange(self.num_cells + 1) < self.num_cells)

    def scaled(self, held_C: np.ndarray) -> np.ndarray:
        """float64 in [0, 1], the values scaled by min-max over these cells, bool; those of others do not matter."""
        low_D1, high_D1 = (end(self.values_DC[:, held_C], axis=1, keepdims=True) for end in (np.min, np.max))
        return np.clip((self.values_DC - low_D1) / np.where(high_D1 > low_D1, high_D1 - low_D1, 1), 0, 1)


def sorted_fields(draws: int, height: int, width: int, rng: np.random.Generator) -> RandomFields:
    """`draws`: at least 1, else ValueError."""
    if draws < 1:
        raise ValueError(f"draws: expected at least 1, got {draws}")
    num_rows, num_cols = (min(size, SIDE_CELLS) for size in (height, width))
    fields_DC = periodic_fields(draws, num_rows, num_cols, rng).reshape(draws, num_rows * num_cols)
    order_DL = np.pad(
        np.argsort(-fields_DC, axis=1, kind="stable"), ((0, 0), (0, 1)), constant_values=num_rows * num_cols
    )
    return RandomFields(
        grid=(height, width),
        row_H=np.arange(height) * num_rows // height,
        col_W=np.arange(width) * num_cols // width,
        values_DC=np.pad(fields_DC, ((0, 0), (0, 1))),
        order_DL=order_DL,
        rank_DC=np.argsort(order_DL, axis=1),
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
    def cell_P(self) -> np.ndarray:
        """int, the cell of each pixel of the image."""
        fields = self.fields
        rows_H, cols_W = np.roll(fields.row_H, -self.shift[0]), np.roll(fields.col_W, -self.shift[1])
        cells_P = (rows_H[:, None] * (fields.col_W[-1] + 1) + cols_W).ravel()
        return cells_P if self.inside_P.all() else np.where(self.inside_P, cells_P, fields.num_cells)

    @cached_property
    def size_C(self) -> np.ndarray:
        """int, pixels of each cell."""
        return np.bincount(self.cell_P, minlength=self.fields.num_cells + 1)

    @cached_property
    def size_DL(self) -> np.ndarray:
        """int, pixels of each cell by rank."""
        return self.size_C[self.fields.order_DL]

    @cached_property
    def values_DC(self) -> np.ndarray:
        """float64 in [0, 1], the maps in each cell; cells without a pixel do not matter."""
        held_C = self.size_C > 0
        return self.fields.scaled_DC if held_C[:-1].all() and not held_C[-1] else self.fields.scaled(held_C)

    def sums(self, pixels_K: np.ndarray, values_K: np.ndarray) -> np.ndarray:
        """float64 C: the sum of these pixels' values in each cell."""
        return np.bincount(self.cell_P[pixels_K], values_K, self.fields.num_cells + 1)

    def peaks(self) -> list[np.ndarray]:
        """int, of each map, the image's pixels in its highest cell."""
        highest_D = np.argmax(self.size_DL > 0, axis=1)
        cells_D = np.take_along_axis(self.fields.order_DL, highest_D[:, None], axis=1)[:, 0]
        cells, place_D = np.unique(cells_D, return_inverse=True)
        is_highest_C = np.zeros(self.fields.num_cells + 1, bool)
        is_highest_C[cells] = True
        pixels_Q = np.flatnonzero(is_highest_C[self.cell_P])
        pixels_Q = pixels_Q[np.argsort(self.cell_P[pixels_Q], kind="stable")]
        of_cell = np.split(pixels_Q, np.cumsum(self.size_C[cells])[:-1])
        return [of_cell[place] for place in place_D.tolist()]

    def maps(self) -> np.ndarray:
        """All maps in full, float64 D x P."""
        return self.values_DC[:, self.cell_P]


@dataclass(frozen=True, kw_only=True)
class DrawsOnTargets:
    """The random maps of one image and its masks, by the cells of the fields."""

    draws: Draws
    targets: Targets

    @cached_property
    def peaks(self) -> list[np.ndarray]:
        """int, of each map, the image's pixels in its highest cell."""
        return self.draws.peaks()

    @cached_property
    def found_RC(self) -> np.ndarray:
        """float64, pixels of each mask in each cell."""
        regions, num_cells = self.targets.regions, self.draws.fields.num_cells + 1
        cells_K = regions.rows_K * num_cells + self.draws.cell_P[regions.pixels_K]
        return np.bincount(cells_K, minlength=len(regions) * num_cells).reshape(-1, num_cells).astype(np.float64)

    @cached_property
    def cells_J(self) -> np.ndarray:
        """int, the cells in which some mask has a pixel: no other matters to the metrics of the order."""
        return np.flatnonzero(self.found_RC.any(axis=0))

    @cached_property
    def ranks_DJ(self) -> np.ndarray:
        """int, where these cells stand in the order of each map, sorted."""
        return np.sort(self.draws.fields.rank_DC[:, self.cells_J], axis=1)

    @cached_property
    def cells_DJ(self) -> np.ndarray:
        """int, these cells in that order."""
        return np.take_along_axis(self.draws.fields.order_DL, self.ranks_DJ, axis=1)

    @cached_property
    def found_DRJ(self) -> np.ndarray:
        """float64, pixels of each mask in these cells, in that order."""
        return self.found_RC[:, self.cells_DJ].transpose(1, 0, 2)

    def products(self, values_DRJ: np.ndarray) -> np.ndarray:
        """float64 D x R: sums over the pixels of each mask; `values_DRJ`: in the shape of `found_DRJ` or D x 1 x J."""
        return np.einsum("drj,drj->dr", self.found_DRJ, np.broadcast_to(values_DRJ, self.found_DRJ.shape))


def by_order(seen: DrawsOnTargets, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics that depend on the order of the pixels alone, float64 D x R each; ties by expectation."""
    draws = seen.draws
    num_pixels, size_R = len(draws.inside_P), targets.regions.size_R.astype(np.float64)
    size_D1J = draws.size_C[seen.cells_DJ][:, None]
    reached_D1J = np.take_along_axis(np.cumsum(draws.size_DL, axis=1), seen.ranks_DJ, axis=1)[:, None]
    above_D1J = reached_D1J - size_D1J
    pairs_DR = seen.products(num_pixels - above_D1J - size_D1J / 2) - size_R**2 / 2
    outside_R = num_pixels - size_R
    rank_DR = seen.products(np.clip((size_R[:, None] - above_D1J) / size_D1J, 0, 1)) / size_R
    return {
        "auroc": np.where(outside_R > 0, pairs_DR / (size_R * outside_R), np.nan),
        "ap": seen.products(np.cumsum(seen.found_DRJ, axis=2) / reached_D1J) / size_R,
        "rank": rank_DR,
        "dice_area": rank_DR,
        "area_iou": rank_DR / (2 - rank_DR),
    }


def shuffled(seen: DrawsOnTargets, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The pixels inside against those of other patients' regions by their weight; NaN where there are none."""
    if not len(targets.elsewhere_E):
        return {"shuffled_auroc": np.full(seen.found_DRJ.shape[:2], np.nan)}
    weight_C = seen.draws.sums(targets.elsewhere_E, targets.weight_E)
    total, reached_DL = weight_C.sum(), np.cumsum(weight_C[seen.draws.fields.order_DL], axis=1)
    reached_DJ = np.take_along_axis(reached_DL, seen.ranks_DJ, axis=1)
    lower_DJ = total - reached_DJ + weight_C[seen.cells_DJ] / 2
    score_DR = seen.products(lower_DJ[:, None]) / (targets.regions.size_R * total)
    return {"shuffled_auroc": np.clip(score_DR, 0, 1)}  # sums of weights round


def mass(seen: DrawsOnTargets, _: Targets, __: float) -> dict[str, np.ndarray]:
    """The share of the maps' sums inside, float64 D x R."""
    values_DC = seen.draws.values_DC
    return {"mass": values_DC @ seen.found_RC.T / (values_DC @ seen.draws.size_C)[:, None]}


def by_value(seen: DrawsOnTargets, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics that compare the maps' values with the shares, or in units of their spread, float64 D x R each."""
    draws, values_DC, num_pixels = seen.draws, seen.draws.values_DC, len(seen.draws.inside_P)
    total_D1 = (values_DC @ draws.size_C)[:, None]
    mean_D1 = total_D1 / num_pixels
    spread_D1 = np.sqrt(((values_DC - mean_D1) ** 2 @ draws.size_C)[:, None] / num_pixels)
    shares_CR, densities_CR = (
        np.stack([draws.sums(targets.support_C, of_mask) for of_mask in by_mask], axis=1)
        for by_mask in (targets.shares_RC, targets.density_RC)
    )
    density_DC = values_DC / total_D1
    common = [_common(draws, density_DC, targets.support_C, of_mask) for of_mask in targets.density_RC]
    return {
        "nss": (values_DC @ seen.found_RC.T / targets.regions.size_R - mean_D1) / spread_D1,
        "cc": np.clip((values_DC - mean_D1) @ shares_CR / num_pixels / (spread_D1 * targets.spread_R), -1, 1),
        "sim": np.stack(common, axis=1),
        "kl": targets.negentropy_R - np.log(density_DC + EPSILON) @ densities_CR,
    }


def _common(draws: Draws, density_DC: np.ndarray, pixels_K: np.ndarray, share_K: np.ndarray) -> np.ndarray:
    """float64 D: the common mass of each map and of a share, as densities; NaN of a share of nothing.

    A share takes few values, so that a cell holds few of them: pixels with the same cell and value are counted.
    """
    values, value_K = np.unique(share_K, return_inverse=True)
    cells, counts = np.unique(draws.cell_P[pixels_K] * len(values) + value_K, return_counts=True)
    cells, of_values = np.divmod(cells, len(values))
    return np.minimum(density_DC[:, cells], values[of_values]) @ counts


def at_peak(seen: DrawsOnTargets, targets: Targets, _: float) -> dict[str, np.ndarray]:
    """The metrics of what lies at the peak: means over the pixels of the highest cell, float64 D x R each."""
    pixels_Q = np.concatenate(seen.peaks)
    return {
        "pointing": _means(seen, targets.masks_RP[:, pixels_Q]),
        "vote": _means(seen, targets.shares_RP[:, pixels_Q]),
    }


def from_peak(seen: DrawsOnTargets, targets: Targets, tolerance: float) -> dict[str, np.ndarray]:
    """The metrics of the peak's distance: means over the pixels of the highest cell, float64 D x R each."""
    distance_RQ = targets.distances(np.concatenate(seen.peaks))
    is_near_RQ = (distance_RQ < tolerance).astype(np.float64)
    return {"pointing_near": _means(seen, is_near_RQ), "distance": _means(seen, distance_RQ)}


def _means(seen: DrawsOnTargets, values_RQ: np.ndarray) -> np.ndarray:
    """float64 D x R: the mean over the pixels of each map's highest cell; `values_RQ`: there, map after map."""
    sizes_D = np.array([len(peak) for peak in seen.peaks])
    return np.asarray(np.add.reduceat(values_RQ, np.cumsum(sizes_D) - sizes_D, axis=1).T / sizes_D[:, None])
