"""Does a network's map stay the same under small changes of the image, dropout draws and another seed's training?

For Grad-CAM at the study's target layer, on the images with a consensus. Reads one network's weights and maps, those of
its first seed, data/consensus.npz and data/prepared/. Writes metrics/consistency/<key>.json and
data/consistency/<key>.npz: raw maps by perturbation, in the frame of the unperturbed images, `unperturbed` among them,
and `cells`, the rows and columns of the network's own maps. Both are empty where `consistency.enabled` is false.

Run: python src/consistency.py alexnet-scratch-gap
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline import inputs
from sightline.consistency.perturbations import STILL, Move, brought_back, variants
from sightline.consistency.repeatability import RankedMaps, by_kind, ranked, repeatability
from sightline.films import FILMS
from sightline.maps import scaled_maps
from sightline.statistics.streams import stream, stream_seed
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import write_json, write_npz
from sightline.study.models import Models, Network, entries_of_runs, read_classifying
from sightline.study.parameters import read_entry, read_params

METHOD = "gradcam"


@dataclass(frozen=True, kw_only=True)
class Consistency:
    enabled: bool
    images: int
    """At most this many images, the first by name; 0: all."""
    shift: float
    """Share of the image's side; 0: no shifts."""
    rotation: float
    """Degrees; 0: no rotations."""
    jpeg_quality: int
    """0: no JPEG."""
    dropout_draws: int
    """For networks with dropout."""

    def __post_init__(self) -> None:
        if min(self.images, self.dropout_draws) < 0:
            raise ValueError("images, dropout_draws: expected 0 or more")
        if not 0 <= self.shift < 0.5 or not 0 <= self.rotation <= 45:
            raise ValueError("shift, rotation: expected a share of the side in [0, 0.5) and degrees in [0, 45]")
        if not 0 <= self.jpeg_quality <= 95:
            raise ValueError(f"jpeg_quality: expected 0 to 95, got {self.jpeg_quality}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    consistency: Consistency


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python -m sightline.stages.consistency <key>")
    key = sys.argv[1]
    params = read_params(Params)
    read_classifying(key)  # refuses an unknown key, also where nothing is measured
    images: list[str] = []
    if params.consistency.enabled:
        images, masks_MHW, _ = inputs.read_consensus(inputs.CONSENSUS)
        images = images[: params.consistency.images or len(images)]
    results: dict[str, Any] = {}
    stored: dict[str, np.ndarray] = {}
    if images:
        maps = inputs.read_maps([key], images, inputs.SALIENCY)
        if (key, METHOD) not in maps:
            print(f"{key}: has no Grad-CAM; consistency is not measured")
            images = []
    if images:
        masks_MHW, raw = masks_MHW[: len(images)], maps[key, METHOD]
        stored = {"unperturbed": raw, **perturbed_maps(key, images, params)}
        compared = dict(stored)
        first = entries_of_runs(read_params(Models).models).get(key, key)  # the first seed has the key of its entry
        if first != key:
            compared["seed"] = inputs.read_maps([first], images, inputs.SALIENCY)[first, METHOD]
        results = {"model": key, "method": METHOD, "images": len(images), **summary(compared, images, masks_MHW)}
        stored["cells"] = np.array(raw.shape[1:])
    write_npz(f"data/consistency/{key}.npz", images=np.array(images, dtype=str), **stored)
    write_json(f"metrics/consistency/{key}.json", results)


def perturbed_maps(key: str, images: list[str], params: Params) -> dict[str, np.ndarray]:
    """Raw maps by perturbation and dropout draw, in the frame of the images unperturbed."""
    # These imports load PyTorch, for seconds that a study without this stage would spend on every network.
    import torch

    from sightline.consistency.network_maps import dropout_on, gradcam_maps, has_dropout
    from sightline.networks.augment import three_channels, unit_images
    from sightline.networks.device import saliency_machine
    from sightline.own_models.of_run import FEW, TargetClass, network_of_run
    from sightline.saliency.cam import Layer

    settings = params.consistency
    entry, number = read_classifying(key)
    arch = entry.arch if isinstance(entry, Network) else ""
    target_class: TargetClass = read_entry(TargetClass, "saliency", "target_class")
    layer: Layer = read_entry(Layer, "saliency", "target_layer")
    machine = saliency_machine()
    pixels = inputs.prepared_pixels(images, inputs.PREPARED, inputs.CONSENSUS, FILMS[entry.input])
    height, width = pixels.shape[1:3]
    few = three_channels(unit_images(torch.from_numpy(pixels[:FEW])))
    weights = Path(f"data/models/{key}.safetensors")
    network = machine.placed(network_of_run(entry, number, weights, few, target_class))
    grain = np.stack([
        stream(params.seed, "consistency", "noise", image).standard_normal(pixels.shape[1:]) for image in images
    ])  # fmt: skip

    def maps_of(perturbed: np.ndarray, move: Move = STILL) -> np.ndarray:
        return brought_back(gradcam_maps(network, arch, perturbed, layer, machine), move, height, width)

    maps = {
        name: maps_of(perturbed, move)
        for name, perturbed, move in variants(pixels, settings.shift, settings.rotation, settings.jpeg_quality, grain)
    }
    for draw in range(1, settings.dropout_draws + 1 if has_dropout(network) else 1):
        with dropout_on(network, stream_seed(params.seed, "consistency", "dropout", draw)):
            maps[f"dropout_{draw}"] = maps_of(pixels)
    return maps


def summary(maps: dict[str, np.ndarray], images: list[str], masks_MHW: np.ndarray) -> dict[str, Any]:
    """The score against the consensus and flat maps, unperturbed and by perturbation, which also has repeatability."""
    patients = inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS)
    by_name = {name: ranked(scaled_maps(raw, *masks_MHW.shape[1:])) for name, raw in maps.items()}
    plain = by_name.pop("unperturbed")
    sizes_M = masks_MHW.sum(axis=(1, 2))
    perturbations = {
        name: scored(again, masks_MHW) | repeatability(plain, again, sizes_M, patients).means()
        for name, again in by_name.items()
    }
    return scored(plain, masks_MHW) | {"perturbations": perturbations, "kinds": by_kind(perturbations)}


def scored(maps: RankedMaps, masks_MHW: np.ndarray) -> dict[str, Any]:
    return {"rank": maps.relevance_rank(masks_MHW).mean(), "flat_maps": int(maps.is_flat_M.sum())}


if __name__ == "__main__":
    run_stage(main)
