"""The report as one HTML page: its first screen, then the films and the evidence by theme.

A section is a function in the file of its theme that returns the HTML of its parts; where a study lacks its inputs,
it says so in a sentence. Its place on the page is its line in `SECTIONS`. Numbers come from the arguments only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from sightline.processes import in_processes
from sightline.report import (
    accuracy,
    agreement,
    choices,
    classification,
    consistency,
    decisions,
    faithfulness,
    families,
    flowchart,
    gallery,
    glossary,
    human_scale,
    ladder,
    ladder_answer,
    limits,
    machines,
    made,
    own_models,
    population,
    published,
    published_answer,
    shortcut,
    strip,
    subgroups,
    subjects,
    verdict,
    viewer,
)
from sightline.report.contents import Study, Tables, printed_tables
from sightline.report.first_screen import first_screen, limits_of
from sightline.report.html import Section, bullets, document, finding, paragraph, part

SYNTHETIC = "The X-rays are synthetic and the readers simulated: this tests the method, not medicine."
FOOTER = (
    "Made by Sightline, after Beltrame and Ciro, “Do AI and Human Experts See Pneumonia the Same Way?” (2025). "
    "Research, not a medical device."
)


def report(study: Study, numbers: Tables) -> str:
    """The page: question and verdicts on one screen, the films, then the evidence."""
    verdicts = published_answer.verdicts(study.alignment, study.intervals, study.classification, study.models)
    standings = ladder_answer.standings(study.ladder, study.classification, study.models)
    together = accuracy.together(study, verdicts, standings)
    judged = verdict.of_study(study.verdict, study.models)
    evidence = Evidence(
        study=study, numbers=numbers, judged=judged, verdicts=verdicts, standings=standings, together=together,
        printed=printed_tables(study, numbers),
    )  # fmt: skip
    return document(
        study.title,
        question(study),
        top(study, judged, verdicts),
        with_glossary(sections(evidence)),
        FOOTER,
        *viewer.assets(study.films),
    )


def question(study: Study) -> str:
    """What the study asks, with its own name of those who marked the regions."""
    classifier = "a chest X-ray classifier" if len(study.models) == 1 else "chest X-ray classifiers"
    verb = "Does" if len(study.models) == 1 else "Do"
    return f"{verb} {classifier} look where the {study.experts} look?"


def top(study: Study, judged: Mapping[str, Any], verdicts: pd.DataFrame) -> list[str]:
    """The first screen; without a verdict its sentence is the published comparison's."""
    names = subjects.names_of(study)
    lead = ""
    if not judged:
        lead, *_ = published_answer.answer(verdicts, study.classification, study.consensus, study.experts)
    return first_screen(
        subjects.subjects_of(study, judged),
        judged,
        names,
        limits_of(judged, names, SYNTHETIC if study.is_phantom else ""),
        [] if study.strip is None else strip.region_films(study.strip, study.experts),
        lead,
    )


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What sections are written from."""

    study: Study
    numbers: Tables
    judged: Mapping[str, Any]
    verdicts: pd.DataFrame
    standings: pd.DataFrame
    together: Mapping[str, Any]
    printed: Mapping[str, Any]
    """`contents.printed_tables` of the numbers."""


def sections(evidence: Evidence) -> list[Section]:
    """Every section that has parts, in the order of the page, written by all cores: charts take most of the time."""
    first = sorted(SECTIONS, key=lambda name: name != "classification")  # it has the most charts
    written = dict(zip(first, in_processes(_written, evidence, first), strict=True))
    return [written[name] for name in SECTIONS if written[name][2]]


def _written(evidence: Evidence, name: str) -> Section:
    heading, parts = SECTIONS[name]
    return name, heading.format(experts=evidence.study.experts), parts(evidence)


def _films(given: Evidence) -> list[str]:
    study = given.study
    return viewer.parts(study.films, gallery.strip(study.gallery, study.threshold))


def _verdict(given: Evidence) -> list[str]:
    return verdict.parts(given.judged, given.study.models, given.study.experts)


def _ladder(given: Evidence) -> list[str]:
    scale = human_scale.human_scale(given.study, given.standings)
    return [
        *ladder.ladder(given.study, given.standings),
        part(f"How close they come to one of the {given.study.experts}", *scale),
    ]


def _faithfulness(given: Evidence) -> list[str]:
    return [
        finding(faithfulness.used(given.study)),
        *faithfulness.faithfulness(given.study),
        part("Do the maps stay the same?", *consistency.consistency(given.study)),
    ]


def _classification(given: Evidence) -> list[str]:
    study = given.study
    return [
        *classification.classification(study, given.numbers, given.printed),
        part("Are their probabilities right?", *decisions.calibration(study)),
        part("Accuracy against alignment", *accuracy.accuracy(study, given.together)),
        part("Is accuracy related to alignment?", *population.parts(study.population, study.experts)),
        part("How they were trained", *classification.training(study)),
    ]


def _published(given: Evidence) -> list[str]:
    return [
        *published.alignment(given.study, given.verdicts, given.standings, given.printed["table3"]),
        part("What the threshold does", *published.threshold(given.study)),
        paragraph("Table 1 is in the section on readers, Tables 2 and 4 are in that on classification.", "note"),
    ]


def _made(given: Evidence) -> list[str]:
    study, primary = given.study, str(given.study.ladder.get("primary", "ap"))
    limited = [
        *limits.limits(given.verdicts, study.params, study.consensus, study.agreement),
        *machines.apart(study.made, study.models),
    ]
    seeds = families.families(study.families, primary, study.models) if study.families else []
    return [
        part("Which films take part", *flowchart.flowchart(study)),
        *made.made(study),
        part("Limits", bullets(limited)),
        part("How far results depend on the seed", *seeds),
        part("What departs from the paper", bullets(limits.departures(study.params, study.models))),
    ]


# id -> heading and parts of every section, in the order of the page: what a theme found, then its evidence; a section
# without parts is left out
SECTIONS: dict[str, tuple[str, Callable[[Evidence], list[str]]]] = {
    "films": ("Film by film", _films),
    "verdict": ("The ruler and its controls", _verdict),
    "ladder": ("Beside maps that know nothing of the finding", _ladder),
    "faithfulness": ("Do the maps show what the networks use?", _faithfulness),
    "shortcut": ("Do they look where no disease can be?", lambda given: shortcut.shortcut(given.study)),
    "choices": ("How far the ranking depends on choices", lambda given: choices.ranking(given.study)),
    "classification": ("How well they classify", _classification),
    "own-models": ("Classifiers trained elsewhere", lambda given: own_models.own_models(given.study)),
    "subgroups": ("Subgroups of films", lambda given: subgroups.subgroups(given.study)),
    "experts": (
        "How far the {experts} agree",
        lambda given: agreement.agreement(given.study, given.printed["table1"]),
    ),
    "published": ("As published", _published),
    "made": ("How it was made", _made),
}


def with_glossary(evidence: list[Section]) -> list[Section]:
    """The sections, and after them the terms that they use."""
    words = glossary.glossary(" ".join(text for _, heading, parts in evidence for text in (heading, *parts)))
    return [*evidence, *([("glossary", "Glossary", [words])] if words else [])]
