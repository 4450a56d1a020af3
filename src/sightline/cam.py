"""CAM and Grad-CAM on the feature grid: raw, signed, batched.

Shapes: B images, K channels, H W image grid, h w feature grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from sightline.networks import Classifier, GlobalAveragePool

Layer = Literal["exact", "paper"]

# Paper: the layers of the paper's code. CAM reads a convolution before its ReLU (AlexNet, VGG-16) or before batch norm
# and skip connection (ResNet-50), so it is not the map that the head pools; `exact` is.
PAPER_LAYERS = {
    "alexnet": {"cam": "backbone.10", "gradcam": "backbone.12"},
    "vgg16": {"cam": "backbone.28", "gradcam": "backbone.30"},
    "googlenet": {"cam": "backbone", "gradcam": "backbone"},
    "resnet50": {"cam": "backbone.7.2.conv3", "gradcam": "backbone.7.2.conv3"},
}


def saliency_maps(network: Classifier, arch: str, images_B3HW: Tensor, layer: Layer) -> dict[str, Tensor]:
    """Method -> float32 B x h x w maps of the positive class's logit, before any ReLU, upsampling or scaling.

    `gradcam` for every head; `cam` for gap heads only, since it is the linear layer behind the pooling that defines
    it (Zhou et al. 2016). At the `exact` layer, the map that pooling sees, one forward pass gives both, and with a
    gap head they are the same up to the factor h * w. `paper` takes PAPER_LAYERS. The network must be in eval mode;
    its weights get no gradient. The sign is kept; NaN comes out where the network gives NaN.
    """
    exact = {"cam": "backbone", "gradcam": "backbone"}
    names = exact if layer == "exact" else PAPER_LAYERS[arch]
    features, gradient = features_and_gradient(network, names["gradcam"], images_B3HW)
    maps = {"gradcam": weighted_sum(features, gradient.mean(dim=(2, 3)))}
    if isinstance(network.head[0], GlobalAveragePool):
        if names["cam"] != names["gradcam"]:
            features, _ = features_and_gradient(network, names["cam"], images_B3HW)
        maps["cam"] = weighted_sum(features, network.last_linear.weight.detach().expand(len(features), -1))
    return maps


def features_and_gradient(network: Classifier, layer: str, images_B3HW: Tensor) -> tuple[Tensor, Tensor]:
    """B x K x h x w output of the module named `layer`, and the gradient of each image's logit with respect to it.

    The output is cut from what made it, so the backward pass runs from the logit to this feature map and no
    further, and the forward pass below keeps nothing.
    """
    kept: list[Tensor] = []

    def cut(features: Tensor) -> Tensor:
        kept.append(features.detach().requires_grad_())
        return kept[0].clone()  # a ReLU in place may follow, and must not change what is kept

    module = network.get_submodule(layer)
    before = {parameter: parameter.requires_grad for parameter in network.parameters()}
    try:
        network.requires_grad_(False)
        with torch.enable_grad(), replaced_output(module, cut):
            logits_B = network(images_B3HW)
            # images do not mix in eval mode: the gradient of the sum is each image's own
            (gradient,) = torch.autograd.grad(logits_B.sum(), kept[0])
    finally:
        for parameter, flag in before.items():
            parameter.requires_grad_(flag)
    return kept[0].detach(), gradient


@contextmanager
def replaced_output(module: nn.Module, replace: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Inside the block the module's output is what `replace` makes of it; the hook goes, also after an error."""
    handle = module.register_forward_hook(lambda _module, _inputs, output: replace(output))
    try:
        yield
    finally:
        handle.remove()


def weighted_sum(features_BKhw: Tensor, weights_BK: Tensor) -> Tensor:
    """float32 B x h x w: the channels' sum by the weights, sign kept."""
    return torch.einsum("bkhw,bk->bhw", features_BKhw.float(), weights_BK.float())
