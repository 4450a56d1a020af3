"""CAM, Grad-CAM and the methods that params.yaml names, of one trained network on every test image, raw and signed.

On all test images, not only those with a consensus, so that new annotations need no forward pass. Writes
data/saliency/<key>.npz and <key>.others.npz. The latter holds CAM and Grad-CAM at the other target layer, named in its
array `layer`, as `<layer>.<method>`, and those of the same network before training, with random weights, as
`untrained.<method>`.

Run: python src/saliency.py alexnet-scratch-gap
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sightline.films import FILMS
from sightline.networks.architectures import build_network, training_seed
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import saliency_machine
from sightline.networks.weights_file import trained_network
from sightline.saliency.cam import Layer, layered_maps, saliency_maps
from sightline.saliency.methods import saliency
from sightline.statistics.streams import stream_seed
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_npz
from sightline.study.models import read_network
from sightline.study.parameters import read_params

PREPARED = Path("data/prepared")


@dataclass(frozen=True, kw_only=True)
class Saliency:
    target_layer: Layer
    batch_size: int
    methods: str
    """Further methods by name, separated by spaces (sightline.saliency.methods)."""

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size: at least 1, got {self.batch_size}")
        repeated = [name for name in ("cam", "gradcam") if name in self.methods.split()]
        if repeated:
            raise ValueError(f"methods: {', '.join(repeated)} are always made; name further ones")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    saliency: Saliency


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python src/saliency.py <key>")
    key = sys.argv[1]
    params = read_params(Params)
    entry, number = read_network(key)
    machine = saliency_machine()
    network = machine.placed(trained_network(Path(f"data/models/{key}.safetensors"), entry, number)).eval()
    index = read_csv(PREPARED / "index.csv", {"image": str, "split": str})
    rows = np.flatnonzero(index.split == "test")
    images_N = np.load(FILMS[entry.input], mmap_mode="r")
    seed, size = training_seed(params.seed, number), (images_N.shape[1], images_N.shape[2])
    untrained = machine.placed(build_network(entry.arch, entry.head, seed, size=size)).eval()
    layer = params.saliency.target_layer
    other_layer: Layer = "paper" if layer == "exact" else "exact"
    generator = torch.Generator(machine.device).manual_seed(stream_seed(params.seed, "saliency", "maps"))
    maps: dict[str, list[np.ndarray]] = {}
    others: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(rows), params.saliency.batch_size):
        pixels = torch.from_numpy(images_N[rows[start : start + params.saliency.batch_size]]).to(machine.device)
        batch = three_channels(unit_images(pixels), machine.layout)
        with machine.autocast():
            by_layer = layered_maps(network, entry.arch, batch, [layer, other_layer])
            further = {name: saliency(name, network, batch, generator) for name in params.saliency.methods.split()}
            before_training = saliency_maps(untrained, entry.arch, batch, layer)
        keep(maps, "", by_layer[layer] | further)
        keep(others, f"{other_layer}.", by_layer[other_layer])
        keep(others, "untrained.", before_training)
    images = index.image.to_numpy()[rows].astype(str)
    maps_by_method = {method: np.concatenate(parts) for method, parts in sorted(maps.items())}
    others_by_method = {method: np.concatenate(parts) for method, parts in sorted(others.items())}
    broken = [
        f"{method}: {images[row]}"
        for method, maps_Mhw in {**maps_by_method, **others_by_method}.items()
        for row in np.flatnonzero(~np.isfinite(maps_Mhw).all(axis=(1, 2)))
    ]
    if broken:
        raise StudyError(f"{key}: maps with NaN or infinite values; train this model again", broken)
    write_npz(f"data/saliency/{key}.npz", images=images, **maps_by_method)
    write_npz(f"data/saliency/{key}.others.npz", images=images, layer=np.array(other_layer), **others_by_method)


def keep(kept: dict[str, list[np.ndarray]], prefix: str, batch_maps: dict[str, torch.Tensor]) -> None:
    """Appends one batch's maps to those of the batches before, by method."""
    for method, part in batch_maps.items():
        kept.setdefault(prefix + method, []).append(part.cpu().numpy())


if __name__ == "__main__":
    run_stage(main)
