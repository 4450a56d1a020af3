"""Binarised maps: the rules that set a threshold, and the overlap and boundary distances of the result.

A binarised maps of one image, R masks of it, M maps of many images, T thresholds, H W image grid, P = H * W pixels.
Definitions: docs/metrics.md#binarisation and #boundaries.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.alignment.iou_and_pointing import iou
from sightline.statistics.otsu import otsu_thresholds

Rule = Literal["fixed", "otsu", "top_share", "area_matched"]
PERCENTILE = 95  # of HD95
PAIRS = 32  # of boundary pixels, for each pixel of the image: of more, two distance transforms take less time
EXACT_FLOAT32 = 2**24  # whole numbers up to it are exact
SAME = 1e-12  # mean IoUs closer than this are a tie: sums of the same numbers in another order


def binarised(
    maps_MHW: np.ndarray,
    rule: Rule,
    *,
    threshold: float | None = None,
    share: float | None = None,
    masks_MHW: np.ndarray | None = None,
) -> np.ndarray:
    """The maps cut to regions, bool M x H x W, from maps scaled to [0, 1] (float32 or float64).

    - `fixed`: map >= `threshold`, in (0, 1], compared in the maps' dtype, as in
      `iou_and_pointing.threshold_counts`.
    - `otsu`: above the threshold that maximises the variance between the two classes (Otsu 1979), over 256 bins from
      the map's lowest to its highest value; the lowest such bin on a tie. Peer: as scikit-image, the cut is the
      bin's centre and strict.
    - `top_share`: the highest round(`share` * P) pixels, share in (0, 1].
    - `area_matched`: as many of the highest pixels as its mask in `masks_MHW` has; none for an empty mask.

    Exactly that many pixels: ties at the cut are taken in raster order (`threshold_free.image_scores` has the
    expectation). A flat map is empty under the last three, since it has no highest pixels, and under `fixed`, since
    its value is 0.
    A rule without its argument, and NaN, raise ValueError.
    """
    if maps_MHW.size and np.isnan(maps_MHW.max()):
        raise ValueError("NaN in maps")
    num_maps, height, width = maps_MHW.shape
    maps_MP = maps_MHW.reshape(num_maps, height * width)
    if rule == "fixed":
        cut = np.asarray(_in_unit("threshold", threshold)).astype(maps_MHW.dtype)
        return maps_MHW >= cut
    if rule == "otsu":
        cut_M = otsu_thresholds(maps_MHW)
        as_map_M = cut_M.astype(maps_MHW.dtype)  # rounded down: the maps' values above it are those above the cut
        as_map_M = np.where(as_map_M > cut_M, np.nextafter(as_map_M, maps_MHW.dtype.type(-np.inf)), as_map_M)
        return maps_MHW > as_map_M[:, None, None]
    if rule == "top_share":
        count_M = np.full(num_maps, int(np.floor(_in_unit("share", share) * maps_MP.shape[1] + 0.5)))
    elif rule == "area_matched":
        if masks_MHW is None or masks_MHW.shape != maps_MHW.shape:
            raise ValueError("area_matched: expected masks, one per map and of its shape")
        count_M = masks_MHW.astype(bool).sum(axis=(1, 2))
    else:
        raise ValueError(f"rule: expected fixed, otsu, top_share or area_matched, got {rule!r}")
    return _highest(maps_MP, count_M).reshape(maps_MHW.shape)


def _in_unit(name: str, value: float | None) -> float:
    if value is None or not 0 < value <= 1:
        raise ValueError(f"{name}: expected a number above 0 and at most 1, got {value}")
    return value


def _highest(maps_MP: np.ndarray, count_M: np.ndarray) -> np.ndarray:
    """Bool M x P: the `count_M` highest pixels of each map, ties in raster order; none of a flat map."""
    num_maps, num_pixels = maps_MP.shape
    ordered_MP = np.sort(maps_MP, axis=1)
    cut_M1 = ordered_MP[np.arange(num_maps), np.minimum(num_pixels - count_M, num_pixels - 1)][:, None]
    above_MP, level_MP = maps_MP > cut_M1, maps_MP == cut_M1
    missing_M1 = (count_M - above_MP.sum(axis=1))[:, None]
    highest_MP = above_MP | (level_MP & (np.cumsum(level_MP, axis=1) <= missing_M1))
    has_peak_M = ordered_MP[:, 0] < ordered_MP[:, -1]
    return highest_MP & (has_peak_M & (count_M > 0))[:, None]


def inner_boundary(masks_RHW: np.ndarray) -> np.ndarray:
    """Bool R x H x W: pixels of the mask with one of their 4 neighbours outside it; all beyond the image is outside.

    MONAI's `get_mask_edges`: the mask minus its erosion by a cross.
    """
    near = np.pad(masks_RHW.astype(bool), ((0, 0), (1, 1), (1, 1)))
    rows, cols = near[:, :-2, 1:-1] & near[:, 2:, 1:-1], near[:, 1:-1, :-2] & near[:, 1:-1, 2:]
    return near[:, 1:-1, 1:-1] & ~(rows & cols)


def binary_scores(binary_AHW: np.ndarray, masks_RHW: np.ndarray, tolerance: float) -> dict[str, np.ndarray]:
    """Overlap and boundary scores of each binary map against each mask of one image, float64 A x R each.

    `iou`, `dice` in [0, 1]. Distances in pixels between boundaries (`inner_boundary`), Euclidean, from each boundary
    pixel to the nearest one of the other boundary, both ways.
    `hd95`: the larger of the two 95th percentiles (linear interpolation); `assd`: the mean over the pixels of both
    boundaries; `nsd`: the share of them no farther than `tolerance` (pixels, at least 0; Nikolov et al. 2021).
    Peer: MONAI's definitions; surface-distance weighs boundary pixels by their length and takes the larger
    percentile as we do. A tolerance below one cell of the feature grid means little.

    An empty mask gives NaN. An empty map against a mask: iou, dice and nsd 0, hd95 and assd NaN (MONAI: infinite),
    since there is no boundary to measure from.
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance: expected at least 0, got {tolerance}")
    num_maps, num_masks = len(binary_AHW), len(masks_RHW)
    binary_AP, masks_RP = (
        part.reshape(len(part), -1).astype(bool).astype(np.float32) for part in (binary_AHW, masks_RHW)
    )
    shared_AR = (binary_AP @ masks_RP.T).astype(np.float64)  # float32 counts exactly up to 2**24 pixels
    pixels_A1, pixels_R = binary_AHW.sum(axis=(1, 2))[:, None], masks_RHW.sum(axis=(1, 2))
    iou_AR = iou(shared_AR, pixels_A1, pixels_R)
    scores = {"iou": iou_AR, "dice": 2 * iou_AR / (1 + iou_AR)}
    scores |= {metric: np.full((num_maps, num_masks), np.nan) for metric in ("hd95", "assd", "nsd")}
    scores["nsd"][:, pixels_R > 0] = 0
    of_maps, of_masks = ([np.flatnonzero(edge) for edge in inner_boundary(masks)] for masks in (binary_AHW, masks_RHW))
    for row, of_map in enumerate(of_maps):
        for col, of_mask in enumerate(of_masks):
            if not len(of_map) or not len(of_mask):
                continue
            there, back = _distances(of_map, of_mask, binary_AHW.shape[1:])
            both = np.concatenate([there, back])
            scores["hd95"][row, col] = max(_percentile(there), _percentile(back))
            scores["assd"][row, col] = both.mean()
            scores["nsd"][row, col] = np.count_nonzero(both <= tolerance) / len(both)
    return scores


