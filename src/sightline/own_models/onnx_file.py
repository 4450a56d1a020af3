"""A classifier as an ONNX file, run by onnxruntime (extra `onnx`): no gradients, so perturbation methods only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sightline.networks.file_kinds import kind_of
from sightline.own_models.card import Card
from sightline.study.errors import StudyError
from sightline.study.extras import missing_package

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
LOCATION = b"\x0a\x08location\x12"  # in protobuf, a tensor's key `location`; one byte of length and the value follow
LIKELY_OUTPUTS = ("output", "logits")


class OnnxNetwork(nn.Module):
    """Runs an ONNX session on the CPU; tensors B x C x rows x columns in, a tensor out, without gradients."""

    def __init__(self, session: Any, input_name: str, output_name: str, dtype: Any, batch: int | None) -> None:
        """`batch`: the batch size that the file fixes; None where it is free."""
        super().__init__()
        self.session = session
        self.input_name = input_name
        self.output_name = output_name
        self.dtype = dtype
        self.batch = batch

    def forward(self, images: Tensor) -> Tensor:
        """The output of all images; with a fixed batch size of 1, one after the other."""
        values = images.detach().cpu().numpy().astype(self.dtype)
        parts = [values] if self.batch is None else np.split(values, len(values))
        outputs = [self.session.run([self.output_name], {self.input_name: part})[0] for part in parts]
        return torch.from_numpy(np.concatenate(outputs)).float().to(images.device)


def load_onnx(path: Path, card: Card) -> OnnxNetwork:
    """The network at `path`, its input checked against the card; StudyError says what does not fit."""
    if kind_of(path) != "other":
        raise StudyError(f"{path}: is no ONNX file; name it by what it is, .pt2, .pt or .safetensors")
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise StudyError(f"{path}: {missing_package('onnxruntime')}") from None
    beside = _other_file(path)
    if beside:
        raise StudyError(
            f"{path}: keeps its weights in another file, {beside}, which DVC would not see change; export it into one: "
            "torch.onnx.export(..., external_data=False)"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of a type per problem, all in its C extension
        text = " ".join(str(error).split())[:200]
        raise StudyError(f"{path}: not loaded by onnxruntime {onnxruntime.__version__} ({text})") from error
    if len(session.get_inputs()) != 1:
        names = ", ".join(part.name for part in session.get_inputs())
        raise StudyError(f"{path}: has inputs {names}, expected the images alone; export again")
    (first,) = session.get_inputs()
    batch = _checked(path, card, first)
    outputs = [part.name for part in session.get_outputs()]
    likely = [name for name in LIKELY_OUTPUTS if name in outputs]
    if len(outputs) > 1 and not likely:
        raise StudyError(
            f"{path}: has outputs {', '.join(outputs)}; export the logits alone, or name them output "
            '(torch.onnx.export(..., output_names=["output"]))'
        )
    return OnnxNetwork(session, first.name, likely[0] if likely else outputs[0], TYPES[first.type], batch)


def _other_file(path: Path) -> str:
    """The name of the file beside it that holds its tensors; empty where it holds them itself."""
    value = path.read_bytes().partition(LOCATION)[2]
    return value[1 : 1 + value[0]].decode("utf-8", "replace") if value else ""


def _checked(path: Path, card: Card, first: Any) -> int | None:
    """The fixed batch size of the session's input, 1, or None where it is free; StudyError where it does not fit."""
    problems = []
    if first.type not in TYPES:
        problems.append(f"takes {first.type}, expected float32 or float16")
    if len(first.shape) != 4:
        problems.append(f"its input {first.name} has the shape {first.shape}, expected B x channels x rows x columns")
    else:
        batch, *sides = first.shape
        wanted = [card.input.channels, *card.input.size]
        if any(isinstance(side, int) and side != right for side, right in zip(sides, wanted, strict=True)):
            there = " x ".join(map(str, sides))
            problems.append(f"takes {there} (channels, rows, columns), the card says {' x '.join(map(str, wanted))}")
        if isinstance(batch, int) and batch != 1:
            problems.append(
                f"was exported for a fixed batch size of {batch}; give torch.onnx.export "
                'dynamic_shapes={"x": {0: "batch"}}, or export one image'
            )
    if problems:
        raise StudyError(f"{path}: cannot be used with the card {card.path}", problems)
    return 1 if isinstance(first.shape[0], int) else None
