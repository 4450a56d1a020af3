"""The verdict of every candidate: contrast, controls, place on the experts' scale, sentence, images needed.

M images, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.judging.compared_maps import ANATOMY
from sightline.judging.controls import GridControls, grid_controls
from sightline.judging.decision import Evidence, decided
from sightline.judging.films import Films
from sightline.judging.images_needed import images_needed
from sightline.judging.judge import NAN, Judge, Key, judge
from sightline.judging.over_chance import over_chance
from sightline.judging.scored import Scored
from sightline.judging.sentences import sentence
from sightline.judging.settings import Verdict
from sightline.statistics.crossed import crossed_interval
from sightline.statistics.holm import holm

ENDS = ("value", "low", "high")


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """What is judged: one kind of map, or the seeds of a family together."""

    name: str
    grid: str
    is_adjusted: bool
    """Whether its p-value belongs to the family of tests; else it is exploratory."""
    spread: float = 0.0
    """Half the length that other seeds add to an interval of D; 0 for one network."""
    is_family: bool = False

    def key(self, score: str) -> Key:
        """Of its contrast by that score."""
        return ("family" if self.is_family else "map", self.name, score)

    def ends(self, low: float, high: float, value: float) -> tuple[float, float]:
        """The interval with the spread of seeds, in quadrature."""
        return value - math.hypot(value - low, self.spread), value + math.hypot(high - value, self.spread)


def verdicts(
    films: Films,
    scored: Scored,
    settings: Verdict,
    family: Sequence[str],
    seeds: Mapping[str, Sequence[str]] | None = None,
    called_positive: Mapping[str, np.ndarray] | None = None,
    names: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`candidates.<name>`, `families.<name>` and `controls.<grid>.<control>`, and what they rest on.

    `family`: the candidates whose p-values are adjusted together; the others are exploratory, and their p_holm is NaN.
    `seeds`: by family name, candidates that differ by their seed alone; their mean is judged, with the spread between
    trainings in its intervals (t with k - 1 degrees of freedom) and p-values that Holm adjusts among families.
    `called_positive`: bool M by candidate, for the subgroup of true positives (all images with a region are positive);
    `names`: candidates as people know them.
    A candidate has verdict, reason, sentence, contrast.<score>.{own, row, col, value, low, high, p, p_holm}, expert,
    ceiling and anatomy ({value, low, high} each), place, place_low, place_high, images_needed, grid, exploratory,
    mean_map and, where there are these, untrained and true_positives.
    """
    called = called_positive or {}
    names = {name: name for name in (*films.maps, *(seeds or {}))} | dict(names or {})
    grouped = {name: own for name, own in (seeds or {}).items() if len(own) > 1}
    found = judge(films, scored, settings, grouped, called)
    controls = {grid: grid_controls(found, grid) for grid in dict.fromkeys(scored.grid_of.values())}
    single = [_Candidate(name=name, grid=scored.grid_of[name], is_adjusted=name in family) for name in films.maps]
    contrasts = _contrasts(found, single)
    families = [_family(found, name, own, contrasts) for name, own in grouped.items()]
    of_families = _contrasts(found, families)
    primary_of = {c.key(settings.primary): found.matrices[c.key(settings.primary)] for c in [*single, *families]}
    num_readers = len(np.unique(scored.readings.reader_N))
    chances = over_chance(films, primary_of, scored.blocks, settings)

    def judged(candidate: _Candidate, own: dict[str, Any]) -> dict[str, Any]:
        control = controls[candidate.grid]
        entry = _judged(found, candidate, own, control, chances[candidate.key(settings.primary)])
        words = (settings.primary, control.has_experts, settings.margin, candidate.is_family)
        return {"sentence": sentence(names[candidate.name], entry, *words, films.anatomy, num_readers), **entry}

    candidates = {c.name: judged(c, contrasts[c.name]) for c in single}
    for name, entry in candidates.items():
        entry["mean_map"] = found.value_of(("mean_map", name))
        if name in scored.untrained:
            entry["untrained"] = found.value_of(("untrained", name))
        if name in called:
            num_patients = len(np.unique(films.patients_M[called[name]]))
            counts = {"images": int(called[name].sum()), "patients": num_patients}
            entry["true_positives"] = counts | found.value_of(("true_positives", name))
    return {
        "candidates": candidates,
        "families": {c.name: judged(c, of_families[c.name]) for c in families},
        "controls": {
            grid: {
                **control.numbers,
                "power": control.power.power,
                "patients_needed": control.power.patients_needed,
            }
            for grid, control in controls.items()
        },
        "primary": settings.primary,
        "margin": settings.margin,
        "frame": settings.frame if films.lungs_MHW is not None else "image",
        "weigh": settings.weigh,
        "images": len(films.images),
        "patients": films.num_patients,
        "readers": num_readers,
        "readings": len(scored.readings.image_N),
        "family": list(family),
    }


