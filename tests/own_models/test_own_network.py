"""A classifier of a user's own among the methods of maps: peers, traps, copies, and what is refused."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn

from own_networks import SmallCnn, films, own_parts
from sightline.own_models.opening import opened
from sightline.saliency.cam import features_and_gradient, saliency_maps
from sightline.saliency.methods import METHODS, method_named, saliency
from sightline.study.errors import StudyError
from tiny_networks import Columns

SETTINGS = {
    "rise": {"num_masks": 8, "cells": 4},
    "occlusion": {"patch": 16, "stride": 16},
    "integrated_gradients": {"steps": 3},
    "smoothgrad": {"samples": 3},
}


def test_gradcam_is_that_of_captum_and_pytorch_grad_cam_on_the_network_itself() -> None:
    """Theirs with a hook on the last module before the mean, of the network without Sightline."""
    network, images = SmallCnn(), films()
    raw = saliency_maps(opened(own_parts(network), images), "", images, "exact")["gradcam"]
    inputs = (images - 0.5) / 0.25
    expected = LayerGradCam(network, network.relu).attribute(inputs.clone().requires_grad_(), target=0)
    torch.testing.assert_close(raw, expected[:, 0].detach(), atol=1e-5, rtol=0)
    with GradCAM(network, target_layers=[network.relu]) as peer:
        peer(inputs.clone().requires_grad_(), targets=[lambda row: row[0]] * 3)
        activations, gradients = peer.activations_and_grads.activations[0], peer.activations_and_grads.gradients[0]
    expected = (gradients.mean((2, 3), keepdim=True) * activations).sum(1)
    torch.testing.assert_close(raw, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", [*METHODS, "captum:LayerGradCam", "pytorch-grad-cam:GradCAM"])
def test_every_method_works_and_leaves_the_network_as_it_was(name: str, frozen: bool) -> None:
    network, images = SmallCnn(), films()
    network.requires_grad_(not frozen)
    own = opened(own_parts(network), images)
    maps = saliency(name, own, images, torch.Generator().manual_seed(0), SETTINGS.get(name))
    assert maps.shape == ((3, 8, 8) if method_named(name).grid == "feature" else (3, 32, 32))
    assert maps.isfinite().all()
    assert maps.flatten(1).std(1).max() > 0
    alone = saliency(name, own, images[1:2], torch.Generator().manual_seed(0), SETTINGS.get(name))
    torch.testing.assert_close(alone, maps[1:2], atol=1e-5, rtol=1e-4)
    assert all(weight.grad is None and weight.requires_grad != frozen for weight in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in own.modules())


def test_predictions_under_any_mode_and_of_copies() -> None:
    network, images = SmallCnn(), films()
    own = opened(own_parts(network), images)
    expected = network((images - 0.5) / 0.25)[:, 0].detach()
    with torch.inference_mode():
        torch.testing.assert_close(own(images), expected)
    with torch.no_grad():
        torch.testing.assert_close(own(images.contiguous(memory_format=torch.channels_last)), expected)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(own(images), expected, atol=0.02, rtol=0.02)
    clone = copy.deepcopy(own)
    assert clone.parts.network is clone.network
    assert clone.network is not network
    torch.testing.assert_close(clone(images).detach(), expected)
    assert not own.train().network.training
    assert own.eval().has_evidence


class Ending(nn.Module):
    """SmallCnn whose features end in any function."""

    def __init__(self, end: Any) -> None:
        super().__init__()
        self.inner = SmallCnn()
        self.end = end

    def forward(self, images: Tensor) -> Any:
        return self.end(self.inner, images)


@dataclass
class Output:
    logits: Tensor
    hidden: Tensor


def test_outputs_of_other_kinds() -> None:
    """A tuple with a map beside the logits, and a dataclass, chosen from by the score."""
    pair = Ending(lambda inner, images: (inner.features(images), inner(images)))
    record = Ending(lambda inner, images: Output(inner(images), inner.features(images)))
    expected = saliency_maps(opened(own_parts(SmallCnn()), films()), "", films(), "exact")["gradcam"]
    for network, score in ((pair, lambda output: output[1][:, 0]), (record, lambda output: output.logits[:, 0])):
        own = opened(own_parts(network, to_logit=score), films())
        torch.testing.assert_close(saliency_maps(own, "", films(), "exact")["gradcam"], expected)


def test_a_pooled_map_that_the_logit_does_not_use_is_passed_over() -> None:
    unused = Ending(lambda inner, images: (inner(images), nn.functional.adaptive_avg_pool2d(images, 1)))
    own = opened(own_parts(unused, to_logit=lambda output: output[0][:, 0]), films())
    assert own.place is not None
    assert own.place.channels == 5


def test_a_network_that_turns_gradients_off_within() -> None:
    def end(inner: SmallCnn, images: Tensor) -> Tensor:
        with torch.no_grad():
            return inner(images)

    network, images = Ending(end), films()
    own = opened(own_parts(network, to_logit=lambda output: output[:, 0] * 2), images)
    _, gradient = features_and_gradient(own, "backbone", images)
    expected = 2 * network.inner.last.weight[0].detach() / 64
    torch.testing.assert_close(gradient, expected.view(1, 5, 1, 1).expand(3, 5, 8, 8))


def test_an_in_place_relu_after_a_declared_module() -> None:
    """The map is that of the convolution before the ReLU, whose gradient is zero where the ReLU is."""
    network, images = SmallCnn(), films()
    features, gradient = features_and_gradient(
        opened(own_parts(network, evidence="features"), images), "backbone", images
    )
    expected = network.features((images - 0.5) / 0.25)
    torch.testing.assert_close(features, expected.detach())
    assert (features < 0).any()
    weights = network.last.weight[0].detach().view(1, 5, 1, 1) / 64
    torch.testing.assert_close(gradient, (expected > 0) * weights.expand_as(expected))


def test_what_cannot_be_declared() -> None:
    network, images = SmallCnn(), films()
    twice = Ending(lambda inner, images: inner.last(inner.relu(inner.relu(inner.features(images))).mean((2, 3))))
    for network_, name, message in (
        (network, "feature", r"no module 'feature'; did you mean features"),
        (network, "zzz", r"no module 'zzz'; it has features, relu, last$"),
        (network, "last", r"the output of last is 3 x 1, expected one feature map of 3 images"),
        (twice, "inner.relu", r"inner\.relu runs 2 times"),
        (twice, "inner", r"inner runs 0 times .* parts are called in its place"),
    ):
        with pytest.raises(StudyError, match=message):
            opened(own_parts(network_, evidence=name), images)
    named = opened(own_parts(network, evidence="module.features"), images)  # as DataParallel calls it
    assert named.place is not None
    assert named.place.module == "features"


def test_a_logit_from_two_maps_is_refused_unless_one_is_declared() -> None:
    fused = Ending(
        lambda inner, images: inner(images) + inner.features[1](inner.features[0](images)).amax((1, 2, 3))[:, None]
    )
    swapped = Ending(
        lambda inner, images: inner.features[1](inner.features[0](images)).amax((1, 2, 3))[:, None] + inner(images)
    )
    for network in (fused, swapped):
        with pytest.raises(
            StudyError, match=r"(?s)does not come from the last pooled .* declare evidence.*\n.*x 8 x 8"
        ):
            opened(own_parts(network), films())
    assert opened(own_parts(swapped, evidence="inner.relu"), films()).has_evidence
    program = opened(own_parts(fused, facts={"kind": "pt2"}), films())  # a card cannot declare it
    assert not program.has_evidence
    with pytest.raises(StudyError, match=r"'gradcam': no evidence: .*; these methods work: input_gradient, "):
        saliency("gradcam", program, films(), torch.Generator())


def test_no_space_at_all_and_chance() -> None:
    flat = Ending(lambda inner, images: inner.last(images.unfold(2, 8, 8).sum((1, 2, 3, 4))[:, None].expand(-1, 5)))
    with pytest.raises(StudyError, match="no call takes the space of a feature map away"):
        opened(own_parts(flat), films())
    is_changed = False

    def end(inner: SmallCnn, images: Tensor) -> Tensor:
        return images.new_zeros(len(images), 1) if is_changed else inner(images)

    own = opened(own_parts(Ending(end)), films())
    is_changed = True
    with pytest.raises(StudyError, match="took another way than when its evidence was found"):
        own(films())


def whole_numbers(images: Tensor) -> Tensor:
    """A preprocess of uint8 images."""
    return ((images * 255).round().to(torch.uint8).float() / 255 - 0.5) / 0.25


@pytest.mark.parametrize(
    ("changes", "working", "message"),
    [
        ({"gradients": "none"}, {"occlusion", "rise"}, "an ONNX file gives neither feature maps nor gradients"),
        (
            {"gradients": "input"},
            {"occlusion", "rise", "input_gradient", "integrated_gradients", "smoothgrad"},
            "TorchScript lets nothing see its feature maps",
        ),
        (
            {"is_differentiable": False, "to_input": whole_numbers},
            {*METHODS} - {"input_gradient", "integrated_gradients", "smoothgrad"},
            "no gradient passes its `preprocess`",
        ),
    ],
)  # fmt: skip
def test_methods_that_a_model_lacks_are_refused_and_the_others_named(
    changes: dict[str, Any], working: set[str], message: str
) -> None:
    own, images, generator = (
        opened(own_parts(SmallCnn(), **changes), films()),
        films(),
        torch.Generator().manual_seed(0),
    )
    for name in (*METHODS, "captum:Occlusion", "captum:Saliency", "captum:LayerGradCam", "pytorch-grad-cam:GradCAM"):
        kind = method_named(name).needs
        works = {"features": "gradcam", "gradient": "smoothgrad", "logits": "rise"}[kind] in working
        assert (name in working) == works or ":" in name
        if works:
            settings = {"sliding_window_shapes": (3, 16, 16)} if "Occ" in name else SETTINGS.get(name)
            assert saliency(name, own, images, generator, settings).isfinite().all()
        else:
            with pytest.raises(StudyError, match=message) as error:
                saliency(name, own, images, generator)
            assert {word.strip() for word in str(error.value).rpartition(": ")[2].split(",")} == working


def test_columns_for_peers_see_the_evidence() -> None:
    own, images = opened(own_parts(SmallCnn()), films()), films()
    expected = LayerGradCam(Columns(own), own.backbone).attribute(images.clone().requires_grad_(), target=0)
    torch.testing.assert_close(saliency("gradcam", own, images, torch.Generator()), expected[:, 0].detach())


def test_a_score_of_another_shape_is_refused() -> None:
    own = opened(own_parts(SmallCnn()), films())
    wrong = copy.copy(own)
    wrong.parts = own_parts(own.network, to_logit=lambda output: output)
    with pytest.raises(StudyError, match=r"gives \(3, 1\) for 3 images, expected one logit per image; define score"):
        wrong(films())
