"""How far two maps of one image are the same map, beside what two maps of different patients' images share.

Shapes: M images, H W image grid, P = H * W pixels. Definitions: docs/metrics.md#consistency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.statistics.means import mean_known, means_along
from sightline.statistics.ranks import average_ranks, normalised_ranks


@dataclass(frozen=True, kw_only=True)
class RankedMaps:
    """The maps of M images with their pixels in order: each map is sorted once, for all that depends on the order."""

    ranks_MP: np.ndarray
    """float64, mid-ranks from 1 for the lowest pixel."""

    @property
    def num_pixels(self) -> int:
        return self.ranks_MP.shape[1]

    @cached_property
    def tied_MP(self) -> np.ndarray:
        """int, how many pixels of the map have the pixel's value, itself counted."""
        twice_MP = np.rint(2 * self.ranks_MP).astype(np.int64)
        return np.stack([np.bincount(twice_P)[twice_P] for twice_P in twice_MP])

    @cached_property
    def above_MP(self) -> np.ndarray:
        """float64, how many pixels of the map have a higher value: whole numbers."""
        return self.num_pixels - self.ranks_MP - (self.tied_MP - 1) / 2

    @cached_property
    def is_flat_M(self) -> np.ndarray:
        return self.tied_MP[:, 0] == self.num_pixels

    def top_shares(self, rows: slice, pixels_Q: np.ndarray, size: int) -> np.ndarray:
        """float64 (rows) x Q in [0, 1]: how far these pixels are among the `size` highest; ties at the cut alike."""
        return np.clip((size - self.above_MP[rows][:, pixels_Q]) / self.tied_MP[rows][:, pixels_Q], 0, 1)

    def relevance_rank(self, masks_MHW: np.ndarray) -> np.ndarray:
        """float64 M: of each map's |G| highest pixels, the share inside its region G; NaN where that is empty.

        The same number as `rank` of `alignment.region_scores`, which a test compares.
        """
        scores_M = np.full(len(masks_MHW), np.nan)
        for row, mask_P in enumerate(masks_MHW.reshape(len(masks_MHW), -1)):
            pixels = np.flatnonzero(mask_P)
            if len(pixels):
                scores_M[row] = self.top_shares(slice(row, row + 1), pixels, len(pixels)).mean()
        return scores_M


def ranked(maps_MHW: np.ndarray) -> RankedMaps:
    """Maps of any values and shape M x ..., without NaN."""
    return RankedMaps(ranks_MP=average_ranks(np.asarray(maps_MHW).reshape(len(maps_MHW), -1)))


@dataclass(frozen=True, kw_only=True)
class Repeatability:
    """Each image's numbers, float64 M."""

    correlation_M: np.ndarray
    """Spearman's rank correlation of the two maps over the pixels, in [-1, 1]; 0 where either is flat."""
    correlation_chance_M: np.ndarray
    """The same of the first map with the second maps of other patients, their mean; NaN without other patients."""
    overlap_M: np.ndarray
    """Of the first map's |G| highest pixels, the share among the second's; |G| / P where either is flat."""
    overlap_chance_M: np.ndarray
    """The same with the second maps of other patients, their mean; NaN without other patients."""

    def means(self) -> dict[str, float]:
        """Means over images, by the names of the result files."""
        return {
            "correlation": mean_known(self.correlation_M),
            "correlation_chance": mean_known(self.correlation_chance_M),
            "overlap": mean_known(self.overlap_M),
            "overlap_chance": mean_known(self.overlap_chance_M),
        }


def by_kind(perturbations: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """The mean of each number over the perturbations of a kind, the part of their names before an underscore.

    NaN is left out of a mean. Counts become means too.
    """
    kinds: dict[str, list[Mapping[str, float]]] = {}
    for name, numbers in perturbations.items():
        kinds.setdefault(name.split("_")[0], []).append(numbers)
    return {
        kind: {number: mean_known([numbers[number] for numbers in members]) for number in members[0]}
        for kind, members in kinds.items()
    }


def repeatability(maps: RankedMaps, again: RankedMaps, sizes_M: np.ndarray, patients_M: Sequence[str]) -> Repeatability:
    """How far the maps agree with a second map of the same images, in the same frame.

    `sizes_M`: pixels of each image's region, 1 to P; `patients_M`: whose images they are.
    """
    if maps.ranks_MP.shape != again.ranks_MP.shape:
        raise ValueError(f"maps of shapes {maps.ranks_MP.shape} and {again.ranks_MP.shape}: not of the same images")
    patients = np.asarray(patients_M)
    is_other_MM = patients[:, None] != patients
    correlation_MM = normalised_ranks(maps.ranks_MP) @ normalised_ranks(again.ranks_MP).T
    overlap_MM = overlaps(maps, again, sizes_M)
    return Repeatability(
        correlation_M=correlation_MM.diagonal().copy(),
        correlation_chance_M=means_along(np.where(is_other_MM, correlation_MM, np.nan), axis=1),
        overlap_M=overlap_MM.diagonal().copy(),
        overlap_chance_M=means_along(np.where(is_other_MM, overlap_MM, np.nan), axis=1),
    )


def overlaps(maps: RankedMaps, again: RankedMaps, sizes_M: np.ndarray) -> np.ndarray:
    """float64 M x M: of map i's `size` highest pixels, the share among the `size` highest of second map j.

    Ties at the cut share what is left alike, and two maps that tie at one pixel are taken to break the tie alike (the
    smaller of their two shares counts), so that a map agrees with itself fully. Where either map is flat: size / P,
    what two unrelated maps share.
    """
    num_maps, num_pixels = maps.ranks_MP.shape
    if len(sizes_M) != num_maps or not all(1 <= size <= num_pixels for size in sizes_M):
        raise ValueError(f"sizes: expected {num_maps} of 1 to {num_pixels} pixels, got {list(sizes_M)}")
    everywhere = np.arange(num_pixels)
    overlap_MM = np.empty((num_maps, num_maps))
    for row, size in enumerate(sizes_M):
        own_P = maps.top_shares(slice(row, row + 1), everywhere, size)[0]
        pixels = np.flatnonzero(own_P)
        shared_M = np.minimum(own_P[pixels], again.top_shares(slice(None), pixels, size)).sum(axis=1) / size
        overlap_MM[row] = np.where(maps.is_flat_M[row] | again.is_flat_M, size / num_pixels, shared_M)
    return overlap_MM
