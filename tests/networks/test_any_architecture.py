"""Any torchvision architecture: the backbone gives what its own head pools, and such a network trains and explains.

Networks of the real classes, a few layers deep, keep the checks fast; the real networks are marked slow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

from sightline.networks.architectures import Classifier, GlobalAveragePool, build_network
from sightline.networks.torchvision_parts import BACKBONES, as_torchvision_stores, backbone_of, whole_network
from sightline.networks.weights_file import seen, trained_network, write_network
from sightline.saliency.cam import layered_maps
from sightline.saliency.random_weights import randomised_copy, weighted_layers
from sightline.study.architecture_names import TORCHVISION
from sightline.study.errors import StudyError
from sightline.study.models import Network

TINY: dict[str, Callable[[], nn.Module]] = {
    "convnext_tiny": lambda: models.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=1),
    "densenet121": lambda: models.DenseNet(growth_rate=4, block_config=(2, 2), num_init_features=8),
    "swin_t": lambda: models.SwinTransformer([4, 4], 16, [1, 1], [1, 2], [2, 2]),
    "vit_b_16": lambda: models.VisionTransformer(32, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32),
}
REAL = (
    "densenet121", "resnet18", "efficientnet_b0", "mobilenet_v3_small", "convnext_tiny", "regnet_y_400mf", "swin_t",
    "vit_b_16", "mobilenet_v2", "mnasnet0_5", "shufflenet_v2_x0_5", "swin_v2_t", "resnext50_32x4d", "squeezenet1_0",
    "vgg11_bn", "inception_v3",
)  # fmt: skip


class PoolingInputs(TorchFunctionMode):
    """Keeps a copy of whatever is averaged over its last two dimensions, in the order of the calls."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if name == "adaptive_avg_pool2d" or (name == "mean" and args[1:] in (([2, 3],), ((2, 3),))):
            self.inputs.append(args[0].clone())
        return function(*args, **(kwargs or {}))


def pooled_by_the_own_head(whole: nn.Module, images_B3HW: Tensor) -> Tensor:
    """B x K x h x w: the last tensor that torchvision's own forward pass averages over space.

    A ViT pools nothing: its patch tokens after the encoder, taken from the encoder's output, are put on their grid.
    """
    if isinstance(whole, models.VisionTransformer):
        kept = []
        handle = whole.encoder.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
        whole(images_B3HW)
        handle.remove()
        side = images_B3HW.shape[2] // whole.patch_size
        rows = [kept[0][:, 1 + row * side : 1 + (row + 1) * side] for row in range(side)]
        return torch.stack(rows, 1).permute(0, 3, 1, 2)
    with PoolingInputs() as mode:
        whole(images_B3HW)
    return mode.inputs[-1]


