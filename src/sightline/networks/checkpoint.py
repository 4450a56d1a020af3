"""Checkpoints: an interrupted training run resumes where it stopped. One safetensors file each, whole or absent.

A checkpoint belongs to no DVC stage, since DVC deletes a stage's outputs before each run; the train stage deletes it
once its outputs are written.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sightline.study.files import sha256_of, written_whole

Tensors = dict[str, Tensor]
History = list[dict[str, Any]]


def fingerprint(config: Mapping[str, Any], files: list[Path]) -> str:
    """Hexadecimal SHA-256 of all that a run depends on: config, data files, our loaded code, PyTorch's version."""
    source = Path(__file__).resolve().parents[1]  # the package; where it is installed, what lies beside it is not ours
    names = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    loaded = {Path(name).resolve() for name in names if name}
    code = sorted(path for path in loaded if path.suffix == ".py" and path.is_relative_to(source))
    digest = hashlib.sha256(json.dumps(dict(config), sort_keys=True).encode())
    for path in [*code, *files]:
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    digest.update(torch.__version__.encode())
    return digest.hexdigest()


def save_interval() -> float:
    """Seconds between two checkpoints: SIGHTLINE_CHECKPOINT_SECONDS, by default 60."""
    return float(os.environ.get("SIGHTLINE_CHECKPOINT_SECONDS") or 60)


def save_run(
    path: Path,
    stamp: str,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    best: Tensors,
    history: History,
) -> None:
    """Saves the state of a run at the end of an epoch; `best`: the weights of the best epoch so far."""
    groups = {"network": network.state_dict(), "best": best, "optimizer": optimizer_tensors(optimizer)}
    save_checkpoint(path, groups, {"history": history, "scaler": scaler.state_dict()}, stamp)


def resume_run(
    path: Path, stamp: str, network: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> tuple[Tensors, History]:
    """The best weights and the history of the run saved at `path`, its state put into the other three.

    Both are empty, and nothing changes, where `load_checkpoint` finds no checkpoint of this run.
    """
    saved = load_checkpoint(path, stamp)
    if saved is None:
        return {}, []
    groups, state = saved
    network.load_state_dict(groups["network"])
    restore_optimizer(optimizer, groups["optimizer"])
    scaler.load_state_dict(state["scaler"])
    return groups["best"], state["history"]


def save_checkpoint(path: Path, groups: Mapping[str, Tensors], state: Mapping[str, Any], stamp: str) -> None:
    """Writes named groups of tensors and a JSON state under the fingerprint `stamp`.

    An earlier checkpoint stays until the new one is complete.
    """
    flat = {f"{group}/{name}": tensor for group, tensors in groups.items() for name, tensor in tensors.items()}
    write_tensors(path, flat, {"fingerprint": stamp, "state": json.dumps(dict(state))})


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file, whole or not at all; a full disk is a StudyError. Tensors are stored contiguously."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as beside:
        try:
            save_file(plain, beside, metadata=metadata)
        except SafetensorError as error:  # which hides the operating system's error in its text
            raise OSError(None, str(error)) from error


def load_checkpoint(path: Path, stamp: str) -> tuple[dict[str, Tensors], dict[str, Any]] | None:
    """The groups of tensors, on the CPU, and the state of the checkpoint at `path`.

    None if the file is missing, unreadable or of another run: the caller starts again. Unless the file is missing,
    the reason is printed.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != stamp:
                print(f"{path}: of other parameters, data or code; training starts again")
                return None
            groups: dict[str, Tensors] = {}
            for flat in file.keys():  # noqa: SIM118  no dictionary
                group, name = flat.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(flat)
            return groups, json.loads(metadata["state"])
    except SafetensorError as error:
        print(f"{path}: not readable ({error}); training starts again")
        return None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimizer's state by `<parameter number>.<name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restores the state that `optimizer_tensors` returned, each moment in its parameter's memory layout.

    The fused kernels walk parameter and moments in memory order: they would silently pair a contiguous moment with
    the wrong elements of a channels-last parameter.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, Tensors] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        if tensor.ndim:
            tensor = torch.empty_like(parameters[int(number)]).copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
