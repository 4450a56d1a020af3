"""Do the maps say what the network uses, and does it use what the experts marked? Needs forward passes; Grad-CAM.

Reads one network's weights and maps, data/consensus.npz, data/lungs.npz and data/prepared/; writes
metrics/faithfulness/<key>.json.
Run: python src/faithfulness.py alexnet-scratch-gap
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sightline.faithfulness.deletion import average_drop_increase, deletion_insertion
from sightline.faithfulness.randomisation import map_similarity, randomised_copy, weighted_layers
from sightline.faithfulness.regions import control_regions, expert_necessity, sufficiency
from sightline.inputs import prepared_pixels, read_consensus, read_maps, read_patients, stored_lungs
from sightline.maps import scaled_maps
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import machine
from sightline.networks.weights_file import trained_network
from sightline.saliency.cam import saliency_maps
from sightline.statistics.resampling import hierarchical_weights, paired_difference
from sightline.statistics.significance import sign_flip_p
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import write_json
from sightline.study.models import Network
from sightline.study.parameters import read_entry, read_params

METHOD = "gradcam"
DEPTHS = 4  # of the randomisation: the last layer alone, then thirds of the network, then all of it
FAULT = 0.05  # a control region with more than this share of its area at fault is no control
CONTROLS, ORDERS, RANDOMISED, RESAMPLES, FLIPS = 801, 802, 803, 804, 805  # tags of this stage's generators
LEVEL, NUM_RESAMPLES = 0.95, 2000


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    controls: int
    """Regions like the consensus elsewhere in the lungs, an image."""
    steps: int
    """Of deletion and insertion."""
    images: int
    """At most so many, the first by name; 0: all."""
    permutations: int
    """Sign flips of the tests."""

    def __post_init__(self) -> None:
        if min(self.controls, self.steps, self.permutations) < 1 or self.images < 0:
            raise ValueError("controls, steps, permutations: expected at least 1; images: 0 or more")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    faithfulness: Faithfulness


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python src/faithfulness.py <arch>-<init>-<head>")
    key = sys.argv[1]
    params = read_params(Params)
    entry: Network = read_entry(Network, "models", key)
    settings = params.faithfulness
    path = f"metrics/faithfulness/{key}.json"
    images, masks_MHW, _ = read_consensus()
    count = settings.images or len(images)
    images, masks_MHW = images[:count], masks_MHW[:count]
    if not images:
        write_json(path, {})
        return
    here = replace(machine(), precision=torch.float32)
    network = here.placed(trained_network(Path(f"data/models/{key}.safetensors"), entry)).eval()
    batch = three_channels(unit_images(torch.from_numpy(prepared_pixels(images)).to(here.device)))
    patients = np.array(read_patients(images))
    maps_MHW = scaled_maps(read_maps([key], images)[key, METHOD], *masks_MHW.shape[1:])
    results = {
        "model": key,
        "method": METHOD,
        "images": len(images),
        **curves(network, batch, maps_MHW, params),
        "randomisation": randomisation(network, entry.arch, batch, maps_MHW, params.seed),
        **regions(network, batch, images, masks_MHW, patients, params),
    }
    write_json(path, results)
    told = results["necessity"]
    print(f"{key}: necessity {told['mean']:.3f} [{told['low']:.3f}, {told['high']:.3f}] of {told['images']} images")


def curves(network: nn.Module, batch: Tensor, maps_MHW: np.ndarray, params: Params) -> dict[str, Any]:
    """Means over images of deletion and insertion, with both fillings, and of average drop and increase."""
    found: dict[str, Any] = {}
    for baseline in ("blur", "zero"):
        rng = np.random.default_rng([params.seed, ORDERS])
        areas = deletion_insertion(network, batch, maps_MHW, params.faithfulness.steps, baseline, rng=rng)
        suffix = "" if baseline == "blur" else "_zero"
        found[f"deletion_auc{suffix}"] = areas.deletion_B.mean()
        found[f"insertion_auc{suffix}"] = areas.insertion_B.mean()
    drop_B, increase_B = average_drop_increase(network, batch, maps_MHW)
    return {**found, "average_drop": np.nanmean(drop_B), "increase": np.nanmean(increase_B)}


def randomisation(network: nn.Module, arch: str, batch: Tensor, maps_MHW: np.ndarray, seed: int) -> dict[str, Any]:
    """How like the maps of ever more randomised copies are; the scale is the likeness of two images' maps."""
    names = weighted_layers(network)
    depths = sorted({1, *(round(len(names) * part / (DEPTHS - 1)) for part in range(1, DEPTHS))})
    spearman, similar = [], []
    for depth in depths:
        copy = randomised_copy(network, depth, torch.Generator().manual_seed(seed + RANDOMISED))
        raw = saliency_maps(copy.eval(), arch, batch, "exact")[METHOD].cpu().numpy()  # type: ignore[arg-type]
        other_MHW = scaled_maps(np.nan_to_num(raw, posinf=0, neginf=0), *maps_MHW.shape[1:])
        ranks_M, ssim_M = map_similarity(maps_MHW, other_MHW)
        spearman.append(ranks_M.mean())
        similar.append(ssim_M.mean())
    ranks_M, ssim_M = map_similarity(maps_MHW, np.roll(maps_MHW, 1, axis=0))
    return {
        "layers": len(names),
        "depths": depths,
        "spearman": spearman,
        "ssim": similar,
        "baseline_spearman": ranks_M.mean(),
        "baseline_ssim": ssim_M.mean(),
    }


