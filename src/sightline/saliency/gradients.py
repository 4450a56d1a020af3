"""Saliency from gradients of the logit at the image: plain, integrated, smoothed; on the image grid.

Shapes: B images, H W image grid, T steps or samples. The network must be in eval mode; its weights get no gradient.
A gray image's three channels are one to the reader, so a map is reduced over them: `signed` is their sum, the effect of
changing the gray value; `absolute` is the sum of their absolute values, which never cancel.
Paper: Simonyan et al. 2014 and Smilkov et al. 2017 take the largest absolute value of the three.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

Reduction = Literal["signed", "absolute"]


def image_gradient(network: nn.Module, images_B3HW: Tensor) -> Tensor:
    """The gradient of each image's logit with respect to its pixels, B x 3 x H x W, in the images' dtype."""
    images_B3HW = images_B3HW.detach().requires_grad_()
    with torch.enable_grad():
        # The clone: an in-place layer cannot change a leaf. The sum: images do not mix in eval mode.
        (gradient,) = torch.autograd.grad(network(images_B3HW.clone()).sum(), images_B3HW)
    return gradient


def reduced(gradient_B3HW: Tensor, reduction: Reduction) -> Tensor:
    """float32 B x H x W: the sum of the channels (`signed`) or of their absolute values (`absolute`)."""
    return (gradient_B3HW if reduction == "signed" else gradient_B3HW.abs()).sum(dim=1).float()


def input_gradient(
    network: nn.Module, images_B3HW: Tensor, reduction: Reduction = "signed", times_image: bool = False
) -> Tensor:
    """float32 B x H x W: the logit's gradient at the image or, with `times_image`, its product with the image.

    Simonyan et al. 2014, section 3; the product: Shrikumar et al. 2016. A logit that does not depend on the image
    gives zeros.
    """
    gradient = image_gradient(network, images_B3HW)
    return reduced(gradient * images_B3HW if times_image else gradient, reduction)


def integrated_gradients(
    network: nn.Module,
    images_B3HW: Tensor,
    steps: int = 50,
    baseline: float | Tensor = 0.0,
    reduction: Reduction = "signed",
    chunk: int = 64,
) -> Tensor:
    """float32 B x H x W: (image - baseline) times the mean gradient on the straight line between the two.

    Sundararajan et al. 2017, eqs. 1 and 3, by Gauss-Legendre quadrature with `steps` points, as in captum (the paper
    sums at even steps): exact for a logit that along the line is a polynomial of degree up to 2 * steps. Completeness:
    a `signed` map sums to logit(image) - logit(baseline), up to the error of the quadrature, which with ReLUs falls as
    1 / steps. `baseline` is one value in the images' units (0: black) or images that broadcast to the images' shape; an
    image equal to it gives zeros. `chunk` images pass the network at once.
    """
    if steps < 1:
        raise ValueError(f"steps: at least 1, got {steps}")
    places, weights = np.polynomial.legendre.leggauss(steps)
    # from [-1, 1] to [0, 1]
    place_T, weight_T = (torch.from_numpy(values / 2).to(images_B3HW) for values in (places + 1, weights))
    start_B3HW = torch.zeros_like(images_B3HW) + baseline
    way_B3HW = images_B3HW - start_B3HW
    mean_B3HW = torch.zeros_like(images_B3HW)
    batch = len(images_B3HW)
    at_once = max(1, chunk // max(1, batch))
    for place_t, weight_t in zip(place_T.split(at_once), weight_T.split(at_once), strict=True):
        between = (start_B3HW + place_t.view(-1, 1, 1, 1, 1) * way_B3HW).flatten(0, 1)
        gradient = torch.cat([image_gradient(network, part) for part in between.split(chunk)])
        mean_B3HW += torch.einsum("t,tbchw->bchw", weight_t, gradient.view(len(place_t), *images_B3HW.shape))
    return reduced(way_B3HW * mean_B3HW, reduction)


def smoothgrad(
    network: nn.Module,
    images_B3HW: Tensor,
    generator: torch.Generator,
    samples: int = 50,
    noise_share: float = 0.15,
    reduction: Reduction = "signed",
    chunk: int = 64,
) -> Tensor:
    """float32 B x H x W: the mean gradient over `samples` copies of the image with Gaussian noise: SmoothGrad.

    Smilkov et al. 2017, section 2.1; signed gradients are averaged, then reduced. The standard deviation of the noise
    is `noise_share` of the image's range (its maximum less its minimum); 0, or an image of one value, gives
    `input_gradient`. All images of a batch get the same standard noise, drawn from `generator` (on the CPU, sample by
    sample), so an image's map does not depend on the rest of the batch.
    """
    if samples < 1:
        raise ValueError(f"samples: at least 1, got {samples}")
    low_B, high_B = images_B3HW.amin(dim=(1, 2, 3)), images_B3HW.amax(dim=(1, 2, 3))
    deviation_B = (noise_share * (high_B - low_B)).view(-1, 1, 1, 1)
    total_B3HW = torch.zeros_like(images_B3HW)
    batch = len(images_B3HW)
    at_once = max(1, chunk // max(1, batch))
    for first in range(0, samples, at_once):
        count = min(at_once, samples - first)
        draws = [torch.randn(images_B3HW.shape[1:], generator=generator) for _ in range(count)]
        noise_T3HW = torch.stack(draws).to(images_B3HW)
        noisy = (images_B3HW + deviation_B * noise_T3HW[:, None]).flatten(0, 1)
        gradient = torch.cat([image_gradient(network, part) for part in noisy.split(chunk)])
        total_B3HW += gradient.view(count, *images_B3HW.shape).sum(dim=0)
    return reduced(total_B3HW / samples, reduction)
