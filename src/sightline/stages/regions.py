"""Does the network use what the experts marked? Necessity and sufficiency of their region, by forward passes.

Reads one network's weights, data/consensus.npz, data/lungs.npz and data/prepared/; writes metrics/regions/<key>.json.
An image passes the network at most 3 + 4 * (1 + `regions.controls`) times.

Run: python src/regions.py alexnet-scratch-gap
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
from sightline.faithfulness.fill import ENDINGS
from sightline.faithfulness.regions import effect_summary, expert_necessity, removed_energy, sufficiency
from sightline.films import FILMS
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import this_machine
from sightline.own_models.of_run import FEW, network_of_run
from sightline.saliency.perturbation import chunked_scores
from sightline.statistics.streams import stream
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import write_json
from sightline.study.models import read_classifying
from sightline.study.parameters import read_params

CHUNK = 64  # images at a time
LEVEL, NUM_RESAMPLES = 0.95, 2000


@dataclass(frozen=True, kw_only=True)
class Regions:
    controls: int
    """Control regions per image, like the consensus but elsewhere in the lungs."""
    images: int
    """At most this many images with a consensus, the first by name; 0: all."""
    permutations: int
    """Exchanges of the experts' region with its controls, for the tests."""

    def __post_init__(self) -> None:
        if min(self.controls, self.permutations) < 1 or self.images < 0:
            raise ValueError("controls, permutations: expected at least 1; images: 0 or more")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    regions: Regions


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python -m sightline.stages.regions <key>")
    key = sys.argv[1]
    params = read_params(Params)
    entry, number = read_classifying(key)
    path = f"metrics/regions/{key}.json"
    images, masks_MHW, _ = inputs.read_consensus(inputs.CONSENSUS)
    count = params.regions.images or len(images)
    images, masks_MHW = images[:count], masks_MHW[:count]
    if not images:
        write_json(path, {})
        return
    machine = replace(this_machine(), precision=torch.float32)
    pixels = torch.from_numpy(inputs.prepared_pixels(images, inputs.PREPARED, inputs.CONSENSUS, FILMS[entry.input]))
    batch = three_channels(unit_images(pixels.to(machine.device)))
    weights = Path(f"data/models/{key}.safetensors")
    network = machine.placed(network_of_run(entry, number, weights, batch[:FEW].cpu()))
    results = {"model": key, "images": len(images), **region_tests(network, batch, images, masks_MHW, params)}
    write_json(path, results)
    mean, low, high, known = (results["necessity"][name] for name in ("mean", "low", "high", "images"))
    print(f"{key}: necessity {mean:.3f} [{low:.3f}, {high:.3f}] of {known} images" if known else f"{key}: no controls")


@torch.no_grad()
def region_tests(
    network: nn.Module, batch: Tensor, images: list[str], masks_MHW: np.ndarray, params: Params
) -> dict[str, Any]:
    """Necessity and sufficiency of the experts' region with both fillings, each against controls of its own.

    `controls`, by filling: the images with and without a control region, and how they differ.
    """
    settings = params.regions
    lungs_MHW, _ = inputs.stored_lungs(images, inputs.LUNGS, inputs.CONSENSUS)
    patients_M = np.array(inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS))
    whole_M = chunked_scores(network, batch, "logit", CHUNK)
    probability_M = whole_M.sigmoid().double().cpu().numpy()
    # The streams are named after the stage that this one was part of, so that draws stay as they were.
    tests: dict[str, Any] = {"controls": {}}
    for fill, ending in ENDINGS.items():
        rngs_M = [stream(params.seed, "faithfulness", "controls", image) for image in images]
        energy_MHW = removed_energy(batch, fill)
        controls_MCHW = fitting_controls(masks_MHW, lungs_MHW, energy_MHW, settings.controls, rngs_M)
        tests["controls"][fill] = left_out(controls_MCHW, masks_MHW, probability_M)
        for name, effect in (("necessity", expert_necessity), ("sufficiency", sufficiency)):
            tests[name + ending] = effect_summary(
                effect(network, batch, masks_MHW, controls_MCHW, fill=fill, chunk=CHUNK, whole_B=whole_M),
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
