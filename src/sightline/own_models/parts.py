"""What a classifier trained elsewhere consists of once it is loaded, whatever file it comes from.

Shapes: B images, H W the study's grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """How a transformer's sequence of tokens lies on the image."""

    prefix: int
    """Tokens in front that are no patches: class, distillation and register tokens."""
    grid: tuple[int, int]
    """Rows and columns of patches."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """A loaded classifier: logit = to_logit(network(to_input(images)))."""

    network: nn.Module
    """In eval mode, float32, on the CPU."""
    to_input: Callable[[Tensor], Tensor]
    """float32 B x 3 x H x W in [0, 1], the film on the study's grid (gray: three equal channels) -> the network's."""
    is_differentiable: bool
    """Whether gradients flow through `to_input`: not where the user's `preprocess` takes whole numbers."""
    to_logit: Callable[[Any], Tensor]
    """The network's output -> the logit of the positive class, float32 B."""
    gradients: Literal["features", "input", "none"]
    """features: of any tensor within (code, .pt2); input: of the input alone (TorchScript); none: ONNX."""
    evidence: str = ""
    """The module whose output the maps are computed from; empty: it is found."""
    tokens: Tokens | None = None
    """How tokens lie on the image; None: found, or no transformer."""
    facts: dict[str, Any]
    """What is recorded: kind (code, pt2, torchscript, onnx), files with SHA-256, size, channels, mean, std,
    value_range (null where `preprocess` is the user's), num_parameters."""
