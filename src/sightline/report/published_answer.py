"""What the paper's comparison, the classifiers and the agreement say in plain words, and no more than they say.

Every sentence is computed from the metrics; nothing here knows a result beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from sightline.report.words import (
    LEVEL,
    NAMED,
    Metrics,
    equals_p,
    listed,
    method_words,
    named,
    number_at,
    range_words,
    shown,
)
from sightline.statistics.holm import holm
from sightline.study.models import Entry, primary_method

SAME_ANSWER = 0.05  # recall or specificity below this: the network gives nearly every image the same answer
COLUMNS = (
    "model", "method", "images", "iou", "iou_low", "iou_high", "chance_iou", "random_iou",
    "pointing", "pointing_low", "pointing_high", "chance_pointing", "random_pointing", "p_pointing_exact", "p_holm",
    "is_above", "accuracy", "accuracy_low", "accuracy_high",
    "auroc", "auroc_low", "auroc_high", "recall", "specificity",
)  # fmt: skip


def verdicts(
    alignment: Metrics, intervals: Metrics, classification: Metrics, models: Mapping[str, Entry]
) -> pd.DataFrame:
    """One row per model that has maps scored on at least one image; shares as fractions, NaN where unknown.

    `p_pointing_exact` is the one-sided exact test of the hits against each image's own chance, by patient; `p_holm` the
    same after Holm's correction over the models; `is_above` means `p_holm` < LEVEL. IoU has an interval and no test: a
    map that is the same on every image can lie above random maps of its area.
    """
    rows = []
    for model in models:
        scored = {name: values for name, values in alignment.get(model, {}).items() if number_at(values, "images") > 0}
        if not scored:
            continue
        method = primary_method(list(scored))
        row: dict[str, Any] = {name: number_at(scored[method], name) for name in COLUMNS[2:]}
        row.update(model=model, method=method)
        for metric in ("iou", "pointing"):
            row[f"{metric}_low"] = number_at(intervals, model, method, metric, "low")
            row[f"{metric}_high"] = number_at(intervals, model, method, metric, "high")
        for metric in ("accuracy", "auroc"):
            row[metric] = number_at(classification, model, metric, "value")
            row[f"{metric}_low"] = number_at(classification, model, metric, "low")
            row[f"{metric}_high"] = number_at(classification, model, metric, "high")
        for metric in ("recall", "specificity"):
            row[metric] = number_at(classification, model, metric, "value")
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["p_holm"] = holm(frame["p_pointing_exact"].to_numpy(float))
    frame["is_above"] = frame["p_holm"] < LEVEL
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
    """What the paper's comparison says: Pointing Game against a random point, and IoU at one threshold.

    `frame` has at least one row.
    """
    return [*_count(frame, experts), _best(frame, experts), *_others(frame)]


def _count(frame: pd.DataFrame, experts: str) -> list[str]:
    """Which models point there, in one plain sentence, and in another how it was judged."""
    models, above = frame["model"].tolist(), frame.loc[frame["is_above"], "model"].tolist()
    if above:
        count = f"{named(above, len(models))} point{'s' if len(above) == 1 else ''}"
    else:
        who = listed(models, "or") if len(models) <= NAMED else f"any of the {len(models)} models"
        count = f"No evidence that {who} points"
    methods = listed([method_words(method) for method in dict.fromkeys(frame["method"])])
    test = f"one-sided exact tests by patient, p < {LEVEL}"
    if len(frame) > 1:
        test += f" after Holm's correction for {len(frame)} models"
    return [
        f"{count} where the {experts} look, more often than a random point would.",
        f"Judged on {range_words(frame['images'], 'image')} by {methods}: how often the map's maximum lies inside the "
        f"region, against each image's own chance, the region's share of the image ({test}). A map that points at the "
        "place where disease usually is, whatever the image, can pass this too. IoU is shown without a test, since "
        "such a map also overlaps more than random maps do.",
    ]


def _best(frame: pd.DataFrame, experts: str) -> str:
    row = frame.to_dict("records")[int(frame["iou"].to_numpy(float).argmax())]
    interval = "" if math.isnan(row["iou_low"]) else f" [{row['iou_low']:.2f}, {row['iou_high']:.2f}]"
    closest = "Its" if len(frame) == 1 else f"The highest IoU is that of {row['model']}: its"
    return (
        f"{closest} map overlaps the {experts}' region with an IoU of {row['iou']:.2f}{interval}, while random maps "
        f"reach {row['random_iou']:.2f}; its maximum lies inside the region in {_hits(row)} of the images, while a "
        f"random point would in {100 * row['chance_pointing']:.0f}%."
    )


def _others(frame: pd.DataFrame) -> list[str]:
    """Which models do not point there more often than a random point, as far as these images show."""
    others = frame[~frame["is_above"]].to_dict("records")
    words = "With no evidence that the maximum lies in the region more often than a random point"
    return [f"{words}: {listed([_case(row) for row in others])}."] if others else []


def _case(row: Mapping[Any, Any]) -> str:
    return (
        f"{row['model']} (Pointing Game {_hits(row)}, chance {100 * row['chance_pointing']:.0f}%, adjusted p "
        f"{equals_p(row['p_holm'])}; IoU {row['iou']:.2f}, random {row['random_iou']:.2f})"
    )


def _hits(row: Mapping[Any, Any]) -> str:
    """The share of hits in percent, with its interval where that is known."""
    low, high = row["pointing_low"], row["pointing_high"]
    return f"{100 * row['pointing']:.0f}%" + ("" if math.isnan(low) else f" [{100 * low:.0f}, {100 * high:.0f}]")


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
