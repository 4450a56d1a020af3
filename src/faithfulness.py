"""Do maps show what the network uses, and does it use what the experts marked? By forward passes; Grad-CAM's maps.

Reads one network's weights and maps, data/consensus.npz, data/lungs.npz and data/prepared/; writes
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
from sightline.faithfulness.controls import fitting_controls, left_out
from sightline.faithfulness.deletion import average_drop_increase, deletion_insertion
from sightline.faithfulness.fill import Fill
from sightline.faithfulness.randomisation import cascade
from sightline.faithfulness.regions import effect_summary, expert_necessity, removed_energy, sufficiency
from sightline.films import FILMS
from sightline.maps import scaled_maps
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import this_machine
from sightline.networks.weights_file import trained_network
from sightline.saliency.cam import saliency_maps
from sightline.saliency.perturbation import chunked_scores
from sightline.statistics.streams import stream, stream_seed
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import write_json
from sightline.study.models import read_network
from sightline.study.parameters import read_params

METHOD = "gradcam"
DEPTHS = 4  # of the randomisation: the last layer alone, a third of the network, two thirds, and all of it
FILLS: dict[Fill, str] = {"blur": "", "zero": "_zero"}  # the ending of the keys
CHUNK = 64  # images at a time
LEVEL, NUM_RESAMPLES = 0.95, 2000


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    controls: int
    """Control regions per image, like the consensus but elsewhere in the lungs."""
    steps: int
    """Of deletion and insertion."""
    images: int
    """At most this many images, the first by name; 0: all."""
    permutations: int
    """Exchanges of the experts' region with its controls, for the tests."""

    def __post_init__(self) -> None:
        if min(self.controls, self.steps, self.permutations) < 1 or self.images < 0:
            raise ValueError("controls, steps, permutations: expected at least 1; images: 0 or more")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    faithfulness: Faithfulness


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python src/faithfulness.py <key>")
    key = sys.argv[1]
    params = read_params(Params)
    entry, number = read_network(key)
    path = f"metrics/faithfulness/{key}.json"
    images, masks_MHW, _ = inputs.read_consensus(inputs.CONSENSUS)
    count = params.faithfulness.images or len(images)
    images, masks_MHW = images[:count], masks_MHW[:count]
    if not images:
        write_json(path, {})
        return
    machine = replace(this_machine(), precision=torch.float32)
    network = machine.placed(trained_network(Path(f"data/models/{key}.safetensors"), entry, number)).eval()
    pixels = torch.from_numpy(inputs.prepared_pixels(images, inputs.PREPARED, inputs.CONSENSUS, FILMS[entry.input]))
    batch = three_channels(unit_images(pixels.to(machine.device)))
    maps_MHW = scaled_maps(inputs.read_maps([key], images, inputs.SALIENCY)[key, METHOD], *masks_MHW.shape[1:])

    def maps_of(random: nn.Module) -> np.ndarray:
        raw = saliency_maps(random, entry.arch, batch, "exact")[METHOD].cpu().numpy()  # type: ignore[arg-type]
        return scaled_maps(np.nan_to_num(raw, posinf=0, neginf=0), *masks_MHW.shape[1:])

    weights_seed = stream_seed(params.seed, "faithfulness", "random weights")
    results = {
        "model": key,
        "method": METHOD,
        "images": len(images),
        **mean_curves(network, batch, maps_MHW, params),
        "randomisation": cascade(network, maps_of, maps_MHW, DEPTHS, weights_seed),
        **region_tests(network, batch, images, masks_MHW, params),
    }
    write_json(path, results)
    mean, low, high, known = (results["necessity"][name] for name in ("mean", "low", "high", "images"))
    print(f"{key}: necessity {mean:.3f} [{low:.3f}, {high:.3f}] of {known} images" if known else f"{key}: no controls")


def mean_curves(network: nn.Module, batch: Tensor, maps_MHW: np.ndarray, params: Params) -> dict[str, Any]:
    """Means over images of deletion and insertion, with both fillings, and of average drop and increase."""
    means: dict[str, Any] = {}
    for fill, suffix in FILLS.items():
        rng = stream(params.seed, "faithfulness", "orders")
        areas = deletion_insertion(network, batch, maps_MHW, params.faithfulness.steps, fill, rng=rng)
        means[f"deletion_auc{suffix}"] = areas.deletion_B.mean()
        means[f"insertion_auc{suffix}"] = areas.insertion_B.mean()
    drop_B, increase_B = average_drop_increase(network, batch, maps_MHW)
    return {**means, "average_drop": np.nanmean(drop_B), "increase": np.nanmean(increase_B)}


@torch.no_grad()
def region_tests(
    network: nn.Module, batch: Tensor, images: list[str], masks_MHW: np.ndarray, params: Params
) -> dict[str, Any]:
    """Necessity and sufficiency of the experts' region with both fillings, each against controls of its own.

    `controls`, by filling: the images with and without a control region, and how they differ.
    """
    settings = params.faithfulness
    lungs_MHW, _ = inputs.stored_lungs(images, inputs.LUNGS, inputs.CONSENSUS)
    patients_M = np.array(inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS))
    probability_M = chunked_scores(network, batch, "probability", CHUNK).double().cpu().numpy()
    tests: dict[str, Any] = {"controls": {}}
    for fill, suffix in FILLS.items():
        rngs_M = [stream(params.seed, "faithfulness", "controls", image) for image in images]
        energy_MHW = removed_energy(batch, fill)
        controls_MCHW = fitting_controls(masks_MHW, lungs_MHW, energy_MHW, settings.controls, rngs_M)
        tests["controls"][fill] = left_out(controls_MCHW, masks_MHW, probability_M)
        for name, effect in (("necessity", expert_necessity), ("sufficiency", sufficiency)):
            tests[name + suffix] = effect_summary(
                effect(network, batch, masks_MHW, controls_MCHW, fill=fill),
                patients_M,
                LEVEL,
                NUM_RESAMPLES,
                settings.permutations,
                resampling=stream(params.seed, "faithfulness", "resamples"),
                exchanges=stream(params.seed, "faithfulness", "exchanges"),
            )
    return tests


if __name__ == "__main__":
    run_stage(main)
