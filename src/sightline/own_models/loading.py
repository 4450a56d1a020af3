"""From an entry of `models` to the loaded classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from sightline.own_models.card import Card, read_card
from sightline.own_models.code_file import parts_of_code
from sightline.own_models.files_read import files_read
from sightline.own_models.parts import Parts
from sightline.study.errors import StudyError
from sightline.study.files import sha256_of
from sightline.study.models import CodeModel, ExportedModel, OwnModel

TORCHSCRIPT = (".ts", ".torchscript", ".pt", ".pth")


def load_parts(entry: OwnModel) -> Parts:
    """The classifier of an entry, in eval mode, float32, on the CPU; paths are relative to the working directory.

    Its facts name the files that it was made of with their SHA-256. StudyError: whatever the files lack, and files that
    the entry does not name, so that DVC would not see them change: weights that `load_weights` read, and modules that
    lie beside the code and that it imports.
    """
    return _from_code(entry) if isinstance(entry, CodeModel) else _from_export(entry)


def _from_code(entry: CodeModel) -> Parts:
    weights = Path(entry.weights) if entry.weights else None
    if weights is not None and not weights.exists():
        raise StudyError(f"{weights}: not there; it is `weights` of {{code: {entry.code}}} in params.yaml")
    with files_read() as files:
        parts = parts_of_code(Path(entry.code))
    untracked = [_shown(file) for file in files if not _is_named(file, weights)]
    if untracked:
        is_one = len(untracked) == 1 and weights is None and untracked[0].is_file() and untracked[0].suffix != ".py"
        name = untracked[0] if is_one else f"{Path(entry.code).parent.as_posix()}, a folder that holds all it reads"
        raise StudyError(
            f"params.yaml: {entry.code} reads files that its entry does not name, so that DVC would not see them "
            f"change; add weights: {name}",
            [str(file) for file in untracked],
        )
    return _with_files(parts, [Path(entry.code), *_files_in(weights)])


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


def _shown(file: Path) -> Path:
    """The path from the study's folder, where it lies below it."""
    here = Path.cwd().resolve()
    return file.resolve().relative_to(here) if file.resolve().is_relative_to(here) else file


def _files_in(weights: Path | None) -> list[Path]:
    """The file of weights, or all files in their folder but hidden and compiled ones; none where none is named."""
    if weights is None or weights.is_file():
        return [weights] if weights else []
    files = sorted(file for file in weights.rglob("*") if file.is_file())
    hidden = [
        any(part[:1] == "." or part == "__pycache__" for part in file.relative_to(weights).parts) for file in files
    ]
    return [file for file, is_hidden in zip(files, hidden, strict=True) if not is_hidden]


def _with_files(parts: Parts, files: list[Path]) -> Parts:
    return replace(parts, facts={**parts.facts, "files": {str(file): sha256_of(file) for file in files}})
