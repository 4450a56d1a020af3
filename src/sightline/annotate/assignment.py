"""Who reads which images, and in which order: a balanced incomplete block design, hidden repeats, normal controls.

Everything follows from the plan, so a list that was lost can be made again. Letters: N images, R readers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

Kind = Literal["practice", "study", "control"]

# what a draw is for; with the plan's seed and a slot it names the draw's generator, so that none moves another
DESIGN, EXTRA, POOL, ORDER = 1, 2, 3, 4

TRIES = 12_000  # pairs of readers looked at for an exchange, a second's work; most designs need far fewer
ROUND = 4_000  # after so many tries the search is warmed up again
WARMTH = 0.7  # at a round's start, in units of the sum of squares; see `_improved`
MAX_IMAGES = 64  # of each of two readers that are weighed against each other at once


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a study's lists follow from; ValueError with one `field: reason` line for each thing that is wrong."""

    seed: int
    """0 or more; another seed gives another design and other orders."""
    images: tuple[str, ...]
    """The study's images, one at least."""
    controls: tuple[str, ...]
    """Normal images to hide among them; may be empty."""
    practice: tuple[str, ...]
    """Images that each reader begins with, in this order; may be empty."""
    readers: int
    """Readers planned; slots 0 to readers - 1 are theirs."""
    readers_per_image: int
    """Distinct readers of each of the study's images."""
    repeat_share: float
    """In [0, 1], of a reader's study images that come a second time."""
    control_share: float
    """In [0, 1], controls of a reader as a share of the reader's study images."""

    def __post_init__(self) -> None:
        """Refuses what cannot be carried out."""
        wrong = []
        if self.seed < 0:
            wrong.append(f"seed: {self.seed} is negative")
        if not self.images:
            wrong.append("images: there are none")
        lists = {"images": self.images, "controls": self.controls, "practice": self.practice}
        for field, names in lists.items():
            if repeated := sorted(name for name, count in Counter(names).items() if count > 1):
                wrong.append(f"{field}: {', '.join(repeated)} named more than once")
        for field, other in (("controls", "images"), ("practice", "images"), ("practice", "controls")):
            if both := sorted(set(lists[field]) & set(lists[other])):
                wrong.append(f"{field}: {', '.join(both)} also among {other}")
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
    """One image to be read once by one reader."""

    image: str
    kind: Kind
    repeat: int
    """0 for the first reading, 1 for the hidden second."""


def planned_tasks(plan: Plan, slot: int, coverage: Mapping[str, int] | None = None) -> list[PlannedTask]:
    """The list of the reader in a slot, in the order in which that reader is shown it.

    Practice comes first. Study and control images follow in an order drawn for the slot, and among them
    round(repeat_share * study images) study images a second time. Of n images after practice, the second reading comes
    n / 2 places (rounded up) after the first, or more. Who has a single image is shown it once: its repeat could only
    be adjacent. Controls are round(control_share * study images), fewer if the pool is smaller; no reader has one
    twice, and over slots 0 to s each control is used as often as any other or once more.

    Slots from `plan.readers` on are extra readers: they get ceil(N * readers_per_image / readers) images, those with
    the lowest `coverage` (readers assigned to each image so far; 0 where an image is missing), ties drawn for the slot.
    `coverage` does not matter for the others. ValueError for a negative slot.
    """
    if slot < 0:
        raise ValueError(f"slot: {slot} is negative")
    study = _study_images(plan, slot, coverage or {})
    controls = _controls(plan, slot)
    practice = [PlannedTask(image=image, kind="practice", repeat=0) for image in plan.practice]
    return practice + _ordered(study, controls, plan.repeat_share, np.random.default_rng([plan.seed, ORDER, slot]))


def shared_images(assigned_RN: np.ndarray) -> np.ndarray:
    """How many images each pair of readers shares, int, one per pair, from bool R x N `assigned_RN`."""
    counts_RN = assigned_RN.astype(np.int64)
    return (counts_RN @ counts_RN.T)[np.triu_indices(len(counts_RN), 1)]


