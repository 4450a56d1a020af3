"""One map against many regions at once, by the scores that need no threshold: the map's pixels are sorted once.

Each region is a list of its pixels, so that the work grows with the regions' area and not with the image. The verdict
scores a map against hundreds of regions here; the ladder's `formulas.py` takes the same scores from here. Definitions:
docs/metrics.md#threshold-free.

R regions, H W image grid, P = H * W pixels, K pixels of all regions together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.alignment.overlap import overlap_scores

SCORES = ("rank", "ap", "auroc", "mass", "pointing")
FEW = 100  # pixels that show most maps not to be of 0 and 1, before all are looked at


@dataclass(frozen=True, kw_only=True)
class Regions:
    """The pixels of R regions, none of them empty."""

    pixels_K: np.ndarray
    """int, places in the flattened image, region after region."""
    starts_R: np.ndarray
    """int, where each region begins in `pixels_K`."""
    size_R: np.ndarray
    """int, pixels of each region, 1 or more."""
    num_pixels: int
    """P."""

    def __len__(self) -> int:
        return len(self.size_R)

    @cached_property
    def rows_K(self) -> np.ndarray:
        """int, the region of each pixel."""
        return np.repeat(np.arange(len(self)), self.size_R)

    @cached_property
    def places_K(self) -> np.ndarray:
        """float64, of each pixel, how many of its region stand before it in the list, itself counted."""
        return (np.arange(1, len(self.pixels_K) + 1) - np.repeat(self.starts_R, self.size_R)).astype(np.float64)

    @cached_property
    def sizes_K(self) -> np.ndarray:
        """int32, the pixels of each pixel's region."""
        return np.repeat(self.size_R.astype(np.int32), self.size_R)

    def picked(self, regions: slice) -> Regions:
        """Some of the regions, a slice of step 1."""
        size_R = self.size_R[regions]
        first = int(self.size_R[: regions.start].sum())
        pixels_K = self.pixels_K[first : first + int(size_R.sum())]
        return Regions(
            pixels_K=pixels_K, starts_R=np.cumsum(size_R) - size_R, size_R=size_R, num_pixels=self.num_pixels
        )

    def pixels_of(self, region: int) -> slice:
        """Where in `pixels_K` a region's pixels are."""
        return slice(int(self.starts_R[region]), int(self.starts_R[region] + self.size_R[region]))

    @cached_property
    def runs_L(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each run of successive pixels the first one and the one after it, int L; first runs, int R."""
        begins_K = np.diff(self.pixels_K, prepend=-2) != 1
        begins_K[self.starts_R] = True
        places_L = np.flatnonzero(begins_K)
        first_L = self.pixels_K[places_L]
        return first_L, first_L + np.diff(places_L, append=len(begins_K)), np.searchsorted(places_L, self.starts_R)

    def shared(self, mask_P: np.ndarray) -> np.ndarray:
        """int R: each region's pixels at which a mask of 0 and 1 is 1: a running total, read at the ends of runs."""
        first_L, end_L, runs_R = self.runs_L
        total = np.concatenate([[0], np.cumsum(mask_P, dtype=np.int32)])
        return np.add.reduceat(total[end_L] - total[first_L], runs_R, dtype=np.int64)

    def counts(self, is_K: np.ndarray) -> np.ndarray:
        """int R: of each region, the pixels for which it is true."""
        return np.add.reduceat(is_K.view(np.uint8), self.starts_R, dtype=np.int64)

    def sums(self, values_K: np.ndarray) -> np.ndarray:
        """float64 R: the sum over each region's pixels."""
        return np.add.reduceat(values_K, self.starts_R, dtype=np.float64)


def regions_of(masks_RHW: np.ndarray) -> Regions:
    """`masks_RHW`: bool; an empty region raises ValueError: it has no score."""
    flat_RP = masks_RHW.reshape(len(masks_RHW), int(np.prod(masks_RHW.shape[1:])))
    return regions_one_by_one(flat_RP, flat_RP.shape[1])


def regions_one_by_one(masks: Iterable[np.ndarray], num_pixels: int) -> Regions:
    """`regions_of`, of which no more than one mask is held at a time; `num_pixels`: of a mask."""
    pixels = [np.flatnonzero(mask_HW) for mask_HW in masks]
    size_R = np.array([len(of_region) for of_region in pixels], int)
    empty = np.flatnonzero(size_R == 0)
    if empty.size:
        raise ValueError(f"regions without a pixel: {', '.join(map(str, empty))}")
    return Regions(
        pixels_K=np.concatenate([np.zeros(0, int), *pixels]), starts_R=np.cumsum(size_R) - size_R, size_R=size_R,
        num_pixels=num_pixels,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class SortedMap:
    """One map and the order of its pixels, for many regions; sorted once, when a score first needs the order."""

    values_P: np.ndarray

    @cached_property
    def order_P(self) -> np.ndarray:
        """int, the pixels from the highest value down."""
        return descending_order(self.values_P)

    @property
    def is_sorted(self) -> bool:
        """Whether a score has needed the order already."""
        return "order_P" in vars(self)

    @cached_property
    def descending_P(self) -> np.ndarray:
        """The values from the highest down."""
        return self.values_P.take(self.order_P)

    @cached_property
    def _first_L(self) -> np.ndarray:
        """int, by distinct value from the highest down: the first place of its run in the order."""
        sorted_P = self.descending_P
        is_first_P = np.ones(len(sorted_P), bool)
        np.not_equal(sorted_P[1:], sorted_P[:-1], out=is_first_P[1:])
        return np.flatnonzero(is_first_P)

    @cached_property
    def _tied_L(self) -> np.ndarray:
        """int32, by distinct value: how many pixels have it."""
        tied_L = np.empty(len(self._first_L), np.int32)
        np.subtract(self._first_L[1:], self._first_L[:-1], out=tied_L[:-1], casting="same_kind")
        tied_L[-1:] = len(self.values_P) - self._first_L[-1:]
        return tied_L

    @cached_property
    def first_S(self) -> np.ndarray:
        """int32, by place from the highest value down: the first place of its run of equal values."""
        return np.repeat(self._first_L.astype(np.int32), self._tied_L)

    @cached_property
    def length_S(self) -> np.ndarray:
        """int32, the length of that run."""
        return np.repeat(self._tied_L, self._tied_L)

    @cached_property
    def above_P(self) -> np.ndarray:
        """int32, pixels with a higher value."""
        above_P = np.empty_like(self.first_S)
        above_P[self.order_P] = self.first_S
        return above_P

    @cached_property
    def is_binary(self) -> bool:
        """Whether it is 1 on some pixels and 0 on all others."""
        values_P = self.values_P
        is_two = all(bool(((part == 0) | (part == 1)).all()) for part in (values_P[:FEW], values_P))
        return is_two and bool((values_P != values_P[0]).any())

    def highest(self, count: int) -> np.ndarray:
        """bool P: exactly that many of the highest pixels, ties in raster order; none of a flat map."""
        highest_P = np.zeros(len(self.values_P), bool)
        if self.length_S[0] < len(self.values_P):
            highest_P[self.order_P[:count]] = True
        return highest_P

    def runs(self, places_R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First place and length of the run of equal values at these places, counted from the highest value; int R."""
        return self.first_S[places_R], self.length_S[places_R]


def sorted_map(map_HW: np.ndarray) -> SortedMap:
    """`map_HW`: in [0, 1], as `sightline.maps.scaled_maps` returns it; `mass` needs values of 0 or more."""
    return SortedMap(values_P=np.asarray(map_HW).ravel())


def descending_order(values_P: np.ndarray) -> np.ndarray:
    """int P: the places of the values from the highest down, equal ones in the order of their places; no NaN.

    Values of float32 that are not negative sort as their bits do: two radix sorts, of the lower and of the higher 16
    bits, in a third of the time of a sort by comparison.
    """
    if values_P.dtype != np.float32 or (len(values_P) and values_P.min() < 0):
        return np.argsort(-values_P, kind="stable")
    bits_P = ~(values_P + np.float32(0)).view(np.uint32)  # + 0 makes 0 of -0
    by_low_P = np.argsort(bits_P.astype(np.uint16), kind="stable")  # NumPy sorts 16 bits by radix
    high_P = (bits_P >> np.uint32(16)).astype(np.uint16)
    return by_low_P[np.argsort(high_P[by_low_P], kind="stable")]


@dataclass(frozen=True, kw_only=True)
class OnRegions:
    """The pixels of all regions as one map orders them."""

    of_map: SortedMap
    regions: Regions

    @cached_property
    def above_K(self) -> np.ndarray:
        """int32, pixels of the map with a higher value."""
        return self.of_map.above_P.take(self.regions.pixels_K)

    @cached_property
    def tied_K(self) -> np.ndarray:
        """int32, pixels of the map with the same value, itself counted."""
        return self.of_map.length_S.take(self.above_K)


def region_scores(of_map: SortedMap, regions: Regions, scores: Sequence[str] = SCORES) -> np.ndarray:
    """Each score of one map against each region, float64 (scores) x R, in the order of `scores`.

    Ties count by expectation; a flat map scores chance: the region's share of the image, 0.5 for `auroc`. The AUROC of
    a region that covers the image is NaN.
    """
    if len(of_map.values_P) != regions.num_pixels:
        raise ValueError(f"map: expected {regions.num_pixels} pixels, as the regions have, got {len(of_map.values_P)}")
    if not len(regions):
        return np.zeros((len(scores), 0))
    seen = OnRegions(of_map=of_map, regions=regions)
    if of_map.is_binary:  # by the same sums as `binary_maps`, so that equal maps score equal bits
        shared_1R = regions.shared(of_map.values_P)[None]
        size_11 = np.array([[np.count_nonzero(of_map.values_P)]])
        by_score = overlap_scores(shared_1R, size_11, regions.size_R, regions.num_pixels)
        return np.stack([by_score[score][0] for score in scores])
    return np.stack([_SCORED[score](seen) for score in scores])


def rank(seen: OnRegions) -> np.ndarray:
    """Share of the |G| highest pixels that lie inside, float64 R; ties at the cut in proportion."""
    regions, size_R = seen.regions, seen.regions.size_R
    taken_R = regions.counts(seen.above_K < regions.sizes_K)
    # The run of equal values at the cut counts whole there, but only `size - first` of its pixels are taken. A run
    # that begins at the cut has none; a region as large as the image has no cut.
    first_R, tied_R = seen.of_map.runs(np.minimum(size_R, regions.num_pixels - 1))
    crosses_R = (first_R < size_R) & (size_R < regions.num_pixels)
    in_run_R = np.zeros(len(size_R))
    for region in np.flatnonzero(crosses_R).tolist():
        in_run_R[region] = np.count_nonzero(seen.above_K[regions.pixels_of(region)] == first_R[region])
    taken_R = taken_R - np.where(crosses_R, in_run_R * (1 - (size_R - first_R) / tied_R), 0)
    return taken_R / size_R


def auroc(seen: OnRegions) -> np.ndarray:
    """P(inside > outside) + P(equal) / 2, float64 R; NaN of a region that covers the image."""
    num_pixels, size_R = seen.regions.num_pixels, seen.regions.size_R.astype(np.float64)
    twice_K = 2 * (num_pixels - seen.above_K) - seen.tied_K  # twice the pixels below, ties by half, itself too
    outside_R = num_pixels - size_R
    # the pairs of two pixels inside, which do not count, add up to size^2 / 2
    pairs_R = seen.regions.sums(twice_K) / 2 - size_R**2 / 2
    return np.divide(pairs_R, size_R * outside_R, out=np.full(len(size_R), np.nan), where=outside_R > 0)


def average_precision(seen: OnRegions) -> np.ndarray:
    """Pixel average precision, float64 R; a tie is one step."""
    regions, ends_R = seen.regions, seen.regions.starts_R + seen.regions.size_R
    is_short = regions.num_pixels <= 2**16
    above_K: np.ndarray = seen.above_K.astype(np.uint16 if is_short else np.int32)
    for start, end in zip(regions.starts_R.tolist(), ends_R.tolist(), strict=True):
        above_K[start:end].sort(kind="stable" if is_short else None)  # NumPy sorts 16 bits by radix if stable
    is_last_K = np.append(above_K[1:] != above_K[:-1], True)
    is_last_K[ends_R - 1] = True
    place_S = np.flatnonzero(is_last_K)  # the last pixel of each step
    above_S = above_K.take(place_S)
    reached_S = above_S + seen.of_map.length_S.take(above_S)
    hits_S = np.diff(place_S, prepend=-1)
    precision_S = hits_S * regions.places_K.take(place_S) / reached_S
    return np.add.reduceat(precision_S, np.searchsorted(place_S, regions.starts_R)) / regions.size_R


def mass(seen: OnRegions) -> np.ndarray:
    """Share of the map's sum inside, float64 R; of a flat map, the region's share of the image."""
    values_P, regions = seen.of_map.values_P, seen.regions
    if values_P.max() == values_P.min():
        return regions.size_R / regions.num_pixels
    return regions.sums(values_P.take(regions.pixels_K)) / values_P.sum(dtype=np.float64)


def pointing(seen: OnRegions) -> np.ndarray:
    """Share of the peak's pixels inside, float64 R."""
    values_P, regions = seen.of_map.values_P, seen.regions
    if seen.of_map.is_sorted:
        return regions.counts(seen.above_K == 0) / seen.of_map.length_S[0]
    is_peak_P = values_P == values_P.max()
    return regions.counts(is_peak_P.take(regions.pixels_K)) / np.count_nonzero(is_peak_P)


_SCORED = {"rank": rank, "ap": average_precision, "auroc": auroc, "mass": mass, "pointing": pointing}
