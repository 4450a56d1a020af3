"""How many images would decide, where a study cannot tell or leaves a candidate undecided."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sightline.judging.controls import GridControls
from sightline.judging.decision import Evidence, Reason, Word
from sightline.judging.judge import NAN, Judge
from sightline.judging.power import find_power, needed_for_end
from sightline.statistics.blocks import Matrices


def images_needed(
    judge: Judge,
    word: Word,
    reason: Reason,
    matrices: Matrices,
    main: dict[str, float],
    over_anatomy: dict[str, float],
    evidence: Evidence,
    control: GridControls,
) -> int | None:
    """Images that would decide, at the study's images per patient; None where it is decided or no number would do."""
    settings, patients = judge.settings, judge.films.num_patients
    options: list[float] = []
    if reason == "control_fails":
        options.append(control.control_power.patients_needed)
    elif reason == "low_power":
        options.append(control.power.patients_needed)
    elif reason == "control_is_anatomy":
        options.append(_needed_above(judge, control.over_anatomy))
    elif reason == "own_anatomy":
        options.append(_needed_above(judge, over_anatomy))
    elif word == "undecided":
        patients_m = judge.films.patients_M[judge.scored.blocks[0]]
        power = find_power(
            matrices[0], patients_m, 1.0, patients, settings.level, settings.power, judge.studies_needed
        )  # fmt: skip
        yes = power.patients_needed
        if not math.isnan(over_anatomy["value"]):
            yes += max(_needed_above(judge, over_anatomy) - yes, 0)  # the larger, NaN if one is
        options.append(yes)
        if main["value"] < evidence.bar:
            below = main["value"] - evidence.bar
            ends = (below, below - (evidence.high_90 - main["value"]), evidence.high_90 - evidence.bar)
            options.append(needed_for_end(ends, 2 * settings.level - 1, patients, settings.power))
    known = [option for option in options if not math.isnan(option)]
    if not known:
        return None
    return math.ceil(max(min(known), patients + 1) * len(judge.films.images) / patients)


def _needed_above(judge: Judge, gap: Mapping[str, float]) -> float:
    """Patients for an interval above 0; NaN where the gap is not."""
    ends = (gap["value"], gap["low"], gap["high"])
    return (
        needed_for_end(ends, judge.settings.level, judge.films.num_patients, judge.settings.power)
        if ends[0] > 0
        else NAN
    )