def least_spread(num_images: int, num_readers: int, per_image: int) -> int:
    """A lower bound on the largest less the smallest number of images that two readers share.

    A reader with `load` images shares load * (per_image - 1) / (readers - 1) with each other reader on average, so with
    one that rounded down or fewer, and with one that rounded up or more. 0 for a balanced incomplete block design's
    counts, which do not suffice for one to exist.
    """
    if num_readers == 1:
        return 0
    low = num_images * per_image // num_readers  # loads differ by one at most
    high = -(-num_images * per_image // num_readers)
    return -(-high * (per_image - 1) // (num_readers - 1)) - low * (per_image - 1) // (num_readers - 1)


@lru_cache(maxsize=8)
def block_design(seed: int, num_images: int, num_readers: int, per_image: int) -> np.ndarray:
    """Which reader has which image, bool R x N, not writable: a balanced incomplete block design as near as found.

    Each column has exactly `per_image` readers; row sums differ by 1 at most. How many images two readers share varies
    as little as a greedy start and `TRIES` exchanges reach; the search ends at `least_spread`.
    """
    rng = np.random.default_rng([seed, DESIGN, 0])
    assigned_RN = _greedy(rng, num_images, num_readers, per_image)
    if 1 < per_image < num_readers:
        assigned_RN = _improved(rng, assigned_RN, least_spread(num_images, num_readers, per_image))
    design_RN = assigned_RN > 0
    design_RN.setflags(write=False)
    return design_RN


def _greedy(rng: np.random.Generator, num_images: int, num_readers: int, per_image: int) -> np.ndarray:
    """A first design, float32 R x N of 0 and 1: each image to the least loaded, then those who have met least."""
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
    """The best design that exchanges lead to from a first one; stops at a spread of `target`.

    An exchange takes two readers: one gives the other an image that only the first has, and gets one that only the
    second has, so loads and columns stay. It is judged by the sum over pairs of readers of the squared number of images
    they share. Of all exchanges of a random pair, and none, one is drawn with odds exp(-change / temperature), which is
    the least change plus Gumbel noise; the temperature falls from `WARMTH` to 0 in each round.
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
        given_RN, taken_RN = assigned_RN[:, gives], assigned_RN[:, takes]  # who else has those images
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
    """Spread of the shared images over pairs of readers, then the sum of their squares; the lower, the better."""
    pairs = shared_RR[np.triu_indices(len(shared_RR), 1)].astype(np.float64)
    return float(pairs.max() - pairs.min()), float(pairs @ pairs)


def _some(rng: np.random.Generator, images: np.ndarray) -> np.ndarray:
    """All of the images or, of many, `MAX_IMAGES` drawn without replacement."""
    if len(images) <= MAX_IMAGES:
        return images
    return images[np.argsort(rng.random(len(images)), kind="stable")[:MAX_IMAGES]]


def _gumbel(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise whose minimum with -log odds draws by those odds (Gumbel's, negated), float64."""
    return np.log(-np.log1p(-rng.random(size)) + np.finfo(np.float64).tiny)


def _study_images(plan: Plan, slot: int, coverage: Mapping[str, int]) -> list[str]:
    """The study images of a slot, in the plan's order or by coverage."""
    num_images = len(plan.images)
    if slot < plan.readers:
        design_RN = block_design(plan.seed, num_images, plan.readers, plan.readers_per_image)
        return [plan.images[column] for column in np.flatnonzero(design_RN[slot])]
    ties_N = np.random.default_rng([plan.seed, EXTRA, slot]).random(num_images)
    coverage_N = np.array([coverage.get(image, 0) for image in plan.images])
    order = np.lexsort((ties_N, coverage_N))
    return [plan.images[column] for column in order[: _extra_load(plan)]]


def _extra_load(plan: Plan) -> int:
    """How many study images an extra reader gets."""
    return -(-len(plan.images) * plan.readers_per_image // plan.readers)


def _controls(plan: Plan, slot: int) -> list[str]:
    """The controls of a slot: the next in a shuffled pool that goes round, from where the slot before stopped."""
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

    First readings of what is repeated stand at places p_i of the first half and their repeats at ceil(n / 2) + q_i,
    both sorted, p_i <= q_i, from two draws of places; there are never more repeats than places in half a list.
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
    """0 to size - 1 in a random order, by sorting plain draws, which NumPy keeps the same from version to version."""
    return np.argsort(rng.random(size), kind="stable")
