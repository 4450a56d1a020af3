"""Grad-CAM of one network on many images, batch by batch, with its dropout off or on.

Shapes: M images, h w feature grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import Machine
from sightline.saliency.cam import Layer, saliency_maps

BATCH = 16  # images per pass, as in the stage saliency of the shipped profiles; it does not change a map


def gradcam_maps(network: nn.Module, arch: str, images_MHW: np.ndarray, layer: Layer, machine: Machine) -> np.ndarray:
    """float32 M x h x w: raw, signed Grad-CAM of uint8 images, gray or colour, as the stage saliency makes it."""
    parts = []
    for start in range(0, len(images_MHW), BATCH):
        pixels = torch.from_numpy(images_MHW[start : start + BATCH]).to(machine.device)
        batch = three_channels(unit_images(pixels), machine.layout)
        with machine.autocast():
            parts.append(saliency_maps(network, arch, batch, layer)["gradcam"].cpu().numpy())
    return np.concatenate(parts)


def has_dropout(network: nn.Module) -> bool:
    """Whether some layer drops units in training: the fc heads of AlexNet and VGG-16, and GoogLeNet's head."""
    return any(layer.p > 0 for layer in _dropouts(network))


@contextmanager
def dropout_on(network: nn.Module, seed: int) -> Iterator[None]:
    """Within the block dropout is on, drawn from `seed`; batch statistics and all else stay as in eval mode.

    At its end the layers and PyTorch's global random state are as before. Gal and Ghahramani 2016: each pass is a draw
    from the networks that dropout trained together.
    """
    layers = [(layer, layer.training) for layer in _dropouts(network)]
    devices = sorted({weight.device for weight in network.parameters() if weight.is_cuda}, key=str)
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        try:
            for layer, _ in layers:
                layer.train()
            yield
        finally:
            for layer, was_training in layers:
                layer.train(was_training)


def _dropouts(network: nn.Module) -> list[nn.Dropout]:
    return [module for module in network.modules() if isinstance(module, nn.Dropout)]
