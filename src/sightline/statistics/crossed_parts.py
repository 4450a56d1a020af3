"""The parts of the crossed contrast that come from one block: which maps and readings count, and their sums.

m images, a maps, n readings of a block, k kinds of maps on the same readings, B resamples, b of one chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.statistics.blocks import Weigh

CELLS = 1_000_000  # numbers of one array held at once


@dataclass(frozen=True, kw_only=True)
class Part:
    """The maps and readings of one block that take part."""

    scores_an: np.ndarray
    """No NaN."""
    map_n: np.ndarray
    """int, the row of `scores_an` of each reading's own map."""
    readings_n: np.ndarray
    """int, which of the study's readings."""
    images_m: np.ndarray
    """int, which of the study's images."""
    image_n: np.ndarray
    """int, the reading's place in `images_m`."""
    image_a: np.ndarray
    """int, the map's place in `images_m`."""
    patient_m: np.ndarray
    is_by_reader: bool
    """One map per reading, else per image."""

    @property
    def signature(self) -> tuple[bytes, ...]:
        """Parts with the same signature differ by their scores alone."""
        return (
            bytes([self.is_by_reader]), self.map_n.tobytes(), self.readings_n.tobytes(), self.image_a.tobytes(),
        )  # fmt: skip


def complete_part(
    scores_an: np.ndarray,
    maps_a: np.ndarray,
    readings_n: np.ndarray,
    own_map_N: np.ndarray,
    image_N: np.ndarray,
    patient_M: np.ndarray,
    is_model: bool,
) -> Part | None:
    """A block without readings that have no own score and maps that have no reading; None if nothing is left.

    `maps_a`, `readings_n`: int, rising, which of the study's maps and readings the rows and columns are; `own_map_N`:
    int, the map of each reading, -1 for none.
    """
    has_map_n = own_map_N[readings_n] >= 0
    map_n = np.where(has_map_n, np.searchsorted(maps_a, own_map_N[readings_n]), 0)
    kept = has_map_n.copy()
    if len(maps_a):
        kept &= ~np.isnan(scores_an[map_n, np.arange(len(readings_n))])
    while kept.any():
        used_a, place_n = np.unique(map_n[kept], return_inverse=True)
        left_an = scores_an[np.ix_(used_a, kept)]
        image_n = image_N[readings_n[kept]]
        image_a = image_n[np.unique(place_n, return_index=True)[1]]
        known_an = ~np.isnan(left_an) & (patient_M[image_a][:, None] != patient_M[image_n])
        has_others_n = known_an.any(axis=1)[place_n] & known_an.any(axis=0)
        if has_others_n.all():
            images_m, both = np.unique(np.concatenate([image_n, image_a]), return_inverse=True)
            mean_a = np.where(known_an, left_an, 0).sum(axis=1) / known_an.sum(axis=1)
            return Part(
                scores_an=np.where(np.isnan(left_an), mean_a[:, None], left_an),
                map_n=place_n,
                readings_n=readings_n[kept],
                images_m=images_m,
                image_n=both[: len(image_n)],
                image_a=both[len(image_n) :],
                patient_m=patient_M[images_m],
                is_by_reader=not is_model,
            )
        kept[np.flatnonzero(kept)[~has_others_n]] = False
    return None


def part_sums(
    parts: Sequence[Part], image_Bm: np.ndarray, reader_Bn: np.ndarray, weigh: Weigh
) -> tuple[np.ndarray, np.ndarray]:
    """The sum of d times the weight of its reading, float64 k x B, and that of the weights, B.

    `parts`: with the same signature; `image_Bm`: how often each image was drawn; `reader_Bn`: each reading's reader.

    A map's mean over other patients' regions is a sum of its scores with weights by reading, by the number of others;
    d sums these means again with weights by map. So each kind needs two products with its scores, and what
    multiplies them is the same for all kinds.
    """
    part, num_kinds = parts[0], len(parts)
    is_of_nm = (part.image_n[:, None] == np.arange(len(part.images_m))).astype(float)
    is_own_na = (part.map_n[:, None] == np.arange(len(part.image_a))).astype(float)
    is_other_mm = (part.patient_m[:, None] != part.patient_m).astype(float)
    is_other_an = is_other_mm[np.ix_(part.image_a, part.image_n)]
    own_nk = np.array([of_kind.scores_an[part.map_n, np.arange(len(part.map_n))] for of_kind in parts]).T
    off_nka = np.array([of_kind.scores_an * is_other_an for of_kind in parts]).transpose(2, 0, 1)
    off_nX = np.ascontiguousarray(off_nka).reshape(len(part.map_n), -1)
    sums_Bk, total_B = np.empty((len(image_Bm), num_kinds)), np.empty(len(image_Bm))
    step = max(1, CELLS // max(off_nX.shape))
    for start in range(0, len(image_Bm), step):
        rows = slice(start, start + step)
        reader_bn = reader_Bn[rows].astype(float)
        readers_bm = reader_bn @ is_of_nm
        count_bm = image_Bm[rows] * (readers_bm > 0)
        share_bn = reader_bn / np.where(readers_bm > 0, readers_bm, 1)[:, part.image_n]  # of its image, sum 1
        others_bm = count_bm @ is_other_mm
        region_bn = count_bm[:, part.image_n] * share_bn
        # one map per reading, or per image
        map_ba = region_bn @ is_own_na if part.is_by_reader else count_bm[:, part.image_a].astype(float)
        weight_bm = count_bm.astype(float)
        if weigh == "patients":
            num_bm = (readers_bm > 0) @ (1 - is_other_mm)  # the patient's images that are in
            weight_bm /= np.where(num_bm > 0, num_bm, 1)
        weight_bn = weight_bm[:, part.image_n] * share_bn
        row_ba = _ratio(weight_bn @ is_own_na, others_bm[:, part.image_a])
        col_bn = _ratio(weight_bn, others_bm[:, part.image_n])
        sums_bka = (region_bn @ off_nX).reshape(-1, num_kinds, len(part.image_a))
        sums_bk = np.einsum("bka,ba->bk", sums_bka, row_ba)
        sums_bka = (col_bn @ off_nX).reshape(sums_bka.shape)
        sums_bk += np.einsum("bka,ba->bk", sums_bka, map_ba)
        sums_Bk[rows] = weight_bn @ own_nk - sums_bk / 2
        total_B[rows] = weight_bm.sum(axis=1)
    return sums_Bk.T, total_B


def _ratio(weights: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Weights by the number of others; 0 where the weight is, NaN where a weight has no others."""
    ratio = np.divide(weights, others, out=np.full(weights.shape, np.nan), where=others > 0)
    return np.where(weights > 0, ratio, 0.0)
