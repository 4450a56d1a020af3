"""Test of "the maps know their patient" by permuting regions among patients.

m images of a block, n images of a patient, G patients, P permutations.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations as all_orders
from math import factorial, prod

import numpy as np

from sightline.statistics.contrast import Block, Weigh, complete_blocks, image_weights

ROUNDING = 1e-9  # sums of the same scores in another order differ by less
CELLS = 1_000_000  # indices held at once
KEPT = 30_000_000  # indices of all deals that are kept


def matching_p(
    blocks: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    patients_M: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
    weigh: Weigh = "patients",
    deals: Deals | None = None,
) -> float:
    """One-sided p-value, in (0, 1], of "maps score higher on their own patient's regions than chance would have it".

    Null hypothesis: it does not matter with whose regions the map is compared. Patients are permuted within
    each block; each image gets a region, at random, of the patient that it was dealt; the statistic is the mean of
    the scores, weighed as D is. Nothing needs to be symmetric, and what all images share (lungs, centre) gives no
    credit. p = (1 + #{permuted >= observed}) / (1 + permutations), never 0. Where there are at most `permutations`
    orders in all and one image per patient, all are taken and p is their exact share; `rng` is then not used.

    Arguments and images left out as in `contrast.contrast`. Fewer than two patients: NaN. `deals`: of tests of several
    matrices, each with `rng` at the start of the same stream; the numbers are the same with and without it.
    """
    if permutations < 1:
        raise ValueError(f"permutations: expected at least 1, got {permutations}")
    complete = complete_blocks(blocks, scores, patients_M)
    if not complete:
        return float("nan")
    weight_m = image_weights(np.concatenate([block.patient_m for block in complete]), weigh)
    stops = np.cumsum([len(block.images_m) for block in complete])[:-1]
    dealers = [_Dealer(*pair) for pair in zip(complete, np.split(weight_m, stops), strict=True)]
    observed = sum(dealer.observed for dealer in dealers)
    least = observed - ROUNDING * max(sum(dealer.scale for dealer in dealers), 1e-300)
    if all(dealer.is_single for dealer in dealers):
        num_orders = prod(factorial(dealer.num_patients) for dealer in dealers)
        if num_orders <= permutations:
            sums_P = np.zeros(1)
            for dealer in dealers:
                sums_P = (sums_P[:, None] + dealer.all_sums()).ravel()
            return float((sums_P >= least).mean())
    reached = 0
    for chunk in (Deals() if deals is None else deals).of(dealers, permutations, rng):
        sums_P = np.sum([dealer.sums(cells_Pm) for dealer, cells_Pm in zip(dealers, chunk, strict=True)], axis=0)
        reached += int(np.count_nonzero(sums_P >= least))
    return (1 + reached) / (1 + permutations)


class Deals:
    """Which region each map was dealt in each permutation, kept for further matrices of the same patients.

    To deal takes five times as long as to add up the scores. Large studies, with more than KEPT indices, deal again.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], list[list[np.ndarray]]] = {}
        self._room = KEPT

    def of(self, dealers: Sequence[_Dealer], permutations: int, rng: np.random.Generator) -> Iterable[list[np.ndarray]]:
        """Chunks of permutations; of each chunk, for each dealer, the cells P x m of its flattened scores."""
        key = (permutations, *(tuple(dealer.size_G.tolist()) for dealer in dealers))
        if key in self._kept:
            return self._kept[key]
        num_cells = permutations * sum(len(dealer.group_m) for dealer in dealers)
        chunks = _dealt(dealers, permutations, rng)
        if num_cells > self._room:
            return chunks
        self._room -= num_cells
        self._kept[key] = list(chunks)
        return self._kept[key]


def _dealt(dealers: Sequence[_Dealer], permutations: int, rng: np.random.Generator) -> Iterator[list[np.ndarray]]:
    step = max(1, CELLS // max(sum(len(dealer.group_m) for dealer in dealers), 1))
    for start in range(0, permutations, step):
        yield [dealer.cells(min(step, permutations - start), rng) for dealer in dealers]


class _Dealer:
    """Deals the patients of one block to each other and adds up the scores, each times its image's weight."""

    def __init__(self, block: Block, weight_m: np.ndarray) -> None:
        self.scores_mm = block.scores_mm * weight_m[:, None]
        self.observed = float(np.trace(self.scores_mm))
        self.scale = float(np.abs(self.scores_mm).max(axis=1).sum())
        _, group_m, self.size_G = np.unique(block.patient_m, return_inverse=True, return_counts=True)
        order_m = np.argsort(group_m, kind="stable")
        self.scores_mm = self.scores_mm[np.ix_(order_m, order_m)]  # patient by patient
        self.group_m = group_m[order_m]
        self.start_G = np.cumsum(self.size_G) - self.size_G

    @property
    def num_patients(self) -> int:
        return len(self.size_G)

    @property
    def is_single(self) -> bool:
        return bool((self.size_G == 1).all())

    def all_sums(self) -> np.ndarray:
        """Float64 G!: the sum of each order, of one image per patient."""
        orders_PG = np.array(list(all_orders(range(self.num_patients))))
        return self.scores_mm[np.arange(self.num_patients), orders_PG].sum(axis=1)

    def cells(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """int `size` x m, places in the flattened scores: each map on the region that it was dealt."""
        num_images = len(self.group_m)
        orders_PG = np.tile(np.arange(self.num_patients, dtype=np.int32), (size, 1))
        rng.permuted(orders_PG, axis=1, out=orders_PG)
        if self.is_single:
            region_Pm = orders_PG
        else:
            dealt_Pm = orders_PG[:, self.group_m]
            chosen_Pm = (rng.random((size, num_images)) * self.size_G[dealt_Pm]).astype(np.int32)
            region_Pm = self.start_G[dealt_Pm] + chosen_Pm
        return region_Pm + np.arange(num_images) * num_images

    def sums(self, cells_Pm: np.ndarray) -> np.ndarray:
        """Float64 P: the sum of each order."""
        return self.scores_mm.ravel().take(cells_Pm).sum(axis=1)
