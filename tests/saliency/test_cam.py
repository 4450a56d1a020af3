"""CAM and Grad-CAM: by hand, against captum and pytorch-grad-cam, and what they leave untouched."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn

from sightline.maps import scaled_maps
from sightline.networks.architectures import Classifier, GlobalAveragePool, build_network
from sightline.saliency.cam import PAPER_LAYERS, features_and_gradient, layered_maps, replaced_output, saliency_maps

# vgg16's fc head is alexnet's on another backbone, and 120 million weights
VARIANTS = [("alexnet", "fc"), ("alexnet", "gap"), ("vgg16", "gap"), ("googlenet", "gap"), ("resnet50", "gap")]
GAP = [arch for arch, head in VARIANTS if head == "gap"]


def images(count: int = 3, size: int = 96) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


_built: dict[tuple[str, str], Classifier] = {}


def network(arch: str, head: str) -> Classifier:
    """The variant with random weights; the two initialisations of the grid have the same graph. Built once."""
    if (arch, head) not in _built:
        net = build_network(arch, head, seed=1)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0  # one batch's statistics: without them a fresh network's features vanish
        with torch.no_grad():
            net.train()(images())
            net.last_linear.weight.mul_(1e4)  # random weights give small maps, in which the peers' epsilons would show
        _built[arch, head] = net.eval()
    return _built[arch, head]


def same(maps: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """Equal up to `tolerance` of the expected map's largest value."""
    scale = expected.abs().amax()
    assert scale > 0
    assert ((maps - expected).abs().amax() / scale).item() <= tolerance


def test_by_hand() -> None:
    """One 1 x 1 convolution with weights 1 and -1, pooling, linear weights 2 and 3: the map is 2*x - 3*x = -x."""
    conv = nn.Conv2d(3, 2, kernel_size=1, bias=False)
    linear = nn.Linear(2, 1)
    with torch.no_grad():
        conv.weight.copy_(torch.tensor([[1.0, 0, 0], [-1, 0, 0]]).view(2, 3, 1, 1))
        linear.weight.copy_(torch.tensor([[2.0, 3.0]]))
    tiny = Classifier(nn.Sequential(conv), nn.Sequential(GlobalAveragePool(), linear)).eval()
    x = torch.arange(16.0).view(1, 1, 4, 4).expand(1, 3, 4, 4)
    maps = saliency_maps(tiny, "alexnet", x, "exact")
    torch.testing.assert_close(maps["cam"], -x[:, 0])
    torch.testing.assert_close(maps["gradcam"], -x[:, 0] / 16)  # the gradient is the linear weight over h * w


@pytest.mark.parametrize("arch", GAP)
def test_cam_equals_gradcam_on_gap_heads(arch: str) -> None:
    maps = saliency_maps(network(arch, "gap"), arch, images(), "exact")
    for sign in (1, -1):
        cam, gradcam = (scaled_maps(sign * maps[name].numpy(), 96, 96) for name in ("cam", "gradcam"))
        assert np.abs(cam - gradcam).max() <= 1e-5
    same(maps["gradcam"] * maps["cam"][0].numel(), maps["cam"])


@pytest.mark.parametrize(("arch", "head"), VARIANTS)
def test_gradcam_against_captum(arch: str, head: str) -> None:
    net = network(arch, head)
    maps = saliency_maps(net, arch, images(), "exact")
    assert set(maps) == ({"cam", "gradcam"} if head == "gap" else {"gradcam"})
    expected = LayerGradCam(lambda x: net(x)[:, None], net.backbone).attribute(images(), target=0)
    same(maps["gradcam"], expected[:, 0].detach())


@pytest.mark.parametrize(("arch", "head"), VARIANTS)
def test_gradcam_against_pytorch_grad_cam(arch: str, head: str) -> None:
    net = network(arch, head)
    batch = images()
    raw = saliency_maps(net, arch, batch, "exact")["gradcam"].numpy()
    sign = 1 if raw.max() > -raw.min() else -1  # of the two classes, the one that random weights give positive parts
    with GradCAM(Columns(net), target_layers=[net.backbone]) as peer:
        expected = peer(batch, targets=[lambda output: sign * output[0]] * len(batch))
    raw = (sign * raw).clip(0)
    low, high = raw.min(axis=(1, 2), keepdims=True), raw.max(axis=(1, 2), keepdims=True)
    # the peer scales on the feature grid, resizes by OpenCV's bilinear and scales again; 1e-7 guards its division
    scaled = (raw - low) / np.maximum(high - low, 1e-12)
    ours = np.stack([cv2.resize(part, (96, 96)) for part in scaled])
    ours = (ours - ours.min(axis=(1, 2), keepdims=True)) / np.maximum(np.ptp(ours, axis=(1, 2), keepdims=True), 1e-12)
    usable = (high > 1e-2).ravel()  # a map without a positive value is flat, which the peer leaves to its epsilon
    assert usable.any()
    np.testing.assert_allclose(ours[usable], expected[usable], atol=3e-5)


class Columns(nn.Module):
    """The peer wants B x classes."""

    def __init__(self, net: Classifier) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[:, None]


