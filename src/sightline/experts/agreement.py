"""How far the annotations of one image agree with each other, and with random masks.

Letters: R annotations of one image, T random masks, H W image grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sightline.maps import upsampled
from sightline.statistics.means import mean_known

if TYPE_CHECKING:  # pandas takes most of a light stage's start-up: it loads where a table is made
    import pandas as pd

CELLS = 5  # the random masks' grid is 5 x 5, as published
BINS = 1024  # a power of two: value * BINS is exact


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How well the annotations of one image overlap; every pair is of two distinct annotators, each pair once."""

    first: np.ndarray
    """int, row of a pair's first annotation in the image's masks."""
    second: np.ndarray
    """int, row of its second; first < second."""
    iou: np.ndarray
    """float in [0, 1], IoU of each pair; NaN where both masks are empty."""
    random_iou: np.ndarray
    """float, IoU of each pair's first annotation with one random mask that has the area of its second."""
    mean_iou: float
    """Mean over the pairs; NaN without a pair."""
    mean_random_iou: float
    """Mean over all random masks, each with every other annotator's annotations; NaN without a pair."""
    mean_marked_random_iou: float
    """The same without empty annotations and without random masks of their area; NaN without a pair that marks."""


def iou_matrix(masks_RHW: np.ndarray, others_THW: np.ndarray) -> np.ndarray:
    """IoU of each of R bool masks with each of T others, float64 R x T in [0, 1]; NaN where both are empty."""
    return _iou(shared_pixels(masks_RHW, others_THW), _areas(masks_RHW), _areas(others_THW))


def _areas(masks_NHW: np.ndarray) -> np.ndarray:
    """Pixels of each mask, float64 N."""
    return _counted(_words(masks_NHW)).astype(np.float64)


def _iou(shared_RT: np.ndarray, area_R: np.ndarray, area_T: np.ndarray) -> np.ndarray:
    """`iou_matrix` from the pixels that the masks share and have."""
    either_RT = area_R[:, None] + area_T[None, :] - shared_RT
    return np.divide(shared_RT, either_RT, out=np.full(shared_RT.shape, np.nan), where=either_RT > 0)


def random_masks(rng: np.random.Generator, areas_T: np.ndarray, height: int, width: int) -> np.ndarray:
    """One random mask for each of T areas (pixels, whole, 0 to H * W), bool T x H x W with exactly that area.

    Paper: a 5 x 5 grid of random cells, bilinearly upsampled and rounded; its area is smaller than requested. Ours:
    5 x 5 uniform noise, bilinearly upsampled, its highest `area` pixels, ties in raster order. As the published masks,
    they cover the border somewhat more often than the middle, as interpolation evens out the noise between cells.
    """
    masks_TP = np.zeros((len(areas_T), height * width), bool)
    grids_Thw = rng.random((len(areas_T), CELLS, CELLS))
    for mask_P, grid_hw, area in zip(masks_TP, grids_Thw, np.asarray(areas_T).tolist(), strict=True):
        mask_P[:] = highest(upsampled(grid_hw[None], height, width).ravel(), area)
    return masks_TP.reshape(len(areas_T), height, width)


def highest(noise_P: np.ndarray, area: int) -> np.ndarray:
    """Bool P: exactly `area` of the highest values, ties in raster order; `noise_P`: float64 in [0, 1].

    Counted in bins first, so that only the values of the bin at the cut are sorted: a quarter of the time of
    `np.argpartition`, which moreover takes other ones of tied pixels on other processors.
    """
    if not area:
        return np.zeros(len(noise_P), bool)
    bin_P = (noise_P * BINS).astype(np.int16)
    reached_S = np.cumsum(np.bincount(bin_P, minlength=BINS + 1)[::-1])  # from the highest bin down
    place = int(np.searchsorted(reached_S, area))
    pixels_N = np.flatnonzero(bin_P == BINS - place)
    missing = area - (int(reached_S[place]) - len(pixels_N))
    highest_P: np.ndarray = bin_P > BINS - place
    highest_P[pixels_N[np.argsort(-noise_P[pixels_N], kind="stable")[:missing]]] = True
    return highest_P


