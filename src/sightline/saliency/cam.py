"""CAM and Grad-CAM on the feature grid: raw, signed, batched.

A network here has a submodule `backbone`, whose output is the feature map that maps are computed from, and a property
`cam_weights`: the K weights of CAM, or None where CAM is not defined. networks/architectures.py's Classifier has both,
and own_models/network.py's OwnNetwork. Shapes: B images, K channels, H W image grid, h w feature grid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

Layer = Literal["exact", "paper"]

EXACT_LAYERS = {"cam": "backbone", "gradcam": "backbone"}
# Paper: the layers of the paper's code. Its CAM reads a convolution before the ReLU (AlexNet, VGG-16) or before batch
# norm and skip connection (ResNet-50), not the map that the head pools; `exact` reads that map.
PAPER_LAYERS = {
    "alexnet": {"cam": "backbone.10", "gradcam": "backbone.12"},
    "vgg16": {"cam": "backbone.28", "gradcam": "backbone.30"},
    "googlenet": {"cam": "backbone", "gradcam": "backbone"},
    "resnet50": {"cam": "backbone.7.2.conv3", "gradcam": "backbone.7.2.conv3"},
}


def saliency_maps(network: nn.Module, arch: str, images_B3HW: Tensor, layer: Layer) -> dict[str, Tensor]:
    """Method -> float32 B x h x w maps of the positive class's logit, before any ReLU, upsampling or scaling.

    `gradcam` for every head (Selvaraju et al. 2017); `cam` for gap heads only, since the linear layer after the pooling
    defines it (Zhou et al. 2016). `exact` is the map that pooling sees: there, with a gap head, the two are equal up to
    the factor h * w. `paper` takes PAPER_LAYERS, or the exact layer for an architecture that the paper lacks. The
    network must be in eval mode; its weights get no gradient. The sign is kept. Where the network gives NaN, so does
    the map.
    """
    return layered_maps(network, arch, images_B3HW, [layer])[layer]


def layered_maps(
    network: nn.Module, arch: str, images_B3HW: Tensor, layers: Sequence[Layer]
) -> dict[Layer, dict[str, Tensor]]:
    """Layer -> its `saliency_maps`, all from one forward and one backward pass."""
    modules_of = {layer: EXACT_LAYERS if layer == "exact" else PAPER_LAYERS.get(arch, EXACT_LAYERS) for layer in layers}
    weights_K = network.cam_weights
    methods = ["gradcam"] if weights_K is None else ["gradcam", "cam"]
    modules = list(dict.fromkeys(names[method] for names in modules_of.values() for method in methods))
    outputs = features_and_gradients(network, modules, images_B3HW)
    maps: dict[Layer, dict[str, Tensor]] = {}
    for layer, names in modules_of.items():
        features, gradient = outputs[names["gradcam"]]
        maps[layer] = {"gradcam": weighted_sum(features, gradient.float().mean(dim=(2, 3)))}
        if isinstance(weights_K, Tensor):
            features, _ = outputs[names["cam"]]
            maps[layer]["cam"] = weighted_sum(features, weights_K.detach().expand(len(features), -1))
    return maps


def features_and_gradient(network: nn.Module, layer: str, images_B3HW: Tensor) -> tuple[Tensor, Tensor]:
    """`features_and_gradients` of one module."""
    return features_and_gradients(network, [layer], images_B3HW)[layer]


def features_and_gradients(
    network: nn.Module, modules: Sequence[str], images_B3HW: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Module name -> its output, B x K x h x w, and the gradient of each image's logit with respect to it.

    The first module in forward order is detached from the layers below it, so the backward pass ends at its output,
    and the forward pass through these layers stores nothing.
    """
    kept: dict[str, Tensor] = {}

    def cut(name: str, features: Tensor) -> Tensor:
        torch.set_grad_enabled(True)  # from the first cut to the logit; the no_grad block ends it
        kept[name] = features if features.requires_grad else features.detach().requires_grad_()
        return kept[name].clone()  # an in-place ReLU may follow and must not change the kept tensor

    with torch.no_grad(), ExitStack() as hooks:
        for name in modules:
            hooks.enter_context(replaced_output(network.get_submodule(name), partial(cut, name)))
        logits_B = network(images_B3HW)
        # Images do not mix in eval mode: the gradient of the logits' sum holds each image's gradient.
        gradients = torch.autograd.grad(logits_B, list(kept.values()), torch.ones_like(logits_B))
    return {name: (kept[name].detach(), gradient) for name, gradient in zip(kept, gradients, strict=True)}


@torch.no_grad()
def layer_output(network: nn.Module, layer: str, images_B3HW: Tensor) -> Tensor:
    """The output of the module `layer`, B x K x h x w, in a forward pass."""
    kept: list[Tensor] = []

    def keep(features: Tensor) -> Tensor:
        kept.append(features.clone())  # an in-place ReLU may follow
        return features

    with replaced_output(network.get_submodule(layer), keep):
        network(images_B3HW)
    return kept[0]


@contextmanager
def replaced_output(module: nn.Module, replace: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within the block, `replace` transforms the module's output; its end removes the hook, also after an error."""
    handle = module.register_forward_hook(lambda _module, _inputs, output: replace(output))
    try:
        yield
    finally:
        handle.remove()


def weighted_sum(features_BKhw: Tensor, weights_BK: Tensor) -> Tensor:
    """float32 B x h x w: the weighted sum of the channels, sign kept; computed in float32, also under autocast."""
    with torch.autocast(features_BKhw.device.type, enabled=False):
        return torch.einsum("bkhw,bk->bhw", features_BKhw.float(), weights_BK.float())
