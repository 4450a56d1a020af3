"""CAM and Grad-CAM of one trained network on every test image, on the feature grid, raw and signed.

All test images, not only those with a consensus: new annotations then need no forward pass.

Run: python src/saliency.py alexnet-scratch-gap
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from sightline.augment import three_channels, unit_images
from sightline.cam import Layer, saliency_maps
from sightline.device import machine
from sightline.errors import StudyError, run_stage
from sightline.files import read_csv, write_npz
from sightline.grid import Network
from sightline.networks import Classifier, build_network
from sightline.parameters import read_entry, read_params

PREPARED = Path("data/prepared")


@dataclass(frozen=True, kw_only=True)
class Saliency:
    target_layer: Layer
    batch_size: int

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size: at least 1, got {self.batch_size}")


@dataclass(frozen=True, kw_only=True)
class Params:
    saliency: Saliency


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python src/saliency.py <arch>-<init>-<head>")
    key = sys.argv[1]
    params = read_params(Params)
    entry: Network = read_entry(Network, "models", key)
    here = replace(machine(), precision=torch.float32)  # bfloat16 moves the peak of some maps
    network = here.placed(trained_network(Path(f"data/models/{key}.safetensors"), entry)).eval()
    index = read_csv(PREPARED / "index.csv", {"image": str, "split": str})
    rows = np.flatnonzero(index.split == "test")
    images_N = np.load(PREPARED / "images.npy", mmap_mode="r")
    maps: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(rows), params.saliency.batch_size):
        batch = torch.from_numpy(images_N[rows[start : start + params.saliency.batch_size]]).to(here.device)
        found = saliency_maps(network, entry.arch, three_channels(unit_images(batch)), params.saliency.target_layer)
        for method, part in found.items():
            maps.setdefault(method, []).append(part.cpu().numpy())
    whole = {method: np.concatenate(parts) for method, parts in sorted(maps.items())}
    images = index.image.to_numpy()[rows].astype(str)
    broken = [
        f"{method}: {images[row]}"
        for method, maps_Mhw in whole.items()
        for row in np.flatnonzero(~np.isfinite(maps_Mhw).all(axis=(1, 2)))
    ]
    if broken:
        raise StudyError(f"{key}: maps with NaN or infinite values; train this model again", broken)
    write_npz(f"data/saliency/{key}.npz", images=images, **whole)


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


if __name__ == "__main__":
    run_stage(main)
