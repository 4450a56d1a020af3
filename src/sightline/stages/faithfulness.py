"""Do maps show what the network uses? By forward passes, of the primary method's maps; no expert is involved.

Reads one network's weights and maps and data/prepared/, of which the first positive test images by name; writes
metrics/faithfulness/<key>.json.

Run: python src/faithfulness.py alexnet-scratch-gap
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sightline import inputs
from sightline.faithfulness.deletion import average_drop_increase, deletion_insertion
from sightline.faithfulness.fill import ENDINGS
from sightline.faithfulness.randomisation import cascade
from sightline.films import FILMS
from sightline.maps import scaled_maps
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import this_machine
from sightline.own_models.of_run import FEW, TargetClass, network_of_run
from sightline.saliency.cam import saliency_maps
from sightline.statistics.streams import stream, stream_seed
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import write_json
from sightline.study.models import Network, primary_method, read_classifying
from sightline.study.parameters import read_entry, read_params

DEPTHS = 4  # of the randomisation: the last layer alone, a third of the network, two thirds, and all of it
CHUNK = 64  # images at a time


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    steps: int
    """Of deletion and insertion."""
    images: int
    """At most this many positive test images, the first by name; 0: all."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.images < 0:
            raise ValueError("steps: expected at least 1; images: 0 or more")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    faithfulness: Faithfulness


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python -m sightline.stages.faithfulness <key>")
    key = sys.argv[1]
    params = read_params(Params)
    entry, number = read_classifying(key)
    path = f"metrics/faithfulness/{key}.json"
    tests = inputs.read_test_images(inputs.INDEX)
    images = [image for image, label in zip(tests.images, tests.labels_N, strict=True) if label == 1]
    images = images[: params.faithfulness.images or len(images)]
    if not images:
        write_json(path, {})
        return
    machine = replace(this_machine(), precision=torch.float32)
    pixels = torch.from_numpy(inputs.prepared_pixels(images, inputs.PREPARED, inputs.INDEX, FILMS[entry.input]))
    batch = three_channels(unit_images(pixels.to(machine.device)))
    weights = Path(f"data/models/{key}.safetensors")
    target_class: TargetClass = read_entry(TargetClass, "saliency", "target_class")
    network = machine.placed(network_of_run(entry, number, weights, batch[:FEW].cpu(), target_class))
    arch = entry.arch if isinstance(entry, Network) else ""
    grid = batch.shape[2:]
    maps = inputs.read_maps([key], images, inputs.SALIENCY)
    method = primary_method([method for _, method in maps])
    maps_MHW = scaled_maps(maps[key, method], *grid)

    def maps_of(random: nn.Module) -> np.ndarray:
        parts = [saliency_maps(random, arch, part, "exact")[method] for part in batch.split(CHUNK)]  # type: ignore[arg-type]
        return scaled_maps(np.nan_to_num(torch.cat(parts).cpu().numpy(), posinf=0, neginf=0), *grid)

    weights_seed = stream_seed(params.seed, "faithfulness", "random weights")
    means = mean_curves(network, batch, maps_MHW, params)
    results = {"model": key, "method": method, "images": len(images), **means}
    if network.has_evidence:  # else its weights cannot be replaced, or maps of many passes each would take hours
        results["randomisation"] = cascade(network, maps_of, maps_MHW, DEPTHS, weights_seed)
    write_json(path, results)
    areas = [f"{name} {means[f'{name}_auc']:.3f}" for name in ("deletion", "insertion")]
    print(f"{key}: {', '.join(areas)}, blurred, on {len(images)} images")


def mean_curves(network: nn.Module, batch: Tensor, maps_MHW: np.ndarray, params: Params) -> dict[str, Any]:
    """Means over images of deletion and insertion, with both fillings, and of average drop and increase."""
    orders = stream(params.seed, "faithfulness", "orders")
    steps = params.faithfulness.steps
    curves = deletion_insertion(network, batch, maps_MHW, steps, tuple(ENDINGS), orders, chunk=CHUNK)
    means: dict[str, Any] = {}
    for fill, ending in ENDINGS.items():
        means[f"deletion_auc{ending}"] = curves[fill].deletion_B.mean()
        means[f"insertion_auc{ending}"] = curves[fill].insertion_B.mean()
    whole_B = curves["blur"].deletion_BT[:, 0]
    drop_B, increase_B = average_drop_increase(network, batch, maps_MHW, CHUNK, whole_B)
    return {**means, "average_drop": np.nanmean(drop_B), "increase": np.nanmean(increase_B)}


if __name__ == "__main__":
    run_stage(main)
