"""Whether a classifier trained elsewhere is what it says: numbers from a few films, before any map is made.

Shapes: N films that are looked at, P of them (PROBE per class) that the network predicts again, C channels of its
input, K channels of the evidence, H W the study's grid, h w the evidence's. `statuses.py` decides what the
numbers mean, `sightline.model_check` has the words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.special import expit, ndtri
from torch import Tensor

from sightline.model_command.statuses import statuses
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import Machine, this_machine
from sightline.own_models.evidence import Place
from sightline.own_models.loading import load_parts
from sightline.own_models.network import OwnNetwork
from sightline.own_models.opening import opened
from sightline.own_models.parts import Parts
from sightline.saliency.cam import features_and_gradient
from sightline.saliency.methods import METHODS, lacking
from sightline.statistics.calibration import brier, calibration_error, equal_mass_bins
from sightline.statistics.delong import delong_clustered
from sightline.statistics.proportions import proportion
from sightline.statistics.streams import stream
from sightline.study.errors import StudyError
from sightline.study.files import rounded
from sightline.study.models import OwnModel

PROBE = 2
BATCH = 32
LEVEL = 0.95


@dataclass(frozen=True, kw_only=True)
class Films:
    """The labelled films that a check looks at."""

    images_N: np.ndarray
    """uint8 N x H x W, or N x H x W x 3"""
    label_N: np.ndarray
    """0 or 1"""
    patients_N: np.ndarray
    of: int
    """How many labelled films the study has outside train."""

    def probe(self) -> np.ndarray:
        """Rows of the first PROBE films of each class, int64 P, at most 2 PROBE: one of each class, then the next."""
        rows = [(order, row) for label in (0, 1) for order, row in enumerate(np.flatnonzero(self.label_N == label))]
        return np.array([row for order, row in sorted(rows) if order < PROBE], dtype=int)


def films_at(index: pd.DataFrame, rows_N: np.ndarray, path: Path, of: int) -> Films:
    """The films in these rows of the study's index and of its array of images at `path`; of `of` labelled films."""
    return Films(
        images_N=np.asarray(np.load(path, mmap_mode="r", allow_pickle=False)[rows_N]),
        label_N=index["label"].to_numpy()[rows_N],
        patients_N=index["patient"].to_numpy()[rows_N],
        of=of,
    )


