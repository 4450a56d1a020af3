"""The contrasts of all kinds of maps of a study, with their intervals and tests, in one pass over the blocks.

Each matrix is read once, a few blocks at a time; what is kept of it are numbers by image and sums by permutation.

M images, m of one block, K kinds of maps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from sightline.statistics.blocks import Matrices, Weigh, check_blocks, complete_kinds
from sightline.statistics.contrast import Contrast, Contrasts
from sightline.statistics.matching import Matching, together

Key = TypeVar("Key", bound=Hashable)
CELLS = 4_000_000  # scores of the blocks and kinds held at once


@dataclass(frozen=True)
class Found:
    """What is known of one kind of map."""

    contrasts: Contrasts
    kind: int
    p: float
    """Of `matching.matching_p`; NaN where it was not asked for."""

    @cached_property
    def contrast(self) -> Contrast:
        """Of `contrast.contrast`."""
        return self.contrasts.contrast(self.kind)

    def interval(self, level: float) -> tuple[float, float]:
        """Of `contrast.contrast_interval`."""
        return self.contrasts.interval(self.kind, level)


def all_contrasts(
    blocks: Sequence[np.ndarray],
    kinds: Mapping[Key, Matrices],
    tested: Collection[Key],
    patients_M: np.ndarray,
    permutations: int,
    new_rng: Callable[[], np.random.Generator],
    weigh: Weigh = "patients",
) -> dict[Key, Found]:
    """Of each kind what `contrast`, `contrast_interval` and, if it is among `tested`, `matching_p` find.

    `new_rng` makes a generator at the start of the same stream each time; every test is as if it were the only one.
    """
    for scores in kinds.values():
        check_blocks(blocks, scores)
    groups = together(blocks, permutations) if tested else [[block] for block in range(len(blocks))]
    most = max((sum(len(blocks[block]) ** 2 for block in group) for group in groups), default=0)
    step = max(1, CELLS // max(most, 1))
    keys = list(kinds)
    found: dict[Key, Found] = {}
    for start in range(0, len(keys), step):
        own = keys[start : start + step]
        contrasts = Contrasts(len(own), patients_M, weigh)
        chosen = [kind for kind, key in enumerate(own) if key in tested]
        tests = Matching(len(own), permutations, new_rng(), weigh, chosen)
        for place, group in enumerate(groups):
            complete = [
                complete_kinds(blocks[block], [kinds[key][block] for key in own], contrasts.patient_M)
                for block in group
            ]
            for parts in complete:
                for part in parts:
                    contrasts.add(part)
            if chosen:
                tests.add(complete, is_last=place == len(groups) - 1)
        found |= {key: Found(contrasts, kind, float(tests.p_K[kind])) for kind, key in enumerate(own)}
    return found
