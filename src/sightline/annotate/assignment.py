"""Which reader reads which images in which order: a balanced incomplete block design, hidden repeats, normal controls.

Everything follows from the plan, so a lost list can be made again. Letters: N images, R readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

Kind = Literal["practice", "study", "control"]

# the purposes of draws; seed, purpose and slot make a random stream, so that no draw changes another
DESIGN, EXTRA, POOL, ORDER = 1, 2, 3, 4

TRIES = 12_000  # pairs of readers tried for an exchange, about a second; most designs need far fewer
ROUND = 4_000  # tries after which the search is warmed up again
WARMTH = 0.7  # temperature at the start of a round, in units of the sum of squares; see `_improved`
MAX_IMAGES = 64  # of each of two readers, compared at once for an exchange


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the readers' lists follow from; ValueError with one `field: reason` line per problem."""

    seed: int
    """0 or more; a different seed gives a different design and different orders."""
    images: tuple[str, ...]
    """The study's images, at least one."""
    controls: tuple[str, ...]
    """Normal images hidden among them; may be empty."""
    practice: tuple[str, ...]
    """Images with which each reader begins, in this order; may be empty."""
    readers: int
    """Number of planned readers, who have the slots 0 to readers - 1."""
    readers_per_image: int
    """Number of distinct readers of each of the study's images."""
    repeat_share: float
    """Share of a reader's study images that are shown twice, in [0, 1]."""
    control_share: float
    """A reader's controls as a share of the reader's study images, in [0, 1]."""

    def __post_init__(self) -> None:
        """Refuses plans that cannot be carried out."""
        wrong = []
        if self.seed < 0:
            wrong.append(f"seed: {self.seed} is negative")
        if not self.images:
            wrong.append("images: none given")
        lists = {"images": self.images, "controls": self.controls, "practice": self.practice}
        for field, names in lists.items():
            if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
                wrong.append(f"{field}: {', '.join(repeated)} named more than once")
        for field, second in (("controls", "images"), ("practice", "images"), ("practice", "controls")):
            if both := sorted(set(lists[field]) & set(lists[second])):
                wrong.append(f"{field}: {', '.join(both)} also among {second}")
        if self.readers < 1:
            wrong.append(f"readers: {self.readers}, expected 1 or more")
        if self.readers_per_image < 1:
            wrong.append(f"readers_per_image: {self.readers_per_image}, expected 1 or more")
        elif self.readers_per_image > self.readers >= 1:
            wrong.append(f"readers_per_image: {self.readers_per_image} is more than the {self.readers} readers")
        for field, share in (("repeat_share", self.repeat_share), ("control_share", self.control_share)):
            if not 0 <= share <= 1:
                wrong.append(f"{field}: {share} is outside [0, 1]")
        if wrong:
            raise ValueError("\n".join(wrong))


@dataclass(frozen=True, kw_only=True)
class PlannedTask:
    """One reading of one image by one reader."""

    image: str
    kind: Kind
    repeat: int
    """0 for the first reading, 1 for the hidden second."""


def planned_tasks(plan: Plan, slot: int, coverage: Mapping[str, int] | None = None) -> list[PlannedTask]:
    """The tasks of the reader in a slot, in the order in which they are shown.

    Practice comes first. Study and control images follow in an order drawn for the slot; among them,
    round(repeat_share * study images) study images come a second time. With n images after practice, the second reading
    comes at least n / 2 places (rounded up) after the first. A reader with a single image sees it once, because its
    repeat could only be adjacent. There are round(control_share * study images) controls, fewer if the pool is smaller;
    no reader has a control twice, and over slots 0 to s the uses of any two controls differ by at most one.

    Slots from `plan.readers` on are extra readers. They get ceil(N * readers_per_image / readers) images: those with
    the lowest `coverage` (readers assigned to each image so far; 0 where an image is missing), ties drawn for the slot.
    For the other slots `coverage` is ignored. ValueError for a negative slot.
    """
    if slot < 0:
        raise ValueError(f"slot: {slot} is negative")
    study = _study_images(plan, slot, coverage or {})
    controls = _controls(plan, slot)
    practice = [PlannedTask(image=image, kind="practice", repeat=0) for image in plan.practice]
    return practice + _ordered(study, controls, plan.repeat_share, np.random.default_rng([plan.seed, ORDER, slot]))


def shared_images(assigned_RN: np.ndarray) -> np.ndarray:
    """The number of images that each pair of readers shares, int, one per pair, from bool R x N `assigned_RN`."""
    counts_RN = assigned_RN.astype(np.int64)
    return (counts_RN @ counts_RN.T)[np.triu_indices(len(counts_RN), 1)]


