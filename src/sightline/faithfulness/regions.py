"""Does the network need the experts' region: necessity and sufficiency, against control regions (`controls`).

Shapes: B or M images, C control regions, R = 1 + C regions of an image, the experts' first, K pairs of image and
region, G patients, D draws. Images are in [0, 1], the network is in eval mode, and nothing takes a gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sightline.faithfulness.fill import BLUR, Fill, filled_images
from sightline.saliency.perturbation import chunked_scores
from sightline.statistics.means import means_along
from sightline.statistics.resampling import hierarchical_weights, paired_difference

BLOCK = 4_000_000  # choices held at once


@dataclass(frozen=True, kw_only=True)
class RegionEffect:
    """The region's effect on the logit beyond that of control regions; NaN for an empty region or without controls."""

    effect_B: np.ndarray
    """float64: positive where the network uses the region more than the controls."""
    region_B: np.ndarray
    """float64: the change of the logit by the region."""
    control_BC: np.ndarray
    """float64: the change by each control; NaN for an empty one, and for all of an image whose effect is NaN."""


def expert_necessity(
    network: nn.Module, images_B3HW: Tensor, masks_BHW: np.ndarray, controls_BCHW: np.ndarray, **fill: Any
) -> RegionEffect:
    """[logit(x) - logit(x without G)] - mean_c [logit(x) - logit(x without C_c)], G the experts' region.

    Masks and controls are bool; removed pixels are replaced by the blurred image's (or 0). Empty controls, with which
    `control_regions` pads, do not count; an empty G gives NaN. Further arguments are those of `region_effect`.
    """
    return region_effect(network, images_B3HW, masks_BHW, controls_BCHW, is_removed=True, **fill)


def sufficiency(
    network: nn.Module, images_B3HW: Tensor, masks_BHW: np.ndarray, controls_BCHW: np.ndarray, **fill: Any
) -> RegionEffect:
    """logit(only G) - mean_c logit(only C_c), each less logit(filled image); otherwise like `expert_necessity`."""
    return region_effect(network, images_B3HW, masks_BHW, controls_BCHW, is_removed=False, **fill)


@torch.no_grad()
def region_effect(
    network: nn.Module,
    images_B3HW: Tensor,
    masks_BHW: np.ndarray,
    controls_BCHW: np.ndarray,
    *,
    is_removed: bool,
    fill: Fill = "blur",
    blur: float = BLUR,
    chunk: int = 64,
    whole_B: Tensor | None = None,
) -> RegionEffect:
    """`expert_necessity` (`is_removed`) or `sufficiency`; `fill` is what replaces removed pixels.

    `whole_B`: the logits of the images, where they are known. Only the regions that count pass the network.
    """
    regions_BRHW = np.concatenate([np.asarray(masks_BHW)[:, None], controls_BCHW], axis=1).astype(bool)
    counts_BR = np.atleast_2d(regions_BRHW.any(axis=(2, 3)))
    counts_BR = counts_BR & counts_BR[:, :1] & counts_BR[:, 1:].any(axis=1, keepdims=True)
    change_BR = np.full(counts_BR.shape, np.nan)
    filled_B3HW = filled_images(images_B3HW, fill, blur)
    start_B3HW, end_B3HW = (images_B3HW, filled_B3HW) if is_removed else (filled_B3HW, images_B3HW)
    start_B = whole_B if is_removed else None
    if start_B is None and counts_BR.any():
        start_B = images_B3HW.new_zeros(len(images_B3HW))
        tested = torch.from_numpy(np.flatnonzero(counts_BR[:, 0])).to(images_B3HW.device)
        start_B[tested] = chunked_scores(network, start_B3HW[tested], "logit", chunk)
    pairs_K2 = np.argwhere(counts_BR)
    for first in range(0, len(pairs_K2), chunk):
        rows, columns = pairs_K2[first : first + chunk].T
        places = torch.from_numpy(rows).to(images_B3HW.device)
        region_K1HW = torch.from_numpy(regions_BRHW[rows, columns, None]).to(images_B3HW.device)
        changed_K3HW = torch.where(region_K1HW, end_B3HW[places], start_B3HW[places])
        change_K = start_B[places] - chunked_scores(network, changed_K3HW, "logit", chunk)  # type: ignore[index]
        change_BR[rows, columns] = (change_K if is_removed else -change_K).double().cpu()
    region_B, control_BC = change_BR[:, 0], change_BR[:, 1:]
    return RegionEffect(effect_B=region_B - means_along(control_BC, axis=1), region_B=region_B, control_BC=control_BC)


