"""Test of "the maps know their patient" by permuting regions among patients.

Several kinds of maps are tested by the same permutations, which are drawn once and summed for all: a permutation is a
row with a one for each map that is dealt a region, and the scores of all kinds at these places are added up as a sparse
product.

m images of a block, n images of a patient, G patients, P permutations, p of one chunk, k kinds of maps.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import permutations as all_orders
from math import factorial

import numpy as np
import scipy  # its packages load where they are used

from sightline.statistics.blocks import Block, Matrices, Weigh, check_blocks, complete_kinds, image_weights

ROUNDING = 1e-9  # sums of the same scores in another order differ by less
CELLS = 1_000_000  # indices held at once
TOGETHER = 30_000_000  # deals (permutations times images) up to which blocks are dealt together
MOST_IMAGES = 1000  # of blocks that are dealt together


def matching_p(
    blocks: Sequence[np.ndarray],
    scores: Matrices,
    patients_M: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
    weigh: Weigh = "patients",
) -> float:
    """One-sided p-value, in (0, 1], of "maps score higher on their own patient's regions than chance would have it".

    Null hypothesis: it does not matter with whose regions the map is compared. Patients are permuted within
    each block; each image gets a region, at random, of the patient that it was dealt; the statistic is the mean of
    the scores, weighed as D is. Nothing needs to be symmetric, and what all images share (lungs, centre) gives no
    credit. p = (1 + #{permuted >= observed}) / (1 + permutations), never 0. Where there are at most `permutations`
    orders in all and one image per patient, all are taken and p is their exact share; `rng` is then not used.

    Arguments and images left out as in `contrast.contrast`. Fewer than two patients: NaN.

    Blocks are dealt in groups of neighbours that have up to 30 million deals (600 images at 50,000 permutations) and
    1,000 images: a chunk of permutations of all blocks of the group after the other, then the next group.
    """
    check_blocks(blocks, scores)
    _, patient_M = np.unique(np.asarray(patients_M), return_inverse=True)
    tests = Matching(1, permutations, rng, weigh)
    groups = together(blocks, permutations)
    for place, group in enumerate(groups):
        complete = [complete_kinds(blocks[block], [scores[block]], patient_M) for block in group]
        tests.add(complete, is_last=place == len(groups) - 1)
    return float(tests.p_K[0])


def together(blocks: Sequence[np.ndarray], permutations: int) -> list[list[int]]:
    """Which blocks are dealt together: neighbours, as many as have TOGETHER deals and MOST_IMAGES, or one."""
    groups: list[list[int]] = []
    size = 0
    for place, images_m in enumerate(blocks):
        size += len(images_m)
        if not groups or size > min(TOGETHER // permutations, MOST_IMAGES):
            groups.append([])
            size = len(images_m)
        groups[-1].append(place)
    return groups


class Matching:
    """The tests of several kinds of maps, put together from groups of blocks: `matching_p` of each by itself.

    Kinds in which patients take part with the same numbers of images are dealt together. Each kind's deals are those of
    `rng` as it was at the start, whatever other kinds there are.
    """

    def __init__(
        self,
        num_kinds: int,
        permutations: int,
        rng: np.random.Generator,
        weigh: Weigh,
        tested: Sequence[int] | None = None,
    ) -> None:
        """`tested`: numbers of the kinds to test, which need not be all."""
        if permutations < 1:
            raise ValueError(f"permutations: expected at least 1, got {permutations}")
        self.p_K = np.full(num_kinds, np.nan)
        """float64 K, after the last group of blocks."""
        self._permutations, self._weigh = permutations, weigh
        self._observed_K, self._scale_K = np.zeros((2, num_kinds))
        self._is_known_K = np.zeros(num_kinds, dtype=bool)  # any image takes part
        self._orders_K = np.ones(num_kinds)  # how many there are in all; infinite where they are not enumerated
        self._few: dict[int, list[np.ndarray]] = {}  # by kind: the sums of each block's orders, where these are few
        self._sums: dict[int, np.ndarray] = {}  # by kind, of the groups before, float64 P
        # Kinds with the same images so far, and their deals' generator.
        self._alike = [(list(range(num_kinds)) if tested is None else list(tested), rng)]

    def add(self, group: Sequence[Sequence[Block]], is_last: bool) -> None:
        """Blocks that are dealt together; of each, the parts for the kinds in which the same images take part."""
        dealt: dict[int, list[tuple[_Dealer, int]]] = {}  # by kind, its dealers and its rows there
        for parts in group:
            for block in parts:
                dealer = _Dealer(block, self._weigh)
                for row, kind in enumerate(block.kinds_k.tolist()):
                    dealt.setdefault(kind, []).append((dealer, row))
                    self._count(kind, dealer, row)
        alike = []
        for kinds, rng in self._alike:
            parted: dict[tuple[tuple[int, ...], ...], list[int]] = {}
            for kind in kinds:
                signature = tuple(tuple(dealer.size_G.tolist()) for dealer, _ in dealt.get(kind, []))
                parted.setdefault(signature, []).append(kind)
            for members in parted.values():
                own_rng = rng if len(parted) == 1 else copy.deepcopy(rng)
                self._deal(members, dealt, own_rng, is_last)
                alike.append((members, own_rng))
        self._alike = alike

    def _count(self, kind: int, dealer: _Dealer, row: int) -> None:
        """Adds to what was observed, and to the orders as long as these can all be taken."""
        self._is_known_K[kind] = True
        self._observed_K[kind] += dealer.observed_k[row]
        self._scale_K[kind] += dealer.scale_k[row]
        is_few = dealer.is_single and dealer.num_patients <= 20  # 21! has more digits than a float
        self._orders_K[kind] *= factorial(dealer.num_patients) if is_few else np.inf
        if self._orders_K[kind] <= self._permutations:
            self._few.setdefault(kind, []).append(dealer.all_sums(row))

    def _deal(
        self, kinds: list[int], dealt: dict[int, list[tuple[_Dealer, int]]], rng: np.random.Generator, is_last: bool
    ) -> None:
        """The sums of the permuted scores; p where these are the last."""
        least_K = self._observed_K - ROUNDING * np.maximum(self._scale_K, 1e-300)
        if is_last:
            kinds = [kind for kind in kinds if self._is_known_K[kind]]
            for kind in [kind for kind in kinds if self._orders_K[kind] <= self._permutations]:
                kinds.remove(kind)
                sums_P = np.zeros(1)
                for orders in self._few[kind]:
                    sums_P = (sums_P[:, None] + orders).ravel()
                self.p_K[kind] = float((sums_P >= least_K[kind]).mean())
        else:
            for kind in kinds:
                self._sums.setdefault(kind, np.zeros(self._permutations))
        if not kinds:
            return
        stacks, dealers = _stacked([dealt.get(kind, []) for kind in kinds])
        reached_k = np.zeros(len(kinds), dtype=int)
        for part, cells in _dealt(dealers, self._permutations, rng):
            sums_pk = np.zeros((part.stop - part.start, len(kinds)))
            for stack_ck, cells_pm in zip(stacks, cells, strict=True):
                sums_pk += _summed(cells_pm, stack_ck)
            for column, kind in enumerate(kinds):
                if kind in self._sums:
                    sums_pk[:, column] += self._sums[kind][part]
                    self._sums[kind][part] = sums_pk[:, column]
            reached_k += np.count_nonzero(sums_pk >= least_K[kinds], axis=0)
        if is_last:
            self.p_K[kinds] = (1 + reached_k) / (1 + self._permutations)


def _stacked(of_kinds: list[list[tuple[_Dealer, int]]]) -> tuple[list[np.ndarray], list[_Dealer]]:
    """Per block the scores of all kinds, float64 cells x k, and one dealer for all."""
    stacks = [
        np.ascontiguousarray(np.array([dealer.scores_kmm[row].ravel() for dealer, row in of_block]).T)
        for of_block in zip(*of_kinds, strict=True)
    ]
    return stacks, [dealer for dealer, _ in of_kinds[0]]


def _summed(cells_pm: np.ndarray, stack_ck: np.ndarray) -> np.ndarray:
    """Float64 p x k: the sum of the scores at the cells of each row."""
    num, length = cells_pm.shape
    starts = np.arange(0, num * length + 1, length, dtype=cells_pm.dtype)
    picks = scipy.sparse.csr_array(
        (np.ones(num * length), cells_pm.ravel(), starts), shape=(num, len(stack_ck)), copy=False
    )
    return np.asarray(picks @ stack_ck)


def _dealt(
    dealers: Sequence[_Dealer], permutations: int, rng: np.random.Generator
) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Which permutations, and for each dealer the cells p x m of its flattened scores."""
    step = max(1, CELLS // max(sum(len(dealer.group_m) for dealer in dealers), 1))
    for start in range(0, permutations, step):
        part = slice(start, min(start + step, permutations))
        yield part, [dealer.cells(part.stop - start, rng) for dealer in dealers]


class _Dealer:
    """Deals the patients of one block to each other; the scores, each times its image's weight, of k kinds of maps.

    Weights are those of the study times their sum, which does not matter to a comparison of sums.
    """

    def __init__(self, block: Block, weigh: Weigh) -> None:
        _, group_m, self.size_G = np.unique(block.patient_m, return_inverse=True, return_counts=True)
        weight_m = image_weights(group_m, weigh) * (len(self.size_G) if weigh == "patients" else len(group_m))
        scores_kmm = block.scores_kmm * weight_m[:, None]
        self.observed_k = np.trace(scores_kmm, axis1=1, axis2=2)
        self.scale_k = np.abs(scores_kmm).max(axis=2).sum(axis=1)
        order_m = np.argsort(group_m, kind="stable")
        self.scores_kmm = scores_kmm[:, order_m[:, None], order_m]  # patient by patient
        self.group_m = group_m[order_m]
        self._size_G = self.size_G.astype(np.int32)
        self._start_G = (np.cumsum(self.size_G) - self.size_G).astype(np.int32)

    @property
    def num_patients(self) -> int:
        return len(self.size_G)

    @property
    def is_single(self) -> bool:
        return bool((self.size_G == 1).all())

    def all_sums(self, kind: int) -> np.ndarray:
        """Float64 G!: the sum of each order, of one image per patient."""
        orders_PG = np.array(list(all_orders(range(self.num_patients))))
        return np.asarray(self.scores_kmm[kind][np.arange(self.num_patients), orders_PG].sum(axis=1))

    def cells(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """int32 `size` x m, places in the flattened scores: each map on the region that it was dealt."""
        num_images = len(self.group_m)
        wide_pG = np.tile(np.arange(self.num_patients, dtype=np.int64), (size, 1))
        rng.permuted(wide_pG, axis=1, out=wide_pG)  # in two thirds of the time that numbers of 32 bits take
        orders_pG = wide_pG.astype(np.int32)
        if self.is_single:
            region_pm = orders_pG
        else:
            dealt_pm = orders_pG.take(self.group_m, axis=1)
            chosen_pm = rng.random((size, num_images))
            chosen_pm *= self._size_G.take(dealt_pm)
            region_pm = self._start_G.take(dealt_pm)
            region_pm += chosen_pm.astype(np.int32)
        region_pm += np.arange(num_images, dtype=np.int32) * np.int32(num_images)
        return region_pm
