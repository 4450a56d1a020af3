"""The controls in numbers: what a verdict must find (experts, the region itself) and what it must not (blind maps).

M images, m images of a block, n readings of a block, B resamples.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sightline.statistics.contrast import contrast, contrast_interval
from sightline.statistics.crossed import Draws, crossed_contrast, crossed_draws, crossed_interval
from sightline.statistics.matching import Deals, matching_p
from sightline.statistics.streams import stream
from sightline.verdict.films import Films
from sightline.verdict.power import Power, find_power
from sightline.verdict.scored import ANATOMY, REGION, Matrices, Scored
from sightline.verdict.settings import Verdict

KINDS = {"expert": "positive", "region": "positive"}  # all others are negative
NAN = float("nan")


@dataclass(frozen=True)
class Judge:
    """The study, its scores and its settings, and the contrast of any matrices with interval and test."""

    films: Films
    scored: Scored
    settings: Verdict
    deals: Deals = field(default_factory=Deals)
    """The permutations, the same for all matrices."""

    def interval(self, matrices: Matrices, level: float | None = None) -> tuple[float, float]:
        """Of D; NaN without spread."""
        settings = self.settings
        return contrast_interval(
            self.scored.blocks, matrices, self.films.patients_M, level or settings.level, settings.weigh
        )

    def p(self, matrices: Matrices) -> float:
        """One-sided, of D > 0, by permutation of regions among patients."""
        settings, rng = self.settings, stream(self.films.seed, "verdict", "permutations")
        return matching_p(
            self.scored.blocks, matrices, self.films.patients_M, settings.permutations, rng, settings.weigh, self.deals
        )

    def contrast(self, matrices: Matrices) -> dict[str, float]:
        """own, row, col, value, low, high, p."""
        parts = contrast(self.scored.blocks, matrices, self.films.patients_M, self.settings.weigh)
        low, high = self.interval(matrices)
        return {
            "own": parts.own, "row": parts.row, "col": parts.col, "value": parts.value, "low": low, "high": high,
            "p": self.p(matrices),
        }  # fmt: skip

    def value_of(self, matrices: Matrices) -> dict[str, float]:
        """value, low, high, p."""
        return {key: number for key, number in self.contrast(matrices).items() if key in ("value", "low", "high", "p")}

    def subgroup(self, matrices: Matrices, keep_M: np.ndarray) -> dict[str, float]:
        """value, low, high, p among the images to keep, scored on each other's regions; images and patients counted."""
        keeps = [keep_M[rows] for rows in self.scored.blocks]
        blocks = [rows[keep] for rows, keep in zip(self.scored.blocks, keeps, strict=True)]
        kept = [matrix[np.ix_(keep, keep)] for matrix, keep in zip(matrices, keeps, strict=True)]
        part = replace(self, scored=replace(self.scored, blocks=blocks))
        num_patients = len(np.unique(self.films.patients_M[keep_M]))
        return {"images": int(keep_M.sum()), "patients": num_patients, **part.value_of(kept)}

    def difference(self, own: Matrices, other: Matrices) -> dict[str, float]:
        """value, low and high of D of one kind of map minus D of another on the same images."""
        matrices = [mine - theirs for mine, theirs in zip(own, other, strict=True)]
        value = contrast(self.scored.blocks, matrices, self.films.patients_M, self.settings.weigh).value
        low, high = self.interval(matrices)
        if np.isnan(low):  # no spread: the same maps, or scores that differ by the same on every film
            low = high = value
        return {"value": value, "low": low, "high": high}

    @property
    def num_read(self) -> int:
        """Patients with a left-out reader."""
        return len(np.unique(self.films.patients_M[self.scored.readings.image_N]))

    def draws(self) -> Draws:
        """Patients and readers crosswise, the same for models and experts."""
        readings, rng = self.scored.readings, stream(self.films.seed, "verdict", "readers")
        return crossed_draws(self.films.patients_M, readings.image_N, readings.reader_N, self.settings.resamples, rng)

    def on_readings(self, matrices: Matrices, is_expert: bool, draws: Draws) -> tuple[float, np.ndarray]:
        """D against the leave-one-out consensuses, and in each draw (float64 B)."""
        readings = self.scored.readings
        return crossed_contrast(
            self.scored.blocks, matrices,
            readings.image_N if is_expert else np.arange(len(self.films.images)),
            readings.reader_N if is_expert else None,
            readings.image_N, readings.reader_N, self.films.patients_M, draws, self.settings.weigh,
        )  # fmt: skip


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


def grid_controls(judge: Judge, grid: str, draws: Draws) -> GridControls:
    """All controls of one grid."""
    primary, scored, settings = judge.settings.primary, judge.scored, judge.settings
    numbers: dict[str, Any] = {}
    value, expert_B = judge.on_readings(scored.experts[grid], True, draws)
    # a few films with several readers would decide for all: then the region itself is the control
    has_experts = not np.isnan(value) and 2 * judge.num_read >= judge.films.num_patients
    for control, by_score in scored.controls[grid].items():
        numbers[control] = {"kind": KINDS.get(control, "negative"), **judge.value_of(by_score[primary])}
    if len(scored.anatomy_by_frame) > 1:  # both frames are known
        for frame, by_grid in scored.anatomy_by_frame.items():
            numbers[ANATOMY][f"in_frame_{frame}"] = judge.value_of(by_grid[grid])["value"]
    block, patients_M = scored.blocks[0], judge.films.patients_M
    if has_experts:
        low, high = crossed_interval(value, expert_B, settings.level, judge.num_read)
        numbers["expert"] = {"kind": "positive", "value": value, "low": low, "high": high}
        image_N = scored.readings.image_N
        scores_NN, patients_N = scored.experts[grid][0], patients_M[image_N[np.isin(image_N, block)]]
    else:
        scores_NN, patients_N = scored.controls[grid][REGION][primary][0], patients_M[block]
    over_anatomy = _over_anatomy(judge, grid, has_experts, value, expert_B, draws)
    numbers["expert" if has_experts else REGION]["over_anatomy"] = over_anatomy

    def power(share: float) -> Power:
        rng = stream(judge.films.seed, "verdict", "power")
        return find_power(scores_NN, patients_N, share, judge.films.num_patients, settings.level, settings.power, rng)

    return GridControls(
        numbers=numbers,
        has_experts=has_experts,
        over_anatomy=over_anatomy,
        expert_B=expert_B,
        power=power(0.5),
        control_power=power(1.0),
    )


def _over_anatomy(
    judge: Judge, grid: str, has_experts: bool, value: float, expert_B: np.ndarray, draws: Draws
) -> dict[str, float]:
    """The positive control minus the patients' own anatomy, value, low and high; NaN where that is not known."""
    scored, settings = judge.scored, judge.settings
    anatomy = scored.controls[grid].get(ANATOMY)
    if anatomy is None:
        return {"value": NAN, "low": NAN, "high": NAN}
    if not has_experts:
        region = scored.controls[grid][REGION][settings.primary]
        return judge.difference(region, anatomy[settings.primary])
    own, own_B = judge.on_readings(scored.anatomy_on_readings[grid], False, draws)
    low, high = crossed_interval(value - own, expert_B - own_B, settings.level, judge.num_read)
    return {"value": value - own, "low": low, "high": high}
