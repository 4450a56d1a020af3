"""Networks that run in milliseconds, their images, and a wrapper for libraries that expect one column per class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sightline.networks.architectures import Classifier, GlobalAveragePool


def tiny(head: str = "fc", stride: int = 2, channels: int = 5) -> Classifier:
    """Two convolutions with a ReLU in place, 32 px -> 32 / stride^2, and a head; weights from a fixed seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        backbone = nn.Sequential(
            nn.Conv2d(3, 4, 3, stride=stride, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(4, channels, 3, stride=stride, padding=1),
            nn.ReLU(inplace=True),
        )
        if head == "gap":
            layers = [GlobalAveragePool(), nn.Linear(channels, 1)]
        else:
            pool = nn.AdaptiveAvgPool2d(4)
            layers = [pool, nn.Flatten(), nn.Linear(16 * channels, 6), nn.ReLU(), nn.Linear(6, 1)]
        net = Classifier(backbone, nn.Sequential(*layers))
        with torch.no_grad():
            net.last_linear.weight.mul_(20)
    return net.eval()


def images(count: int = 3, size: int = 32) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


class Columns(nn.Module):
    """`net` with its logits as a column: N x 1."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[:, None]


class Linear(nn.Module):
    """logit = sum of weight * image + bias; one weight per pixel and colour."""

    def __init__(self, weight_3HW: Tensor, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight_3HW)
        self.bias = bias

    def forward(self, images_B3HW: Tensor) -> Tensor:
        return (images_B3HW * self.weight).sum(dim=(1, 2, 3)) + self.bias
