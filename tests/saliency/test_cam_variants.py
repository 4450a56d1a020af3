"""The CAM family: by hand, against pytorch-grad-cam and plain loops, and what it leaves untouched."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM
from torch import Tensor

from sightline.networks.architectures import Classifier
from sightline.saliency.cam import features_and_gradient, saliency_maps
from sightline.saliency.cam_variants import (
    FROM_GRADIENT,
    eigencam,
    family_maps,
    gradcam_plus_plus,
    hirescam,
    layercam,
    scorecam,
)
from tiny_networks import Columns, images, tiny


def raw_of(peer_class: type, net: Classifier, batch: Tensor) -> np.ndarray:
    """The peer's maps before its ReLU, scaling and upsampling."""
    with peer_class(Columns(net), target_layers=[net.backbone]) as peer:
        targets = [lambda row: row[0]] * len(batch)
        peer(batch, targets=targets)
        store = peer.activations_and_grads
        gradients = store.gradients[0].numpy() if store.gradients else None
        return peer.get_cam_image(batch, net.backbone, targets, store.activations[0].numpy(), gradients, False)


def test_by_hand() -> None:
    """One channel A = (1, 2; 3, 4), gradient g = (1, -1; 0, 2): sum(A) = 10."""
    features = torch.tensor([[[[1.0, 2], [3, 4]]]])
    gradient = torch.tensor([[[[1.0, -1], [0, 2]]]])
    assert hirescam(features, gradient).tolist() == [[[1, -2], [0, 8]]]
    assert layercam(features, gradient).tolist() == [[[1, 0], [0, 8]]]
    weight = 1 / (2 + 10) + 2 / (2 + 20)  # g = -1 falls to the ReLU
    torch.testing.assert_close(gradcam_plus_plus(features, gradient), weight * features[:, 0])


def test_gradcam_plus_plus_from_the_derivatives() -> None:
    """The short form equals eq. 19 with the derivatives of exp(S), taken one after another by autograd."""
    generator = torch.Generator().manual_seed(1)
    features = torch.rand(1, 2, 2, 2, generator=generator, dtype=torch.float64)
    weights = torch.randn(1, 2, 2, 2, generator=generator, dtype=torch.float64)

    def nth(order: int) -> Tensor:
        """Each cell's own nth derivative of exp(S), S linear in the features."""
        maps = torch.empty_like(features)
        for cell in np.ndindex(features.shape):
            variable = features.clone().requires_grad_()
            value = torch.exp((weights * variable).sum())
            for _ in range(order):
                value = torch.autograd.grad(value, variable, create_graph=True)[0][cell]
            maps[cell] = value.detach()
        return maps

    first, second, third = nth(1), nth(2), nth(3)
    alpha = second / (2 * second + features.sum(dim=(2, 3), keepdim=True) * third)
    expected = ((alpha * first.relu()).sum(dim=(2, 3))[..., None, None] * features).sum(dim=1)
    factor = torch.exp((weights * features).sum())
    torch.testing.assert_close(gradcam_plus_plus(features, weights), (expected / factor).float())


@pytest.mark.parametrize("head", ["fc", "gap"])
@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("gradcam", GradCAM), ("gradcam_plus_plus", GradCAMPlusPlus), ("hirescam", HiResCAM), ("layercam", LayerCAM),
        ("eigencam", EigenCAM),
    ],
)  # fmt: skip
def test_against_pytorch_grad_cam(name: str, peer: type, head: str) -> None:
    net, batch = tiny(head), images()
    with torch.no_grad():
        # the peer's 1e-6 beside squared gradients must not show, and an untouched gap head has them below 0.1
        net.last_linear.weight.mul_(1e3 if name == "gradcam_plus_plus" else 1)
    expected = raw_of(peer, net, batch)
    maps = family_maps(net, batch, [name])[name].numpy()
    if name == "eigencam":  # the peer's sign is LAPACK's
        expected *= np.sign((expected * maps).sum(axis=(1, 2), keepdims=True))
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(maps, expected, atol=1e-5 * np.abs(expected).max())


def test_eigencam_signs_and_edges() -> None:
    features = torch.rand(4, 6, 3, 5, generator=torch.Generator().manual_seed(2)) - 0.3
    whole = eigencam(features)
    assert ((whole * features.sum(dim=1)).sum(dim=(1, 2)) > 0).all()
    torch.testing.assert_close(eigencam(-features), -whole)
    # features of one sign, not centred: the first component is of that sign all over (Perron-Frobenius)
    assert (eigencam(features + 0.3, centred=False) > 0).all()
    # one channel alone: the map is that channel, centred
    one = features[:, :1] - features[:, :1].mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(eigencam(features[:, :1]), one[:, 0])
    assert (eigencam(torch.ones(1, 3, 4, 4)) == 0).all()
    # channels that cancel: no sum to go along with; the largest entry is positive
    opposite = torch.cat([features[:1, :1], -features[:1, :1]], dim=1)
    maps = eigencam(opposite).flatten()
    assert maps[maps.abs().argmax()] > 0
    broken = features.clone()
    broken[1, 0, 0, 0] = torch.nan
    maps = eigencam(broken)
    assert maps[1].isnan().all()
    torch.testing.assert_close(maps[[0, 2, 3]], whole[[0, 2, 3]])