def balanced_rows(label_N: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Rows of up to `count` films, as many of each class as there are, int64, sorted; always the same for one seed.

    Half are of each class. A class with fewer is taken whole, and the other does not make up for it.
    """
    rng = stream(seed, "model check", "films")
    chosen = [rng.permutation(np.flatnonzero(label_N == label))[: count // 2] for label in (0, 1)]
    return np.sort(np.concatenate(chosen))


def checking_machine() -> Machine:
    """This machine in float32: probabilities without the rounding to bfloat16's 8 bits."""
    return replace(this_machine(), precision=torch.float32)


def loaded(entry: OwnModel, machine: Machine) -> OwnNetwork:
    """The classifier in eval mode on the machine, for predictions: its evidence is not looked for."""
    rows, columns = 0, 0  # of the study's grid, on which predictions do not depend
    return machine.placed(OwnNetwork(load_parts(entry), None, (rows, columns))).eval()


def checked(network: OwnNetwork, films: Films, logits_N: np.ndarray, bins: int, machine: Machine) -> dict[str, Any]:
    """The whole check as JSON has it, numbers and `status`: metrics/models/<key>.json. Undefined numbers are None."""
    numbers = measured(network, films, logits_N, bins, machine)
    result: dict[str, Any] = rounded({**numbers, "status": statuses(numbers)})
    return result


def measured(network: OwnNetwork, films: Films, logits_N: np.ndarray, bins: int, machine: Machine) -> dict[str, Any]:
    """All numbers of the check; NaN where one is undefined.

    `logits_N`: the network's of these films, in batches. `bins`: of the ECE. The network is left as it was.
    `model`: facts of the file; `films`: how many; `input`: what the network received; `outputs`, `evidence`, `methods`
    and `classification`: what the functions below return. StudyError without a film.
    """
    probe = films.probe()
    if not len(probe):
        raise StudyError("a classifier is checked on labelled validation or test films, and there are none")
    images = three_channels(unit_images(torch.from_numpy(films.images_N[probe]))).to(machine.device)
    return {
        "model": dict(network.parts.facts),
        "films": {
            "checked": len(films.label_N),
            "of": films.of,
            "positives": int((films.label_N == 1).sum()),
            "grid": list(films.images_N.shape[1:3]),
        },
        "input": received(network.parts.to_input(images)),
        "outputs": outputs(network, images, logits_N),
        "classification": classification(logits_N, films.label_N, films.patients_N, bins),
        **evidence(network.parts, images),
    }


def received(inputs: Any) -> dict[str, Any]:
    """Shape without the batch, and least, greatest and mean value per channel; empty lists unless it is B x C x ..."""
    if not isinstance(inputs, Tensor) or inputs.ndim < 3:
        return {"shape": [], "least": [], "greatest": [], "mean": []}
    values_CX = inputs.detach().float().transpose(0, 1).flatten(1)
    return {
        "shape": list(inputs.shape[1:]),
        "least": values_CX.amin(dim=1).tolist(),
        "greatest": values_CX.amax(dim=1).tolist(),
        "mean": values_CX.mean(dim=1).tolist(),
    }


@torch.no_grad()
def outputs(network: OwnNetwork, images_P3HW: Tensor, logits_N: np.ndarray) -> dict[str, Any]:
    """`not_finite`: how many logits are; `least`, `greatest`, `spread` of the others, NaN without any.

    `repeat`, `alone`: the largest difference of the probe's logits when the batch, or each film alone, is predicted
    again, as a share of the largest of them by size (0 where all are 0, NaN where one is not finite).
    `alone_error`: the first line of the error of a network that does not take one film, else "".
    """
    finite_N = logits_N[np.isfinite(logits_N)]
    least, greatest = (float(finite_N.min()), float(finite_N.max())) if len(finite_N) else (np.nan, np.nan)
    first_P, second_P = network(images_P3HW), network(images_P3HW)
    alone, error_line = float("nan"), ""
    try:
        alone = difference(torch.cat([network(image[None]) for image in images_P3HW]), first_P)
    except (RuntimeError, ValueError, StudyError) as error:  # batch norm in train mode refuses one value per channel
        error_line = str(error).strip().splitlines()[0]
    return {
        "not_finite": len(logits_N) - len(finite_N),
        "least": least,
        "greatest": greatest,
        "spread": greatest - least,
        "repeat": difference(second_P, first_P),
        "alone": alone,
        "alone_error": error_line,
    }


def difference(logits_P: Tensor, before_P: Tensor) -> float:
    """The largest change, as a share of the largest logit by size; 0 where nothing changes; NaN from NaN."""
    change = (logits_P - before_P).abs().max().item()
    return change / torch.stack([logits_P, before_P]).abs().max().item() if change else 0.0


def evidence(parts: Parts, images_P3HW: Tensor) -> dict[str, Any]:
    """`evidence`: where maps come from, what is exact there and where gradients arrive; `methods` that do not work.

    `how`, `module`, `function`, `grid`, `channels`, `candidates`: the evidence (`evidence.Place`) and the call that
    takes its space away; "", [] and 0 without any, for the reason `no_evidence`. `is_refused`: whether that reason is
    an error, and not the kind of file. `is_linear`, `is_cam_exact`, `residual`: see `exactness.Exactness`.
    `reaches_logit`: the gradient at the evidence is not all 0; None without evidence. `reaches_image`: the gradient at
    the image is not all 0; False where there is none, for the reason `no_gradient`. `methods`: the reason by the
    method's name, empty where it works.
    """
    is_refused = False
    try:
        network = opened(parts, images_P3HW)
    except StudyError as error:
        rows, columns = images_P3HW.shape[2:]
        network = OwnNetwork(parts, None, (rows, columns), " ".join(str(error).split()))
        is_refused = True
    place, exact = network.place, network.exactness
    reaches_logit = None
    if place is not None:
        _, gradient = features_and_gradient(network, "backbone", images_P3HW[:2])
        reaches_logit = bool(gradient.any())
    found = {
        "how": place.how if place else "",
        "module": place.module if place else "",
        "function": pooling(place) if place else "",
        "grid": list(place.grid) if place else [],
        "channels": place.channels if place else 0,
        "candidates": len(place.candidates) if place else 0,
        "is_refused": is_refused,
        "is_linear": exact is not None and exact.is_linear,
        "is_cam_exact": exact is not None and exact.is_cam_exact,
        "residual": exact.residual if exact else float("nan"),
        "reaches_logit": reaches_logit,
        "reaches_image": not network.no_gradient and has_image_gradient(network, images_P3HW[:2]),
        "no_evidence": network.no_evidence,
        "no_gradient": network.no_gradient,
    }
    methods = {name: lacking(method, network) for name, method in METHODS.items()}
    if not methods["cam"] and not found["is_cam_exact"]:
        methods["cam"] = "no linear layer on the means of the channels ends in the logit"
    return {"evidence": found, "methods": methods}


def pooling(place: Place) -> str:
    """The name of the function that takes the evidence's space away; empty where that is not known."""
    own = (place.module, place.channels, place.grid)
    calls = [call.function for call in place.candidates if (call.module, call.channels, call.grid) == own]
    return calls[-1] if calls else ""


def has_image_gradient(network: OwnNetwork, images_B3HW: Tensor) -> bool:
    """Whether any image's logit depends on its pixels as far as gradients say."""
    images = images_B3HW.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = network(images)
    if not logits.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(logits.sum(), images, allow_unused=True)
    return gradient is not None and bool(gradient.any())


def classification(logits_N: np.ndarray, label_N: np.ndarray, patients_N: np.ndarray, bins: int) -> dict[str, Any]:
    """What the logits are worth: `accuracy` and `auroc` with 95% intervals by patient, `majority`, Brier score, ECE.

    `accuracy`: at a probability of 0.5, with `proportions.proportion`'s interval. `auroc`: DeLong's, in [0, 1].
    `majority`: the share of the more frequent class. `brier`, `ece` as in `statistics.calibration`, `brier_prevalence`:
    the Brier score of always answering the share of positives. `mean_positive`, `mean_negative`: mean logits. All NaN
    where a logit is not finite or there are no films; AUROC also where one class is missing.
    """
    nan = float("nan")
    unknown = {"value": nan, "low": nan, "high": nan}
    label_N = np.asarray(label_N)
    if not len(logits_N) or not np.isfinite(logits_N).all():
        numbers = ("majority", "mean_positive", "mean_negative", "brier", "brier_prevalence", "ece")
        return {"accuracy": unknown, "auroc": unknown, **dict.fromkeys(numbers, nan)}
    probability_N = expit(logits_N.astype(float))
    ones_1N = np.ones((1, len(label_N)))
    called_N = logits_N >= 0
    prevalence = float(np.mean(label_N == 1))
    return {
        "accuracy": proportion(called_N == (label_N == 1), patients_N, LEVEL)._asdict(),
        "auroc": auroc(logits_N, label_N, patients_N),
        "majority": max(prevalence, 1 - prevalence),
        "mean_positive": float(logits_N[label_N == 1].mean()) if prevalence > 0 else nan,
        "mean_negative": float(logits_N[label_N != 1].mean()) if prevalence < 1 else nan,
        "brier": float(brier(ones_1N, label_N, probability_N)[0]),
        "brier_prevalence": prevalence * (1 - prevalence),
        "ece": float(calibration_error(ones_1N, label_N - probability_N, equal_mass_bins(probability_N, bins))[0]),
    }


def auroc(logits_N: np.ndarray, label_N: np.ndarray, patients_N: np.ndarray) -> dict[str, float]:
    """AUROC and its normal interval from DeLong's variance by patient, cut off at 0 and 1; ends NaN without one.

    Of logits and not of probabilities, which tie at 0 and 1 where a network is very sure.
    """
    auroc_1, covariance_11 = delong_clustered(label_N, logits_N[None].astype(float), patients_N)
    value = float(auroc_1[0])
    with np.errstate(invalid="ignore"):  # a variance below 0 is an estimate from few patients: no interval
        half = float(ndtri((1 + LEVEL) / 2) * np.sqrt(covariance_11[0, 0]))
    low, high = (float(np.clip(end, 0, 1)) for end in (value - half, value + half))
    return {"value": value, "low": low, "high": high}
