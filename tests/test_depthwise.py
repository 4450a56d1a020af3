"""Depthwise convolutions with float32 gradients: the forward pass is autocast's, the gradients are float32's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import depthwise
from depthwise import float32_depthwise_backward


def layer(groups: int, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(8, 8, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def output_and_gradients(convolution: nn.Conv2d, images: Tensor, precision: torch.dtype) -> tuple[Tensor, ...]:
    images = images.clone().requires_grad_()
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        output = convolution(images)
    weights = torch.linspace(-1, 1, output.numel()).reshape(output.shape)
    of_images, of_weight = torch.autograd.grad((output.float() * weights).sum(), [images, convolution.weight])
    return output.detach(), of_images, of_weight


@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 3), (1, 5), (2, 5)])
def test_gradients_are_those_of_float32(stride: int, kernel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to bfloat16's 8 bits, to which inputs, outputs and the images' gradient are rounded."""
    monkeypatch.setattr(depthwise, "IMAGES_AT_ONCE", 2)  # three images: a whole part and a rest
    convolution = layer(8, stride, kernel)
    images = torch.rand(3, 8, 12, 12, generator=torch.Generator().manual_seed(1))
    plain, *_ = output_and_gradients(convolution, images, torch.bfloat16)
    with float32_depthwise_backward():
        output, of_images, of_weight = output_and_gradients(convolution, images, torch.bfloat16)
    assert torch.equal(output, plain)
    _, exact_images, exact_weight = output_and_gradients(convolution, images, torch.float32)
    torch.testing.assert_close(of_images, exact_images, rtol=2**-7, atol=2**-7)
    torch.testing.assert_close(of_weight, exact_weight, rtol=2**-6, atol=2**-6 * float(exact_weight.abs().max()))


def test_other_convolutions_and_other_precisions_are_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    before = F.conv2d
    calls: list[int] = []
    monkeypatch.setattr(depthwise.DepthwiseConvolution, "apply", lambda *_: calls.append(1))
    images = torch.rand(2, 8, 6, 6)
    with float32_depthwise_backward():
        output_and_gradients(layer(1), images, torch.bfloat16)
        output_and_gradients(layer(2), images, torch.bfloat16)  # groups of four channels
        output_and_gradients(layer(8), images, torch.float32)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            layer(8)(images)
    assert calls == []
    assert F.conv2d is before
