"""Where the study departs from the paper, and what it cannot show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from sightline.report.words import Metrics, number_at, range_words
from sightline.study.models import Entry, ExternalMaps


def departures(params: Mapping[str, Any], models: Mapping[str, Entry]) -> list[str]:
    """Where this study differs from the paper, by its parameters; what the code always does otherwise comes last."""
    found = []
    data, train = params.get("data", {}), params.get("train", {})
    if data.get("source") == "phantom":
        found.append("Images, lesions and annotators are synthetic (the phantom), not the paper's X-rays and experts.")
    size = (data.get("height"), data.get("width"))
    if size != (224, 224):
        found.append(f"Images are {size[0]} x {size[1]} pixels, the paper's 224 x 224.")
    if data.get("split") == "patient":
        found.append("Validation images are whole patients; the paper drew single images.")
    for name, theirs in {"epochs": 10, "batch_size": 64, "learning_rate": 1e-4}.items():
        if name in train and train[name] != theirs:
            found.append(f"Training: {name} is {train[name]}, the paper's {theirs}.")
    if params.get("saliency", {}).get("target_layer") == "exact":
        found.append(
            "Maps come from the feature map that the pooling sees; the paper's code takes a convolution before its "
            "activation for CAM, and after max-pooling for Grad-CAM."
        )
    if params.get("threshold") != 0.5:
        found.append(f"The threshold is {params.get('threshold')}, the paper's 0.5.")
    if any(isinstance(entry, ExternalMaps) for entry in models.values()):
        found.append("Some maps were made elsewhere and are only scored here.")
    return [
        *found,
        "Every training batch is half and half of the two classes exactly, and validation images are never augmented.",
        "Agreement pairs two different annotators; the paper also paired two annotations of one person.",
        "Random maps have exactly the area of the map they stand for, and every map many of them; in the paper all "
        "models shared one running average of areas.",
        "Pointing Game: ties count by the share of tied pixels inside, and chance is the consensus' share of the "
        "image; the paper's random row is 0 because the first pixel in reading order was taken.",
        "Beside the paper's Mann-Whitney test, which takes all values as independent, stands a paired test by patient; "
        "intervals are around the value on the test set, where the paper prints the bootstrap mean.",
    ]


def limits(frame: pd.DataFrame, params: Mapping[str, Any], consensus: Metrics) -> list[str]:
    """What this study cannot show."""
    found = []
    if params.get("data", {}).get("source") == "phantom":
        found.append("A phantom tests the method, not medicine: nothing here says how a network looks at a real X-ray.")
    if len(frame):
        found.append(
            f"Alignment is measured on {range_words(frame['images'])} images of the positive class, whether a network "
            "classified them rightly or not; nothing is said about where it looks on negative ones."
        )
    found += [
        "Each network is trained once. Intervals resample test images (or patients), not trainings: another seed may "
        "move a model by more than its interval.",
        "A saliency map is a coarse picture of a network (a few cells a side) and one of several methods; "
        "a low IoU can come from the method or the threshold. The threshold curves show how much hangs on that choice, "
        "and the best threshold is read from the images it is scored on: it is too favourable.",
        "Agreement with experts is not correctness. A finding outside the marked region may be real.",
    ]
    if number_at(consensus, "annotators") > 0:
        found.append(
            f"The consensus of {number_at(consensus, 'annotators'):.0f} annotators is a majority of drawings, not a "
            "biopsy; it is empty or small where they disagree."
        )
    return found
