"""Is a map exact: does it add up to the logit, and are its channels' weights the same everywhere and for all images?

Where the layers after the evidence A are linear, y = sum of A * dy/dA + b with one gradient and one b for all images:
HiResCAM, A * dy/dA summed over channels, then adds up to the logit. Where the gradient is also constant over space,
as with global average pooling and one linear layer, CAM is defined, and Grad-CAM and HiResCAM are CAM times a number.
Elsewhere Grad-CAM is a local gradient. Shapes: B images, K channels, h w feature grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sightline.saliency.cam import features_and_gradient, replaced_output

# of the sums' size. float32 sums of 1e5 terms are off by some 1e-6; a ReLU, a LayerNorm or a sigmoid after the evidence
# by 1e-2 and more.
TOLERANCE = 1e-4
ROUNDING = 1e-6  # of the logits, which float32 rounds: all that is left of tiny features beside a large b


@dataclass(frozen=True, kw_only=True)
class Exactness:
    """What was measured at the evidence on some images."""

    is_linear: bool
    """Whether y = sum of A * g + b with one g and one b, for these images and for features changed at random."""
    is_cam_exact: bool
    """Whether, beside that, the gradient g is the same in each cell: CAM is defined."""
    residual: float
    """Largest |y - sum of A * g - b|, as a share of the mean over the images of the sum of |A * g|."""
    offset: float
    """b: the mean of y - sum of A * g, logits."""
    spread_over_images: float
    """Largest difference of g between images, as a share of its largest value."""
    spread_over_space: float
    """Largest difference of g from its mean over space, as a share of its largest value."""
    largest_gradient: float
    """Largest |g|; 0: the logit does not depend on the evidence."""
    images: int


def exactness(network: nn.Module, images_B3HW: Tensor) -> Exactness:
    """Measures at `backbone` of `network`, in eval mode, on at least two images; its weights get no gradient.

    Besides the images themselves, each cell of their features is multiplied with a random number in [0, 2]: few images
    may all lie on one side of a ReLU.
    """
    kept: list[Tensor] = []

    def keep(logits: Tensor) -> Tensor:
        kept.append(logits.detach().double())
        return logits

    with replaced_output(network, keep):
        features, gradient = (part.double() for part in features_and_gradient(network, "backbone", images_B3HW))
    logits_B = kept[0]
    draws = torch.rand(features.shape, generator=torch.Generator().manual_seed(0)).to(features.device)
    changed = features * 2 * draws

    def change(seen: Tensor) -> Tensor:
        return changed.to(seen)

    with torch.no_grad(), replaced_output(network.get_submodule("backbone"), change):
        changed_B = network(images_B3HW).double()
    # the first image's gradient serves all: were the layers linear, it is theirs too
    rests = torch.cat([logits_B - _sums(features, gradient[:1]), changed_B - _sums(changed, gradient[:1])])
    scale = _sums(features.abs(), gradient.abs()).mean().clamp_min(torch.finfo(torch.float32).tiny)
    largest = gradient.abs().max().clamp_min(torch.finfo(torch.float32).tiny)
    furthest = (rests - rests.mean()).abs().max()
    rounding = ROUNDING * torch.cat([logits_B, changed_B]).abs().max()
    over_images = ((gradient - gradient[:1]).abs().max() / largest).item()
    over_space = ((gradient - gradient.mean(dim=(2, 3), keepdim=True)).abs().max() / largest).item()
    # a gradient of zeros explains nothing, whatever it adds up to; NaN compares as False
    adds_up = bool(furthest <= TOLERANCE * scale + rounding)
    is_linear = bool(gradient.any()) and adds_up and over_images <= TOLERANCE
    return Exactness(
        is_linear=is_linear,
        is_cam_exact=is_linear and over_space <= TOLERANCE,
        residual=(furthest / scale).item(),
        offset=rests.mean().item(),
        spread_over_images=over_images,
        spread_over_space=over_space,
        largest_gradient=gradient.abs().max().item(),
        images=len(images_B3HW),
    )


def _sums(features_BKhw: Tensor, gradient_BKhw: Tensor) -> Tensor:
    return (features_BKhw * gradient_BKhw).sum(dim=(1, 2, 3))
