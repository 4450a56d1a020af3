"""The six verdicts: which of them a study's numbers give. Rules: docs/metrics.md#verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Word = Literal["as_expert", "looks", "prior", "elsewhere", "undecided", "cannot_tell"]
WORDS: tuple[Word, ...] = ("as_expert", "looks", "prior", "elsewhere", "undecided", "cannot_tell")
Reason = Literal["", "too_few", "control_fails", "control_is_anatomy", "low_power", "own_anatomy", "between"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Numbers of one candidate, in the primary score; NaN where a number is not known."""

    control_low: float
    """Lower end of the positive control's interval: left-out experts, else the region itself through the grid."""
    control_over_anatomy_low: float
    """Lower end of the control minus the patient's own anatomy; NaN where no lungs and no films are given."""
    power: float
    """To find a map half as good as the control, in [0, 1]."""
    least_power: float
    p: float
    """Of D > 0, adjusted within the family."""
    low: float
    """Lower end of the interval of D; it matters for a family of seeds, whose interval includes other seeds."""
    high_90: float
    """Upper end of the 90% interval of D."""
    alpha: float
    """1 - level."""
    over_anatomy_low: float
    """Lower end of D minus that of the patient's own anatomy; NaN where no lungs and no films are given."""
    bar: float
    """margin x the control's contrast."""
    near_expert_low: float
    """Lower end of D - (1 - margin) D_h; NaN without experts."""
    is_over_chance: bool
    """Whether the own score is above the region's share of the image."""
    is_family: bool = False


def decided(evidence: Evidence) -> tuple[Word, Reason]:
    """The verdict and, where it is cannot_tell or undecided, the reason.

    The positive control comes first. It must pass what a model must pass; where it fails, nothing is said of a model.
    A number that is not known never helps a yes or a no, but for the own anatomy: without lungs and films it cannot be
    asked for, and the sentence says so.
    """
    if math.isnan(evidence.control_low) or math.isnan(evidence.p):
        return "cannot_tell", "too_few"
    if not evidence.control_low > 0:
        return "cannot_tell", "control_fails"
    if evidence.control_over_anatomy_low <= 0:
        return "cannot_tell", "control_is_anatomy"
    if not evidence.power >= evidence.least_power:
        return "cannot_tell", "low_power"
    is_above_0 = evidence.p <= evidence.alpha and (evidence.low > 0 or not evidence.is_family)
    if is_above_0 and not evidence.over_anatomy_low <= 0:
        return ("as_expert" if evidence.near_expert_low > 0 else "looks"), ""
    # Above 0, but no more than the patient's anatomy gives and negligible beside an expert's contrast, is a no too.
    if evidence.high_90 < evidence.bar:
        return ("prior" if evidence.is_over_chance else "elsewhere"), ""
    return "undecided", "own_anatomy" if is_above_0 else "between"
