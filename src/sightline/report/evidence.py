"""The report's sections that ask how far the result can be trusted: choices, shortcuts, faithfulness, agreement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sightline.report import ladder_figures
from sightline.report.contents import Study
from sightline.report.html import chart, paragraph, table
from sightline.report.words import (
    LEVEL,
    OUTCOMES,
    SHARES,
    Metrics,
    equals_p,
    listed,
    method_words,
    number_at,
    percent,
    primary_method,
    shown,
)

EFFECTS = {
    "necessity": "Necessity of the region",
    "sufficiency": "Sufficiency of the region",
}


def shortcut(study: Study) -> list[str]:
    """Where relevance lies that should lie in the lungs, and whether it gathers at one place."""
    chosen = {
        model: (method, by_method[method])
        for model in study.models
        if (by_method := study.shortcut.get("models", {}).get(model))
        for method in [primary_method(list(by_method))]
    }
    if not chosen:
        return [paragraph("The shortcut meter was not read: metrics/shortcut.json is missing or empty.")]
    flagged = [model for model, (_, found) in chosen.items() if _suspicion(found).get("is_flagged")]
    words = (
        "A meter that needs no experts, only the lungs: how much of a map lies where no pneumonia can be, compared "
        "with a map that knows nothing, and whether the maps' maxima come back to one and the same place of the film, "
        "as at a marker or a letter. Neither proves that the network uses the place. "
        f"Lungs: {study.shortcut.get('lungs', 'origin not stated')}. "
    )
    if counts := sorted({int(found["images"]) for _, found in chosen.values() if "images" in found}):
        words += f"{' or '.join(map(str, counts))} test images, annotated or not. "
    words += f"Flagged: {listed(flagged)}." if flagged else "No model is flagged."
    frame = pd.DataFrame(
        [
            (model, number_at(found, "shares", "outside"), number_at(found, "uniform", "outside"))
            for model, (_, found) in chosen.items()
        ],
        columns=["model", "outside", "uniform"],
    )
    parts = [paragraph(words)]
    if frame["outside"].notna().any():
        caption = (
            "Share of a map's relevance outside the lungs, most first; the tick is a uniform map's, that is, the share "
            "of the image that lies outside."
        )
        parts.append(chart(ladder_figures.outside_figure(frame, study.models), caption))
    return [*parts, _shares_table(chosen), *_outcomes_table(chosen)]


def _suspicion(found: Metrics) -> Metrics:
    return found.get("suspicion") or {}


def _shares_table(chosen: Mapping[str, tuple[str, Metrics]]) -> str:
    rows = []
    for model, (method, found) in chosen.items():
        sign = _suspicion(found)
        cells = [
            f"{percent(number_at(found, 'shares', name))}\nuniform {percent(number_at(found, 'uniform', name))}"
            for name in SHARES
        ]
        place = [number_at(sign, name) for name in ("row", "col")]
        where = "" if math.isnan(sum(place)) else f"\n{percent(place[0], 0)} down, {percent(place[1], 0)} across"
        verdict = "–" if not sign else "flagged" if sign.get("is_flagged") else "no"
        rows.append([
            model, verdict, method_words(method), *cells, shown(number_at(sign, "excess_p"), -1),
            percent(number_at(sign, "concentration"), 0) + where, shown(number_at(sign, "concentration_p"), -1),
        ])  # fmt: skip
    header = ["Model", "Flag", "Method", *(f"Relevance\n{words}" for words in SHARES.values()),
              "Excess,\np", "Maxima at\none place", "Place,\np"]  # fmt: skip
    caption = (
        "Relevance by place. Excess: is there more outside the lungs than a uniform map has (one-sided, signs flipped "
        "by patient). Maxima at one place: the share of images whose maximum lies in the most popular place outside "
        "the lungs, a seventh of each side wide. Exploratory; a flag needs a large effect at the 2.5% level."
    )
    return table(header, rows, caption, text_columns=("Method", "Flag"))


def _outcomes_table(chosen: Mapping[str, tuple[str, Metrics]]) -> list[str]:
    rows = []
    for model, (_, found) in chosen.items():
        outcomes = found.get("by_outcome")
        if outcomes:
            cells = [
                f"{percent(number_at(outcomes, name, 'outside'))}\n{number_at(outcomes, name, 'count'):.0f} images"
                for name in OUTCOMES
                if not math.isnan(number_at(outcomes, name, "count"))
            ]
            rows.append([model, *cells] if len(cells) == len(OUTCOMES) else [model, *(["–"] * len(OUTCOMES))])
    if not rows:
        return [paragraph("No model has predictions, so there is nothing to split by right and wrong answers.", "note")]
    caption = (
        "Relevance outside the lungs by the network's answer at probability 0.5. More in positive answers than in "
        "negative ones says that what lies there speaks for disease."
    )
    return [table(["Model", *(words.capitalize() for words in OUTCOMES.values())], rows, caption)]


def faithfulness(study: Study) -> list[str]:
    """Whether the maps show what the networks use, and whether the networks use the experts' region."""
    found = {model: values for model in study.models if (values := study.faithfulness.get(model))}
    if not found:
        if not study.histories:
            return [
                paragraph(
                    "This study has maps only, no networks: whether the maps show what a network uses is unknown."
                )
            ]
        return [paragraph("Faithfulness was not measured: metrics/faithfulness has no file for these networks.")]
    methods = listed(sorted({method_words(str(values.get("method"))) for values in found.values()}))
    return [
        paragraph(
            f"Alignment says where a map lies, not that the network uses the place. Three checks of that by {methods}: "
            "pixels are taken away or put back in the map's order and the network's answer is watched; the experts' "
            "region is taken away, or kept alone, and compared with regions of the same shape elsewhere in the lungs; "
            "and the network's weights are made random, after which a map that shows the network must change. "
            "All of it is exploratory."
        ),
        _region_table(found),
        _pixel_table(found),
        *_randomised(found),
    ]


