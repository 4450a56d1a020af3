"""A network as `load()` returns it, made ready: wrappers off, on the CPU, float32, in eval mode; what was changed."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from sightline.study.errors import StudyError

PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def made_ready(network: Any, file: str) -> tuple[nn.Module, dict[str, Any]]:
    """The network without wrappers, on the CPU, in float32 and in eval mode, and facts of what was changed.

    The facts: `network` (its class), `num_parameters`, `unwrapped` (classes of the wrappers taken off),
    `was_in_train_mode`, `converted_from` (types of weights that were no float32). `file` is named in errors: anything
    that is no network, and weights without values.
    """
    if not isinstance(network, nn.Module):
        raise StudyError(f"{file}: load() returned {_described(network)}")
    unwrapped: list[str] = []
    network = _without_wrapper(network, unwrapped)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            inner = _without_wrapper(child, unwrapped)
            if inner is not child:
                setattr(parent, name, inner)
    tensors = [*network.named_parameters(), *network.named_buffers()]
    empty = [name for name, tensor in tensors if tensor.is_meta]
    if empty:
        raise StudyError(
            f"{file}: load() returned a network with {len(empty)} tensors on the device meta, without values "
            f"({', '.join(empty[:3])}, ...); build it on the CPU and load its weights"
        )
    if any(tensor.device.type != "cpu" for _, tensor in tensors):
        network = network.to("cpu")
    kinds = {tensor.dtype for _, tensor in tensors if tensor.is_floating_point()} - {torch.float32}
    if kinds:
        network = network.to(torch.float32)
    was_training = any(module.training for module in network.modules())
    if was_training:
        network.eval()
    return network, {
        "network": type(network).__name__,
        "num_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "unwrapped": sorted(set(unwrapped)),
        "was_in_train_mode": was_training,
        "converted_from": sorted(str(kind).removeprefix("torch.") for kind in kinds),
    }


def _without_wrapper(network: nn.Module, unwrapped: list[str]) -> nn.Module:
    while True:
        inner = network.module if isinstance(network, PARALLEL) else getattr(network, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return network
        unwrapped.append("torch.compile" if hasattr(network, "_orig_mod") else type(network).__name__)
        network = inner


def _described(network: Any) -> str:
    if network is None:
        return "None; end it with `return network`"
    if isinstance(network, type) and issubclass(network, nn.Module):
        return f"the class {network.__name__}; return a network of it, {network.__name__}(...)"
    if isinstance(network, dict):
        return (
            f"a {type(network).__name__}, not a network; build the network, then "
            "load_weights(network, path) puts the weights of a file into it"
        )
    if isinstance(network, torch.export.ExportedProgram):
        return "an ExportedProgram; return program.module()"
    return f"a {type(network).__name__}, expected a torch.nn.Module"
