"""timm's networks: the backbone gives timm's own feature map as B x K x h x w, from its own or other weights."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from sightline.networks.architectures import build_network, num_parameters
from sightline.networks.imagenet import initial_weights
from sightline.networks.timm_networks import whole_timm
from sightline.networks.weights_file import seen, trained_network, write_network
from sightline.saliency.cam import layered_maps
from sightline.saliency.random_weights import randomised_copy, weighted_layers
from sightline.study.errors import StudyError
from sightline.study.models import Network

timm = pytest.importorskip("timm")
# timm's own small test networks; then one of each layout of its feature map
SMALL = ("test_efficientnet", "test_vit", "test_convnext")
LARGER = (
    "resnet18", "tf_efficientnet_lite0", "mobilenetv3_small_100", "swin_tiny_patch4_window7_224",
    "deit_tiny_distilled_patch16_224", "vit_tiny_patch16_224", "mixer_s16_224", "eva02_tiny_patch14_224",
    "levit_128s", "mvitv2_tiny", "densenet121", "hiera_tiny_224",
)  # fmt: skip


def expected_features(whole: torch.nn.Module, images_B3HW: Tensor) -> Tensor:
    """timm's feature map by its own rules: tokens in rows of the patches' grid, channels last where it says so."""
    features = whole.forward_features(images_B3HW)  # type: ignore[operator]
    if features.ndim == 4:
        return features.permute(0, 3, 1, 2) if getattr(whole, "output_fmt", None) == "NHWC" else features
    tokens = features[:, getattr(whole, "num_prefix_tokens", 0) or 0 :]
    side = round(tokens.shape[1] ** 0.5)
    return torch.stack([tokens[:, row * side : (row + 1) * side].mT for row in range(side)], dim=2)


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGER)])
def test_the_backbone_is_timms_feature_map(name: str, tmp_path: Path) -> None:
    arch, size = f"timm:{name}", (112, 112) if "patch14" in name else (96, 96)
    torch.manual_seed(1)
    whole = whole_timm(name, size)
    save_file({key: tensor.contiguous() for key, tensor in whole.state_dict().items()}, tmp_path / "w.safetensors")
    network = build_network(arch, "gap", 0, initial_weights(arch, str(tmp_path / "w.safetensors")), size).eval()
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features, logits = network.backbone(images), network(images)
        torch.testing.assert_close(features, expected_features(whole.eval(), images), atol=1e-5, rtol=1e-5)
    assert num_parameters(network) <= sum(weight.numel() for weight in whole.parameters()) + features.shape[1] + 1
    maps = layered_maps(network, arch, images, ["exact", "paper"])["paper"]
    scale = maps["cam"].abs().max()
    torch.testing.assert_close(maps["cam"] / scale, maps["gradcam"] * features[0, 0].numel() / scale, atol=2e-5, rtol=0)
    copy = randomised_copy(network, len(weighted_layers(network)), torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not torch.equal(copy(images), logits)

    network.train()
    network(images).sum().backward()
    assert [key for key, weight in network.named_parameters() if weight.grad is None] == []
    entry, path = Network(arch=arch, init="scratch", head="gap"), tmp_path / "x.safetensors"
    network.zero_grad()
    write_network(path, network, entry, {"seen": seen(size)})
    network.eval()
    with torch.no_grad():
        assert torch.equal(trained_network(path, entry).eval()(images), network(images))


def test_positions_of_another_size_are_interpolated_and_strangers_refused() -> None:
    large = whole_timm("test_vit", (160, 160)).state_dict()
    network = build_network("timm:test_vit", "gap", 0, large, (64, 64)).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1,)
    assert torch.equal(network.state_dict()["backbone.whole.cls_token"], large["cls_token"])
    with pytest.raises(StudyError, match=r"w.pt: its weights do not fit timm:test_convnext\n  missing: "):
        build_network("timm:test_convnext", "gap", 0, large, (64, 64), "w.pt: its weights")


def test_unknown_names_and_sizes() -> None:
    with pytest.raises(StudyError, match=r"timm:resnett18: timm .* has no such model; the nearest: .*resnet18"):
        build_network("timm:resnett18", "gap", 0)
    with pytest.raises(StudyError, match=r"timm:test_vit: takes no images of 70 x 70 pixels .*divisible by patch"):
        build_network("timm:test_vit", "gap", 0, size=(70, 70))


def test_without_timm_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(StudyError, match=r"timm:resnet18: needs the package timm .*; pip install 'sightline\[timm\]'"):
        build_network("timm:resnet18", "gap", 0)


@pytest.mark.slow  # builds networks of tens of millions of weights
def test_networks_without_one_map_say_so() -> None:
    for name, words in {"pit_ti_224": "its 1 tokens form no grid", "coat_tiny": "gives no single feature map"}.items():
        with pytest.raises(StudyError, match=rf"timm:{name}: {words}, so it cannot be trained here"):
            build_network(f"timm:{name}", "gap", 0, size=(224, 224))
