"""Networks with random weights, layer by layer from the top or all of them, as controls for saliency maps."""

from __future__ import annotations

import copy

import torch
from torch import nn


def weighted_layers(network: nn.Module) -> list[str]:
    """Names of the modules that hold weights (convolutions, linear layers, batch norms), from the top down."""
    return [name for name, module in network.named_modules() if list(module.parameters(recurse=False))][::-1]


def randomised_copy(network: nn.Module, how_deep: int, generator: torch.Generator) -> nn.Module:
    """A copy whose top `how_deep` layers of `weighted_layers` have random weights: at 0 none, at their number all.

    The cascading test of Adebayo et al. 2018, section 4. Tensors of two or more dimensions become independent normal
    numbers of mean 0 with the tensor's root mean square; those of one (biases, batch norm's scale and shift) are
    shuffled; running statistics stay. So activations keep roughly their scale. Layers are drawn from the top down, so
    that copies by one seed are nested; the generator must be the CPU's. The network itself is not changed.
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
                elif weight.dim():  # a single number has nothing to be shuffled with
                    weight.copy_(weight[torch.randperm(len(weight), generator=generator).to(weight.device)])
    return random
