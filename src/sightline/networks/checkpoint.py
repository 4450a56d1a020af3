"""A training run that was cut off goes on where it was: one safetensors file, whole or absent.

It belongs to no DVC stage (DVC deletes a stage's outputs before each run) and is deleted when the outputs stand.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sightline.study.files import sha256_of, written_whole


def fingerprint(config: Mapping[str, Any], files: list[Path]) -> str:
    """Hexadecimal SHA-256 of what a run's result depends on: config, data files, our loaded code, PyTorch's version."""
    source = Path(__file__).resolve().parents[2]
    names = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    loaded = {Path(name).resolve() for name in names if name}
    code = sorted(path for path in loaded if path.suffix == ".py" and path.is_relative_to(source))
    digest = hashlib.sha256(json.dumps(dict(config), sort_keys=True).encode())
    for path in [*code, *files]:
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    digest.update(torch.__version__.encode())
    return digest.hexdigest()


def save_checkpoint(
    path: Path, groups: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any], stamp: str
) -> None:
    """Writes named groups of tensors and JSON state under the fingerprint `stamp`.

    An earlier checkpoint stays until this one is whole.
    """
    flat = {f"{group}/{name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}
    write_tensors(path, flat, {"fingerprint": stamp, "state": json.dumps(dict(state))})


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a whole safetensors file, contiguous; a full disk is a StudyError and leaves nothing."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as beside:
        try:
            save_file(plain, beside, metadata=metadata)
        except SafetensorError as error:  # which hides the operating system's error in its text
            raise OSError(None, str(error)) from error


def load_checkpoint(path: Path, stamp: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]] | None:
    """The groups of tensors, on the CPU, and the state of the checkpoint at `path`.

    None if it is absent, unreadable or of another run: the caller starts again. The reason is printed unless there
    is no file.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != stamp:
                print(f"{path}: of other parameters, data or code; training starts again")
                return None
            groups: dict[str, dict[str, Tensor]] = {}
            for flat in file.keys():  # noqa: SIM118  no dictionary
                group, name = flat.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(flat)
            return groups, json.loads(metadata["state"])
    except SafetensorError as error:
        print(f"{path}: not readable ({error}); training starts again")
        return None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state by `<parameter number>.<name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Puts back what `optimizer_tensors` gave, each moment in its parameter's memory layout.

    The fused kernels walk parameter and moments in memory order: a contiguous moment beside a channels-last
    parameter would be paired wrongly, without an error.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        if tensor.ndim:
            tensor = torch.empty_like(parameters[int(number)]).copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
