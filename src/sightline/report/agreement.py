"""The report's section on annotations: how many, and how far the experts agree: on presence, on place, beyond chance,
with themselves and by profession."""

from __future__ import annotations

import math
from typing import Any

from sightline.counts import counted
from sightline.report import agreement_figures, published_answer
from sightline.report.contents import Printed, Study
from sightline.report.digits import below, with_ends
from sightline.report.html import chart, charts, details_html, paragraph, table, tiles
from sightline.report.words import LEVEL, Metrics, consensus_words, equals_p, is_body, number_at, shown


def agreement(study: Study, table1: Printed) -> list[str]:
    """The charts of Figures 3 to 5, the agreement in words, and folded: presence and place, reliability, Table 1."""
    if study.agreement.empty or math.isnan(number_at(study.consensus, "valid_annotations")):
        words = "This study has no single annotations, so agreement between experts is unknown."
        return [paragraph(words), details_html("Table 1", table(*table1))]
    drawn = [
        chart(agreement_figures.count_figure(study.agreement), "Valid annotations per image (Figure 4 of the paper).")
    ]
    if study.agreement["iou"].notna().any():
        caption = (
            "Mean IoU per image over pairs of experts, and of experts with random masks; the dotted lines are means "
            "over images (Figure 5)."
        )
        drawn.insert(0, chart(agreement_figures.agreement_figure(study.agreement), caption))
    if len(study.professions):
        drawn.append(
            chart(
                agreement_figures.profession_figure(study.professions),
                "Experts by profession, and how far colleagues agree (Figure 3).",
            )
        )
    pair = ""
    if study.random_pair:
        note = paragraph("An annotation, and a random mask of the same area (Figure 2).", "note")
        pair = details_html("An annotation and a random mask", note + tiles(study.random_pair))
    rule = consensus_words(study.params.get("consensus") or {}, study.experts)
    sentences = [*published_answer.agreement(study.consensus, study.experts), *([rule] if rule else [])]
    asked = presence_and_place(study)
    return [
        charts(*drawn),
        *([paragraph(" ".join(sentences))] if sentences else []),
        *([details_html("On presence, on place, and with themselves", "".join(asked))] if asked else []),
        *_reliability(study),
        details_html("Table 1", table(*table1)),
        pair,
    ]


def presence_and_place(study: Study) -> list[str]:
    """Whether two experts agree that there is something to mark, and where; each expert with a repeat of the image."""
    values = study.reliability
    if math.isnan(number_at(values, "presence", "num_readings")):
        return []
    marked, pairs, again = (
        number_at(values, *names)
        for names in (("presence", "marked_share"), ("presence", "num_pairs"), ("intra_reader", "repeats"))
    )
    random_iou = number_at(study.consensus, "place", "random_iou_percent") / 100
    beside = "" if math.isnan(random_iou) else f"; an expert and a random mask {random_iou:.2f}"
    compared = counted(pairs, "pair")
    rows = [
        ["Presence: both or neither mark anything", *_estimate(values, ("presence", "agreement")), compared],
        ["Presence beyond chance: Krippendorff's alpha", *_estimate(values, ("presence", "alpha")), compared],
        ["Place: IoU where both mark something" + beside, *_estimate(values, ("place", "iou")),
         counted(number_at(values, "place", "num_pairs"), "pair")],
    ]  # fmt: skip
    if again > 0:
        both = number_at(values, "intra_reader", "both_marked")
        rows += [
            [
                "Presence, the same expert again",
                *_estimate(values, ("intra_reader", "presence")),
                counted(again, "repeat"),
            ],
            ["Place, the same expert again", *_estimate(values, ("intra_reader", "iou")), counted(both, "repeat")],
        ]
    prevalence = "" if math.isnan(marked) else f" Of the readings compared, {marked:.0%} mark something"
    rare = (
        "; where nearly all or nearly none do, alpha is near 0 or below, however often experts agree."
        if prevalence
        else ""
    )
    caption = (
        "Two questions: do experts agree that there is something to mark (presence), and where it is (place)? Pairs of "
        "experts within an image, then images, then patients. Intervals: 95% over patients and experts, each left out "
        f"in turn.{prevalence}{rare} An empty annotation counts here even where the consensus drops it."
    )
    return [table(["Question", "Value", "Note", "Counted"], rows, caption, text_columns=["Note"])]


def _estimate(values: Metrics, names: tuple[str, ...]) -> list[str]:
    """Value with its interval, and the note that says what is missing."""
    found: Any = values
    for name in names:
        found = found.get(name) or {}
    return [_with_ends(number_at(found, "value"), found), str(found.get("note") or "")]


def _reliability(study: Study) -> list[str]:
    """Agreement of the experts beyond chance and anatomy, and between professions."""
    values = study.reliability
    if not values:
        return []
    alpha, kappa, iou, shuffled = (
        number_at(values, *names)
        for names in (("alpha_iou", "value"), ("kappa_in_lungs", "value"), ("beyond_anatomy", "iou"),
                      ("beyond_anatomy", "shuffled_iou"))
    )  # fmt: skip
    pixels = "the body's pixels" if is_body(values) else "the lungs' pixels"
    words = (
        f"Beyond chance: Krippendorff's alpha of whole regions is {_with_ends(alpha, values.get('alpha_iou'))} (1: all "
        "experts mark the same region; 0: two annotations of one image agree no more than annotations of different "
        f"images), and kappa of {pixels} is {_with_ends(kappa, values.get('kappa_in_lungs'))} "
        f"({values.get('lungs', 'lungs')})."
    )
    if iou == iou:
        p = number_at(values, "beyond_anatomy", "p")
        words += (
            f" Two experts' annotations of one image overlap with an IoU of {iou:.2f}; when each expert's annotations "
            "are shuffled between images, which keeps habits and anatomy, "
            f"{shown(shuffled, 2)} remains (p {equals_p(p)})."
        )
    return [
        details_html("Beyond chance and anatomy, and by profession", paragraph(words) + "".join(comparisons(values)))
    ]


def _with_ends(value: float, interval: Any) -> str:
    low, high = (number_at(interval or {}, name) for name in ("low", "high"))
    return with_ends(value, low, high, 2)


def comparisons(reliability: Metrics) -> list[str]:
    rows = []
    for pair, values in reliability.get("comparisons", {}).items():
        difference, smallest = number_at(values, "difference"), number_at(values, "smallest_p")
        if math.isnan(difference):
            continue
        note = str(values.get("note") or "")
        too_few = "" if not smallest > LEVEL else "\ntoo few people to tell"
        rows.append([
            str(pair).replace(" - ", " minus "),
            below(_with_ends(difference, values)),
            shown(number_at(values, "p_two_sided"), -1), shown(smallest, 3) + too_few,
            shown(number_at(values, "num_images"), 0) + (f"\n{note}" if note else ""),
        ])  # fmt: skip
    if not rows:
        return []
    caption = (
        "Do colleagues of one profession agree more than those of another? Difference of their mean pairwise IoU. p: "
        "two-sided, professions shuffled between people. Smallest p: the least that so few people can reach. "
        "Exploratory."
    )
    return [table(["Professions", "Difference", "p", "Smallest p", "Images"], rows, caption)]