def shared_pixels(masks_RHW: np.ndarray, others_THW: np.ndarray) -> np.ndarray:
    """How many pixels each of R bool masks shares with each of T others, float64 R x T: 64 of them at a time."""
    words_RW = _words(masks_RHW)
    if others_THW is masks_RHW:  # each pair once
        upper_RR = np.zeros((len(words_RW), len(words_RW)))
        for row, words_W in enumerate(words_RW):
            upper_RR[row, row:] = _counted(words_W & words_RW[row:])
        return upper_RR + np.triu(upper_RR, 1).T
    words_TW = _words(others_THW)
    shared = [_counted(words_W & words_TW) for words_W in words_RW]
    return np.reshape(shared, (len(words_RW), len(words_TW))).astype(np.float64)


def _counted(words_NW: np.ndarray) -> np.ndarray:
    """The bits of each row that are 1, uint32 N."""
    return np.asarray(np.bitwise_count(words_NW).sum(axis=1, dtype=np.uint32))


def _words(masks_NHW: np.ndarray) -> np.ndarray:
    """The masks' bits, uint64."""
    bits = np.packbits(masks_NHW.reshape(len(masks_NHW), -1), axis=1)
    return np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)


def image_agreement(
    masks_RHW: np.ndarray, annotators: Sequence[str], num_random: int, rng: np.random.Generator
) -> Agreement:
    """Agreement of one image's R annotations with each other and with `num_random` random masks (at least R).

    `annotators`: who made each annotation. Paper: two annotations by one person count as a pair of experts; ours are
    of distinct annotators. Random mask t has the area of annotation t mod R and is compared with the annotations that
    this annotation is compared with: those by other annotators.
    """
    names = np.asarray(annotators)
    first, second = np.triu_indices(len(masks_RHW), 1)
    distinct = names[first] != names[second] if len(names) else np.zeros(0, bool)
    first, second = first[distinct], second[distinct]
    if not len(first):
        nothing, nan = np.zeros(0), np.nan
        return Agreement(
            first=first, second=second, iou=nothing, random_iou=nothing, mean_iou=nan, mean_random_iou=nan,
            mean_marked_random_iou=nan,
        )  # fmt: skip
    areas = masks_RHW.sum(axis=(1, 2))
    model = np.arange(max(num_random, len(masks_RHW))) % len(masks_RHW)
    drawn = random_masks(rng, areas[model], *masks_RHW.shape[1:])
    chance = _iou(shared_pixels(masks_RHW, drawn), areas, areas[model])
    iou = iou_matrix(masks_RHW, masks_RHW)[first, second]
    distinct_RT = names[:, None] != names[model][None, :]
    both_marked_RT = (areas > 0)[:, None] & (areas[model] > 0)[None, :]
    return Agreement(
        first=first,
        second=second,
        iou=iou,
        random_iou=chance[first, second],
        mean_iou=mean_known(iou),
        mean_random_iou=mean_known(chance[distinct_RT]),
        mean_marked_random_iou=mean_known(chance[distinct_RT & both_marked_RT]),
    )


def profession_pairs(agreement: Agreement, professions: Sequence[str]) -> dict[str, np.ndarray]:
    """IoU of the pairs within each profession, by its name; `professions`: of the image's R annotations."""
    names = np.asarray(professions)
    same = names[agreement.first] == names[agreement.second] if len(names) else np.zeros(0, bool)
    return {str(name): agreement.iou[same & (names[agreement.first] == name)] for name in sorted(set(names.tolist()))}


PROFESSION_COLUMNS = ["profession", "annotators", "annotations", "pairs", "iou"]


def profession_table(
    used: pd.DataFrame, rows_of: dict[str, np.ndarray], agreements: dict[str, Agreement]
) -> pd.DataFrame:
    """PROFESSION_COLUMNS over all images: one row per profession, with the pairs within it; NaN IoU without a pair."""
    import pandas as pd

    ious: dict[str, list[float]] = {name: [] for name in sorted(set(used.profession))}
    for image, rows in rows_of.items():
        for name, values in profession_pairs(agreements[image], used.profession[rows].tolist()).items():
            ious[name] += values.tolist()
    annotators, annotations = used.groupby("profession").annotator.nunique(), used.profession.value_counts()
    return pd.DataFrame(
        [
            (name, int(annotators[name]), int(annotations[name]), len(values), mean_known(np.array(values)))
            for name, values in ious.items()
        ],
        columns=PROFESSION_COLUMNS,
    )
