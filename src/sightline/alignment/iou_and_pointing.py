"""Agreement of maps and consensus: IoU at thresholds, Pointing Game, chance and random maps.

M maps (one per image), H W image grid, P = H * W pixels, T thresholds, D random fields, A kinds of map of one image
(model x method). Definitions: docs/metrics.md#overlap and #points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.alignment.region_scores import descending_order
from sightline.processes import in_processes

SWEEP = np.round(np.arange(1, 46) * 0.02, 2)  # thresholds from 0.02 to 0.90 (Paper: Figures 6 and 7)
RANDOM_GRID = 10  # cells of a random map along each axis, as in the paper
BLOCK = 4_000_000  # pixels of random fields held at once
FIELDS = 25  # random fields that a process takes at once, at most
CELLS = 1024  # of [0, 1], in which pixels are counted; a power of two: value * CELLS is exact


def threshold_counts(
    maps_MHW: np.ndarray, masks_MHW: np.ndarray, thresholds_T: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of `map >= t`, and how many of them lie in the map's mask: two int64 M x T, in one pass over the maps.

    Pixels are counted in cells of width 1 / CELLS; those in the cell of a threshold are compared with it, so the counts
    are exact.

    `maps_MHW`: float32 or float64; `masks_MHW`: bool, one per map. The thresholds, in any order, are first rounded
    to the maps' dtype, as NumPy does with a Python float in `map >= 0.3`: the counts equal those of that comparison
    at every t. (Compared with a float64 array, a float32 map would be converted to float64, where float32's 0.3 is
    above 0.3 and its 0.7 below 0.7.) A NaN in a map or a threshold raises ValueError.
    """
    thresholds_T = np.asarray(thresholds_T).astype(maps_MHW.dtype)
    nan = ValueError("NaN in maps or thresholds: neither above nor below a threshold")
    if np.isnan(thresholds_T).any():
        raise nan
    distinct_T, place_T = np.unique(thresholds_T, return_inverse=True)
    cell_T, step_T, following = _cells(distinct_T)
    num_maps = len(maps_MHW)
    maps_MP, masks_MP = maps_MHW.reshape(num_maps, -1), masks_MHW.reshape(num_maps, -1).astype(bool, copy=False)
    in_cell = np.zeros((2, num_maps, CELLS + 2), dtype=np.int64)  # all pixels, those in the mask; CELLS + 1 stays empty
    reaching = np.zeros((2, len(following), num_maps, CELLS + 1), dtype=np.int64)
    # One map's arrays stay in a core's cache, which halves the time. They are allocated once, since the system would
    # clear new ones for each map.
    scaled_P, next_P, cell_P = (np.empty(maps_MP.shape[1], kind) for kind in (maps_MP.dtype, maps_MP.dtype, np.intp))
    for row, values_P in enumerate(maps_MP):
        lowest, highest = values_P.min(initial=0), values_P.max(initial=1)
        if np.isnan(highest):
            raise nan
        unit_P = values_P if lowest >= 0 and highest <= 1 else values_P.clip(0, 1)
        np.copyto(cell_P, np.multiply(unit_P, values_P.dtype.type(CELLS), out=scaled_P), casting="unsafe")
        in_cell[0, row, :-1] = np.bincount(cell_P, minlength=CELLS + 1)
        in_cell[1, row, :-1] = np.bincount(cell_P.take(np.flatnonzero(masks_MP[row])), minlength=CELLS + 1)
        for step, next_C in enumerate(following):
            next_C.take(cell_P, out=next_P, mode="clip")  # all lie inside; without "clip" NumPy copies again
            reached = np.flatnonzero(values_P >= next_P)  # few: the next threshold is mostly beyond the cell
            cells = cell_P.take(reached)
            reaching[0, step, row] = np.bincount(cells, minlength=CELLS + 1)
            reaching[1, step, row] = np.bincount(cells[masks_MP[row].take(reached)], minlength=CELLS + 1)
    in_cell_and_above = np.cumsum(in_cell[:, :, ::-1], axis=2)[:, :, ::-1]
    counts = in_cell_and_above[:, :, cell_T + (step_T >= 0)]
    for step in range(len(following)):
        counts += np.where(step_T == step, reaching[:, step][:, :, cell_T], 0)
    return counts[0][:, place_T], counts[1][:, place_T]


