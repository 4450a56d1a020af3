"""The classifier to explain: weights that Sightline trained, a code file, an export, or a network in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sightline.networks.architectures import Classifier
from sightline.networks.weights_file import read_config, trained_network
from sightline.own_models.code_file import parts_of_code
from sightline.own_models.declared import declared_input
from sightline.own_models.loaded_network import made_ready
from sightline.own_models.loading import load_parts
from sightline.own_models.network import OwnNetwork
from sightline.own_models.opening import opened
from sightline.own_models.outputs import single_logits
from sightline.own_models.parts import Parts
from sightline.study.errors import StudyError
from sightline.study.models import ExportedModel, Network


@dataclass(frozen=True, kw_only=True)
class Model:
    """A classifier whose films are still to be read."""

    open: Callable[[Tensor], Classifier | OwnNetwork]
    """A few films, float32 B x 3 x H x W in [0, 1] -> the classifier in eval mode, on the CPU."""
    size: tuple[int, int] | None
    """Rows and columns in pixels that it saw; None where its file does not say."""
    color: bool | None
    """Whether it saw films in colour; None where its file does not say."""
    notes: list[str]
    """What a reader of its maps has to know, one line each."""
    parts: Parts | None = None
    """What `open` opens of a classifier trained elsewhere; None of one that Sightline trained."""


def model_at(path: Path, card: Path | None) -> Model:
    """The classifier in the file at `path`: .safetensors, .py, or with its `card` an exported file.

    StudyError for any other file, and for what the files lack.
    """
    if card is not None:
        return _own(load_parts(ExportedModel(export=str(path), card=str(card))))
    if path.suffix == ".py":
        return _own(parts_of_code(path))
    if path.suffix == ".safetensors":
        return _trained(path)
    raise StudyError(
        f"{path}: MODEL is a .safetensors file that Sightline trained, a .py file of your own, or an exported file "
        "with --card CARD.yaml; see docs/own-models.md"
    )


def model_in_memory(
    network: nn.Module,
    size: int | tuple[int, int] | None,
    declared: Mapping[str, Any],
    score: Callable[[Any], Tensor] | None,
    evidence: str,
) -> Model:
    """The classifier of a copy of `network`, whose input is `declared`: channels, mean, std and value_range.

    `size`: pixels that it saw, None: as the films are. `score`, `evidence`: as in a code file. StudyError with all that
    is wrong with these.
    """
    problems: list[str] = []
    wanted = declared_input({**declared, "size": 1 if size is None else size}, problems)
    if score is not None and not callable(score):
        problems.append(f"score: expected a function of the network's output, got {score!r}")
    if wanted is None or problems:
        raise StudyError("a network whose input or output is not clear", problems)
    ready, facts = made_ready(deepcopy(network), "the network")
    shown = wanted if size is not None else None

    def to_input(images_B3HW: Tensor) -> Tensor:
        rows, cols = images_B3HW.shape[-2:]
        return (shown or replace(wanted, size=(rows, cols)))(images_B3HW)

    parts = Parts(
        network=ready,
        to_input=to_input,
        is_differentiable=True,
        to_logit=(lambda output: score(output).float()) if score else (lambda out: single_logits(out, "the network")),
        gradients="input" if isinstance(ready, torch.jit.ScriptModule) else "features",
        evidence=evidence,
        facts={"kind": "memory", **wanted.facts, **facts, "size": list(shown.size) if shown else None},
    )
    return _own(parts)


def _own(parts: Parts) -> Model:
    size = parts.facts.get("size")

    def open_on_cpu(images_B3HW: Tensor) -> OwnNetwork:
        parts.network.to("cpu")  # where the last use took it to a GPU
        return opened(parts, images_B3HW)

    return Model(
        open=open_on_cpu,
        size=None if size is None else (size[0], size[1]),
        color=None,
        notes=[],
        parts=parts,
    )


def _trained(path: Path) -> Model:
    config = read_config(path)
    variant: dict[str, Any] = config.get("model") or {}
    if not variant:
        raise StudyError(
            f"{path}: was not written by Sightline's training; bring a classifier trained elsewhere in by a .py file "
            "(docs/own-models.md)"
        )
    entry = Network(**variant)
    seen = config.get("seen", {})
    size = seen.get("size")
    lungs = "it was trained on films with all but the lungs black; give it such films"
    return Model(
        open=lambda _images: trained_network(path, entry, config.get("seed_number", 1)).eval(),
        size=None if size is None else (size[0], size[1]),
        color=seen.get("color"),
        notes=[lungs] if entry.input == "lungs" else [],
    )
