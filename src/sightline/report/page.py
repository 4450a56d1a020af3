"""The report as one HTML page: its first screen, then the films and the evidence by theme.

A section is a function in the file of its theme that returns the HTML of its parts; where a study lacks its inputs,
it says so in a sentence. Its place on the page is its line in `sections`. Numbers come from the arguments only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

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
    return document(
        study.title,
        question(study),
        top(study, judged, verdicts),
        with_glossary(sections(study, numbers, judged, verdicts, standings, together)),
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


def sections(
    study: Study,
    numbers: Tables,
    judged: Mapping[str, Any],
    verdicts: pd.DataFrame,
    standings: pd.DataFrame,
    together: Mapping[str, Any],
) -> list[Section]:
    """Id, heading and parts of every section, in the order of the page: what a theme found, then its evidence."""
    printed = printed_tables(study, numbers)
    primary = str(study.ladder.get("primary", "ap"))
    return [
        ("films", "Film by film", viewer.parts(study.films, gallery.strip(study.gallery, study.threshold))),
        ("verdict", "The ruler and its controls", verdict.parts(judged, study.models, study.experts)),
        ("ladder", "Beside maps that know nothing of the finding", [
            *ladder.ladder(study, standings),
            part(f"How close they come to one of the {study.experts}", *human_scale.human_scale(study, standings)),
        ]),
        ("faithfulness", "Do the maps show what the networks use?", [
            finding(faithfulness.used(study)),
            *faithfulness.faithfulness(study),
            part("Do the maps stay the same?", *consistency.consistency(study)),
        ]),
        ("shortcut", "Do they look where no disease can be?", shortcut.shortcut(study)),
        ("choices", "How far the ranking depends on choices", choices.ranking(study)),
        ("classification", "How well they classify", [
            *classification.classification(study, numbers, printed),
            part("Are their probabilities right?", *decisions.calibration(study)),
            part("Accuracy against alignment", *accuracy.accuracy(study, together)),
            part("Is accuracy related to alignment?", *population.parts(study.population, study.experts)),
            part("How they were trained", *classification.training(study)),
        ]),
        *([("own-models", "Classifiers trained elsewhere", own)] if (own := own_models.own_models(study)) else []),
        *([("subgroups", "Subgroups of films", by_part)] if (by_part := subgroups.subgroups(study)) else []),
        ("experts", f"How far the {study.experts} agree", agreement.agreement(study, printed["table1"])),
        ("published", "As published", [
            *published.alignment(study, verdicts, standings, printed["table3"]),
            part("What the threshold does", *published.threshold(study)),
            paragraph("Table 1 is in the section on readers, Tables 2 and 4 are in that on classification.", "note"),
        ]),
        ("made", "How it was made", [
            part("Which films take part", *flowchart.flowchart(study)),
            *made.made(study),
            part("Limits", bullets([
                *limits.limits(verdicts, study.params, study.consensus, study.agreement),
                *machines.apart(study.made, study.models),
            ])),
            part("How far results depend on the seed",
                 *(families.families(study.families, primary, study.models) if study.families else [])),
            part("What departs from the paper", bullets(limits.departures(study.params, study.models))),
        ]),
    ]  # fmt: skip


def with_glossary(evidence: list[Section]) -> list[Section]:
    """The sections, and after them the terms that they use."""
    words = glossary.glossary(" ".join(text for _, heading, parts in evidence for text in (heading, *parts)))
    return [*evidence, *([("glossary", "Glossary", [words])] if words else [])]