def regions(
    network: nn.Module, batch: Tensor, images: list[str], masks_MHW: np.ndarray, patients: np.ndarray, params: Params
) -> dict[str, Any]:
    """Necessity and sufficiency of the experts' region against control regions, with both fillings."""
    settings = params.faithfulness
    lungs_MHW, _ = stored_lungs(images)
    controls_MCHW = np.zeros((len(images), settings.controls, *masks_MHW.shape[1:]), bool)
    for row, image in enumerate(images):
        rng = np.random.default_rng([params.seed, CONTROLS, zlib.crc32(image.encode())])
        found = control_regions(masks_MHW[row], lungs_MHW[row], settings.controls, rng)
        # a control that is nearly the region itself, or half outside the lungs, says nothing
        controls_MCHW[row] = found.masks_CHW & (found.fault_C <= FAULT)[:, None, None]
    results: dict[str, Any] = {}
    for name, effect in (("necessity", expert_necessity), ("sufficiency", sufficiency)):
        for fill in ("blur", "zero"):
            effect_M = effect(network, batch, masks_MHW, controls_MCHW, fill=fill).effect_B
            results[name if fill == "blur" else f"{name}_zero"] = _summary(effect_M, patients, params)
    return results


def _summary(effect_M: np.ndarray, patients: np.ndarray, params: Params) -> dict[str, Any]:
    known = ~np.isnan(effect_M)
    if not known.any():
        return {"mean": None, "low": None, "high": None, "p": None, "images": 0, "without_controls": len(effect_M)}
    rng = np.random.default_rng([params.seed, RESAMPLES])
    kept = patients[known]
    weights_BM = hierarchical_weights(kept, NUM_RESAMPLES, rng, deepest="patients")
    spread = paired_difference(
        effect_M[known][None], np.zeros(known.sum()), weights_BM, LEVEL, num_patients=len(np.unique(kept))
    )
    flips = np.random.default_rng([params.seed, FLIPS])
    return {
        "mean": spread.estimate[0],
        "low": spread.low[0],
        "high": spread.high[0],
        "p": sign_flip_p(effect_M[known], kept, params.faithfulness.permutations, flips),
        "images": int(known.sum()),
        "without_controls": int((~known).sum()),
    }


if __name__ == "__main__":
    run_stage(main)
