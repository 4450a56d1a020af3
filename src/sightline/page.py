"""The report as one HTML page, section by section, from what the stages measured.

Numbers come from the arguments only; a section whose inputs a study does not have says so in a sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from sightline import answer, choice_sections, figures, ladder_answer, ladder_sections, sections, tables
from sightline.grid import Network
from sightline.markup import bullets, chart, charts, details, document, escaped, paragraph, section, table, tiles
from sightline.study import Printed, Study, Tables, printed_tables


def report(study: Study, numbers: Tables) -> str:
    """The page: the answer, what it rests on, how far it can be trusted, then the details."""
    verdicts = answer.verdicts(study.alignment, study.intervals, study.classification, study.models)
    standings = ladder_answer.standings(study.ladder, study.classification, study.models)
    together = choice_sections.together(study, verdicts, standings)
    printed = printed_tables(study, numbers)
    parts: list[tuple[str, str, Callable[[], Sequence[str]]]] = [
        ("scale", f"How close they come to one of the {study.experts}",
         lambda: ladder_sections.human_scale(study, standings)),
        ("ladder", "What a map must beat", lambda: ladder_sections.ladder(study, standings)),
        ("ranking", "How far the ranking depends on choices", lambda: choice_sections.ranking(study)),
        ("accuracy", "Accuracy against alignment", lambda: choice_sections.accuracy(study, together)),
        ("shortcut", "Do they look where no disease can be?", lambda: sections.shortcut(study)),
        ("faithfulness", "Do the maps show what the networks use?", lambda: sections.faithfulness(study)),
        ("alignment", "How far maps and consensus agree, as published",
         lambda: _alignment(study, verdicts, standings, printed["table3"])),
        ("gallery", "Where they look", lambda: _gallery(study)),
        ("threshold", "What the threshold does", lambda: _threshold(study)),
        ("classification", "How well they classify", lambda: _classification(study, numbers, printed)),
        ("annotations", f"How far the {study.experts} agree", lambda: _annotations(study, printed["table1"])),
        ("training", "How they were trained", lambda: _training(study)),
        ("made", "How it was made", lambda: _made(study)),
        ("departures", "What departs from the paper", lambda: [bullets(answer.departures(study.params, study.models))]),
        ("limits", "Limits", lambda: [bullets(answer.limits(verdicts, study.params, study.consensus))]),
    ]  # fmt: skip
    sentences = _answer(study, verdicts, standings, together)
    if study.is_phantom:
        sentences.insert(
            1, "The X-rays are synthetic and the annotators simulated: a test of the method, not medicine."
        )
    return document(
        study.title,
        f"Does a chest X-ray classifier look where the {study.experts} look?",
        "".join(paragraph(sentence) for sentence in sentences),
        [(name, heading) for name, heading, _ in parts],
        "\n".join(section(name, heading, *make()) for name, heading, make in parts),
        "Made by Sightline, after Beltrame and Ciro, “Do AI and Human Experts See Pneumonia the Same Way?” (2025). "
        "Research, not a medical device.",
    )


def _answer(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame, together: Mapping[str, Any]) -> list[str]:
    """The ladder's answer; without a ladder the published comparison's. Both with what qualifies it."""
    qualified = [
        *ladder_answer.flagged(study.shortcut, list(study.models)),
        *sections.used(study),
        *choice_sections.leaders(study.multiverse),
        *choice_sections.correlation(together),
    ]
    if standings.empty:
        return [*answer.answer(verdicts, study.classification, study.consensus, study.experts), *qualified]
    sentences = ladder_answer.answer(standings, study.ladder, study.experts)
    sentences[-1:-1] = [*answer.classifiers(study.classification), *qualified]
    return sentences


def _alignment(study: Study, verdicts: pd.DataFrame, standings: pd.DataFrame, table3: Printed) -> list[str]:
    """The paper's comparison; what it says in words only where the answer above does not rest on it."""
    if verdicts.empty:
        return [paragraph("No image of this study has a consensus region, so no map could be scored.")]
    said = []
    if len(standings):
        words = (
            "The paper compares maps with random ones of the same area, at one threshold. A map that "
            "shows the lungs and knows nothing of the disease can pass that comparison: the answer above does not rest "
            "on it. What it says: "
        )
        first, *more = answer.published(verdicts, study.experts)
        said = [paragraph(words + first), *map(paragraph, more)]
    human = tables.number_at(study.consensus, "expert_expert_iou_percent") / 100
    figure = figures.alignment_figure(verdicts, study.models, human)
    methods = answer.listed([tables.method_words(method) for method in dict.fromkeys(verdicts["method"])])
    caption = (
        f"{methods} at threshold {study.threshold:g}: IoU, its interval, and an upright tick where random maps of the "
        "same area come out."
    )
    if human == human:
        caption += " The dotted line is the IoU of two annotators, a scale rather than a rival: it compares drawings."
    header, rows, words = table3
    width = (len(header) - 2) // 2
    groups = [("", 2), ("IoU with the consensus, %", width), ("Pointing Game, %", width)]
    return [*said, chart(figure, caption), table(header, rows, words, groups, ("Method",)), *_flat(study)]


