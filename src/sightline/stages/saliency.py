"""CAM, Grad-CAM and the methods that params.yaml names, of one classifier on every test image, raw and signed.

On all test images, not only those with a consensus, so that new annotations need no forward pass. Writes
data/saliency/<key>.npz and <key>.others.npz. The latter holds CAM and Grad-CAM at the other target layer, named in its
array `layer`, as `<layer>.<method>`, where the classifier was trained here, and those of the same classifier with
random weights as `untrained.<method>`. A method that cannot be used on a classifier is left out, with the reason.

Run: python src/saliency.py alexnet-scratch-gap
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from sightline.films import FILMS
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import saliency_machine
from sightline.own_models.of_run import FEW, Opened, TargetClass, network_of_run, untrained_of_run
from sightline.saliency.cam import Layer, layered_maps, saliency_maps
from sightline.saliency.methods import lacking, method_named, saliency
from sightline.statistics.streams import stream_seed
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_npz
from sightline.study.models import Network, read_classifying
from sightline.study.parameters import read_params

PREPARED = Path("data/prepared")


@dataclass(frozen=True, kw_only=True)
class Saliency:
    target_layer: Layer
    target_class: TargetClass
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
        raise StudyError("name one model of params.yaml: python -m sightline.stages.saliency <key>")
    key = sys.argv[1]
    params = read_params(Params)
    entry, number = read_classifying(key)
    arch = entry.arch if isinstance(entry, Network) else ""
    machine = saliency_machine()
    index = read_csv(PREPARED / "index.csv", {"image": str, "split": str})
    rows = np.flatnonzero(index.split == "test")
    images_N = np.load(FILMS[entry.input], mmap_mode="r")
    target_class = params.saliency.target_class
    first = unit_images(torch.from_numpy(images_N[rows[:FEW]]))
    weights = Path(f"data/models/{key}.safetensors")
    network = machine.placed(network_of_run(entry, number, weights, three_channels(first), target_class))
    size = (images_N.shape[1], images_N.shape[2])
    untrained = untrained_of_run(entry, number, params.seed, size, network, target_class)
    untrained = None if untrained is None else machine.placed(untrained)
    methods = usable_methods(key, network, params.saliency.methods.split())
    layer = params.saliency.target_layer
    other_layer: Layer = "paper" if layer == "exact" else "exact"
    generator = torch.Generator(machine.device).manual_seed(stream_seed(params.seed, "saliency", "maps"))
    maps: dict[str, list[np.ndarray]] = {}
    others: dict[str, list[np.ndarray]] = {}
    for start in range(0, len(rows), params.saliency.batch_size):
        pixels = torch.from_numpy(images_N[rows[start : start + params.saliency.batch_size]]).to(machine.device)
        batch = three_channels(unit_images(pixels), machine.layout)
        with machine.autocast():
            keep(maps, "", {name: saliency(name, network, batch, generator) for name in methods})
            if network.has_evidence:
                by_layer = layered_maps(network, arch, batch, [layer, other_layer])
                keep(maps, "", by_layer[layer])
                if arch:
                    keep(others, f"{other_layer}.", by_layer[other_layer])
            if untrained is not None:
                keep(others, "untrained.", saliency_maps(untrained, arch, batch, layer))
    images = index.image.to_numpy()[rows].astype(str)
    maps_by_method = {method: np.concatenate(parts) for method, parts in sorted(maps.items())}
    others_by_method = {method: np.concatenate(parts) for method, parts in sorted(others.items())}
    broken = [
        f"{method}: {images[row]}"
        for method, maps_Mhw in {**maps_by_method, **others_by_method}.items()
        for row in np.flatnonzero(~np.isfinite(maps_Mhw).all(axis=(1, 2)))
    ]
    if broken:
        remedy = "train this model again" if arch else f"see what `sightline model check {key}` says"
        raise StudyError(f"{key}: maps with NaN or infinite values; {remedy}", broken)
    write_npz(f"data/saliency/{key}.npz", images=images, **maps_by_method)
    write_npz(f"data/saliency/{key}.others.npz", images=images, layer=np.array(other_layer), **others_by_method)


def usable_methods(key: str, network: Opened, names: list[str]) -> list[str]:
    """The further methods that can be used on the classifier; StudyError where no map at all could be made."""
    reasons = {name: reason for name in names if (reason := lacking(method_named(name), network))}
    for name, reason in reasons.items():
        print(f"{key}: no {name}: {reason}")
    usable = [name for name in names if name not in reasons]
    if not usable and not network.has_evidence:
        raise StudyError(
            f"{key}: no map can be made, as its features cannot be seen; add a method that needs only forward passes, "
            "such as rise or occlusion, to saliency.methods",
            [f"{name}: {reason}" for name, reason in reasons.items()],
        )
    return usable


def keep(kept: dict[str, list[np.ndarray]], prefix: str, batch_maps: dict[str, torch.Tensor]) -> None:
    """Appends one batch's maps to those of the batches before, by method."""
    for method, part in batch_maps.items():
        kept.setdefault(prefix + method, []).append(part.cpu().numpy())


if __name__ == "__main__":
    run_stage(main)
