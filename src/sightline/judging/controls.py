"""The controls in numbers: what a verdict must find (experts, the region itself) and what it must not (blind maps).

B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline.judging.compared_maps import ANATOMY, REGION
from sightline.judging.judge import Judge
from sightline.judging.power import Power, find_power
from sightline.statistics.crossed import crossed_interval

KINDS = {"expert": "positive", "region": "positive"}  # all others are negative


@dataclass(frozen=True, kw_only=True)
class GridControls:
    """The controls seen through one grid."""

    numbers: dict[str, Any]
    """By control: kind (positive or negative), value, low, high, p; `power`, `patients_needed`."""
    has_experts: bool
    """Whether left-out experts are the positive control, or the region itself."""
    over_anatomy: dict[str, float]
    """The positive control minus the patients' own anatomy."""
    expert_B: np.ndarray
    """D_h in each draw of patients and readers; NaN without experts."""
    power: Power
    """For a map half as good as the positive control."""
    control_power: Power
    """For the positive control itself."""

    @property
    def positive(self) -> dict[str, float]:
        numbers: dict[str, float] = self.numbers["expert" if self.has_experts else "region"]
        return numbers


def grid_controls(judge: Judge, grid: str) -> GridControls:
    """All controls of one grid."""
    primary, scored, settings = judge.settings.primary, judge.scored, judge.settings
    numbers: dict[str, Any] = {}
    value, expert_B = judge.on_readings["expert", grid]
    # a few films with several readers would decide for all: then the region itself is the control
    has_experts = not np.isnan(value) and 2 * judge.num_read >= judge.films.num_patients
    for control in scored.controls[grid]:
        numbers[control] = {"kind": KINDS.get(control, "negative"), **judge.value_of(("control", grid, control))}
    if len(scored.anatomy_by_frame) > 1:  # both frames are known
        for frame in scored.anatomy_by_frame:
            numbers[ANATOMY][f"in_frame_{frame}"] = judge.found["anatomy", grid, frame].contrast.value
    block, patients_M = scored.blocks[0], judge.films.patients_M
    if has_experts:
        low, high = crossed_interval(value, expert_B, settings.level, judge.num_read)
        numbers["expert"] = {"kind": "positive", "value": value, "low": low, "high": high}
        image_N = scored.readings.image_N
        scores_NN, patients_N = scored.experts[grid][0], patients_M[image_N[np.isin(image_N, block)]]
    else:
        scores_NN, patients_N = scored.controls[grid][REGION][primary][0], patients_M[block]
    over_anatomy = _over_anatomy(judge, grid, has_experts)
    numbers["expert" if has_experts else REGION]["over_anatomy"] = over_anatomy

    def power(share: float) -> Power:
        patients = judge.films.num_patients
        return find_power(scores_NN, patients_N, share, patients, settings.level, settings.power, judge.studies)

    return GridControls(
        numbers=numbers,
        has_experts=has_experts,
        over_anatomy=over_anatomy,
        expert_B=expert_B,
        power=power(0.5),
        control_power=power(1.0),
    )


def _over_anatomy(judge: Judge, grid: str, has_experts: bool) -> dict[str, float]:
    """The positive control minus the patients' own anatomy, value, low and high; NaN where that is not known."""
    if not has_experts or ("control", grid, "over anatomy") not in judge.found:
        return judge.difference(("control", grid, "over anatomy"))
    value, expert_B = judge.on_readings["expert", grid]
    own, own_B = judge.on_readings[ANATOMY, grid]
    low, high = crossed_interval(value - own, expert_B - own_B, judge.settings.level, judge.num_read)
    return {"value": value - own, "low": low, "high": high}
