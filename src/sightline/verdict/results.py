"""The verdict of every candidate: contrast, controls, place on the experts' scale, sentence, images needed.

M images, B resamples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import stdtrit

from sightline.statistics.crossed import Draws, crossed_interval
from sightline.statistics.exact_tests import grouped_pointing_p
from sightline.statistics.holm import holm
from sightline.statistics.resampling import hierarchical_weights, paired_difference
from sightline.statistics.streams import stream
from sightline.verdict.controls import NAN, GridControls, Judge, grid_controls
from sightline.verdict.decision import Evidence, decided
from sightline.verdict.films import Films
from sightline.verdict.images_needed import images_needed
from sightline.verdict.scored import ANATOMY, ByScore, Matrices, Scored
from sightline.verdict.sentences import sentence
from sightline.verdict.settings import Verdict

ENDS = ("value", "low", "high")


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """What is judged: one kind of map, or the seeds of a family together."""

    name: str
    own: ByScore
    on_readings: Matrices
    grid: str
    is_adjusted: bool
    """Whether its p-value belongs to the family of tests; else it is exploratory."""
    spread: float = 0.0
    """Half the length that other seeds add to an interval of D; 0 for one network."""
    is_family: bool = False

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
    judge = Judge(films, scored, settings)
    draws = judge.draws()
    controls = {grid: grid_controls(judge, grid, draws) for grid in dict.fromkeys(scored.grid_of.values())}
    single = [
        _Candidate(
            name=name,
            own=scored.maps[name],
            on_readings=scored.on_readings[name],
            grid=scored.grid_of[name],
            is_adjusted=name in family,
        )
        for name in films.maps
    ]
    contrasts = _contrasts(judge, single)
    families = [_family(judge, name, own, contrasts) for name, own in (seeds or {}).items() if len(own) > 1]
    of_families = _contrasts(judge, families)

    def judged(candidate: _Candidate, own: dict[str, Any]) -> dict[str, Any]:
        control = controls[candidate.grid]
        entry = _judged(judge, candidate, own, control, draws)
        words = (settings.primary, control.has_experts, settings.margin, candidate.is_family, films.anatomy)
        return {"sentence": sentence(names[candidate.name], entry, *words), **entry}

    candidates = {c.name: judged(c, contrasts[c.name]) for c in single}
    for name, entry in candidates.items():
        entry["mean_map"] = judge.value_of(scored.mean_maps[name][settings.primary])
        if name in scored.untrained:
            entry["untrained"] = judge.value_of(scored.untrained[name][settings.primary])
        if name in called:
            entry["true_positives"] = judge.subgroup(scored.maps[name][settings.primary], called[name])
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
        "patients": judge.films.num_patients,
        "readers": len(np.unique(scored.readings.reader_N)),
        "readings": len(scored.readings.image_N),
        "family": list(family),
    }


def _contrasts(judge: Judge, candidates: Sequence[_Candidate]) -> dict[str, dict[str, dict[str, float]]]:
    """By candidate and score, with p_holm among the candidates that are adjusted."""
    result = {c.name: {score: judge.contrast(c.own[score]) for score in judge.settings.scores} for c in candidates}
    family = [c.name for c in candidates if c.is_adjusted]
    for score in judge.settings.scores:
        p_holm = dict(zip(family, holm(np.array([result[name][score]["p"] for name in family])).tolist(), strict=True))
        for name, by_score in result.items():
            by_score[score]["p_holm"] = p_holm.get(name, NAN)
    for candidate in candidates:
        main = result[candidate.name][judge.settings.primary]
        main["low"], main["high"] = candidate.ends(main["low"], main["high"], main["value"])
    return result


def _family(judge: Judge, name: str, members: Sequence[str], contrasts: Mapping[str, Any]) -> _Candidate:
    """The mean of the seeds' scores, which is linear in D, and how far other seeds may lie away."""
    scored, primary, num_seeds = judge.scored, judge.settings.primary, len(members)
    spread = float(np.std([contrasts[member][primary]["value"] for member in members], ddof=1))
    quantile = float(stdtrit(num_seeds - 1, (1 + judge.settings.level) / 2))
    return _Candidate(
        name=name,
        own={score: _mean([scored.maps[member][score] for member in members]) for score in judge.settings.scores},
        on_readings=_mean([scored.on_readings[member] for member in members]),
        grid=scored.grid_of[members[0]],
        is_adjusted=True,
        spread=quantile * spread / math.sqrt(num_seeds),
        is_family=True,
    )