def _cells(distinct_T: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Where the ascending thresholds lie: each one's cell, its place there, and the values to compare with.

    The place counts from 0; below 0 the threshold is the start of its cell, and all pixels of the cell reach it. Entry
    k of the list has, for every cell, the k-th threshold above the cell's start, or infinity: few cells have more than
    one. Cell 0 also holds all values below 0, the last cell all above 1.
    """
    lowest_C = np.append(-np.inf, np.arange(1, CELLS + 1) / CELLS)
    surely_C = np.searchsorted(distinct_T, lowest_C, side="right")  # thresholds that all pixels of the cell reach
    cell_T = np.searchsorted(lowest_C, distinct_T, side="right") - 1
    step_T = np.arange(len(distinct_T)) - surely_C[cell_T]
    most = int(step_T.max(initial=-1)) + 1
    padded = np.append(distinct_T, np.full(most, np.inf, distinct_T.dtype))
    return cell_T, step_T, [padded[surely_C + step] for step in range(most)]


def iou(shared: np.ndarray, map_pixels: np.ndarray, mask_pixels: np.ndarray) -> np.ndarray:
    """Intersection over union in [0, 1] from pixel counts, of any shapes that broadcast.

    NaN where the mask is empty: there is nothing to find. 0 where the map is empty and the mask is not.
    """
    union = np.asarray(map_pixels) + np.asarray(mask_pixels) - shared
    return np.where(np.asarray(mask_pixels) > 0, shared / np.maximum(union, 1), np.nan)


def pointing(maps_MHW: np.ndarray, masks_MHW: np.ndarray) -> np.ndarray:
    """Pointing Game score of each map, float64 M in [0, 1]: does its maximum lie inside the mask?

    Ties: the share of the pixels at the maximum that lie inside, that is, the expectation of picking one at random; so
    a flat map scores the mask's share of the image, which is chance. An empty mask gives NaN. Paper: the first maximum
    in raster order counts, which for a binary map is a pixel near the top edge.
    """
    score_M = np.full(len(maps_MHW), np.nan)
    for row, (map_HW, mask_HW) in enumerate(zip(maps_MHW, masks_MHW, strict=True)):
        inside_HW = mask_HW.astype(bool, copy=False)
        if inside_HW.any():
            is_peak_HW = map_HW == map_HW.max()
            score_M[row] = np.count_nonzero(is_peak_HW & inside_HW) / np.count_nonzero(is_peak_HW)
    return score_M


def chance_pointing(mask_share: np.ndarray) -> np.ndarray:
    """Expected Pointing Game score of a point that is equally likely anywhere: the mask's share of the image, q.

    NaN for an empty mask, as in `pointing`. Paper: prints 0.0, an artefact of its tie rule.
    """
    mask_share = np.asarray(mask_share, dtype=float)
    return np.where(mask_share > 0, mask_share, np.nan)


def chance_iou(map_share: np.ndarray, mask_share: np.ndarray) -> np.ndarray:
    """pq / (p + q - pq): the IoU whose intersection is the one expected of independent regions with shares p and q.

    It is the mean IoU of scattered random pixels up to O(1 / pixels), and a lower bound of the mean IoU of random
    regions: IoU is convex in the intersection, which varies for *connected* regions (see `random_alignment`).
    NaN for an empty mask, 0 for an empty map.
    """
    p, q = np.asarray(map_share, dtype=float), np.asarray(mask_share, dtype=float)
    either = np.where(q > 0, p + q - p * q, np.nan)
    return p * q / either


@dataclass(frozen=True, kw_only=True)
class RandomAlignment:
    """Scores of random maps on each image: means over all fields, and a single draw as in the paper."""

    iou_AM: np.ndarray
    """Mean IoU over the fields, each cut to the map's own area; NaN for an empty mask."""
    pointing_M: np.ndarray
    """Mean Pointing Game score of the fields' peaks, which do not depend on the area; NaN for an empty mask."""
    published_iou_AM: np.ndarray
    """IoU of one field, number m modulo D for image m: one random mask per image, as published."""
    published_pointing_M: np.ndarray
    """Pointing Game score of that field's peak."""


def random_fields(num_fields: int, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Random maps, float32 D x height x width: a 10 x 10 grid of uniform noise, bilinearly interpolated.

    The grid is periodic and shifted at random, so that all pixels are alike: a field's top a pixels share a * q pixels,
    on average, with any mask of share q, and its peak lies inside with probability q. With clamped edges, as the maps
    have, the border would hold the highest values more often than the middle.
    Paper: a binary grid within the image, its cells drawn with replacement, so that masks are smaller than asked.
    """
    return periodic_fields(num_fields, height, width, rng).astype(np.float32)


def periodic_fields(num_fields: int, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """`random_fields` before they are rounded, float64: practically without ties."""
    return _fields_of(_noise(num_fields, rng), height, width)


def _noise(num_fields: int, rng: np.random.Generator) -> np.ndarray:
    """float64 in [0, 1), a row for each field, the two steps at its end: its values do not depend on their number."""
    return rng.random((num_fields, RANDOM_GRID**2 + 2))


def _fields_of(noise: np.ndarray, height: int, width: int) -> np.ndarray:
    num_fields = len(noise)
    grid = noise[:, :-2].reshape(num_fields, RANDOM_GRID, RANDOM_GRID)
    rows, cols = (_periodic_weights(noise[:, -axis], size) for axis, size in ((2, height), (1, width)))
    return rows @ grid @ cols.transpose(0, 2, 1)


def _periodic_weights(shift_D: np.ndarray, size: int) -> np.ndarray:
    """Float64 D x size x 10: bilinear weights along one axis of a periodic grid, shifted by a fraction of a cell."""
    places_DH1 = (np.arange(size) + 0.5)[:, None] * (RANDOM_GRID / size) + shift_D[:, None, None]
    half = RANDOM_GRID / 2
    distance = np.abs((places_DH1 - np.arange(RANDOM_GRID) + half) % RANDOM_GRID - half)
    return np.maximum(0, 1 - distance)


def random_alignment(
    areas_AM: np.ndarray, masks_MHW: np.ndarray, num_fields: int, rng: np.random.Generator
) -> RandomAlignment:
    """Scores of random maps with exactly the area of the maps that they replace.

    `areas_AM`: pixels of each binarised map, int, A kinds of map of M images; `masks_MHW`: the images' consensus. A
    field's top a pixels (ties in raster order) are its map of area a; area 0 gives IoU 0. The same D fields, each
    sorted once, serve all images, models and methods, so that the fields' luck cancels in differences between models.
    Each image shifts them (periodically) by its own random step, so that the luck differs between images: the error
    of a mean over images is some 3 times smaller. The `published_*` draws are different fields for different images
    as long as M <= D.
    """
    num_kinds, num_images = areas_AM.shape
    _, height, width = masks_MHW.shape
    field_rng, shift_rng = rng.spawn(2)
    steps_M2 = shift_rng.integers(0, [height, width], size=(num_images, 2))
    # Shifting the mask back equals shifting all fields.
    shifted = [np.roll(mask_HW, -step_2, axis=(0, 1)) for mask_HW, step_2 in zip(masks_MHW, steps_M2, strict=True)]
    masks_MHW = np.reshape(shifted, masks_MHW.shape).astype(bool)
    noise, block = _noise(num_fields, field_rng), max(1, min(FIELDS, BLOCK // (height * width)))
    parts = [noise[start : start + block] for start in range(0, num_fields, block)]
    scored = list(in_processes(_random_scores, (areas_AM, masks_MHW), parts))
    iou_DAM = np.concatenate([np.empty((0, num_kinds, num_images)), *(iou_dAM for iou_dAM, _ in scored)])
    pointing_DM = np.concatenate([np.empty((0, num_images)), *(pointing_dM for _, pointing_dM in scored)])
    pointing_DM[:, ~masks_MHW.any(axis=(1, 2))] = np.nan
    images = np.arange(num_images)
    own = images % num_fields
    return RandomAlignment(
        iou_AM=iou_DAM.mean(axis=0),
        pointing_M=pointing_DM.mean(axis=0),
        published_iou_AM=iou_DAM[own, :, images].T,
        published_pointing_M=pointing_DM[own, images],
    )


def _random_scores(work: tuple[np.ndarray, np.ndarray], noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """IoU of some fields, float64 d x A x M, and the Pointing Game scores of their peaks, d x M."""
    areas_AM, masks_MHW = work
    num_images, height, width = masks_MHW.shape
    masks_MP = masks_MHW.reshape(num_images, -1)
    mask_pixels_M = masks_MP.sum(axis=1)
    fields_DP = _fields_of(noise, height, width).astype(np.float32).reshape(len(noise), -1)
    peak_DP = fields_DP == fields_DP.max(axis=1, keepdims=True)
    inside_DM = peak_DP.astype(np.float32) @ masks_MP.T.astype(np.float32)  # exact: counts far below 2**24
    ranks_DP = _ranks(fields_DP)
    iou_DAM = np.empty((len(noise), *areas_AM.shape))
    for image in range(num_images):
        shared_DA = _ranked_below(ranks_DP[:, masks_MP[image]], areas_AM[:, image], height * width)
        iou_DAM[:, :, image] = iou(shared_DA, areas_AM[:, image], mask_pixels_M[image])
    return iou_DAM, inside_DM / peak_DP.sum(axis=1)[:, None]


def _ranks(fields_DP: np.ndarray) -> np.ndarray:
    """int32 D x P: each pixel's place in its float32 field, 0 the highest, ties in raster order; no value below 0."""
    ranks_DP = np.empty(fields_DP.shape, dtype=np.int32)
    places_P = np.arange(fields_DP.shape[1], dtype=np.int32)
    for field_P, ranks_P in zip(fields_DP, ranks_DP, strict=True):
        ranks_P[descending_order(field_P)] = places_P
    return ranks_DP


def _ranked_below(ranks_DG: np.ndarray, areas_A: np.ndarray, num_pixels: int) -> np.ndarray:
    """int64 D x A: how many of each row's ranks lie below each area; one histogram for any number of areas."""
    num_rows, num_areas = len(ranks_DG), len(areas_A)
    order_A = np.argsort(areas_A)
    bin_of_rank = np.searchsorted(areas_A[order_A], np.arange(num_pixels), side="right")
    cells_DG = bin_of_rank[ranks_DG] + np.arange(num_rows)[:, None] * (num_areas + 1)
    histogram = np.bincount(cells_DG.ravel(), minlength=num_rows * (num_areas + 1)).reshape(num_rows, num_areas + 1)
    below_DA = np.empty((num_rows, num_areas), dtype=np.int64)
    below_DA[:, order_A] = np.cumsum(histogram, axis=1)[:, :num_areas]
    return below_DA
