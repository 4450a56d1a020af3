"""Whether a model looks where no disease can be: a meter that needs no annotations, only maps and the lungs.

M maps (one per image), of which m count, H W image grid, D draws, W windows. `outside_lungs` has the shares of a map's
relevance.

There are two signs of a shortcut in the maps of images that the network calls positive, right or wrong: relevance
outside the lungs, and peaks that return to one place outside them, fixed to the film and not to the patient: a marker,
a letter, a collimator's edge. Both are compared with images called negative. Neither proves that the model uses the
place; tests that remove it can. Definitions: docs/metrics.md#shortcut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sightline.alignment.iou_and_pointing import BLOCK
from sightline.alignment.outside_lungs import CELLS, require_relevance
from sightline.statistics.means import means_along

WINDOWS = 2 * CELLS - 1  # along each axis: windows of one cell slide by half a cell
LEVEL = 0.05  # of the flag, half of it for each sign
LEAST_IMAGES = 10  # called positive and called negative, each: with fewer the meter cannot tell
# The least effects were chosen from 24 networks that had no marker to find (benchmarks/shortcut_alarms.py).
LEAST_EXCESS = 0.1  # of relevance
LEAST_CONCENTRATION = 0.5  # of the images


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """The two signs of a shortcut in the maps of images called positive, and whether they call for a look."""

    num_positive: int
    """Images called positive that count: with lungs and a map that is not flat."""
    num_negative: int
    """Images called negative that count."""
    num_flat: int
    """Images with lungs whose map is flat: they have no place and do not count."""
    excess: float
    """Positive images: mean share of relevance outside the lungs beyond a uniform map's, in [-1, 1]; NaN without."""
    excess_negative: float
    """The same over the negative images."""
    excess_p: float
    """One-sided: positive images have more of it than negative ones; in (0, 1], NaN if one of the two has no image."""
    row: float
    """Centre of the favoured place, as a share of the height: where the share of positive images whose peak lies there,
    outside the lungs, exceeds that of negative images most; NaN if no positive image's peak lies outside."""
    col: float
    """The same along the width."""
    concentration: float
    """Share of the positive images whose peak lies there, within one cell of 7 x 7; in [0, 1], NaN without images."""
    concentration_negative: float
    """The same share of the negative images."""
    concentration_p: float
    """One-sided, for the largest difference of the two shares at any place; in (0, 1], NaN as above."""

    @property
    def can_tell(self) -> bool:
        """At least 10 images that count on either side."""
        return min(self.num_positive, self.num_negative) >= LEAST_IMAGES

    @property
    def by_excess(self) -> bool:
        """Excess at least 0.1, and at least 0.1 above that of negative images at the 2.5% level."""
        least = min(self.excess, self.excess - self.excess_negative)
        return self.can_tell and least >= LEAST_EXCESS and self.excess_p <= LEVEL / 2

    @property
    def by_concentration(self) -> bool:
        """Concentration at least 0.5 above that of negative images at the 2.5% level."""
        more = self.concentration - self.concentration_negative
        return self.can_tell and more >= LEAST_CONCENTRATION and self.concentration_p <= LEVEL / 2

    @property
    def is_flagged(self) -> bool:
        """Whether there is either sign; never where the meter cannot tell."""
        return self.by_excess or self.by_concentration