def _distances(places_B: np.ndarray, places_C: np.ndarray, grid: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """float64 B and C: from each pixel of one boundary to the nearest of the other, exact either way.

    Of few pixels all squares come from one matrix product, which whole numbers make exact; of many, a distance
    transform of the image takes less time.
    """
    if len(places_B) * len(places_C) > PAIRS * grid[0] * grid[1]:
        return _transform(places_C, grid)[places_B], _transform(places_B, grid)[places_C]
    (rows_B, cols_B), (rows_C, cols_C) = (np.divmod(places, grid[1]) for places in (places_B, places_C))
    ones_B, ones_C = np.ones(len(places_B), int), np.ones(len(places_C), int)
    # (b - c)^2 = b^2 - 2 b c + c^2, of rows and columns together
    left_B4 = np.stack([rows_B, cols_B, rows_B**2 + cols_B**2, ones_B], axis=1)
    right_4C = np.stack([-2 * rows_C, -2 * cols_C, ones_C, rows_C**2 + cols_C**2])
    is_small = 4 * (grid[0] ** 2 + grid[1] ** 2) < EXACT_FLOAT32  # as every sum on the way then is
    kind = np.float32 if is_small else np.float64
    squares_BC = left_B4.astype(kind) @ right_4C.astype(kind)
    return np.sqrt(squares_BC.min(axis=1).astype(np.float64)), np.sqrt(squares_BC.min(axis=0).astype(np.float64))


def _transform(places_B: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """float64 P: of every pixel the distance to the nearest of `places_B`."""
    others_HW = np.ones(grid, bool)
    others_HW.ravel()[places_B] = False
    return np.asarray(scipy.ndimage.distance_transform_edt(others_HW)).ravel()


def _percentile(values: np.ndarray) -> float:
    """`np.percentile(values, PERCENTILE)` to the last bit, in a tenth of its time."""
    place = PERCENTILE / 100 * (len(values) - 1)
    below = int(place)
    above, share = min(below + 1, len(values) - 1), place - below
    ordered = np.partition(values, (below, above))
    low, step = ordered[below], ordered[above] - ordered[below]
    return float(low + step * share if share < 0.5 else ordered[above] - step * (1 - share))


def crossfit_threshold(
    iou_MT: np.ndarray, groups_M: np.ndarray, thresholds_T: np.ndarray, folds: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Each image's threshold, chosen on other patients, and its IoU there: two float64 M.

    `iou_MT`: IoU of each map at each threshold, in any order of thresholds; `groups_M`: the patients. The patients
    are dealt at random into `folds` parts, from 2 to their number. The images of one part get the threshold with the
    highest mean IoU over the images of the other parts, the lowest on a tie. NaN (an empty consensus) is left out of
    the means and stays NaN in the result; where the other parts have no IoU, threshold and IoU are NaN. The parts
    depend on which images share a patient and on the patients' order, not on the order of the images.
    """
    labels, group_M = np.unique(groups_M, return_inverse=True)
    if not 2 <= folds <= len(labels):
        raise ValueError(f"folds: expected from 2 to the {len(labels)} patients, got {folds}")
    order_T = np.argsort(thresholds_T)
    thresholds_T, iou_MT = np.asarray(thresholds_T, dtype=float)[order_T], np.asarray(iou_MT, dtype=float)[:, order_T]
    fold_M = (rng.permutation(len(labels)) % folds)[group_M]
    known_MT = ~np.isnan(iou_MT)
    others_FM = (fold_M != np.arange(folds)[:, None]).astype(float)
    with np.errstate(invalid="ignore"):
        mean_FT = others_FM @ np.where(known_MT, iou_MT, 0) / (others_FM @ known_MT)
    defined_FT = np.where(np.isnan(mean_FT), -np.inf, mean_FT)
    best_F = np.argmax(defined_FT >= defined_FT.max(axis=1, keepdims=True) - SAME, axis=1)  # the first is the lowest
    threshold_F = np.where(np.isnan(mean_FT).all(axis=1), np.nan, thresholds_T[best_F])
    chosen_M = iou_MT[np.arange(len(iou_MT)), best_F[fold_M]]
    return threshold_F[fold_M], np.where(np.isnan(threshold_F[fold_M]), np.nan, chosen_M)
