"""The models of a study as the rows of its first screen, from what its stages wrote."""

from __future__ import annotations

from collections.abc import Sequence

from sightline.report import own_models, strip, verdict
from sightline.report.contents import Study
from sightline.report.verdict_table import Names, Subject
from sightline.report.words import Metrics, method_words, number_at, percent
from sightline.study.models import Classifying, Entry, primary_method

WITHOUT_MARKER = "on films without the marker"


def subjects_of(study: Study, judged: Metrics) -> list[Subject]:
    """A row for each model, in the order of params.yaml; the seeds of a family are one row.

    `judged`: from `verdict.of_study`, {} without a verdict.
    """
    families = {family["runs"][0]: (key, family) for key, family in study.families.items()}
    later = {run for family in study.families.values() for run in family["runs"][1:]}
    subjects = []
    for model, entry in study.models.items():
        if model in later:
            continue
        own = judged.get("candidates", {}).get(model, {})
        name, classification = model, study.classification.get(model, {})
        if model in families:
            key, family = families[model]
            name = f"{key}, {len(family['runs'])} seeds"
            own = judged.get("families", {}).get(key, own)
            classification = {**classification, "accuracy": family["classification"].get("accuracy", {})}
        subjects.append(
            Subject(
                name=name,
                sees=sees(entry, own, list(study.alignment.get(model, {}))),
                judged=own,
                films=[] if study.strip is None else strip.films_of(study.strip, model),
                accuracy=classification.get("accuracy") or {},
                external=(classification.get("external") or {}).get("accuracy") or {},
                sign=own_models.failing(study, model) or sign(study.shortcut, model),
            )
        )
    return subjects


def names_of(study: Study) -> Names:
    """What this study calls its readers and its external films."""
    phantom = study.params.get("phantom", {}) if study.is_phantom else {}
    external = WITHOUT_MARKER if number_at(phantom, "shortcut") > 0 else Names().external
    return Names(experts=study.experts, expert=study.expert, external=external)


def sees(entry: Entry, judged: Metrics, methods: Sequence[str]) -> list[str]:
    """What a model sees, and how its maps were made: sees the lungs; Grad-CAM, 13 x 13 cells."""
    what = f"sees the {entry.input}" if isinstance(entry, Classifying) else "maps made elsewhere"
    grid = judged.get("grid")
    how = [method_words(primary_method(methods))] if methods else []
    how += [verdict.cells_words(grid)] if grid and grid != "image" else []
    return list(filter(None, [what, ", ".join(how)]))


def sign(shortcut: Metrics, model: str) -> str:
    """Why the shortcut meter flags a model, by its primary method; empty where it does not."""
    methods = shortcut.get("models", {}).get(model) or {}
    own = methods[primary_method(list(methods))] if methods else {}
    suspicion = own.get("suspicion") or {}
    if not suspicion.get("is_flagged"):
        return ""
    if suspicion.get("by_concentration"):
        share = percent(number_at(suspicion, "concentration"), 0)
        return f"shortcut: brightest at one place outside the lungs on {share} of the positive calls"
    outside, uniform = (percent(number_at(own, kind, "outside"), 0) for kind in ("shares", "uniform"))
    return f"shortcut: {outside} of its relevance lies outside the lungs, of a uniform map {uniform}"
