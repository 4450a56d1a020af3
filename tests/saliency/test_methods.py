"""Methods by name: one signature, the same maps whatever the batches, adaptors and what they refuse."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, LayerGradCam
from pytorch_grad_cam import GradCAM
from torch import Tensor

from sightline.saliency import methods, perturbation
from sightline.saliency.cam import saliency_maps
from sightline.saliency.cam_variants import scorecam
from sightline.saliency.gradients import integrated_gradients, smoothgrad
from sightline.saliency.methods import CAPTUM, GRAD_CAM, METHODS, method_named, saliency
from sightline.study.errors import StudyError
from tiny_networks import Columns, images, tiny

SETTINGS = {
    "rise": {"num_masks": 12, "cells": 4},
    "occlusion": {"patch": 8, "stride": 8},
    "integrated_gradients": {"steps": 5},
    "smoothgrad": {"samples": 4},
    "captum:IntegratedGradients": {"n_steps": 5},
    "captum:Occlusion": {"sliding_window_shapes": (3, 8, 8), "strides": (3, 8, 8)},
    "captum:LayerConductance": {"n_steps": 5},
}
NAMES = [*METHODS, *(f"captum:{kind}" for kind in CAPTUM), *(f"pytorch-grad-cam:{kind}" for kind in GRAD_CAM)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(name: str, batch: Tensor, seed: int = 0) -> Tensor:
    return saliency(name, tiny("gap"), batch, seeded(seed), SETTINGS.get(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_method(name: str) -> None:
    """Shape, dtype and grid; batch size changes nothing; weights, hooks and generators are left as they were."""
    net, batch, generator = tiny("gap"), images(), seeded()
    net.last_linear.weight.grad = torch.ones_like(net.last_linear.weight)
    state, numpy_state, torch_state = generator.get_state(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    maps = saliency(name, net, batch, generator, SETTINGS.get(name))
    assert maps.shape == ((3, 8, 8) if method_named(name).grid == "feature" else (3, 32, 32))
    assert maps.dtype == torch.float32
    assert not maps.requires_grad
    assert maps.isfinite().all()
    assert maps.flatten(1).std(dim=1).max() > 0
    single = torch.cat([saliency(name, net, part, generator, SETTINGS.get(name)) for part in batch.split(1)])
    torch.testing.assert_close(single, maps, atol=1e-5 * maps.abs().max().item(), rtol=1e-4)
    assert torch.equal(generator.get_state(), state)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all(weight.requires_grad for weight in net.parameters())
    grads = {key for key, weight in net.named_parameters() if weight.grad is not None}
    assert grads == {"head.1.weight"}
    assert (net.last_linear.weight.grad == 1).all()
    reseeded = saliency(name, net, batch, seeded(1), SETTINGS.get(name))
    assert torch.equal(reseeded, maps) != method_named(name).is_random


def test_names_lead_to_their_functions() -> None:
    net, batch = tiny("gap"), images()
    exact = saliency_maps(net, "alexnet", batch, "exact")
    assert torch.equal(made("cam", batch), exact["cam"])
    assert torch.equal(made("gradcam", batch), exact["gradcam"])
    assert torch.equal(made("scorecam", batch), scorecam(net, batch))
    assert torch.equal(made("integrated_gradients", batch), integrated_gradients(net, batch, 5))
    assert torch.equal(made("smoothgrad", batch, 7), smoothgrad(net, batch, seeded(7), 4))
    masks = perturbation.rise_masks(12, 32, 32, 4, 0.5, seeded(7))
    assert torch.equal(made("rise", batch, 7), perturbation.rise(net, batch, masks, 0.5))


def test_another_layer() -> None:
    net, batch = tiny("gap"), images()
    assert saliency("layercam", net, batch, seeded(), {"layer": "backbone.0"}).shape == (3, 16, 16)
    assert saliency("captum:LayerGradCam", net, batch, seeded(), {"layer": "backbone.0"}).shape == (3, 16, 16)


def test_rise_masks_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = perturbation.rise_masks
    monkeypatch.setattr(perturbation, "rise_masks", lambda *given: calls.append(given) or original(*given))
    methods._rise_masks.cache_clear()
    for _ in range(3):
        made("rise", images(2), seed=11)
    assert len(calls) == 1
    made("rise", images(2), seed=12)
    assert len(calls) == 2


def test_captum_by_name_is_captum() -> None:
    net, batch = tiny("gap"), images()
    expected = LayerGradCam(net, net.backbone).attribute(batch)[:, 0].detach()
    torch.testing.assert_close(made("captum:LayerGradCam", batch), expected)
    torch.testing.assert_close(made("captum:LayerGradCam", batch), made("gradcam", batch))
    expected = IntegratedGradients(net).attribute(batch, n_steps=5).sum(dim=1).float()
    torch.testing.assert_close(made("captum:IntegratedGradients", batch), expected)


def test_pytorch_grad_cam_by_name_is_pytorch_grad_cam() -> None:
    net, batch = tiny("gap"), images()
    with GradCAM(Columns(net), target_layers=[net.backbone]) as peer:
        expected = peer(batch, targets=[lambda row: row[0]] * 3)
    maps = made("pytorch-grad-cam:GradCAM", batch)
    np.testing.assert_allclose(maps.numpy(), expected, atol=1e-6)


def test_which_are_cheap() -> None:
    """`num_passes` counted: how many images enter the network for one image's map."""
    for name in NAMES:
        net, counts = tiny("gap"), []
        net.get_submodule("backbone.0").register_forward_hook(lambda *parts, seen=counts: seen.append(len(parts[2])))
        saliency(name, net, images(1), seeded(), SETTINGS.get(name))
        assert (sum(counts) == 1) == (method_named(name).num_passes == "one"), (name, counts)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gradcm", "'gradcm': unknown; did you mean gradcam.; there are gradcam, gradcam_plus_plus"),
        ("captum:Salency", "'captum:Salency': unknown; did you mean Saliency.; there are Saliency, "),
        ("captum:__import__", "unknown; there are Saliency"),
        ("pytorch-grad-cam:AblationCAM", "unknown; there are GradCAM, "),
        ("catpum:Saliency", "unknown; did you mean captum.; there are captum, pytorch-grad-cam"),
        ("os:system", "unknown; there are captum, pytorch-grad-cam"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        method_named(name)


@pytest.mark.parametrize(
    ("name", "module", "package"),
    [("captum:Saliency", "captum.attr", "captum"), ("pytorch-grad-cam:GradCAM", "pytorch_grad_cam", "grad-cam")],
)
def test_a_missing_package_is_named(name: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(StudyError, match=rf"{name}': needs the package {package} .*; pip install {package}$"):
        method_named(name)


def test_unknown_settings_and_training_mode() -> None:
    with pytest.raises(
        StudyError, match=r"(?s)'occlusion': unknown settings; it has patch, stride.*\n  strid; did you"
    ):
        saliency("occlusion", tiny(), images(), seeded(), {"patch": 4, "strid": 2})
    with pytest.raises(StudyError, match=r"'cam': unknown settings; it has none\n  layer"):
        saliency("cam", tiny("gap"), images(), seeded(), {"layer": "backbone"})
    with pytest.raises(StudyError, match="'cam': needs a gap head"):
        saliency("cam", tiny("fc"), images(), seeded())
    with pytest.raises(ValueError, match="training mode"):
        saliency("gradcam", tiny().train(), images(), seeded())


def test_hooks_go_also_after_an_error() -> None:
    for name in [name for name in NAMES if not name.startswith("captum:")]:
        net = tiny("gap")
        with pytest.raises(RuntimeError):
            saliency(name, net, torch.zeros(1, 5, 32, 32), seeded(), SETTINGS.get(name))
        assert not any(m._forward_hooks or m._backward_hooks for m in net.modules()), name
        assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())
