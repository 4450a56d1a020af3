"""Section `ladder` of params.yaml: the settings of the baseline ladder, its tests and the human scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sightline.alignment.metrics import METRICS, table_order

if TYPE_CHECKING:
    Primary = str
else:
    Primary = Literal[tuple(name for name in table_order() if METRICS[name].may_be_primary)]


@dataclass(frozen=True, kw_only=True)
class Ladder:
    draws: int
    """Random maps, other images' regions and other images' annotations per image; their mean score counts."""
    tolerance: float
    """Of Pointing Game with tolerance, share of the shorter side."""
    primary: Primary
    """The metric of the tests, to be chosen before looking at results."""
    resamples: int
    level: float
    """Coverage of the intervals."""
    permutations: int
    """Sign flips of the tests."""

    def __post_init__(self) -> None:
        if min(self.draws, self.resamples, self.permutations) < 1:
            raise ValueError("draws, resamples, permutations: expected at least 1 each")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance: expected between 0 and 1, got {self.tolerance}")
        if not 0 < self.level < 1:
            raise ValueError(f"level: expected between 0 and 1, got {self.level}")
