"""From an entry of `models` to the loaded classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from sightline.own_models.card import Card, read_card
from sightline.own_models.code_file import parts_of_code
from sightline.own_models.parts import Parts
from sightline.own_models.weights import weights_read
from sightline.study.errors import StudyError
from sightline.study.files import sha256_of
from sightline.study.models import CodeModel, ExportedModel, OwnModel

TORCHSCRIPT = (".ts", ".torchscript", ".pt", ".pth")


def load_parts(entry: OwnModel) -> Parts:
    """The classifier of an entry, in eval mode, float32, on the CPU; paths are relative to the working directory.

    Its facts name the files that it was made of with their SHA-256. StudyError: whatever the files lack, and weights
    that `load_weights` read and that the entry does not name, so that DVC would not see them change.
    """
    return _from_code(entry) if isinstance(entry, CodeModel) else _from_export(entry)


def _from_code(entry: CodeModel) -> Parts:
    weights = Path(entry.weights) if entry.weights else None
    if weights is not None and not weights.exists():
        raise StudyError(f"{weights}: not there; it is `weights` of {{code: {entry.code}}} in params.yaml")
    with weights_read() as files:
        parts = parts_of_code(Path(entry.code))
    untracked = sorted({str(file) for file in files if not _is_named(file, weights)})
    if untracked:
        folder = len(untracked) > 1 or weights is not None
        name = "a folder that holds them" if folder else untracked[0]
        raise StudyError(
            f"params.yaml: {entry.code} reads weights that its entry does not name, so that DVC would not see them "
            f"change; add weights: {name}",
            untracked,
        )
    named = [weights] if weights is not None and weights.is_file() else files
    return _with_files(parts, [Path(entry.code), *named])


def _from_export(entry: ExportedModel) -> Parts:
    card = read_card(entry.card)
    path = Path(entry.export)
    network, kind = _exported(path, card)
    has_parameters = kind != "onnx"
    facts = {
        "kind": kind,
        **card.facts,
        "num_parameters": sum(part.numel() for part in network.parameters()) if has_parameters else None,
    }
    parts = Parts(
        network=network,
        to_input=card.input,
        is_differentiable=True,
        to_logit=card.to_logit,
        gradients={"pt2": "features", "torchscript": "input"}.get(kind, "none"),  # type: ignore[arg-type]
        facts=facts,
    )
    return _with_files(parts, [path, Path(entry.card)])


def _exported(path: Path, card: Card) -> tuple[nn.Module, str]:
    """The network and the kind of its file, by its ending; each kind is loaded by its own module."""
    ending = path.suffix.lower()
    if ending == ".pt2":
        from sightline.own_models.pt2 import load_pt2

        return load_pt2(path, card), "pt2"
    if ending == ".onnx":
        from sightline.own_models.onnx_file import load_onnx

        return load_onnx(path, card), "onnx"
    if ending in TORCHSCRIPT:
        from sightline.own_models.torchscript import load_torchscript

        return load_torchscript(path), "torchscript"
    raise StudyError(f"{path}: an export ends in .pt2, .onnx, {', '.join(TORCHSCRIPT)}; see docs/own-models.md")


def _is_named(file: Path, weights: Path | None) -> bool:
    return weights is not None and file.resolve().is_relative_to(weights.resolve())


def _with_files(parts: Parts, files: list[Path]) -> Parts:
    return replace(parts, facts={**parts.facts, "files": {str(file): sha256_of(file) for file in files}})
