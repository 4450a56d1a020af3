"""Section `verdict` of params.yaml: how the verdict is reached, chosen before any result is seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sightline.alignment.region_scores import SCORES


@dataclass(frozen=True, kw_only=True)
class Verdict:
    primary: Literal["rank", "ap", "auroc", "mass", "pointing"]
    """The score that decides; the others are printed beside it."""
    margin: float
    """Share of the experts' contrast that "as well as an expert" may fall short by, and below which a map is blind."""
    weigh: Literal["patients", "images"]
    """What weighs alike in the mean."""
    frame: Literal["image", "lungs"]
    """lungs: other patients' regions are moved by the affine map between the lungs' bounding boxes before scoring."""
    level: float
    """Coverage of the intervals; tests reject at 1 - level."""
    power: float
    """Least power to find a map half as good as an expert; below it the study cannot tell."""
    resamples: int
    """Resamples of patients, and of patients and readers crosswise."""
    permutations: int
    """Permutations of regions among patients; all are taken where they are fewer."""

    def __post_init__(self) -> None:
        for name in ("margin", "level", "power"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name}: expected between 0 and 1, got {getattr(self, name)}")
        if min(self.resamples, self.permutations) < 1:
            raise ValueError("resamples, permutations: expected at least 1 each")

    @property
    def scores(self) -> tuple[str, ...]:
        """The primary score first."""
        return (self.primary, *(score for score in SCORES if score != self.primary))