def _flat(study: Study) -> list[str]:
    flat = [
        f"{model} ({tables.method_words(method)}): {int(count)}"
        for model in study.models
        for method, values in sorted(study.alignment.get(model, {}).items())
        if (count := tables.number_at(values, "flat_maps")) > 0
    ]
    if not flat:
        return []
    return [
        paragraph("Flat maps, which have no region and no maximum (IoU 0, Pointing Game by chance): " + ", ".join(flat))
    ]


def _gallery(study: Study) -> list[str]:
    if not study.gallery:
        return [paragraph("No image with a consensus region to show.")]
    words = (
        f"{len(study.gallery)} images, evenly spaced from the best to the worst mean IoU of all models, not chosen by "
        "eye. Blue: the consensus. Colours: the map, brightest at its maximum; white: where it reaches the threshold. "
        "The IoU is that of the white and the blue region."
    )
    rows = [f"<h3>{escaped(image)}</h3>{tiles(pictures)}" for image, pictures in study.gallery]
    return [paragraph(words, "note"), *rows]


def _threshold(study: Study) -> list[str]:
    known = study.sweep.dropna(subset=["iou"])
    if known.empty:
        return [paragraph("No map was scored at any threshold.")]
    methods = sorted(known["method"].unique(), key=lambda name: (name not in tables.METHOD_WORDS, name))
    drawn = []
    for number, method in enumerate(methods):
        part = known[known["method"] == method]
        figure = figures.threshold_figure(
            part, study.models, study.threshold, f"sweep{number}", f"Mean IoU against threshold, {method}"
        )
        drawn.append(
            chart(figure, f"{tables.method_words(method)}: mean IoU by threshold; the line marks the chosen one.")
        )
    return [charts(*drawn), _best_thresholds(study)]


def _best_thresholds(study: Study) -> str:
    rows = []
    for model, entry in study.models.items():
        has_paper = study.is_compared and isinstance(entry, Network) and (entry.init, entry.head) == ("imagenet", "gap")
        for method, values in sorted(study.alignment.get(model, {}).items()):
            at, iou = (tables.shown(tables.number_at(values, name), 2) for name in ("best_threshold", "best_iou"))
            if has_paper and isinstance(entry, Network) and entry.arch in study.paper["best_threshold"].get(method, {}):
                theirs = study.paper["best_threshold"][method][entry.arch]
                at, iou = f"{at}\npaper {theirs[0]:.2f}", f"{iou}\npaper {theirs[1] / 100:.2f}"
            chosen = tables.shown(tables.number_at(values, "iou"), 2)
            rows.append([model, tables.method_words(method), at, iou, chosen])
    header = ["Model", "Method", "Best threshold", "IoU there", f"IoU at {study.threshold:g}"]
    words = "Best thresholds, found on the images that they are scored on, so their IoU is too favourable."
    return table(header, rows, words, text_columns=("Method",))


def _classification(study: Study, numbers: Tables, printed: Mapping[str, Printed]) -> list[str]:
    if numbers.table4.empty:
        return [paragraph("No model of this study has predictions: maps made elsewhere are scored, not classified.")]
    figure = figures.classification_figure(numbers.table4, study.models, tables.TABLE_4_METRICS)
    words = "Value on the test set and its interval, resampled by image." + (
        " Cross: the paper's mean." if study.is_compared else ""
    )
    text = ("Init", "Head")
    parts = [table(*printed[name], text_columns=text) for name in ("table2", "table4")]
    wider = _patient_intervals(study)
    return [parts[0], chart(figure, words), parts[1], *wider]


def _patient_intervals(study: Study) -> list[str]:
    """How wide AUROC's interval becomes when patients are resampled, if any patient has two images."""
    ratios = []
    for model in study.classification:
        ends = [tables.number_at(study.classification, model, "auroc", name) for name in _ENDS]
        if ends[1] > ends[0]:
            ratios.append((ends[3] - ends[2]) / (ends[1] - ends[0]))
    ratios = [ratio for ratio in ratios if ratio == ratio]
    if not ratios or study.index["patient"].nunique() == len(study.index):
        return []
    mean = sum(ratios) / len(ratios)
    return [
        paragraph(f"Resampled by patient in place of image, AUROC's interval is {mean:.2f} times as wide on average.")
    ]


_ENDS = ("low", "high", "patient_low", "patient_high")


def _annotations(study: Study, table1: Printed) -> list[str]:
    parts = [table(*table1)]
    human = answer.agreement(study.consensus, study.experts)
    if study.agreement.empty or math.isnan(tables.number_at(study.consensus, "valid_annotations")):
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
    return [*map(paragraph, human), *sections.reliability(study), *parts, charts(*drawn), *pair]


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
