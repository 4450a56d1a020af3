"""What the paper's comparison, the classifiers and the agreement say in plain words, and no more than they say.

Every sentence is computed from the metrics; nothing here knows a result beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sightline.report.words import (
    LEVEL,
    Metrics,
    equals_p,
    listed,
    method_words,
    number_at,
    primary_method,
    range_words,
    shown,
)
from sightline.statistics.holm import holm
from sightline.study.models import Entry

SAME_ANSWER = 0.05  # recall or specificity below this: the network gives nearly every image the same answer
COLUMNS = (
    "model", "method", "images", "iou", "iou_low", "iou_high", "chance_iou", "random_iou", "p_iou",
    "pointing", "chance_pointing", "random_pointing", "p_pointing", "p_both", "p_holm",
    "is_iou_above", "is_pointing_above", "is_above", "accuracy", "accuracy_low", "accuracy_high",
    "auroc", "auroc_low", "auroc_high", "recall", "specificity",
)  # fmt: skip


def verdicts(
    alignment: Metrics, intervals: Metrics, classification: Metrics, models: Mapping[str, Entry]
) -> pd.DataFrame:
    """One row per model that has maps scored on at least one image; shares as fractions, NaN where unknown.

    `p_iou` and `p_pointing` are the one-sided sign-flip tests by patient against random maps of the same area;
    `is_iou_above` and `is_pointing_above` mean p < LEVEL and a mean above that of the random maps. A model is above
    chance, `is_above`, only if both are: a large map nearby covers part of any region without pointing at it. `p_both`
    is the larger p, which needs no correction for two tests that must both hold, and `p_holm` the same after Holm's
    correction over the models.
    """
    rows = []
    for model in models:
        scored = {name: values for name, values in alignment.get(model, {}).items() if number_at(values, "images") > 0}
        if not scored:
            continue
        method = primary_method(list(scored))
        row: dict[str, Any] = {name: number_at(scored[method], name) for name in COLUMNS[2:]}
        row.update(model=model, method=method)
        row["iou_low"], row["iou_high"] = (number_at(intervals, model, method, "iou", end) for end in ("low", "high"))
        for metric in ("accuracy", "auroc"):
            row[metric] = number_at(classification, model, metric, "value")
            row[f"{metric}_low"] = number_at(classification, model, metric, "low")
            row[f"{metric}_high"] = number_at(classification, model, metric, "high")
        for metric in ("recall", "specificity"):
            row[metric] = number_at(classification, model, metric, "value")
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["p_both"] = np.maximum(frame["p_iou"].to_numpy(float), frame["p_pointing"].to_numpy(float))
    frame["p_holm"] = holm(frame["p_both"].to_numpy(float))
    for metric in ("iou", "pointing"):
        frame[f"is_{metric}_above"] = (frame[f"p_{metric}"] < LEVEL) & (frame[metric] > frame[f"random_{metric}"])
    frame["is_above"] = frame["is_iou_above"] & frame["is_pointing_above"]
    return frame


def answer(frame: pd.DataFrame, classification: Metrics, consensus: Metrics, experts: str) -> list[str]:
    """Sentences, the most important first, of a study without a ladder (`ladder_answer` has the others).

    `frame` is from `verdicts`; `experts` names who drew the regions.
    """
    if frame.empty:
        missing = f"No saliency map could be compared with a region marked by {experts}, so the question stays open: "
        return [missing + "this page shows what else the study measured.", *classifiers(classification)]
    sentences = [*published(frame, experts), *classifiers(classification)]
    return [*sentences, *human_scale(frame, consensus, experts)]


def published(frame: pd.DataFrame, experts: str) -> list[str]:
    """What the paper's comparison says: IoU at one threshold, and Pointing Game, against random maps.

    `frame` has at least one row.
    """
    return [*_count(frame, experts), _best(frame, experts), *_others(frame)]


def _count(frame: pd.DataFrame, experts: str) -> list[str]:
    """The count in one plain sentence, and in another how it was judged."""
    above = frame[frame["is_above"]]
    count = (
        f"{len(above)} of {len(frame)} models look{'s' if len(above) == 1 else ''}"
        if len(above)
        else f"No evidence that any of the {len(frame)} models looks"
    )
    if len(frame) == 1:
        count = "The one model looks" if len(above) else "No evidence that the one model looks"
    elif len(above) == len(frame):
        count = f"All {len(frame)} models look"
    methods = listed([method_words(method) for method in dict.fromkeys(frame["method"])])
    test = f"one-sided sign-flip tests by patient, both with p < {LEVEL}"
    if len(frame) > 1:
        test += f", for each of {len(frame)} models"
    if len(above) and len(frame) > 1:
        kept = int((above["p_holm"] < LEVEL).sum())
        test += f"; {'as many' if kept == len(above) else kept} after Holm's correction"
    return [
        f"{count} where the {experts} look, more than chance would predict.",
        f"Judged on {range_words(frame['images'])} images by {methods}: both IoU with the consensus and Pointing Game "
        f"must be above those of random maps of the same area ({test}).",
    ]


def _best(frame: pd.DataFrame, experts: str) -> str:
    row = frame.to_dict("records")[int(frame["iou"].to_numpy(float).argmax())]
    interval = "" if math.isnan(row["iou_low"]) else f" [{row['iou_low']:.2f}, {row['iou_high']:.2f}]"
    closest = "Its" if len(frame) == 1 else f"The highest IoU is that of {row['model']}: its"
    return (
        f"{closest} map overlaps the {experts}' region with an IoU of {row['iou']:.2f}{interval}, while random maps "
        f"reach {row['random_iou']:.2f}; its maximum lies inside the region in {100 * row['pointing']:.0f}% of the "
        f"images, while a random point would in {100 * row['chance_pointing']:.0f}%."
    )


def _others(frame: pd.DataFrame) -> list[str]:
    """Which models are above chance by one measure only, and which by neither."""
    by_iou, by_pointing = frame["is_iou_above"], frame["is_pointing_above"]
    only_iou = (
        "Above chance by IoU only, with no evidence that the maximum lies in the region more often than by chance"
    )
    kinds = {
        only_iou: by_iou & ~by_pointing,
        "Above chance by the Pointing Game only": by_pointing & ~by_iou,
        "Not above chance by either": ~by_iou & ~by_pointing,
    }
    return [
        f"{words}: {listed([_case(row) for row in frame[chosen].to_dict('records')])}."
        for words, chosen in kinds.items()
        if chosen.any()
    ]


def _case(row: Mapping[Any, Any]) -> str:
    return (
        f"{row['model']} (IoU {row['iou']:.2f}, random {row['random_iou']:.2f}, p {equals_p(row['p_iou'])}; "
        f"Pointing Game {100 * row['pointing']:.0f}%, random {100 * row['random_pointing']:.0f}%, "
        f"p {equals_p(row['p_pointing'])})"
    )


def classifiers(classification: Metrics) -> list[str]:
    """Which networks fail to classify: the map of such a network explains no diagnosis."""
    sentences = []
    coins, constants = [], []
    for model in classification:
        auroc, low, high = (number_at(classification, model, "auroc", name) for name in ("value", "low", "high"))
        recall, specificity = (number_at(classification, model, name, "value") for name in ("recall", "specificity"))
        if low <= 0.5:
            coins.append(f"{model} (AUROC {auroc:.2f} [{low:.2f}, {high:.2f}])")
        elif min(recall, specificity) < SAME_ANSWER:
            constants.append(f"{model} (recall {100 * recall:.0f}%, specificity {100 * specificity:.0f}%)")
    if coins:
        sentences.append(
            f"Not distinguishable from a coin toss: {listed(coins)}. Where such a network looks explains no diagnosis."
        )
    if constants:
        sentences.append(
            f"Nearly the same answer for every image, at a decision threshold of 0.5: {listed(constants)}."
        )
    return sentences


def human_scale(frame: pd.DataFrame, consensus: Metrics, experts: str) -> list[str]:
    """How far the experts agree with each other, as the scale on which to read a model's IoU; [] if unknown."""
    sentences = [f"For scale: {sentence[0].lower()}{sentence[1:]}" for sentence in agreement(consensus, experts)]
    if sentences and len(frame) and frame["iou"].max() > number_at(consensus, "expert_expert_iou_percent") / 100:
        sentences[0] += (
            " A model above that is not better than a human: a consensus of several is a steadier target than "
            "the drawing of one."
        )
    return sentences


def agreement(consensus: Metrics, experts: str) -> list[str]:
    """How far two experts who mark the same image overlap, and one with a random mask, in a sentence; [] if unknown."""
    human, chance = (
        number_at(consensus, name) / 100 for name in ("expert_expert_iou_percent", "expert_random_iou_percent")
    )
    if math.isnan(human):
        return []
    return [
        f"Two {experts} who mark the same image overlap with an IoU of {human:.2f}, one of them and a random mask with "
        f"{shown(chance, 2)}."
    ]