def suspicion(
    maps_MHW: np.ndarray,
    near_MHW: np.ndarray,
    excess_M: np.ndarray,
    patients_M: np.ndarray,
    is_called_M: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> Suspicion:
    """Whether maps of images called positive look at something outside the lungs that maps of the others do not.

    `near_MHW`: as `near_lungs` returns it; `excess_M`: each map's share of relevance outside, beyond a uniform map's
    (`relevance_shares` less `uniform_shares`, `outside` of both). `is_called_M`: bool, the network's answers; true and
    false positives are called alike. Two signs: relevance outside
    the widened lungs, and a place outside them, one window of a seventh of each side that slides by half of that, where
    peaks gather (of tied peaks one at random). Each is compared with the images called negative: a map that is the same
    on every image gathers at one place too, which says nothing of what the network answers to. Null hypothesis: the map
    does not know the answer. Each draw exchanges the answers between patients with equally many images and, for the
    place, searches for the best window again. p = (1 + #{as large}) / (1 + draws) (Phipson and Smyth 2010).

    The meter sees no place that attracts the maps whatever the answer, and none that a coarse feature grid hides. Nor
    does it know anatomy: maps that peak on the heart when the answer is yes, and elsewhere when it is no, gather
    outside the lungs. The thresholds allow for that (`benchmarks/shortcut_alarms.py`). Flat maps and images without
    lungs do not count; with fewer than 10 images on either side the meter cannot tell. A NaN or a value below 0 raises
    ValueError.
    """
    require_relevance(maps_MHW)
    highest_M = maps_MHW.max(axis=(1, 2)) if len(maps_MHW) else np.zeros(0)
    peaks = [
        np.flatnonzero((map_HW == highest) & (highest > 0)) for map_HW, highest in zip(maps_MHW, highest_M, strict=True)
    ]
    return suspicion_of_peaks(peaks, near_MHW, excess_M, patients_M, is_called_M, draws, rng)


def suspicion_of_peaks(
    peaks: Sequence[np.ndarray],
    near_MHW: np.ndarray,
    excess_M: np.ndarray,
    patients_M: np.ndarray,
    is_called_M: np.ndarray,
    draws: int,
    rng: np.random.Generator,
) -> Suspicion:
    """`suspicion` of maps of which only the peaks' pixels are known, M int arrays, as `on_feature_grid.Looks` has them.

    The pixels are places in the flattened image; a flat map has none. `excess_M` is NaN without lungs.
    """
    has_lungs_M = ~np.isnan(excess_M)
    flat_M = np.array([not len(peak) for peak in peaks], bool)
    counts_M = has_lungs_M & ~flat_M
    called_m, patients_m = np.asarray(is_called_M, dtype=bool)[counts_M], np.asarray(patients_M)[counts_M]
    tie_rng, exchange_rng = rng.spawn(2)
    rows_m = np.flatnonzero(counts_M)
    places_m = np.array([tie_rng.choice(peaks[row]) for row in rows_m.tolist()], int)  # of tied pixels one at random
    peaks_m2 = np.stack(np.divmod(places_m, near_MHW.shape[2]), axis=1)
    is_outside_m = ~near_MHW[rows_m, peaks_m2[:, 0], peaks_m2[:, 1]]
    values_mV = np.column_stack([excess_M[counts_M], _windows(peaks_m2, is_outside_m, near_MHW.shape[1:])])
    positive_V, negative_V = (means_along(values_mV[chosen_m], axis=0) for chosen_m in (called_m, ~called_m))
    excess_p, concentration_p = _exchange_p(values_mV, called_m, patients_m, draws, exchange_rng)
    # Windows that hold the same peaks overlap; of equally good places, the first in raster order.
    more_V = positive_V - negative_V
    best = 1 + int(np.argmax(np.round(more_V[1:], 12)))
    row, col = (np.array(divmod(best - 1, WINDOWS)) + 1) / (2 * CELLS)
    return Suspicion(
        num_positive=int(called_m.sum()),
        num_negative=int((~called_m).sum()),
        num_flat=int((has_lungs_M & flat_M).sum()),
        excess=float(positive_V[0]),
        excess_negative=float(negative_V[0]),
        excess_p=excess_p,
        row=float(row) if positive_V[best] > 0 else float("nan"),
        col=float(col) if positive_V[best] > 0 else float("nan"),
        concentration=float(positive_V[best]),
        concentration_negative=float(negative_V[best]),
        concentration_p=concentration_p,
    )


def _windows(peaks_m2: np.ndarray, is_outside_m: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Which windows of one cell hold each peak, float64 m x 169 in raster order; none if it lies near the lungs."""
    halves_m2 = peaks_m2 * 2 * CELLS // np.array(grid)  # a window is two half cells wide
    first_W = np.arange(WINDOWS)
    rows_mW, cols_mW = (np.isin(halves_m2[:, [axis]] - first_W, (0, 1)) for axis in (0, 1))
    held_mWW = rows_mW[:, :, None] & cols_mW[:, None, :] & is_outside_m[:, None, None]
    return held_mWW.reshape(len(peaks_m2), WINDOWS**2).astype(float)


def _exchange_p(
    values_mV: np.ndarray, called_m: np.ndarray, patients_m: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """p of the first column, and p of the largest of the others: are they larger where `called_m`? NaN if all agree.

    Answers move between patients with equally many images, all of a patient together, so that images of one patient
    need not be independent.
    """
    num_images, num_called = len(called_m), int(called_m.sum())
    if num_called in (0, num_images):
        return float("nan"), float("nan")

    def contrasts(answers_Dm: np.ndarray) -> np.ndarray:
        sums_DV = answers_Dm.astype(float) @ values_mV
        more_DV = sums_DV / num_called - (values_mV.sum(axis=0) - sums_DV) / (num_images - num_called)
        return np.stack([more_DV[:, 0], more_DV[:, 1:].max(axis=1)])

    _, patient_m, size_G = np.unique(patients_m, return_inverse=True, return_counts=True)
    places = np.argsort(patient_m, kind="stable")
    starts_G = np.cumsum(size_G) - size_G
    of_size = [places[starts_G[size_G == size][:, None] + np.arange(size)] for size in np.unique(size_G)]  # each g x n
    least_2 = contrasts(called_m[None])[:, 0] - 1e-12  # equal sums in another order count as equal
    reached_2 = np.zeros(2, dtype=int)
    block = max(1, BLOCK // num_images)
    for start in range(0, draws, block):
        answers_Dm = np.empty((min(block, draws - start), num_images), dtype=bool)
        for images_gn in of_size:
            order_Dg = rng.permuted(np.tile(np.arange(len(images_gn)), (len(answers_Dm), 1)), axis=1)
            answers_Dm[:, images_gn] = called_m[images_gn][order_Dg]
        reached_2 += (contrasts(answers_Dm) >= least_2[:, None]).sum(axis=1)
    excess_p, concentration_p = ((1 + reached_2) / (1 + draws)).tolist()
    return excess_p, concentration_p
