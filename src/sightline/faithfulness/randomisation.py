"""Does a map depend on the network's weights: cascading randomisation (Adebayo et al. 2018). Shapes: M maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from sightline.saliency.random_weights import randomised_copy, weighted_layers
from sightline.statistics.ranks import average_ranks, normalised_ranks


def cascade(
    network: nn.Module, maps_of: Callable[[nn.Module], np.ndarray], maps_MHW: np.ndarray, num_depths: int, seed: int
) -> dict[str, Any]:
    """How similar the maps stay as ever more layers are randomised: the last alone, then in equal parts up to all.

    `maps_of` makes the maps of a copy, in eval mode; `maps_MHW` are those of `network`. Mean `spearman` and `ssim`
    (`map_similarity`) for each of `depths`, of `layers` weighted layers in all. `baseline_*`: of each image's map with
    the next image's, which is what maps of different images have in common.
    """
    num_layers = len(weighted_layers(network))
    depths = sorted({1, *(round(num_layers * part / (num_depths - 1)) for part in range(1, num_depths))})
    spearman, similar = [], []
    for depth in depths:
        random = randomised_copy(network, depth, torch.Generator().manual_seed(seed))
        spearman_M, ssim_M = map_similarity(maps_MHW, maps_of(random.eval()))
        spearman.append(spearman_M.mean())
        similar.append(ssim_M.mean())
    spearman_M, ssim_M = map_similarity(maps_MHW, np.roll(maps_MHW, 1, axis=0))
    return {
        "layers": num_layers,
        "depths": depths,
        "spearman": spearman,
        "ssim": similar,
        "baseline_spearman": spearman_M.mean(),
        "baseline_ssim": ssim_M.mean(),
    }


def map_similarity(maps_MHW: np.ndarray, other_MHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's rank correlation and SSIM of each map with its counterpart, float64 M in [-1, 1] each.

    For the randomisation test, whose scale is the similarity of the trained network's maps of different images (Arun et
    al. 2021). Spearman: mid-ranks for ties; 0, which is chance, where either map is flat (`maps.is_flat` counts them).
    SSIM: see `ssim`; maps in [0, 1], as `scaled_maps` returns them. A map with NaN gives NaN.
    """
    ranks, others = (
        normalised_ranks(average_ranks(np.asarray(maps).reshape(len(maps), -1))) for maps in (maps_MHW, other_MHW)
    )
    spearman_M = (ranks * others).sum(axis=1)
    return spearman_M, ssim(maps_MHW, other_MHW)


def ssim(maps_MHW: np.ndarray, other_MHW: np.ndarray, window: int = 7) -> np.ndarray:
    """Mean structural similarity of maps in [0, 1], float64 M: Wang et al. 2004, eq. 13, with scikit-image's defaults.

    Square windows of `window` pixels wholly inside the map, sample covariances, C1 = 0.01^2, C2 = 0.03^2. Equal maps
    give 1, flat ones too. A map smaller than the window raises ValueError.
    """
    one, other = (np.asarray(maps, dtype=float) for maps in (maps_MHW, other_MHW))
    if min(one.shape[1:]) < window:
        raise ValueError(f"maps of {one.shape[1]} x {one.shape[2]}: SSIM needs at least {window} pixels each way")
    unbiased = window**2 / (window**2 - 1)
    parts = (one, other, one * one, other * other, one * other)
    mean, mean_other, square, square_other, product = (uniform_filter(part, (1, window, window)) for part in parts)
    both = mean**2 + mean_other**2
    similar = (2 * mean * mean_other + 0.01**2) * (2 * unbiased * (product - mean * mean_other) + 0.03**2)
    similar /= (both + 0.01**2) * (unbiased * (square + square_other - both) + 0.03**2)
    edge = window // 2
    return similar[:, edge : similar.shape[1] - edge, edge : similar.shape[2] - edge].mean(axis=(1, 2))
