"""Every contrast that a verdict rests on, found together: the matrices are read once, a few blocks at a time.

M images, G patients, B resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sightline.judging.by_block import OfSome, difference, mean
from sightline.judging.compared_maps import ANATOMY, REGION
from sightline.judging.films import Films
from sightline.judging.power import Studies
from sightline.judging.scored import Scored
from sightline.judging.settings import Verdict
from sightline.statistics.blocks import Matrices
from sightline.statistics.contrasts import Found, all_contrasts
from sightline.statistics.crossed import Seen, crossed_contrasts, crossed_draws
from sightline.statistics.streams import stream

NAN = float("nan")
Key = tuple[str, ...]
"""A kind of map, in words: `("map", candidate, score)`, `("control", grid, control)` and so on, as `_kinds` lists."""


@dataclass(frozen=True)
class Judge:
    """The study, its settings, and what was found of every kind of map."""

    films: Films
    scored: Scored
    settings: Verdict
    matrices: Mapping[Key, Matrices]
    """The primary score of candidates and families, of controls and so on; other scores of candidates and families."""
    found: Mapping[Key, Found]
    on_readings: Mapping[Key, tuple[float, np.ndarray]]
    """D against the leave-one-out consensuses, and in each draw of patients and readers crosswise (float64 B)."""

    @cached_property
    def studies(self) -> Studies:
        """Simulated for the power of the controls."""
        return Studies(lambda: stream(self.films.seed, "verdict", "power"))

    @cached_property
    def studies_needed(self) -> Studies:
        """Simulated for the images that a candidate needs."""
        return Studies(lambda: stream(self.films.seed, "verdict", "images needed"))

    def interval(self, key: Key, level: float | None = None) -> tuple[float, float]:
        """Of D; NaN without spread."""
        return self.found[key].interval(level or self.settings.level)

    def contrast(self, key: Key) -> dict[str, float]:
        """own, row, col, value, low, high, p."""
        parts = self.found[key].contrast
        low, high = self.interval(key)
        return {
            "own": parts.own, "row": parts.row, "col": parts.col, "value": parts.value, "low": low, "high": high,
            "p": self.found[key].p,
        }  # fmt: skip

    def value_of(self, key: Key) -> dict[str, float]:
        """value, low, high, p."""
        return {name: number for name, number in self.contrast(key).items() if name in ("value", "low", "high", "p")}

    def difference(self, key: Key) -> dict[str, float]:
        """value, low and high of D of one kind of map minus D of another on the same images; NaN where not known."""
        if key not in self.found:
            return {"value": NAN, "low": NAN, "high": NAN}
        value = self.found[key].contrast.value
        low, high = self.interval(key)
        if np.isnan(low):  # no spread: the same maps, or scores that differ by the same on every film
            low = high = value
        return {"value": value, "low": low, "high": high}

    @property
    def num_read(self) -> int:
        """Patients with a left-out reader."""
        return len(np.unique(self.films.patients_M[self.scored.readings.image_N]))


def judge(
    films: Films,
    scored: Scored,
    settings: Verdict,
    families: Mapping[str, Sequence[str]],
    called_positive: Mapping[str, np.ndarray],
) -> Judge:
    """`families`: candidates whose mean is judged, by name; `called_positive`: bool M by candidate."""
    kinds, tested = _kinds(scored, settings, families, called_positive)
    found = all_contrasts(
        scored.blocks, kinds, tested, films.patients_M, settings.permutations,
        lambda: stream(films.seed, "verdict", "permutations"), settings.weigh,
    )  # fmt: skip
    readings = scored.readings
    draws = crossed_draws(
        films.patients_M, readings.image_N, readings.reader_N, settings.resamples,
        stream(films.seed, "verdict", "readers"),
    )  # fmt: skip
    on_readings = crossed_contrasts(
        scored.blocks, _seen(films, scored, families), readings.image_N, readings.reader_N, films.patients_M, draws,
        settings.weigh,
    )  # fmt: skip
    return Judge(films, scored, settings, kinds, found, on_readings)


def _kinds(
    scored: Scored,
    settings: Verdict,
    families: Mapping[str, Sequence[str]],
    called_positive: Mapping[str, np.ndarray],
) -> tuple[dict[Key, Matrices], set[Key]]:
    """All matrices by key, and the keys of those that are tested; the others give a value and an interval."""
    primary = settings.primary
    kinds: dict[Key, Matrices] = {}
    for name, by_score in scored.maps.items():
        kinds |= {("map", name, score): by_score[score] for score in settings.scores}
        kinds["mean_map", name] = scored.mean_maps[name][primary]
        if name in scored.untrained:
            kinds["untrained", name] = scored.untrained[name][primary]
        if name in called_positive:
            kinds["true_positives", name] = OfSome(by_score[primary], scored.blocks, called_positive[name])
    for name, members in families.items():
        kinds |= {
            ("family", name, score): mean([scored.maps[member][score] for member in members])
            for score in settings.scores
        }
    for grid, controls in scored.controls.items():
        kinds |= {("control", grid, control): by_score[primary] for control, by_score in controls.items()}
    tested = set(kinds)
    if len(scored.anatomy_by_frame) > 1:  # both frames are known
        for frame, by_grid in scored.anatomy_by_frame.items():
            kinds |= {("anatomy", grid, frame): matrices for grid, matrices in by_grid.items()}
    for kind, grid_of in (
        ("map", scored.grid_of),
        ("family", {name: scored.grid_of[members[0]] for name, members in families.items()}),
    ):
        for name, grid in grid_of.items():
            if ANATOMY in scored.controls.get(grid, {}):
                anatomy = scored.controls[grid][ANATOMY][primary]
                kinds[kind, name, "over anatomy"] = difference(kinds[kind, name, primary], anatomy)
    for grid, controls in scored.controls.items():
        if ANATOMY in controls:
            kinds["control", grid, "over anatomy"] = difference(controls[REGION][primary], controls[ANATOMY][primary])
    return kinds, tested


def _seen(films: Films, scored: Scored, families: Mapping[str, Sequence[str]]) -> dict[Key, Seen]:
    """Everything that is compared with the leave-one-out consensuses; experts have a map for each reading."""
    readings, images_M = scored.readings, np.arange(len(films.images))
    models: dict[Key, Matrices] = {("map", name): matrices for name, matrices in scored.on_readings.items()}
    for name, members in families.items():
        models["family", name] = mean([scored.on_readings[member] for member in members])
    models |= {(ANATOMY, grid): matrices for grid, matrices in scored.anatomy_on_readings.items()}
    seen = {key: Seen(scores=matrices, image_A=images_M, reader_A=None) for key, matrices in models.items()}
    for grid, matrices in scored.experts.items():
        seen["expert", grid] = Seen(scores=matrices, image_A=readings.image_N, reader_A=readings.reader_N)
    return seen