def removed_energy(images_B3HW: Tensor, fill: Fill, blur: float = BLUR) -> np.ndarray:
    """The squared change of each pixel when it is filled, summed over colours: float64 B x H x W, 0 and above."""
    change_B3HW = images_B3HW - filled_images(images_B3HW, fill, blur)
    energy_BHW: np.ndarray = change_B3HW.double().square().sum(dim=1).cpu().numpy()
    return energy_BHW


def exchange_p(effect: RegionEffect, patients_B: np.ndarray, permutations: int, rng: np.random.Generator) -> float:
    """One-sided p-value, in (0, 1], of "the experts' region does more than its controls", by exchange within images.

    Null hypothesis: to the network the region is like any place that could be its control. Then within an image each of
    the region and its k controls is equally likely to be the experts', and the image's effect, the chosen one's change
    less the mean of the others', takes one of k + 1 values. Each draw chooses one for every image; the statistic is the
    mean over images. p = (1 + #{drawn >= observed}) / (1 + permutations); where at most `permutations` choices exist
    they are enumerated, p is exact and `rng` is not used. No symmetry is assumed, which flips of signs would need.

    Images of one patient share one draw: the choice stands at the same rank among each image's effects, so they depend
    on each other as much as they can, which is conservative. Images with NaN in `effect_B` are left out; none left
    gives NaN.
    """
    known = np.flatnonzero(~np.isnan(effect.effect_B))
    if not len(known):
        return float("nan")
    _, patient_B = np.unique(np.asarray(patients_B)[known], return_inverse=True)
    change_BR = np.column_stack([effect.region_B, effect.control_BC])[known]
    size_B = (~np.isnan(change_BR)).sum(axis=1)
    # If one of R is chosen, its change less the mean of the others' is R / (R - 1) times its distance to all R's mean.
    effect_BR = (change_BR - means_along(change_BR, axis=1)[:, None]) * (size_B / (size_B - 1))[:, None]
    ranked_BR = np.sort(effect_BR, axis=1)  # NaN last
    least = effect.effect_B[known].sum() - 1e-9 * np.abs(effect.effect_B[known]).sum()
    steps_G = np.ones(patient_B.max() + 1, dtype=object)  # equally likely choices of each patient; unbounded integers
    for patient, size in zip(patient_B, size_B, strict=True):
        steps_G[patient] = math.lcm(steps_G[patient], int(size))
    number = math.prod(steps_G)
    if number <= permutations:
        places_GD = np.array(np.unravel_index(np.arange(number), tuple(steps_G)))
        steps_B = steps_G[patient_B].astype(int)
        ranks_BD = places_GD[patient_B] * size_B[:, None] // steps_B[:, None]
        return float((_sums(ranked_BR, ranks_BD) >= least).mean())
    reached = 0
    block = max(1, BLOCK // len(known))
    for start in range(0, permutations, block):
        draws_GD = rng.random((len(steps_G), min(block, permutations - start)))
        ranks_BD = (draws_GD[patient_B] * size_B[:, None]).astype(int)
        reached += int((_sums(ranked_BR, ranks_BD) >= least).sum())
    return (1 + reached) / (1 + permutations)


def _sums(ranked_BR: np.ndarray, ranks_BD: np.ndarray) -> np.ndarray:
    """Sum over images of the value at each draw's rank, float64 D."""
    sums_D: np.ndarray = np.take_along_axis(ranked_BR, ranks_BD, axis=1).sum(axis=0)
    return sums_D


def effect_summary(
    effect: RegionEffect,
    patients_M: np.ndarray,
    level: float,
    num_resamples: int,
    permutations: int,
    resampling: np.random.Generator,
    exchanges: np.random.Generator,
) -> dict[str, Any]:
    """Mean effect over the images that have one, its interval over patients at `level`, and p by `exchange_p`.

    `images` counts these images, `without_controls` the others (NaN in `effect_B`). Without images all else is None.
    """
    is_known_M = ~np.isnan(effect.effect_B)
    counts = {"images": int(is_known_M.sum()), "without_controls": int((~is_known_M).sum())}
    if not is_known_M.any():
        return {"mean": None, "low": None, "high": None, "p": None, **counts}
    known, patients = effect.effect_B[is_known_M], patients_M[is_known_M]
    weights_BM = hierarchical_weights(patients, num_resamples, resampling, deepest="patients")
    spread = paired_difference(
        known[None], np.zeros(len(known)), weights_BM, level, num_patients=len(np.unique(patients))
    )
    return {
        "mean": spread.estimate[0],
        "low": spread.low[0],
        "high": spread.high[0],
        "p": exchange_p(effect, patients_M, permutations, exchanges),
        **counts,
    }
