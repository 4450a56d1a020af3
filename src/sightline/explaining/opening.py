"""The classifier that `sightline explain` is given: weights that Sightline trained, a code file, or an export."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sightline.networks.architectures import Classifier
from sightline.networks.weights_file import read_config, trained_network
from sightline.own_models.code_file import parts_of_code
from sightline.own_models.loading import load_parts
from sightline.own_models.network import OwnNetwork
from sightline.own_models.opening import opened
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


def _own(parts: Parts) -> Model:
    size = parts.facts.get("size")
    return Model(
        open=lambda images_B3HW: opened(parts, images_B3HW),
        size=None if size is None else (size[0], size[1]),
        color=None,
        notes=[],
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