def _mean(matrices: Sequence[Matrices]) -> Matrices:
    return [np.mean(block, axis=0) for block in zip(*matrices, strict=True)]


def _judged(
    judge: Judge, candidate: _Candidate, contrasts: dict[str, Any], control: GridControls, draws: Draws
) -> dict[str, Any]:
    settings, positive = judge.settings, control.positive
    primary = settings.primary
    main, own = contrasts[primary], candidate.own[primary]
    low_90, high_90 = judge.interval(own, 2 * settings.level - 1)
    _, high_90 = candidate.ends(low_90, high_90, main["value"])
    if math.isnan(high_90):
        high_90 = main["value"]  # the same map on every film: D is 0 by its definition, without spread
    anatomy = control.numbers.get(ANATOMY)
    over_anatomy = _over_anatomy(judge, candidate)
    place, near_expert_low = _place(judge, candidate, main, control, draws)
    chance = over_chance(judge.films, own, judge.scored.blocks, settings)
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
        "images_needed": images_needed(judge, word, reason, own, main, over_anatomy, evidence, control),
        "grid": candidate.grid,
        "exploratory": not candidate.is_adjusted,
    }


def _over_anatomy(judge: Judge, candidate: _Candidate) -> dict[str, float]:
    """D minus that of the patients' own lungs or bodies through the same grid; NaN where these are not known."""
    score = judge.settings.primary
    anatomy = judge.scored.controls[candidate.grid].get(ANATOMY)
    if anatomy is None:
        return dict.fromkeys(ENDS, NAN)
    gap = judge.difference(candidate.own[score], anatomy[score])
    low, high = candidate.ends(gap["low"], gap["high"], gap["value"])
    return {"value": gap["value"], "low": low, "high": high}


def _place(
    judge: Judge, candidate: _Candidate, main: dict[str, float], control: GridControls, draws: Draws
) -> tuple[dict[str, float], float]:
    """place, place_low, place_high, and the lower end of D - (1 - margin) D_h.

    D over D_h, both against the leave-one-out consensuses. Without experts, D over the ceiling, whose interval is that
    of D on that scale.
    """
    level, margin = judge.settings.level, judge.settings.margin
    if not control.has_experts:
        ceiling = control.numbers["region"]["value"]
        ends = [main[end] / ceiling if ceiling > 0 else NAN for end in ENDS]
        return dict(zip(("place", "place_low", "place_high"), ends, strict=True)), NAN
    expert = control.numbers["expert"]["value"]
    value, value_B = judge.on_readings(candidate.on_readings, False, draws)
    gap_B = value_B - (1 - margin) * control.expert_B
    gap = value - (1 - margin) * expert
    near_low, _ = candidate.ends(*crossed_interval(gap, gap_B, level, judge.num_read), gap)
    if not expert > 0:
        return dict.fromkeys(("place", "place_low", "place_high"), NAN), near_low
    ratio_B = np.divide(value_B, control.expert_B, out=np.full(len(value_B), NAN), where=control.expert_B > 0)
    low, high = crossed_interval(value / expert, ratio_B, level, judge.num_read)
    low, high = replace(candidate, spread=candidate.spread / expert).ends(low, high, value / expert)
    return {"place": value / expert, "place_low": low, "place_high": high}, near_low


def over_chance(films: Films, own: Matrices, blocks: Sequence[np.ndarray], settings: Verdict) -> dict[str, Any]:
    """Own score minus chance: value, low, high, and is_above.

    Chance is 0.5 for AUROC, else the region's share of the image. Pointing Game has the exact test instead of the
    interval's lower end.
    """
    scores_M = np.full(len(films.images), NAN)
    for rows, matrix in zip(blocks, own, strict=True):
        scores_M[rows] = np.diagonal(matrix)
    shares_M = np.array([films.masks_MHW[row].mean() for row in range(len(films.images))])
    chance_M = np.full(len(scores_M), 0.5) if settings.primary == "auroc" else shares_M
    rng = stream(films.seed, "verdict", "above chance")
    weights_BM = hierarchical_weights(films.patients_M, settings.resamples, rng, deepest="patients")
    num_patients = len(np.unique(films.patients_M))
    gap = paired_difference(scores_M[None], chance_M, weights_BM, settings.level, num_patients)
    value, low, high = (float(ends[0]) for ends in gap)
    if settings.primary == "pointing":
        p = grouped_pointing_p(scores_M, shares_M, films.patients_M)
        return {"value": value, "low": low, "high": high, "p": p, "is_above": bool(p <= 1 - settings.level)}
    return {"value": value, "low": low, "high": high, "is_above": bool(low > 0)}
