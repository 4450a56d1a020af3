"""What is stored of the machine that trained a network, or predicted with one: its device and the library versions.

It lies beside the weights, in data/models/<key>.made.json, and not in them: a weights file of equal numbers has equal
bytes whatever the processor's name, and no stage that reads weights runs again for a name. The file is a function of
the machine alone, without time or host name, so it too has equal bytes on machines of one kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from sightline.networks.device import Machine
from sightline.networks.processor import cpu_name, vector_unit
from sightline.study.versions import installed_versions

# what a network's numbers depend on; of these, the ones that are installed
PACKAGES = ("torch", "torchvision", "numpy", "timm", "onnxruntime")

Record = dict[str, Any]


def made_on(machine: Machine) -> Record:
    """The device and the versions of `machine`, as JSON has it.

    `device`: `type` (cpu, cuda, mps), `name` (the processor's or the GPU's), `precision` (float32, bfloat16, float16),
    and of a processor also `instructions` (the vector unit that multiplies) and `threads`. `versions`: by name those of
    Python and PACKAGES, and of a CUDA device `cuda` and `cudnn`, with which PyTorch was built.
    """
    kind = machine.device.type
    precision = str(machine.precision).removeprefix("torch.")
    device: Record = {"type": kind, "name": _device_name(machine.device), "precision": precision}
    versions = installed_versions(PACKAGES) | {"torch": str(torch.__version__)}  # which names its build: 2.15.0+cpu
    if kind == "cpu":
        device |= {"instructions": vector_unit(), "threads": torch.get_num_threads()}
    if kind == "cuda":
        versions |= {"cuda": str(torch.version.cuda or torch.version.hip), "cudnn": str(torch.backends.cudnn.version())}
    return {"device": device, "versions": versions}


def made_json(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Record]]:
    """The contents of data/models/<key>.made.json: the different records in the order of their first use.

    There is one, unless training was interrupted and resumed on another machine.
    """
    texts = [json.dumps(record, sort_keys=True) for record in records]
    return {"machines": [json.loads(text) for text in dict.fromkeys(texts)]}


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return cpu_name()  # mps is a part of the processor