def used(study: Study) -> list[str]:
    """How many networks need the experts' region, whatever their maps show, in a sentence; [] if not measured."""
    tested = [
        values["necessity"]
        for model in study.models
        if (values := study.faithfulness.get(model))
        and not math.isnan(number_at(values, "necessity", "mean"))
        and not math.isnan(number_at(values, "necessity", "p"))
    ]
    if not tested:
        return []
    count = sum(number_at(found, "mean") > 0 and number_at(found, "p") < LEVEL for found in tested)
    return [
        f"Apart from the maps, {count} of {len(tested)} networks use{'s' if count == 1 else ''} the {study.experts}' "
        "region: their score for pneumonia falls more when it is blurred than when a region of the same shape "
        f"elsewhere in the lungs is (exploratory, p < {LEVEL} each, not corrected)."
    ]


def _region_table(found: Mapping[str, Metrics]) -> str:
    rows = []
    for model, values in found.items():
        cells = []
        for effect in EFFECTS:
            mean, low, high, p, images, without = (
                number_at(values, effect, name) for name in ("mean", "low", "high", "p", "images", "without_controls")
            )
            ends = "" if math.isnan(low) or math.isnan(high) else f"\n[{low:.2f}, {high:.2f}]"
            counts = "–" if math.isnan(images) else f"{images:.0f}"
            if without > 0:
                counts += f"\n{without:.0f} left out"
            black = number_at(values, f"{effect}_zero", "mean")
            ends += "" if math.isnan(black) else f"\nblack {black:.2f}"
            cells += [f"{shown(mean, 2)}{ends}".replace("-", "\N{MINUS SIGN}"), shown(p, -1), counts]
        rows.append([model, *cells])
    caption = (
        "The experts' region. Necessity: how much more the network's score (its logit) falls when the region is "
        "removed than when a control region is; sufficiency: how much more of it remains when only the region is kept. "
        "0: the region is like any other part of the lungs. p: one-sided, signs flipped by patient, not corrected. "
        "Left out: images with no room for a control region. What is removed is blurred; black: the mean if it is "
        "blackened."
    )
    groups = [("", 1), *((words, 3) for words in EFFECTS.values())]
    return table(["Model", *(["Mean", "p", "Images"] * len(EFFECTS))], rows, caption, groups)


