"""Section `bootstrap` of params.yaml: the resamples of the stages bootstrap and reliability."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    resamples: int
    level: float
    """Coverage of the percentile intervals."""

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ValueError(f"resamples: expected at least 1, got {self.resamples}")
        if not 0 < self.level < 1:
            raise ValueError(f"level: expected between 0 and 1, got {self.level}")