def some_images(side: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def settled(whole: nn.Module, images_B3HW: Tensor) -> nn.Module:
    """The network with batch norms that know their inputs: else nothing of an image reaches EfficientNet's logit."""
    for module in whole.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # of one pass: its own statistics
    with torch.no_grad():
        whole.train()(images_B3HW)
    return whole.eval()


def checked(network: Classifier, arch: str, images: Tensor) -> None:
    """CAM is Grad-CAM times h * w, the logit is CAM's mean plus the bias, and all of it can be randomised."""
    network.eval()
    maps = layered_maps(network, arch, images, ["exact", "paper"])
    with torch.no_grad():
        logits, features = network(images), network.backbone(images)
    scale = maps["exact"]["cam"].abs().max()
    assert features.shape[1] == network.last_linear.in_features
    torch.testing.assert_close(
        maps["exact"]["cam"] / scale, maps["exact"]["gradcam"] * features[0, 0].numel() / scale, atol=2e-5, rtol=0
    )
    bias = network.last_linear.bias
    assert bias is not None
    torch.testing.assert_close(maps["exact"]["cam"].mean(dim=(1, 2)) + bias.detach(), logits, atol=1e-5, rtol=1e-4)
    assert torch.equal(maps["paper"]["cam"], maps["exact"]["cam"])
    copy = randomised_copy(network, len(weighted_layers(network)), torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not torch.equal(copy(images), logits)
        assert torch.equal(network(images), logits)


def step_changes_all_weights(network: Classifier, images: Tensor) -> None:
    """One step in train mode reaches every weight: none lies beside the path to the logit."""
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    torch.manual_seed(0)  # stochastic depth
    network.train()
    torch.nn.functional.binary_cross_entropy_with_logits(network(images), torch.tensor([0.0, 1.0])).backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []
    optimizer.step()
    changed = [name for name, weight in network.named_parameters() if not torch.equal(weight, before[name])]
    assert len(changed) > 0.9 * len(before)


def test_every_name_has_one_backbone() -> None:
    for arch in TORCHVISION:
        assert sum(re.fullmatch(pattern, arch) is not None for pattern in BACKBONES) == 1, arch


@pytest.mark.parametrize("arch", TINY)
def test_a_small_network_of_the_class_gives_what_its_head_pools(arch: str) -> None:
    torch.manual_seed(0)
    whole = TINY[arch]().eval()
    images = some_images(32)
    with torch.no_grad():
        pooled = pooled_by_the_own_head(whole, images)
        features = backbone_of(arch, whole).eval()(images)
    assert features.shape[2:] != (1, 1)
    torch.testing.assert_close(features, pooled, atol=1e-6, rtol=1e-5)
    network = Classifier(backbone_of(arch, whole), nn.Sequential(GlobalAveragePool(), nn.Linear(pooled.shape[1], 1)))
    checked(network, arch, images)
    step_changes_all_weights(network, images)


@pytest.mark.parametrize(
    "arch",
    # the slow ones take seconds each to build and run
    [arch if arch == "mobilenet_v3_small" else pytest.param(arch, marks=pytest.mark.slow) for arch in REAL],
)
def test_a_real_network_from_weights_to_weights_file(arch: str, tmp_path: Path) -> None:
    side = 96 if arch == "inception_v3" else 64
    torch.manual_seed(1)
    images = some_images(side)
    whole = settled(whole_network(arch, (side, side)), images)
    state = torch.random.get_rng_state()
    network = build_network(arch, "gap", 0, whole.state_dict(), (side, side)).eval()
    assert torch.equal(state, torch.random.get_rng_state())
    with torch.no_grad():
        features, pooled = network.backbone(images), pooled_by_the_own_head(whole, images)
    if arch == "squeezenet1_0":  # whose head has a convolution before the pooling
        pooled = whole.get_submodule("features")(images).detach()
    torch.testing.assert_close(features, pooled, atol=1e-4 * float(pooled.abs().max()), rtol=1e-4)
    checked(network, arch, images)
    step_changes_all_weights(network, images)

    entry, path = Network(arch=arch, init="scratch", head="gap"), tmp_path / "x.safetensors"
    write_network(path, network, entry, {"seen": seen((side, side))})
    network.eval()
    with torch.no_grad():
        assert torch.equal(trained_network(path, entry).eval()(images), network(images))
    with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
        config = json.loads(file.metadata()["config"])
    values = {"value_range": [0, 1], "mean": 0, "std": 1}
    assert config["seen"] == {"size": [side, side], "channels": 3, "color": False} | values


def test_sizes_that_an_architecture_cannot_take() -> None:
    with pytest.raises(StudyError, match="vit_b_16: the image size must be a multiple of 16 pixels, got 100"):
        build_network("vit_b_16", "gap", 0, size=(100, 100))
    with pytest.raises(StudyError, match="vit_l_32: takes square images only, got 64 x 96 pixels"):
        build_network("vit_l_32", "gap", 0, size=(64, 96))
    with pytest.raises(StudyError, match="maxvit_t: rows and columns must be multiples of 224 pixels, got 64 x 64"):
        build_network("maxvit_t", "gap", 0, size=(64, 64))
    with pytest.raises(StudyError, match="squeezenet1_1: takes no images of 8 x 8 pixels"):
        build_network("squeezenet1_1", "gap", 0, size=(8, 8))


def test_positions_of_another_image_size_are_interpolated_as_torchvision_does() -> None:
    torch.manual_seed(0)
    large = models.VisionTransformer(48, 8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32)
    small = TINY["vit_b_16"]()
    weights = as_torchvision_stores(large.state_dict(), small)
    positions = large.encoder.pos_embedding.detach()
    assert torch.equal(weights["encoder.pos_embedding"][:, :1], positions[:, :1])
    grid = positions[:, 1:].reshape(1, 6, 6, 16).permute(0, 3, 1, 2)
    resized = nn.functional.interpolate(grid, size=4, mode="bicubic", align_corners=True)
    torch.testing.assert_close(weights["encoder.pos_embedding"][:, 1:], resized.flatten(2).transpose(1, 2))
    assert large.encoder.pos_embedding.shape[1] == 37  # the source is as it was


def test_densenets_published_names_are_known() -> None:
    whole = TINY["densenet121"]()
    published = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", name): t for name, t in whole.state_dict().items()}
    assert set(published) != set(whole.state_dict())
    assert list(as_torchvision_stores(published, whole)) == list(whole.state_dict())
