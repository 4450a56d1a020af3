"""A trained network out of its weights file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open

from sightline.networks.architectures import Classifier, build_network
from sightline.study.errors import StudyError
from sightline.study.models import Network


def trained_network(path: Path, entry: Network) -> Classifier:
    """The network of `entry` with the weights at `path`; weights of another model are a StudyError."""
    try:
        with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no dictionary
            config = json.loads((file.metadata() or {}).get("config", "{}"))
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the train stage of this model") from None
    except SafetensorError as error:
        raise StudyError(f"{path}: not a readable safetensors file ({error})") from None
    if config.get("model") != asdict(entry):
        raise StudyError(f"{path}: holds {config.get('model')}, params.yaml says {asdict(entry)}; train it again")
    network = build_network(entry.arch, entry.head, seed=0)
    network.load_state_dict(weights)
    return network