def least_spread(num_images: int, num_readers: int, per_image: int) -> int:
    """A lower bound on the spread of shared images: the largest less the smallest number that two readers share.

    A reader with `load` images shares load * (per_image - 1) / (readers - 1) of them with each other reader on average:
    at most that, rounded down, with one of them and at least that, rounded up, with another. 0 where the numbers fit a
    balanced incomplete block design, which need not exist.
    """
    if num_readers == 1:
        return 0
    low = num_images * per_image // num_readers  # loads differ by at most one
    high = -(-num_images * per_image // num_readers)
    return -(-high * (per_image - 1) // (num_readers - 1)) - low * (per_image - 1) // (num_readers - 1)


@lru_cache(maxsize=8)
def block_design(seed: int, num_images: int, num_readers: int, per_image: int) -> np.ndarray:
    """Which reader has which image, bool R x N, read-only: as near to a balanced incomplete block design as found.

    Each column has exactly `per_image` readers; row sums differ by at most 1. The numbers of images that two readers
    share vary as little as a greedy start and `TRIES` exchanges achieve; the search ends at `least_spread`.
    """
    rng = np.random.default_rng([seed, DESIGN, 0])
    assigned_RN = _greedy(rng, num_images, num_readers, per_image)
    if 1 < per_image < num_readers:
        assigned_RN = _improved(rng, assigned_RN, least_spread(num_images, num_readers, per_image))
    design_RN = assigned_RN > 0
    design_RN.setflags(write=False)
    return design_RN


def _greedy(rng: np.random.Generator, num_images: int, num_readers: int, per_image: int) -> np.ndarray:
    """A first design, float32 R x N of 0 and 1: each image to the readers with fewest images, then to new pairs."""
    assigned_RN = np.zeros((num_readers, num_images), np.float32)
    load_R = np.zeros(num_readers)
    shared_RR = np.zeros((num_readers, num_readers))
    for image in range(num_images):
        chosen: list[int] = []
        for _ in range(per_image):
            met_R = shared_RR[:, chosen].sum(axis=1)
            order = np.lexsort((rng.random(num_readers), met_R, load_R, assigned_RN[:, image]))
            chosen.append(int(order[0]))
            assigned_RN[order[0], image] = 1
        load_R[chosen] += 1
        shared_RR[np.ix_(chosen, chosen)] += 1
    return assigned_RN


def _improved(rng: np.random.Generator, assigned_RN: np.ndarray, target: int) -> np.ndarray:
    """The best design that exchanges reach from a first one; stops at a spread of `target`.

    In an exchange, one of two readers gives the other an image that only the first has, and receives one that only the
    second has, so row and column sums stay. The score is the sum, over pairs of readers, of the squared number of
    images they share. For a random pair, one of all exchanges, or none, is drawn with odds exp(-change / temperature):
    the one with the least change plus Gumbel noise. The temperature falls from `WARMTH` to 0 in each round.
    """
    assigned_RN = assigned_RN.copy()
    num_readers, per_image = len(assigned_RN), int(assigned_RN[:, 0].sum())
    shared_RR = assigned_RN @ assigned_RN.T  # whole numbers below 2**24: exact in float32
    best, best_score = assigned_RN.copy(), _score(shared_RR)
    for attempt in range(TRIES):
        if best_score[0] <= target:
            break
        temperature = WARMTH * (1 - attempt % ROUND / ROUND)
        one, other = np.argsort(rng.random(num_readers), kind="stable")[:2]
        gives = _some(rng, np.flatnonzero(assigned_RN[one] > assigned_RN[other]))
        takes = _some(rng, np.flatnonzero(assigned_RN[other] > assigned_RN[one]))
        if not len(gives) or not len(takes):
            continue
        given_RN, taken_RN = assigned_RN[:, gives], assigned_RN[:, takes]  # which other readers have these images
        given_RN[[one, other]] = taken_RN[[one, other]] = 0
        gap_R = shared_RR[other] - shared_RR[one]
        change = 2 * (gap_R @ given_RN)[:, None] - 2 * (gap_R @ taken_RN)[None, :]
        change = change + 4 * (per_image - 1 - given_RN.T @ taken_RN)
        noisy = change + temperature * _gumbel(rng, change.size).reshape(change.shape)
        drawn = int(noisy.argmin())
        if noisy.flat[drawn] > temperature * _gumbel(rng, 1)[0]:
            continue
        give, take = divmod(drawn, len(takes))
        assigned_RN[[one, other], gives[give]] = 0, 1
        assigned_RN[[one, other], takes[take]] = 1, 0
        moved_R = given_RN[:, give] - taken_RN[:, take]
        for reader, sign in ((other, 1), (one, -1)):
            shared_RR[reader] += sign * moved_R
            shared_RR[:, reader] += sign * moved_R
        score = _score(shared_RR)
        if score < best_score:
            best, best_score = assigned_RN.copy(), score
    return best


def _score(shared_RR: np.ndarray) -> tuple[float, float]:
    """Spread of the shared images over pairs of readers, then the sum of their squares; lower is better."""
    pairs = shared_RR[np.triu_indices(len(shared_RR), 1)].astype(np.float64)
    return float(pairs.max() - pairs.min()), float(pairs @ pairs)


def _some(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """All images, or `MAX_IMAGES` of them drawn without replacement if there are more."""
    if len(images) <= MAX_IMAGES:
        return images
    return images[np.argsort(rng.random(len(images)), kind="stable")[:MAX_IMAGES]]


def _gumbel(rng: np.random.Generator, size: int) -> np.ndarray:
    """Negated Gumbel noise, float64: added to -log odds, the least of the sums is drawn with those odds."""
    return np.log(-np.log1p(-rng.random(size)) + np.finfo(np.float64).tiny)


def _study_images(plan: Plan, slot: int, coverage: Mapping[str, int]) -> list[str]:
    """The study images of a slot: in the plan's order, or for an extra reader by coverage."""
    num_images = len(plan.images)
    if slot < plan.readers:
        design_RN = block_design(plan.seed, num_images, plan.readers, plan.readers_per_image)
        return [plan.images[column] for column in np.flatnonzero(design_RN[slot])]
    ties_N = np.random.default_rng([plan.seed, EXTRA, slot]).random(num_images)
    coverage_N = np.array([coverage.get(image, 0) for image in plan.images])
    order = np.lexsort((ties_N, coverage_N))
    return [plan.images[column] for column in order[: _extra_load(plan)]]


def _extra_load(plan: Plan) -> int:
    """The number of study images of an extra reader."""
    return -(-len(plan.images) * plan.readers_per_image // plan.readers)


def _controls(plan: Plan, slot: int) -> list[str]:
    """The controls of a slot: taken in turn from a shuffled circular pool, from where the slot before stopped."""
    if not plan.controls:
        return []
    design_RN = block_design(plan.seed, len(plan.images), plan.readers, plan.readers_per_image)
    loads = [*design_RN.sum(axis=1).tolist(), *[_extra_load(plan)] * (slot + 1 - plan.readers)][: slot + 1]
    counts = [min(round(plan.control_share * load), len(plan.controls)) for load in loads]
    pool = np.argsort(np.random.default_rng([plan.seed, POOL, 0]).random(len(plan.controls)), kind="stable")
    begin = sum(counts[:-1])
    return [plan.controls[pool[place % len(pool)]] for place in range(begin, begin + counts[-1])]


def _ordered(study: list[str], controls: list[str], repeat_share: float, rng: np.random.Generator) -> list[PlannedTask]:
    """Study images, their repeats and the controls in a random order that keeps repeats away from first readings.

    Two draws of places in half a list, sorted, give p_i <= q_i: the first reading of a repeated image is at place p_i,
    its repeat at ceil(n / 2) + q_i. There are never more repeats than places in half a list.
    """
    num_repeats = round(repeat_share * len(study)) if len(study) + len(controls) > 1 else 0
    shuffled = [study[place] for place in _shuffled(rng, len(study))]
    repeated, once = shuffled[:num_repeats], shuffled[num_repeats:]
    others = [PlannedTask(image=image, kind="study", repeat=0) for image in once]
    others += [PlannedTask(image=image, kind="control", repeat=0) for image in controls]
    length = len(others) + 2 * num_repeats
    places = np.sort([_shuffled(rng, length // 2)[:num_repeats] for _ in range(2)], axis=1)
    tasks: dict[int, PlannedTask] = {}
    for image, first, second in zip(repeated, places.min(axis=0), places.max(axis=0), strict=True):
        tasks[int(first)] = PlannedTask(image=image, kind="study", repeat=0)
        tasks[int(second) + (length + 1) // 2] = PlannedTask(image=image, kind="study", repeat=1)
    free = [place for place in range(length) if place not in tasks]
    for place, other in zip(free, _shuffled(rng, len(others)), strict=True):
        tasks[place] = others[other]
    return [tasks[place] for place in range(length)]


def _shuffled(rng: np.random.Generator, size: int) -> np.ndarray:
    """0 to size - 1 in a random order, by sorting uniform draws, which stay the same between NumPy versions."""
    return np.argsort(rng.random(size), kind="stable")