def _pixel_table(found: Mapping[str, Metrics]) -> str:
    columns = {
        "deletion_auc": "Deletion\nlower is better", "insertion_auc": "Insertion\nhigher is better",
        "average_drop": "Average drop\nlower is better", "increase": "Increase\nhigher is better",
    }  # fmt: skip
    rows = []
    for model, values in found.items():
        cells = [model]
        for name in columns:
            value, black = number_at(values, name), number_at(values, f"{name}_zero")
            cell = shown(value, 2) if name.endswith("auc") else percent(value)
            cells.append(cell if math.isnan(black) else f"{cell}\nblack {shown(black, 2)}")
        rows.append(cells)
    caption = (
        "Pixels in the map's order, highest first. Deletion and insertion: mean probability of pneumonia while they "
        "are taken away from the image, or put back; what is taken away is blurred, in the second line black. Average "
        "drop: how much of the probability is lost when only what the map shows is kept; increase: the share of images "
        "where it then rises."
    )
    return table(["Model", *columns.values()], rows, caption)


def _randomised(found: Mapping[str, Metrics]) -> list[str]:
    rows = []
    for model, values in found.items():
        test = values.get("randomisation") or {}
        cells = []
        for name in ("spearman", "ssim"):
            steps = [math.nan if value is None else float(value) for value in test.get(name) or []]
            cells += [shown(steps[0], 2) if steps else "–", shown(steps[-1], 2) if steps else "–"]
            cells.append(shown(number_at(test, f"baseline_{name}"), 2))
        rows.append([model, *(cell.replace("-", "\N{MINUS SIGN}") for cell in cells)])
    caption = (
        "Likeness of a map to the same image's map after the weights were made random, from the output down: only the "
        "first step, and all layers. Other image: likeness of two images' maps by the trained network. A map that "
        "stays alike where all weights are random shows the image, not the network."
    )
    groups = [("", 1), ("Rank correlation", 3), ("Structural similarity", 3)]
    return [table(["Model", *(["First step", "All layers", "Other image"] * 2)], rows, caption, groups)]


def reliability(study: Study) -> list[str]:
    """Agreement of the annotators beyond chance and anatomy, and between professions."""
    found = study.reliability
    if not found:
        return []
    alpha, kappa, iou, shuffled = (
        number_at(found, *names)
        for names in (("alpha_iou", "value"), ("kappa_in_lungs", "value"), ("beyond_anatomy", "iou"),
                      ("beyond_anatomy", "shuffled_iou"))
    )  # fmt: skip
    words = (
        f"Beyond chance: Krippendorff's alpha on whole regions is {_with_ends(alpha, found.get('alpha_iou'))} (1: all "
        "draw alike; 0: two drawings of one image agree no more than drawings of two patients), and kappa on the "
        f"pixels of the lungs {_with_ends(kappa, found.get('kappa_in_lungs'))} ({found.get('lungs', 'lungs')})."
    )
    if iou == iou:
        p = number_at(found, "beyond_anatomy", "p")
        words += (
            f" Two annotators of one image overlap with an IoU of {iou:.2f}; when each one's drawings are shuffled "
            f"between images, which keeps their habits and the anatomy, {shown(shuffled, 2)} remains (p {equals_p(p)})."
        )
    return [paragraph(words), *_comparisons(found)]


def _with_ends(value: float, found: Any) -> str:
    low, high = (number_at(found or {}, name) for name in ("low", "high"))
    ends = "" if math.isnan(low) or math.isnan(high) else f" [{low:.2f}, {high:.2f}]"
    return f"{shown(value, 2)}{ends}"


def _comparisons(found: Metrics) -> list[str]:
    rows = []
    for pair, values in found.get("comparisons", {}).items():
        difference, smallest = number_at(values, "difference"), number_at(values, "smallest_p")
        if math.isnan(difference):
            continue
        too_few = "" if not smallest > LEVEL else "\ntoo few people to tell"
        rows.append([
            str(pair).replace(" - ", " minus "),
            _with_ends(difference, values).replace(" [", "\n[").replace("-", "\N{MINUS SIGN}"),
            shown(number_at(values, "p_two_sided"), -1), shown(smallest, 3) + too_few,
            shown(number_at(values, "num_images"), 0),
        ])  # fmt: skip
    if not rows:
        return []
    caption = (
        "Do colleagues of one profession agree more than those of another: difference of their mean pairwise IoU. p: "
        "two-sided, professions shuffled between people; smallest p: what so few people can reach at all. Exploratory."
    )
    return [table(["Professions", "Difference", "p", "Smallest p", "Images"], rows, caption)]