def test_identities() -> None:
    """HiResCAM sums to the logit less its bias on a linear head, and is Grad-CAM on a gap head."""
    net, batch = tiny("gap"), images()
    maps = family_maps(net, batch)
    torch.testing.assert_close(maps["hirescam"].sum(dim=(1, 2)), (net(batch) - net.last_linear.bias).detach())
    torch.testing.assert_close(maps["hirescam"], maps["gradcam"])
    torch.testing.assert_close(maps["gradcam"], saliency_maps(net, "alexnet", batch, "exact")["gradcam"])
    with torch.no_grad():
        net.last_linear.weight.abs_()
    maps = family_maps(net, batch)
    torch.testing.assert_close(maps["layercam"], maps["hirescam"])
    features, gradient = features_and_gradient(net, "backbone", batch)
    for name, function in FROM_GRADIENT.items():
        assert function(features, gradient).dtype == torch.float32
        assert torch.equal(function(features, gradient), maps[name])
        assert (function(torch.zeros_like(features), gradient) == 0).all()


def loop_scorecam(net: Classifier, image: Tensor, score: str) -> Tensor:
    """The definition, one channel after another."""
    with torch.no_grad():
        features = net.backbone(image[None])[0].clone()
        kept, scores = [], []
        for channel in features:
            mask = F.interpolate(channel[None, None], size=image.shape[1:], mode="bilinear", align_corners=False)[0, 0]
            if mask.max() == mask.min():
                continue
            logit = net((image * (mask - mask.min()) / (mask.max() - mask.min()))[None])[0]
            kept.append(channel)
            scores.append(logit if score == "logit" else logit.sigmoid())
        weights = torch.stack(scores)
        if score == "logit":
            weights = weights.exp() / weights.exp().sum()
        return (weights[:, None, None] * torch.stack(kept)).sum(dim=0)


@pytest.mark.parametrize("score", ["probability", "logit"])
@pytest.mark.parametrize("head", ["fc", "gap"])
def test_scorecam_against_a_loop(head: str, score: str) -> None:
    net, batch = tiny(head), images()
    with torch.no_grad():
        net.last_linear.weight.div_(20)
        net.get_submodule("backbone.2").bias[1] = -100  # a dead channel
    maps = scorecam(net, batch, score=score, chunk=4)  # type: ignore[arg-type]
    expected = torch.stack([loop_scorecam(net, image, score) for image in batch])
    torch.testing.assert_close(maps, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)
    assert not net.backbone._forward_hooks
    assert maps.dtype == torch.float32
    assert not maps.requires_grad


def test_scorecam_against_pytorch_grad_cam() -> None:
    """Without strides the feature grid is the image grid, so that the peer's align_corners does not show.

    No channel is flat: the peer gives a flat one the black image's share of the softmax.
    """
    net, batch = tiny("fc", stride=1), images(2, 16)
    with torch.no_grad():
        net.get_submodule("backbone.2").bias.fill_(0.5)
    assert (net.backbone(batch).detach().flatten(2).std(dim=2) > 0).all()
    expected = raw_of(ScoreCAM, net, batch)
    maps = scorecam(net, batch, score="logit").numpy()
    np.testing.assert_allclose(maps, expected, atol=1e-5 * np.abs(expected).max())


def test_scorecam_of_dead_features_is_flat() -> None:
    net = tiny("gap")
    with torch.no_grad():
        net.get_submodule("backbone.2").bias.fill_(-100)
    for score in ("probability", "logit"):
        assert (scorecam(net, images(), score=score) == 0).all()  # type: ignore[arg-type]


def test_batch_size_order_and_chunk_change_nothing() -> None:
    net, batch = copy.deepcopy(tiny()).double(), images(4).double()
    order = torch.tensor([2, 0, 3, 1])
    ways = {"scorecam": scorecam} | {
        name: lambda net, part, name=name: family_maps(net, part, [name])[name] for name in FROM_GRADIENT
    }
    for way in ways.values():
        whole = way(net, batch)
        close = {"atol": 1e-6 * whole.abs().max().item(), "rtol": 0}
        torch.testing.assert_close(way(net, batch[order]), whole[order], **close)
        torch.testing.assert_close(torch.cat([way(net, part) for part in batch.split(1)]), whole, **close)
    torch.testing.assert_close(scorecam(net, batch, chunk=1), scorecam(net, batch, chunk=1000))


def test_hooks_go_also_after_an_error() -> None:
    net = tiny()
    for way in (family_maps, scorecam):
        with pytest.raises(RuntimeError):
            way(net, torch.zeros(1, 5, 32, 32))
        with pytest.raises(AttributeError):
            way(net, images(), layer="no_such_layer")
    assert not any(module._forward_hooks for module in net.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