@pytest.mark.parametrize(("arch", "head"), [("alexnet", "gap"), ("vgg16", "gap"), ("resnet50", "gap")])
def test_the_papers_layers(arch: str, head: str) -> None:
    """CAM there is the linear weights times the convolution's own output; Grad-CAM equals captum's at that layer."""
    net = network(arch, head)
    maps = saliency_maps(net, arch, images(), "paper")
    outputs: list[Tensor] = []
    with (
        torch.no_grad(),
        replaced_output(net.get_submodule(PAPER_LAYERS[arch]["cam"]), lambda out: outputs.append(out.clone()) or out),
    ):
        net(images())
    expected = torch.einsum("bkhw,k->bhw", outputs[0], net.last_linear.weight[0].detach())
    same(maps["cam"], expected)
    layer = net.get_submodule(PAPER_LAYERS[arch]["gradcam"])
    peer = LayerGradCam(lambda x: net(x)[:, None], layer).attribute(images(), target=0)
    same(maps["gradcam"], peer[:, 0].detach())
    if arch != "resnet50":
        assert maps["cam"].shape[1] > maps["gradcam"].shape[1]  # 13 and 6 for AlexNet at 224 px


@pytest.mark.parametrize(("arch", "head"), VARIANTS)
def test_one_pass_for_both_layers_gives_the_maps_of_two(arch: str, head: str) -> None:
    net, passes = network(arch, head), []
    handle = net.register_forward_hook(lambda *_: passes.append(1))
    together = layered_maps(net, arch, images(), ["exact", "paper"])
    handle.remove()
    assert len(passes) == 1
    for layer in ("exact", "paper"):
        alone = saliency_maps(net, arch, images(), layer)
        assert together[layer].keys() == alone.keys()
        for method, maps in alone.items():
            same(together[layer][method], maps, 1e-6)


def test_googlenets_paper_layer_is_the_exact_one() -> None:
    net = network("googlenet", "gap")
    paper, exact = (saliency_maps(net, "googlenet", images(), layer) for layer in ("paper", "exact"))  # type: ignore[arg-type]
    assert all(torch.equal(paper[name], exact[name]) for name in exact)


@pytest.mark.parametrize(("arch", "head"), [("alexnet", "fc"), ("resnet50", "gap")])
def test_batch_size_and_order_change_nothing(arch: str, head: str) -> None:
    """In float64: in float32 convolutions choose their sums' order by the batch, which moves the fifth digit."""
    net = copy.deepcopy(network(arch, head)).double()
    batch = images(4).double()
    whole = saliency_maps(net, arch, batch, "exact")["gradcam"]
    order = torch.tensor([2, 0, 3, 1])
    same(saliency_maps(net, arch, batch[order], "exact")["gradcam"], whole[order], tolerance=1e-6)
    single = torch.cat([saliency_maps(net, arch, part, "exact")["gradcam"] for part in batch.split(1)])
    same(single, whole, tolerance=1e-6)


def test_no_backward_pass_below_the_feature_map() -> None:
    """No output of the backbone's layers is part of a graph; the weights keep their flags and get no gradient."""
    net = build_network("alexnet", "fc", seed=0).eval()  # the peers leave gradients on the shared ones
    in_graph: dict[str, bool] = {}
    handles = [
        module.register_forward_hook(lambda *parts, name=name: in_graph.update({name: parts[2].requires_grad}))
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    try:
        features, gradient = features_and_gradient(net, "backbone", images(1))
    finally:
        for handle in handles:
            handle.remove()
    assert features.shape == gradient.shape
    assert {name: flag for name, flag in in_graph.items() if name.startswith("backbone")} == dict.fromkeys(
        [f"backbone.{n}" for n in (0, 3, 6, 8, 10)], False
    )
    assert all(flag for name, flag in in_graph.items() if name.startswith("head"))
    assert all(parameter.requires_grad and parameter.grad is None for parameter in net.parameters())


def test_the_hook_goes_also_after_an_error() -> None:
    net = network("alexnet", "gap")
    with pytest.raises(RuntimeError):
        saliency_maps(net, "alexnet", torch.zeros(1, 5, 64, 64), "exact")
    assert not net.backbone._forward_hooks
    with pytest.raises(ZeroDivisionError), replaced_output(net.backbone, lambda out: out):
        raise ZeroDivisionError
    assert not net.backbone._forward_hooks


def test_trained_weights_survive_the_stage_files(tmp_path: Path) -> None:
    """A network written and read gives the same maps; another model's weights, broken and missing files are errors."""
    from sightline.networks.weights_file import trained_network, write_network
    from sightline.study.errors import StudyError
    from sightline.study.models import Network

    entry = Network(arch="alexnet", init="scratch", head="gap")
    write_network(tmp_path / "x.safetensors", network("alexnet", "gap"), entry, {"seed": 0})
    loaded = trained_network(tmp_path / "x.safetensors", entry).eval()
    one = saliency_maps(loaded, "alexnet", images(), "exact")["cam"]
    assert torch.equal(one, saliency_maps(network("alexnet", "gap"), "alexnet", images(), "exact")["cam"])
    with pytest.raises(StudyError, match="train it again"):
        trained_network(tmp_path / "x.safetensors", Network(arch="alexnet", init="imagenet", head="gap"))
    (tmp_path / "y.safetensors").write_bytes(b"short")
    with pytest.raises(StudyError, match="not a readable safetensors file"):
        trained_network(tmp_path / "y.safetensors", entry)
    with pytest.raises(StudyError, match="not there; run the train stage"):
        trained_network(tmp_path / "z.safetensors", entry)
