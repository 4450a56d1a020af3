"""Small classifiers of a user's own, and the parts that loading makes of them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sightline.own_models.parts import Parts


def own_parts(network: nn.Module, **changes: Any) -> Parts:
    """The parts of a network with one or several logits, of which the last is the positive class's."""
    parts: dict[str, Any] = {
        "network": network if isinstance(network, torch.fx.GraphModule) else network.eval(),
        "to_input": lambda images: (images - 0.5) / 0.25,
        "is_differentiable": True,
        "to_logit": lambda output: output.flatten(1)[:, -1].float(),
        "gradients": "features",
        "facts": {"kind": "code"},
    }
    return Parts(**(parts | changes))


def films(count: int = 3, rows: int = 32, cols: int = 32) -> Tensor:
    """Gray films with three equal channels, B x 3 x rows x cols in [0, 1]."""
    return torch.rand(count, 1, rows, cols, generator=torch.Generator().manual_seed(0)).expand(-1, 3, -1, -1)


class SmallCnn(nn.Module):
    """Two convolutions, 32 px -> 8 x 8, ReLUs in place, a functional mean and a linear layer; fixed weights."""

    def __init__(self, channels: int = 5, outputs: int = 1) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.features = nn.Sequential(
                nn.Conv2d(3, 4, 3, stride=2, padding=1),
                nn.ReLU(inplace=True),
                nn.Conv2d(4, channels, 3, stride=2, padding=1),
            )
            self.relu = nn.ReLU(inplace=True)
            self.last = nn.Linear(channels, outputs)

    def forward(self, images: Tensor) -> Any:
        return self.last(self.relu(self.features(images)).mean((2, 3)))
