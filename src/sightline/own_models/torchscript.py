"""A classifier as a TorchScript archive: gradients of the input alone, as its modules take no hooks.

TorchScript is deprecated in favour of torch.export (PyTorch 2.11); a .pt2 has all methods. torch.jit.load compiles the
archive's own code within TorchScript's interpreter, which has no access to Python.
"""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path

import torch
from torch import nn

from sightline.networks.file_kinds import kind_of
from sightline.study.errors import StudyError


def load_torchscript(path: Path) -> nn.Module:
    """The scripted or traced network, in eval mode and float32 on the CPU; StudyError where the file is none."""
    kind = kind_of(path)
    if kind != "torchscript":
        what = {
            "torch": "weights or a pickled network", "pickle": "weights or a pickled network", "safetensors": "weights",
            "pt2": "an exported program; name it .pt2", "other": "no TorchScript archive",
        }[kind]  # fmt: skip
        raise StudyError(
            f"{path}: is {what}, which do not say how to compute; three ways in:" if "weights" in what
            else f"{path}: is {what}; the ways in:",
            [
                f"a code file that builds the network and reads the weights: {{code: models/ours.py, weights: {path}}} "
                "(`sightline model new ours`)",
                "an exported program with a card: {export: models/ours.pt2, card: models/ours.yaml} "
                "(`sightline model new ours --export`)",
                "maps made elsewhere: {maps: FOLDER, method: NAME}",
            ],
        )  # fmt: skip
    try:
        with warnings.catch_warnings():
            for kind_of_warning in (DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind_of_warning)
            network = torch.jit.load(str(path), map_location="cpu")
    except RuntimeError as error:
        text = " ".join(str(error).split())[:200]
        raise StudyError(f"{path}: not loaded by PyTorch {torch.__version__} ({text}); export it as .pt2") from error
    with contextlib.suppress(RuntimeError):  # a frozen network has no mode
        network.eval()
    return network.float()
