"""The report's sections on how the study departs from the paper, and on what it cannot show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sightline.report.words import Metrics, number_at, range_words
from sightline.study.models import Entry, ExternalMaps, Network, OwnModel


def departures(params: Mapping[str, Any], models: Mapping[str, Entry]) -> list[str]:
    """Where this study's parameters differ from the paper's; then what the code always does differently."""
    differences = []
    has_networks = any(isinstance(entry, Network) for entry in models.values())
    data, train = params.get("data", {}), params.get("train", {}) if has_networks else {}
    if data.get("source") == "phantom":
        differences.append(
            "Images, lesions and readers are synthetic (the phantom), not the paper's X-rays and experts."
        )
    size = (data.get("height"), data.get("width"))
    if size != (224, 224):
        differences.append(f"Images have {size[0]} x {size[1]} pixels; the paper's have 224 x 224.")
    if has_networks and data.get("split") == "patient":
        differences.append("The validation set consists of whole patients; the paper drew single images.")
    for name, theirs in {"epochs": 10, "batch_size": 64, "learning_rate": 1e-4}.items():
        if name in train and train[name] != theirs:
            differences.append(f"Training: {name} is {train[name]}; the paper's is {theirs}.")
    if has_networks and params.get("augment", {}).get("interpolation") == "bilinear":
        differences.append(
            "Rotated, shifted and zoomed training images are interpolated bilinearly; the paper's code takes the "
            "nearest pixel."
        )
    if has_networks and params.get("saliency", {}).get("target_layer") == "exact":
        differences.append(
            "Maps come from the feature map that is pooled for the head; the paper's code takes a convolution before "
            "its activation for CAM, and after max-pooling for Grad-CAM."
        )
    if params.get("threshold") != 0.5:
        differences.append(f"The threshold is {params.get('threshold')}; the paper's is 0.5.")
    if any(isinstance(entry, ExternalMaps) for entry in models.values()):
        differences.append("Some maps were made elsewhere and are only scored here.")
    if any(isinstance(entry, OwnModel) for entry in models.values()):
        differences.append(
            "Some classifiers were trained elsewhere, on data and by a recipe that this study does not know."
        )
    batches = "Exactly half of every training batch is positive, and validation images are never augmented."
    return [
        *differences,
        *([batches] if has_networks else []),
        "Agreement is between two different people; the paper also paired two annotations by the same person.",
        "Each map is compared with many random maps of exactly its area; in the paper, all models shared one running "
        "average of areas.",
        "Pointing Game: ties count as the share of tied pixels inside, and chance is the consensus's share of the "
        "image. The paper's random row is 0 because it took the first tied pixel in raster order.",
        "A paired test by patient stands beside the paper's Mann-Whitney test, which treats all values as independent. "
        "Intervals are printed with the value on the test set; the paper prints the bootstrap mean.",
    ]


def _trainings(params: Mapping[str, Any]) -> str:
    several = any(entry.get("seeds", 1) > 1 for entry in params.get("models", {}).values())
    once = "A network without several seeds is trained once." if several else "Each network is trained once."
    meant = " Only the means over seeds have intervals that include it." if several else ""
    return (
        f"{once} Intervals resample test images (or patients), not training runs: another seed may move a model by "
        f"more than its interval.{meant}"
    )


def limits(frame: pd.DataFrame, params: Mapping[str, Any], consensus: Metrics, agreement: pd.DataFrame) -> list[str]:
    """What this study cannot show. `frame` is from `published_answer.verdicts`, `agreement` is plots/agreement.csv."""
    sentences = []
    if params.get("data", {}).get("source") == "phantom":
        sentences.append(
            "A phantom tests the method, not medicine: nothing here says where a network looks on a real X-ray."
        )
    if len(frame):
        sentences.append(
            f"Alignment is measured on {range_words(frame['images'], 'image')} of the positive class, whether or not a "
            "network classified them correctly; it says nothing about where the network looks on negative images."
        )
    sentences += [
        *([_trainings(params)] if any("arch" in entry for entry in params.get("models", {}).values()) else []),
        *(
            ["Films that a classifier trained elsewhere was trained on are no test of it; this study cannot see which."]
            if any({"code", "export"} & entry.keys() for entry in params.get("models", {}).values())
            else []
        ),
        "A saliency map is a coarse picture of a network (a few cells per side) by one of several methods. A low IoU "
        "can be due to the method or the threshold. The threshold curves show how much depends on the threshold; the "
        "best threshold is chosen on the images that it is scored on, so its IoU is too favourable.",
        "Agreement with experts is not correctness. A finding outside the marked region may be real.",
    ]
    readers = int(number_at(consensus, "annotators")) if number_at(consensus, "annotators") > 0 else 0
    if readers:
        rule = params.get("consensus", {})
        is_half = rule.get("rule", "mean") == "mean" and rule.get("min_share", 0.5) <= 0.5
        twice = int((agreement["annotations"] == 2).sum()) if is_half else 0
        sentences.append(
            f"The consensus of {readers} readers is what most of them drew, not a biopsy; it is empty or small where "
            "they disagree."
            if readers > 1
            else "The region is what one reader drew, not a biopsy."
        )
        if twice:
            where = f"{twice} image{'s' if twice > 1 else ''} with two annotations"
            sentences.append(f"Half or more of two is either of them: on {where} the region is their union.")
    return sentences
