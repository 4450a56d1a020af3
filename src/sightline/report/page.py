"""The report as one HTML page, section by section, from what the stages measured.

Numbers come from the arguments only; a section whose inputs a study does not have says so in a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from sightline.report import choices, evidence, figures, ladder, ladder_answer, limits, published, published_answer
from sightline.report.contents import Printed, Study, Tables, printed_tables
from sightline.report.html import bullets, chart, charts, details, document, paragraph, picture_rows, table, tiles
from sightline.report.words import number_at


def report(study: Study, numbers: Tables) -> str:
    """The page: the answer, what it rests on, how far it can be trusted, then the details."""
    verdicts = published_answer.verdicts(study.alignment, study.intervals, study.classification, study.models)
    standings = ladder_answer.standings(study.ladder, study.classification, study.models)
    together = choices.together(study, verdicts, standings)
    printed = printed_tables(study, numbers)
    parts: list[tuple[str, str, Callable[[], Sequence[str]]]] = [
        ("scale", f"How close they come to one of the {study.experts}",
         lambda: ladder.human_scale(study, standings)),
        ("ladder", "What a map must beat", lambda: ladder.ladder(study, standings)),
        ("ranking", "How far the ranking depends on choices", lambda: choices.ranking(study)),
        ("accuracy", "Accuracy against alignment", lambda: choices.accuracy(study, together)),
        ("shortcut", "Do they look where no disease can be?", lambda: evidence.shortcut(study)),
        ("faithfulness", "Do the maps show what the networks use?", lambda: evidence.faithfulness(study)),
        ("alignment", "How far maps and consensus agree, as published",
         lambda: published.alignment(study, verdicts, standings, printed["table3"])),
        ("gallery", "Where they look", lambda: _gallery(study)),
        ("threshold", "What the threshold does", lambda: published.threshold(study)),
        ("classification", "How well they classify", lambda: published.classification(study, numbers, printed)),
        ("annotations", f"How far the {study.experts} agree", lambda: _annotations(study, printed["table1"])),
        ("training", "How they were trained", lambda: _training(study)),
        ("made", "How it was made", lambda: _made(study)),
        ("departures", "What departs from the paper", lambda: [bullets(limits.departures(study.params, study.models))]),
        ("limits", "Limits", lambda: [bullets(limits.limits(verdicts, study.params, study.consensus))]),
    ]  # fmt: skip
    sentences = _answer(study, verdicts, standings, together)
    if study.is_phantom:
        sentences.insert(
            1, "The X-rays are synthetic and the annotators simulated: a test of the method, not medicine."
        )
    return document(
        study.title,
        f"Does a chest X-ray classifier look where the {study.experts} look?",
        sentences,
        [(name, heading, make()) for name, heading, make in parts],
        "Made by Sightline, after Beltrame and Ciro, “Do AI and Human Experts See Pneumonia the Same Way?” (2025). "
        "Research, not a medical device.",
    )


def _answer(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame, together: Mapping[str, Any]) -> list[str]:
    """The ladder's answer; without a ladder the published comparison's. Both with what qualifies it."""
    qualified = [
        *ladder_answer.flagged(study.shortcut, list(study.models)),
        *evidence.used(study),
        *choices.leaders(study.multiverse),
        *choices.correlation(together),
    ]
    if standings.empty:
        return [*published_answer.answer(verdicts, study.classification, study.consensus, study.experts), *qualified]
    sentences = ladder_answer.answer(standings, study.ladder, study.experts)
    sentences[-1:-1] = [*published_answer.classifiers(study.classification), *qualified]
    return sentences


def _gallery(study: Study) -> list[str]:
    if not study.gallery:
        return [paragraph("No image with a consensus region to show.")]
    words = (
        f"{len(study.gallery)} images, evenly spaced from the best to the worst mean IoU of all models, not chosen by "
        "eye. Blue: the consensus. Colours: the map, brightest at its maximum; white: where it reaches the threshold. "
        "The IoU is that of the white and the blue region."
    )
    return [paragraph(words, "note"), *picture_rows(study.gallery)]


def _annotations(study: Study, table1: Printed) -> list[str]:
    parts = [table(*table1)]
    human = published_answer.agreement(study.consensus, study.experts)
    if study.agreement.empty or math.isnan(number_at(study.consensus, "valid_annotations")):
        words = "This study has no single annotations, so agreement between annotators is unknown."
        return [paragraph(words), *parts]
    drawn = [
        chart(figures.count_figure(study.agreement), "How many valid annotations an image has (Figure 4 of the paper).")
    ]
    if study.agreement["iou"].notna().any():
        caption = (
            "Mean IoU over the pairs of annotators, image by image, and of annotators with random masks; the dotted "
            "lines are means over images (Figure 5)."
        )
        drawn.append(chart(figures.agreement_figure(study.agreement), caption))
    if len(study.professions):
        drawn.append(
            chart(figures.profession_figure(study.professions), "Who drew, and how far colleagues agree (Figure 3).")
        )
    pair = []
    if study.random_pair:
        pair = [
            paragraph("An annotation, and a random mask of the same area (Figure 2).", "note"),
            tiles(study.random_pair),
        ]
    return [*map(paragraph, human), *evidence.reliability(study), *parts, charts(*drawn), *pair]


def _training(study: Study) -> list[str]:
    if not any(map(len, study.histories.values())):
        return [paragraph("Nothing was trained: this study scores maps made elsewhere.")]
    words = "Binary cross-entropy by epoch; the dot is the epoch whose weights are used. Losses above 1.5 are cut off."
    return [chart(figures.training_figure(study.histories, study.models), words)]


def _made(study: Study) -> list[str]:
    index = study.index
    counts = index.groupby(["split", "label"]).size()
    rows = []
    for split in ("train", "val", "test"):
        part = index[index["split"] == split]
        numbers = [counts.get((split, label), 0) for label in (0, 1)]
        rows.append([split, *(f"{number:,}" for number in (*numbers, len(part), part["patient"].nunique()))])
    patients = {split: set(part["patient"]) for split, part in index.groupby("split")}
    shared = [
        f"{len(patients.get(first, set()) & patients.get(second, set()))} in both {first} and {second}"
        for first, second in (("train", "test"), ("train", "val"), ("val", "test"))
    ]
    versions = ", ".join(f"{name} {version}" for name, version in study.versions.items())
    return [
        table(["Split", "Negative", "Positive", "Images", "Patients"], rows, "Images and patients."),
        paragraph(f"Patients on two sides: {', '.join(shared)}."),
        paragraph(f"Seed {study.params.get('seed')}. SHA-256 of data/prepared/index.csv, which names every image with "
                  f"its own SHA-256: {study.index_sha256}."),
        paragraph(f"Made with {versions} (of the machine that wrote this page)."),
        details("All parameters", study.params_text),
    ]  # fmt: skip
