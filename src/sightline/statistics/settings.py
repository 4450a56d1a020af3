"""Sections `bootstrap` and `classification` of params.yaml: the stage bootstrap; the first also reliability."""

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


@dataclass(frozen=True, kw_only=True)
class Classification:
    bins: int
    """Bins of equal mass for calibration; fewer where probabilities tie."""
    sensitivity: float
    """Least sensitivity on the validation images of the threshold that is chosen for it, above 0, at most 1."""

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise ValueError(f"bins: expected at least 1, got {self.bins}")
        if not 0 < self.sensitivity <= 1:
            raise ValueError(f"sensitivity: expected above 0 and at most 1, got {self.sensitivity}")