def _contrasts(found: Judge, candidates: Sequence[_Candidate]) -> dict[str, dict[str, dict[str, float]]]:
    """By candidate and score, with p_holm among the candidates that are adjusted."""
    settings = found.settings
    result = {c.name: {score: found.contrast(c.key(score)) for score in settings.scores} for c in candidates}
    family = [c.name for c in candidates if c.is_adjusted]
    for score in settings.scores:
        p_holm = dict(zip(family, holm(np.array([result[name][score]["p"] for name in family])).tolist(), strict=True))
        for name, by_score in result.items():
            by_score[score]["p_holm"] = p_holm.get(name, NAN)
    for candidate in candidates:
        main = result[candidate.name][settings.primary]
        main["low"], main["high"] = candidate.ends(main["low"], main["high"], main["value"])
    return result


def _family(found: Judge, name: str, members: Sequence[str], contrasts: Mapping[str, Any]) -> _Candidate:
    """The mean of the seeds' scores, which is linear in D, and how far other seeds may lie away."""
    num_seeds = len(members)
    spread = float(np.std([contrasts[member][found.settings.primary]["value"] for member in members], ddof=1))
    quantile = float(scipy.special.stdtrit(num_seeds - 1, (1 + found.settings.level) / 2))
    return _Candidate(
        name=name,
        grid=found.scored.grid_of[members[0]],
        is_adjusted=True,
        spread=quantile * spread / math.sqrt(num_seeds),
        is_family=True,
    )


def _judged(
    found: Judge, candidate: _Candidate, contrasts: dict[str, Any], control: GridControls, chance: dict[str, Any]
) -> dict[str, Any]:
    settings, positive = found.settings, control.positive
    key = candidate.key(settings.primary)
    main, matrices = contrasts[settings.primary], found.matrices[key]
    low_90, high_90 = found.interval(key, 2 * settings.level - 1)
    _, high_90 = candidate.ends(low_90, high_90, main["value"])
    if math.isnan(high_90):
        high_90 = main["value"]  # the same map on every film: D is 0 by its definition, without spread
    anatomy = control.numbers.get(ANATOMY)
    over_anatomy = found.difference(candidate.key("over anatomy"))
    low, high = candidate.ends(over_anatomy["low"], over_anatomy["high"], over_anatomy["value"])
    over_anatomy |= {"low": low, "high": high}
    place, near_expert_low = _place(found, candidate, main, control)
    evidence = Evidence(
        control_low=positive["low"],
        control_over_anatomy_low=control.over_anatomy["low"],
        power=control.power.power,
        least_power=settings.power,
        p=main["p_holm"] if candidate.is_adjusted else main["p"],
        low=main["low"],
        high_90=high_90,
        alpha=1 - settings.level,
        over_anatomy_low=over_anatomy["low"],
        bar=settings.margin * positive["value"],
        near_expert_low=near_expert_low,
        is_over_chance=chance["is_above"],
        is_family=candidate.is_family,
    )
    word, reason = decided(evidence)
    return {
        "verdict": word,
        "reason": reason,
        "contrast": contrasts,
        "expert": {end: control.numbers.get("expert", {}).get(end, NAN) for end in ENDS},
        "ceiling": {end: control.numbers["region"][end] for end in ENDS},
        "anatomy": {end: anatomy[end] if anatomy else NAN for end in ENDS},
        "over_anatomy": over_anatomy,
        "over_chance": chance,
        "high_90": high_90,
        **place,
        "power": control.power.power,
        "images_needed": images_needed(found, word, reason, matrices, main, over_anatomy, evidence, control),
        "grid": candidate.grid,
        "exploratory": not candidate.is_adjusted,
    }


def _place(
    found: Judge, candidate: _Candidate, main: dict[str, float], control: GridControls
) -> tuple[dict[str, float], float]:
    """place, place_low, place_high, and the lower end of D - (1 - margin) D_h.

    D over D_h, both against the leave-one-out consensuses. Without experts, D over the ceiling, whose interval is that
    of D on that scale.
    """
    level, margin = found.settings.level, found.settings.margin
    if not control.has_experts:
        ceiling = control.numbers["region"]["value"]
        ends = [main[end] / ceiling if ceiling > 0 else NAN for end in ENDS]
        return dict(zip(("place", "place_low", "place_high"), ends, strict=True)), NAN
    expert = control.numbers["expert"]["value"]
    value, value_B = found.on_readings["family" if candidate.is_family else "map", candidate.name]
    gap_B = value_B - (1 - margin) * control.expert_B
    gap = value - (1 - margin) * expert
    near_low, _ = candidate.ends(*crossed_interval(gap, gap_B, level, found.num_read), gap)
    if not expert > 0:
        return dict.fromkeys(("place", "place_low", "place_high"), NAN), near_low
    ratio_B = np.divide(value_B, control.expert_B, out=np.full(len(value_B), NAN), where=control.expert_B > 0)
    low, high = crossed_interval(value / expert, ratio_B, level, found.num_read)
    low, high = replace(candidate, spread=candidate.spread / expert).ends(low, high, value / expert)
    return {"place": value / expert, "place_low": low, "place_high": high}, near_low
