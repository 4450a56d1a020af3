"""The report as one HTML page: the order of its sections and of the sentences of its answer.

A section is a function in the file of its theme that returns the HTML of its parts; where a study lacks its inputs,
it says so in a sentence. Its place on the page is its line in `sections`. Numbers come from the arguments only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sightline.report import (
    accuracy,
    agreement,
    choices,
    classification,
    consistency,
    faithfulness,
    families,
    gallery,
    human_scale,
    ladder,
    ladder_answer,
    limits,
    made,
    published,
    published_answer,
    shortcut,
    verdict,
)
from sightline.report.contents import Study, Tables, printed_tables
from sightline.report.html import bullets, document, paragraph

SYNTHETIC = "The X-rays are synthetic and the annotators simulated: this tests the method, not medicine."
FOOTER = (
    "Made by Sightline, after Beltrame and Ciro, “Do AI and Human Experts See Pneumonia the Same Way?” (2025). "
    "Research, not a medical device."
)


def report(study: Study, numbers: Tables) -> str:
    """The page: the answer, what it rests on, how far it can be trusted, then the details."""
    verdicts = published_answer.verdicts(study.alignment, study.intervals, study.classification, study.models)
    standings = ladder_answer.standings(study.ladder, study.classification, study.models)
    together = accuracy.together(study, verdicts, standings)
    return document(
        study.title,
        f"Does a chest X-ray classifier look where the {study.experts} look?",
        [*map(paragraph, answer(study, verdicts, together))],
        sections(study, numbers, verdicts, standings, together),
        FOOTER,
    )


def sections(
    study: Study, numbers: Tables, verdicts: pd.DataFrame, standings: pd.DataFrame, together: Mapping[str, Any]
) -> list[tuple[str, str, Sequence[str]]]:
    """Id, heading and parts of every section, in the order of the page."""
    printed = printed_tables(study, numbers)
    primary = str(study.ladder.get("primary", "ap"))
    judged = verdict.of_study(study.verdict, study.models)
    context = []
    if len(standings):
        context = ladder_answer.answer(standings, study.ladder, study.experts)
        context.append(ladder_answer.basis(standings, study.ladder))
    return [
        ("verdict", "The verdict on each model", verdict.parts(judged, study.models)),
        ("scale", f"How close they come to one of the {study.experts}", human_scale.human_scale(study, standings)),
        ("ladder", "Beside maps that know nothing of the finding",
         [*map(paragraph, context), *ladder.ladder(study, standings)]),
        ("ranking", "How far the ranking depends on choices", choices.ranking(study)),
        ("accuracy", "Accuracy against alignment", accuracy.accuracy(study, together)),
        ("shortcut", "Do they look where no disease can be?", shortcut.shortcut(study)),
        ("faithfulness", "Do the maps show what the networks use?", faithfulness.faithfulness(study)),
        ("consistency", "Do the maps stay the same?", consistency.consistency(study)),
        ("alignment", "How far maps and consensus agree, as published",
         published.alignment(study, verdicts, standings, printed["table3"])),
        ("gallery", "Where they look", gallery.gallery(study)),
        ("threshold", "What the threshold does", published.threshold(study)),
        ("classification", "How well they classify", classification.classification(study, numbers, printed)),
        ("annotations", f"How far the {study.experts} agree", agreement.agreement(study, printed["table1"])),
        ("training", "How they were trained", classification.training(study)),
        *([("seeds", "How far results depend on the seed", families.families(study.families, primary))]
          if study.families else []),
        ("made", "How it was made", made.made(study)),
        ("departures", "What departs from the paper", [bullets(limits.departures(study.params, study.models))]),
        ("limits", "Limits", [bullets(limits.limits(verdicts, study.params, study.consensus))]),
    ]  # fmt: skip


def answer(study: Study, verdicts: pd.DataFrame, together: Mapping[str, Any]) -> list[str]:
    """The verdict, or without one the published comparison's answer; then what qualifies it."""
    judged = verdict.of_study(study.verdict, study.models)
    if judged:
        first, *more = verdict.answer(judged)
        more += published_answer.classifiers(study.classification)
    else:
        first, *more = published_answer.answer(verdicts, study.classification, study.consensus, study.experts)
    return [
        first,
        *([SYNTHETIC] if study.is_phantom else []),
        *more,
        *shortcut.flagged(study.shortcut, list(study.models)),
        *faithfulness.used(study),
        *choices.leaders(study.multiverse),
        *accuracy.correlation(together),
    ]
