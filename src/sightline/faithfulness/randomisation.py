"""Does a map depend on the network's weights: cascading randomisation (Adebayo et al. 2018). M maps."""

from __future__ import annotations

import copy

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from sightline.statistics.ranks import average_ranks


def weighted_layers(network: nn.Module) -> list[str]:
    """Names of the modules with weights of their own (convolutions, linear layers, batch norms), top down."""
    return [name for name, module in network.named_modules() if list(module.parameters(recurse=False))][::-1]


def randomised_copy(network: nn.Module, how_deep: int, generator: torch.Generator) -> nn.Module:
    """A copy whose top `how_deep` layers of `weighted_layers` have random weights: 0 is the network, all is chance.

    The cascading test of Adebayo et al. 2018, section 4. Tensors of two and more dimensions become independent normal
    numbers of mean 0 and the tensor's own root mean square; those of one (biases, batch norm's scale and shift) are
    shuffled; running statistics stay. So the scale of what flows through the network stays roughly what it was. Layers
    are drawn top down: the same seed, on the CPU, gives nested copies. The network itself is not changed.
    Paper, and Peer (Quantus' reset_parameters): a fresh initialisation, which for batch norm is the identity.
    """
    names = weighted_layers(network)
    if not 0 <= how_deep <= len(names):
        raise ValueError(f"how_deep: expected 0 to {len(names)} layers, got {how_deep}")
    random = copy.deepcopy(network)
    with torch.no_grad():
        for name in names[:how_deep]:
            for weight in random.get_submodule(name).parameters(recurse=False):
                if weight.dim() > 1:
                    draw = torch.randn(weight.shape, generator=generator).to(weight)
                    weight.copy_(draw * weight.square().mean().sqrt())
                else:
                    weight.copy_(weight[torch.randperm(len(weight), generator=generator).to(weight.device)])
    return random


def map_similarity(maps_MHW: np.ndarray, other_MHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's rank correlation and SSIM of each map with the other at its place, float64 M in [-1, 1] each.

    For the randomisation test; its scale is the same between two different images' maps of the trained network (Arun
    et al. 2021). Spearman: mid-ranks for ties; 0 where either map is flat, which is chance (count with `is_flat`).
    SSIM: see `ssim`, of maps in [0, 1] as `scaled_maps` gives them. NaN in, NaN out.
    """
    ranks, others = (average_ranks(np.asarray(maps).reshape(len(maps), -1)) for maps in (maps_MHW, other_MHW))
    ranks, others = (values - values.mean(axis=1, keepdims=True) for values in (ranks, others))
    scale_M = np.sqrt((ranks**2).sum(axis=1) * (others**2).sum(axis=1))
    spearman_M = (ranks * others).sum(axis=1) / np.where(scale_M == 0, 1, scale_M)
    return spearman_M, ssim(maps_MHW, other_MHW)


def ssim(maps_MHW: np.ndarray, other_MHW: np.ndarray, window: int = 7) -> np.ndarray:
    """Mean structural similarity of maps in [0, 1], float64 M: Wang et al. 2004, eq. 13, with scikit-image's defaults.

    Square windows of `window` pixels that lie wholly inside, sample covariances, C1 = 0.01^2, C2 = 0.03^2. Two equal
    maps, flat ones too, give 1. A map smaller than the window raises ValueError.
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
