"""The weights file of a trained network: the one place that knows its format.

A safetensors file with the network's weights. Its metadata holds one text, `config`: JSON with architecture, init and
head (key `model`), the parameters and hardware of the run (from an entry's second seed on also `seed_number`), what the
network saw (key `seen`; absent from older files), the number of parameters and PyTorch's version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sightline.networks.architectures import Classifier, build_network, num_parameters
from sightline.networks.checkpoint import write_tensors
from sightline.study.errors import StudyError
from sightline.study.models import Network


def seen(image_shape: tuple[int, ...]) -> dict[str, Any]:
    """What a network of ours is given: images of `size` (rows, columns in pixels), three channels, values in [0, 1].

    `image_shape`: of one prepared image, H x W (gray, given as three equal channels) or H x W x 3 (colour). Paper,
    section 3.1: images are not standardised, so mean 0 and deviation 1.
    """
    rows, columns = image_shape[:2]
    values = {"value_range": [0.0, 1.0], "mean": 0.0, "std": 1.0}
    return {"size": [rows, columns], "channels": 3, "color": len(image_shape) == 3, **values}


def write_network(path: Path, network: Classifier, entry: Network, run: Mapping[str, Any]) -> None:
    """Writes the weights of `network`, the network of `entry`; `run`: parameters and hardware of its training."""
    size = num_parameters(network)
    config = {"model": entry.variant, **run, "num_parameters": size, "torch": torch.__version__}
    write_tensors(path, network.state_dict(), {"config": json.dumps(config, sort_keys=True)})


def read_config(path: Path) -> dict[str, Any]:
    """The config in the weights file at `path`; {} where the file is safetensors of another program."""
    return _read(path, with_weights=False)[1]


def trained_network(path: Path, entry: Network, seed_number: int = 1) -> Classifier:
    """The network of `entry` with the weights at `path`; weights of another model or seed are a StudyError."""
    weights, config = _read(path)
    if config.get("model") != entry.variant:
        raise StudyError(f"{path}: holds {config.get('model')}, params.yaml says {entry.variant}; train it again")
    if config.get("seed_number", 1) != seed_number:
        found = config.get("seed_number", 1)
        raise StudyError(f"{path}: holds seed {found} of its model, expected seed {seed_number}; train it again")
    size = config.get("seen", {}).get("size")
    network = build_network(entry.arch, entry.head, seed=0, size=size and (size[0], size[1]))
    network.load_state_dict(weights)
    return network


def _read(path: Path, with_weights: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
            names = file.keys() if with_weights else []
            weights = {name: file.get_tensor(name) for name in names}
            return weights, json.loads((file.metadata() or {}).get("config", "{}"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the train stage of this model") from None
    except SafetensorError as error:
        raise StudyError(f"{path}: not a readable safetensors file ({error})") from None
