"""Where the evidence is: the tensor that pooling sees, in modules, functions and exports, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn

from own_networks import films, own_parts
from sightline.own_models.opening import opened
from sightline.saliency.cam import features_and_gradient, layer_output

# architecture -> the module whose output the head pools, and what follows it before pooling
POOLED: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "resnet18": ("layer4", lambda x: x),
    "shufflenet_v2_x0_5": ("conv5", lambda x: x),
    "mobilenet_v3_small": ("features", lambda x: x),
    "squeezenet1_1": ("classifier.2", lambda x: x),
    "mnasnet0_5": ("layers", lambda x: x),
}
SLOW = {
    "densenet121": ("features", torch.relu),
    "alexnet": ("avgpool", lambda x: x),
    "vgg11": ("avgpool", lambda x: x),
    "googlenet": ("inception5b", lambda x: x),
    "resnet50": ("layer4", lambda x: x),
    "efficientnet_b0": ("features", lambda x: x),
    "convnext_tiny": ("features", lambda x: x),
    "swin_t": ("permute", lambda x: x),
    "regnet_y_400mf": ("trunk_output", lambda x: x),
    "inception_v3": ("Mixed_7c", lambda x: x),
}
CASES = [
    *((name, *case) for name, case in POOLED.items()),
    *(pytest.param(name, *case, marks=pytest.mark.slow) for name, case in SLOW.items()),
]


def torchvision_network(name: str) -> nn.Module:
    options = {"aux_logits": False, "init_weights": True} if name in ("googlenet", "inception_v3") else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return torchvision.models.get_model(name, weights=None, num_classes=2, **options).eval()


@pytest.mark.parametrize(("name", "module", "then"), CASES)
def test_evidence_of_torchvision_is_what_pooling_sees(name: str, module: str, then: Callable[[Tensor], Tensor]) -> None:
    network, images = torchvision_network(name), films(2, *((128, 128) if name in SLOW else (64, 64)))
    own = opened(own_parts(network), images)
    kept: list[Tensor] = []
    handle = network.get_submodule(module).register_forward_hook(lambda _m, _i, out: kept.append(out.clone()))
    with torch.no_grad():
        logits = network((images - 0.5) / 0.25)[:, 1]
    handle.remove()
    torch.testing.assert_close(layer_output(own, "backbone", images), then(kept[0]))
    assert own.place is not None
    assert (own.place.channels, *own.place.grid) == kept[0].shape[1:]
    torch.testing.assert_close(own(images).detach(), logits)


class Head(nn.Module):
    """A convolution with padding, 32 -> 16 pixels, and any end."""

    def __init__(self, end: Callable[[Tensor], Tensor], channels: int = 5) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.conv = nn.Conv2d(3, channels, 3, stride=2, padding=1)
        self.end = end

    def forward(self, images: Tensor) -> Tensor:
        return self.end(self.conv(images))


WEIGHTS = torch.linspace(-1, 1, 5)
ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda x: x.mean((2, 3)) @ WEIGHTS,
    "negative axes": lambda x: torch.mean(x, dim=[-1, -2]) @ WEIGHTS,
    "axis by axis": lambda x: x.mean(3).mean(2) @ WEIGHTS,
    "axis by axis, kept": lambda x: x.mean(3, keepdim=True).mean(2, keepdim=True).flatten(1) @ WEIGHTS,
    "adaptive": lambda x: nn.functional.adaptive_avg_pool2d(x, 1).flatten(1) @ WEIGHTS,
    "window": lambda x: nn.functional.avg_pool2d(x, x.shape[2:]).flatten(1) @ WEIGHTS,
    "max": lambda x: nn.functional.adaptive_max_pool2d(x, 1).flatten(1) @ WEIGHTS,
    "max window": lambda x: nn.functional.max_pool2d(x, x.shape[2:]).flatten(1) @ WEIGHTS,
    "amax": lambda x: x.amax((2, 3)) @ WEIGHTS,
    "flattened space": lambda x: x.flatten(2).mean(2) @ WEIGHTS,
    "max of flattened space": lambda x: x.view(*x.shape[:2], -1).max(dim=2).values @ WEIGHTS,
    "einsum": lambda x: torch.einsum("bkhw,k->b", x, WEIGHTS),
    "log of sum": lambda x: x.logsumexp((2, 3)) @ WEIGHTS,
    "two pools": lambda x: (x.mean((2, 3)) + x.amax((2, 3))) @ WEIGHTS,
    "flattened": lambda x: x.flatten(1).cumsum(1)[:, 7],
    "reshaped": lambda x: x.reshape(len(x), -1).sum(1),
    "channels last": lambda x: x.permute(0, 2, 3, 1).mean((1, 2)) @ WEIGHTS,
    "channels last, flattened": lambda x: x.permute(0, 2, 3, 1).reshape(len(x), -1).sum(1),
    "relu in place": lambda x: x.relu_().mean((2, 3)) @ WEIGHTS,
}


@pytest.mark.parametrize("size", [(32, 32), (32, 48)])
@pytest.mark.parametrize("end", ENDS)
def test_ends_of_all_kinds(end: str, size: tuple[int, int]) -> None:
    """The evidence is the convolution's map, or its ReLU, whatever takes its space away; the logit stays."""
    network, images = Head(ENDS[end]), films(3, *size)
    own = opened(own_parts(network, to_input=lambda x: x, to_logit=lambda x: x), images)
    with torch.no_grad():
        expected = network.conv(images)
        expected = expected.relu() if "relu" in end else expected
        torch.testing.assert_close(own(images), network(images))
    features, gradient = features_and_gradient(own, "backbone", images)
    torch.testing.assert_close(features, expected)
    leaf = expected.clone().requires_grad_()
    pooled = ENDS["mean"] if "relu" in end else network.end  # the evidence is after the ReLU
    (by_hand,) = torch.autograd.grad(pooled(leaf).sum(), leaf)
    torch.testing.assert_close(gradient, by_hand)
    for module in own.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
