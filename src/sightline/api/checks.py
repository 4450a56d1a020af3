"""The check of a classifier on labelled films, before any map is made. N films, H W their grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from sightline.api.arrays import array_of, canonical
from sightline.api.models import films_for, load_model
from sightline.explaining.opening import Model
from sightline.model_check.findings import Finding, findings, is_ready
from sightline.model_command.check_command import printed
from sightline.model_command.checking import BATCH, Films, checked, checking_machine
from sightline.networks.training import predicted_logits
from sightline.own_models.network import OwnNetwork
from sightline.scoring.request import one_error
from sightline.study.errors import StudyError

WIDTH = 78  # of the printed lines, in characters: about a page of the site
BINS = 10  # of the calibration error: classification.bins of the profiles


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelCheck:
    """What a check of a classifier found; printed, it is the text of `sightline model check`."""

    results: dict[str, Any]
    """The numbers, and the status of each check by name, as metrics/models/<key>.json of a study."""

    @property
    def is_ready(self) -> bool:
        """Whether no check fails; warnings may be left."""
        return is_ready(self.results)

    @property
    def findings(self) -> list[Finding]:
        """One for each check: `check`, `status` (ok, warning, fails or unknown), `words` and `remedy`."""
        return findings(self.results)

    def __repr__(self) -> str:
        return "\n".join(printed("the model", self.results, WIDTH))


def check_model(
    model: Model | nn.Module | str | PathLike[str],
    images: Any,
    labels: Any,
    *,
    patients: Any = None,
    names: Sequence[object] | None = None,
) -> ModelCheck:
    """Whether a classifier works here: finite logits that tell labelled films apart, and a place that maps come from.

    `model` and `images`: as `explain` takes them. `labels`: 1 of the positive class, else 0, by image, or a list in the
    order of the images. `patients`: who each image is of, in the same forms; None: each image is a patient of its own.
    `names`: of an array's rows. Take films that it was not trained on. What each check means: docs/own-models.md.

    Raises StudyError where films or labels are wrong, and for a network that Sightline trained: it needs no check.

    >>> import sightline, torch
    >>> study = sightline.phantom(4, healthy=4, size=(64, 64))
    >>> network = torch.nn.Sequential(
    ...     torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(),
    ...     torch.nn.Linear(4, 1), torch.nn.Sigmoid(),
    ... )
    >>> check = sightline.check_model(sightline.load_model(network, channels=1), study.images, study.labels)
    >>> [finding.status for finding in check.findings if finding.check == "logit"]  # it ends with a sigmoid
    ['warning']
    """
    opened = model if isinstance(model, Model) else load_model(model)
    if opened.parts is None:
        raise StudyError("a network that Sightline trained; the check is for classifiers trained elsewhere")
    order, films_N, own_order = films_for(opened, images, names)
    problems: list[str] = []
    label_of = _by_image("labels", labels, own_order, order, problems)
    patient_of = _by_image("patients", patients, own_order, order, problems) if patients is not None else {}
    problems += [
        f"labels: {image} is {value!r}; expected 1 or 0" for image, value in label_of.items() if value not in (0, 1)
    ]
    if problems:
        raise one_error(problems, "argument")
    films = Films(
        images_N=films_N,
        label_N=np.array([int(label_of[image]) for image in order]),
        patients_N=np.array([str(patient_of.get(image, image)) for image in order]),
        of=len(order),
    )
    machine = checking_machine()
    network = machine.placed(OwnNetwork(opened.parts, None, (0, 0))).eval()  # predictions depend on no grid
    rows = torch.arange(len(order), device=machine.device)
    logits_N = predicted_logits(network, torch.from_numpy(films_N).to(machine.device), rows, BATCH, machine)
    return ModelCheck(results=checked(network, films, logits_N.cpu().numpy(), BINS, machine))


def _by_image(
    argument: str, given: Any, order: Sequence[str] | None, images: Sequence[str], problems: list[str]
) -> dict[str, Any]:
    """The value of each of the `images`: from a dictionary, a Series with their names, or a list in `order`."""
    if isinstance(given, pd.Series) and {canonical(key) for key in given.index} >= set(images):
        given = given.to_dict()
    if isinstance(given, Mapping):
        values = {canonical(key): value for key, value in given.items()}
    elif order is None:
        problems.append(
            f"{argument}: a list needs an order of images, and a folder has none; give a dictionary by image"
        )
        return {}
    else:
        listed = array_of(given).tolist() if given is not None else []
        if not isinstance(listed, list):
            problems.append(
                f"{argument}: expected a list, a column or a dictionary by image, got {type(given).__name__}"
            )
            return {}
        if len(listed) != len(order):
            problems.append(f"{argument}: {len(listed)} for {len(order)} images; expected one for each, in their order")
            return {}
        values = dict(zip(order, listed, strict=True))
    missing = [image for image in images if image not in values]
    problems += [f"{argument}: {image} has none" for image in missing]
    return {image: values[image] for image in images if image in values}
