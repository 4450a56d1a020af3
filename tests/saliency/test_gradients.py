"""Input gradients, Integrated Gradients and SmoothGrad: closed forms, captum and plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from torch import Tensor, nn

from sightline.saliency.gradients import image_gradient, input_gradient, integrated_gradients, smoothgrad
from tiny_networks import images, tiny


class Formula(nn.Module):
    """logit = sum of weight * image^power; not piecewise linear, so that the way matters."""

    def __init__(self, weight_3HW: Tensor, power: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight_3HW)
        self.power = power

    def forward(self, images_B3HW: Tensor) -> Tensor:
        return (self.weight * images_B3HW**self.power).sum(dim=(1, 2, 3))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


WEIGHT = torch.randn(3, 32, 32, generator=seeded(9))


def test_input_gradient_of_a_linear_model() -> None:
    net, batch = Formula(WEIGHT, 1), images()
    torch.testing.assert_close(input_gradient(net, batch)[1], WEIGHT.sum(dim=0))
    torch.testing.assert_close(input_gradient(net, batch, "absolute")[1], WEIGHT.abs().sum(dim=0))
    torch.testing.assert_close(input_gradient(net, batch, times_image=True), (WEIGHT * batch).sum(dim=1))


@pytest.mark.filterwarnings("ignore:Input Tensor")
@pytest.mark.parametrize("head", ["fc", "gap"])
def test_against_captum(head: str) -> None:
    net, batch = tiny(head), images()
    expected = Saliency(net).attribute(batch, abs=False).sum(dim=1)
    torch.testing.assert_close(input_gradient(net, batch), expected)
    expected = InputXGradient(net).attribute(batch).abs().sum(dim=1)
    torch.testing.assert_close(input_gradient(net, batch, "absolute", times_image=True), expected)
    for steps in (1, 7, 50):
        expected = IntegratedGradients(net).attribute(batch, baselines=0.5, n_steps=steps, method="gausslegendre")
        maps = integrated_gradients(net, batch, steps, 0.5, chunk=20)
        torch.testing.assert_close(maps, expected.sum(dim=1).float(), atol=1e-5, rtol=1e-4)
        maps = integrated_gradients(net, batch, steps, 0.5, "absolute")
        torch.testing.assert_close(maps, expected.abs().sum(dim=1).float(), atol=1e-5, rtol=1e-4)


def test_integrated_gradients_are_exact_on_polynomials() -> None:
    """Gauss-Legendre of n points is exact up to degree 2n - 1 of the gradient; the paper's even steps are not."""
    batch = images()
    for power, steps in ((1, 1), (2, 1), (4, 2), (6, 3)):
        net = Formula(WEIGHT, power)
        maps = integrated_gradients(net, batch, steps, 0.25)
        torch.testing.assert_close(maps, (WEIGHT * (batch**power - 0.25**power)).sum(dim=1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("head", ["fc", "gap"])
def test_completeness_grows_with_the_steps(head: str) -> None:
    """The map's sum against the logits' difference.

    A jump J of the slope on the way costs at most J times a node's weight, which is pi / (2 * steps) at most.
    """
    net, image = tiny(head).double(), images(1).double()
    baseline = torch.full((1, 3, 32, 32), 0.1, dtype=torch.float64)
    way = image - baseline
    with torch.no_grad():
        change = (net(image) - net(baseline)).item()
        logits = net(baseline + torch.linspace(0, 1, 4001, dtype=torch.float64).view(-1, 1, 1, 1) * way)
    variation = (logits.diff().diff() * 4000).abs().sum().item()
    bounds = {steps: 1.01 * variation * math.pi / (2 * steps) for steps in (5, 50, 500)}
    for steps, bound in bounds.items():
        assert abs(integrated_gradients(net, image, steps, baseline).double().sum().item() - change) <= bound + 1e-5
    # the tightest bound says something: beside what is attributed before it cancels in the sum
    assert bounds[500] < 0.05 * integrated_gradients(net, image, 500, baseline, "absolute").sum().item()


def test_integrated_gradients_at_the_baseline_are_zero() -> None:
    assert (integrated_gradients(tiny(), images(), 3, images()) == 0).all()


def test_smoothgrad_against_a_loop() -> None:
    net, batch = tiny(), images() * torch.tensor([1.0, 0.5, 0.0]).view(3, 1, 1, 1)
    generator = seeded(4)
    noise = [torch.randn(3, 32, 32, generator=generator) for _ in range(6)]
    maps = smoothgrad(net, batch, seeded(4), samples=6, noise_share=0.2, chunk=5)
    for image, map_HW in zip(batch, maps, strict=True):
        span = image.max() - image.min()
        gradients = [image_gradient(net, (image + 0.2 * span * draw)[None])[0] for draw in noise]
        torch.testing.assert_close(map_HW, torch.stack(gradients).mean(dim=0).sum(dim=0), atol=1e-6, rtol=1e-4)
    # without noise, and on an image without a range, it is the gradient
    torch.testing.assert_close(smoothgrad(net, batch, seeded(), 3, 0.0), input_gradient(net, batch))
    torch.testing.assert_close(maps[2:], input_gradient(net, batch[2:]))


def test_smoothgrad_is_the_gradient_of_the_smoothed_logit() -> None:
    """On sum of w x^2 the expected gradient is 2 w x, whatever the noise."""
    batch = images(1)
    maps = smoothgrad(Formula(WEIGHT, 2), batch, seeded(), samples=400, noise_share=0.3)[0]
    sigma = 0.3 * (batch.max() - batch.min())
    error = 2 * WEIGHT.square().sum(dim=0).sqrt() * sigma / 20
    z = (maps - (2 * WEIGHT * batch[0]).sum(dim=0)) / error
    assert z.abs().max() < 5
    assert 0.9 < z.std() < 1.1
    same = smoothgrad(Formula(WEIGHT, 2), batch, seeded(), samples=400, noise_share=0.3)[0]
    assert torch.equal(maps, same)


def test_batch_size_order_and_chunk_change_nothing() -> None:
    net, batch = tiny().double(), images(4).double()
    order = torch.tensor([2, 0, 3, 1])
    ways = [
        lambda part, chunk: input_gradient(net, part),  # noqa: ARG005
        lambda part, chunk: integrated_gradients(net, part, 6, chunk=chunk),
        lambda part, chunk: smoothgrad(net, part, seeded(1), 6, chunk=chunk),
    ]
    for way in ways:
        whole = way(batch, 64)
        assert whole.dtype == torch.float32
        torch.testing.assert_close(way(batch[order], 64), whole[order])
        torch.testing.assert_close(torch.cat([way(part, 64) for part in batch.split(1)]), whole)
        torch.testing.assert_close(way(batch, 1), whole)
        torch.testing.assert_close(way(batch, 9), whole)


def test_nothing_is_left_behind() -> None:
    """No gradient on weights or images, no flag changed; a first layer in place does not change the images."""
    net = nn.Sequential(nn.ReLU(inplace=True), tiny()).eval()
    batch = images() - 0.5
    before = batch.clone()
    with torch.no_grad():
        input_gradient(net, batch)
        integrated_gradients(net, batch, 2)
        smoothgrad(net, batch, seeded(), 2)
    assert torch.equal(batch, before)
    assert not batch.requires_grad
    assert all(weight.requires_grad and weight.grad is None for weight in net.parameters())


def test_refusals() -> None:
    with pytest.raises(ValueError, match="steps: at least 1, got 0"):
        integrated_gradients(tiny(), images(), 0)
    with pytest.raises(ValueError, match="samples: at least 1, got 0"):
        smoothgrad(tiny(), images(), seeded(), 0)
