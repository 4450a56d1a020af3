"""A classifier as an exported program (.pt2), which torch.export.save wrote.

What torch.export.load does with the file (as read in PyTorch 2.15.0, torch/export/pt2_archive/_package.py): weights and
constants are raw bytes with a JSON description, unless they are tensor subclasses or objects, which are pickled and
loaded with weights_only=False; sample inputs are loaded with weights_only=True and, where that fails, without. The
program is JSON, but texts in it run: sizes go through sympify, which evaluates them, and guards are compiled as Python
(both tried on 2026-11-27: a shell command in either was executed). So PyTorch warns against files of untrusted
sources. `pt2_archive.refuse_unsafe` therefore reads the archive first and refuses all that would be unpickled, and all
texts that are more than operators, names and arithmetic on sizes. That closes the ways known to us; it is no sandbox.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torchvision  # noqa: F401  registers its operators
from torch import nn

from sightline.networks.file_kinds import kind_of
from sightline.own_models.card import Card
from sightline.own_models.pt2_archive import refuse_unsafe, unknown_operators
from sightline.study.errors import StudyError

TRAINING_FLAG = {  # operator -> place of its argument `train`
    "aten.dropout.default": 2,
    "aten.dropout_.default": 2,
    "aten.feature_dropout.default": 2,
    "aten.batch_norm.default": 5,
}


def load_pt2(path: Path, card: Card) -> nn.Module:
    """The exported network, through which gradients flow, in float32 on the CPU; its input checked against the card.

    StudyError: no such archive, one that would have to be unpickled, operators or a format that this PyTorch lacks, a
    batch size fixed at the export, another size or number of channels than the card's, another type than float32, a
    network exported in train mode or on a GPU.
    """
    if kind_of(path) != "pt2":
        raise StudyError(f"{path}: is no exported program; write it by {export_line(card, path)}")
    refuse_unsafe(path)
    unknown = unknown_operators(path)
    if unknown:
        raise StudyError(
            f"{path}: uses operators that are not known here: {', '.join(unknown)}; load it in a code file that "
            "imports the package which defines them"
        )
    try:
        with _quiet():
            program = torch.export.load(path)
    except Exception as error:  # of all types, by what the file lacks
        raise StudyError(
            f"{path}: not loaded by PyTorch {torch.__version__} ({type(error).__name__}: {_short(error)}); export it "
            "again with this version"
        ) from error
    problems = list(_problems(program, card))
    if problems:
        problems.append(f"export it again: {export_line(card, path)}")
        raise StudyError(f"{path}: cannot be used with the card {card.path}", problems)
    network = program.module()
    for refused in ("train", "eval"):  # set on the module, and raise; the mode changes nothing in an exported graph
        vars(network).pop(refused, None)
    return network


def export_line(card: Card, path: Path) -> str:
    """The line that exports `network` as the card says, for any batch size."""
    rows, columns = card.input.size
    return (
        f"torch.export.save(torch.export.export(network.eval(), (torch.zeros(2, {card.input.channels}, {rows}, "
        f'{columns}),), dynamic_shapes=({{0: torch.export.Dim("batch")}},)), "{path}")'
    )


def _problems(program: torch.export.ExportedProgram, card: Card) -> Iterator[str]:
    names = program.graph_signature.user_inputs
    placeholders = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    if len(names) != 1:
        yield f"takes {len(names)} inputs, expected the images alone"
        return
    value = placeholders.get(str(names[0]))
    if not isinstance(value, torch.Tensor) or value.ndim != 4:
        yield "its input is no tensor B x channels x rows x columns"
        return
    if value.dtype != torch.float32:
        kind = str(value.dtype).removeprefix("torch.")
        yield f"takes {kind}, expected float32; use network.float() before the export"
    batch, channels, rows, columns = value.shape
    if isinstance(batch, int):
        yield f'was exported for a fixed batch size of {batch}; give dynamic_shapes=({{0: torch.export.Dim("batch")}},)'
    if isinstance(channels, int) and channels != card.input.channels:
        yield f"takes {channels} channels, the card says channels: {card.input.channels}"
    size = f"{rows} x {columns}"
    fits = [isinstance(length, torch.SymInt) or length == said for length, said in
            zip((rows, columns), card.input.size, strict=True)]  # fmt: skip
    if not all(fits):
        yield f"takes {size} pixels, the card says size: {list(card.input.size)}"
    devices = {tensor.device.type for tensor in program.state_dict.values()} - {"cpu"}
    if devices:
        yield f"was exported on {', '.join(sorted(devices))}; use network.cpu() before the export"
    training = [str(node.target) for node in program.graph.nodes if _is_training(node)]
    if training:
        yield f"was exported in train mode ({training[0].partition('.')[2]}); use network.eval() before the export"


def _is_training(node: Any) -> bool:
    place = TRAINING_FLAG.get(str(node.target))
    return place is not None and len(node.args) > place and node.args[place] is True


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch.export.load logs before it raises, and without PyTorch 2.11's warning of its own buffer."""
    logger = logging.getLogger("torch.export")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given buffer is not writable")
            yield
    finally:
        logger.setLevel(before)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}..."
