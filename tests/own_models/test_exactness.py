"""Exactness, cases by hand: linear heads with and without pooling, and what only looks linear on a few images."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from own_networks import SmallCnn, films, own_parts
from sightline.own_models.exactness import Exactness
from sightline.own_models.network import OwnNetwork, randomised
from sightline.own_models.opening import opened
from sightline.saliency.cam import saliency_maps
from sightline.saliency.cam_variants import family_maps
from sightline.saliency.methods import saliency
from sightline.study.errors import StudyError


def measured(network: nn.Module, **parts: object) -> tuple[OwnNetwork, Exactness]:
    own = opened(own_parts(network, **parts), films())
    assert own.exactness is not None
    return own, own.exactness


def test_a_linear_layer_on_means() -> None:
    """The gradient is the weights over h * w, b is the bias, CAM's weights are the layer's; maps add up."""
    network = SmallCnn()
    own, exact = measured(network)
    assert exact.is_linear
    assert exact.is_cam_exact
    assert exact.residual < 1e-5
    assert exact.spread_over_images == exact.spread_over_space == 0
    assert exact.offset == pytest.approx(network.last.bias.item(), abs=1e-6)
    assert exact.largest_gradient == pytest.approx(network.last.weight.abs().max().item() / 64)
    weights_K = own.cam_weights
    assert weights_K is not None
    torch.testing.assert_close(weights_K, network.last.weight[0].detach())
    maps = saliency_maps(own, "", films(), "exact")
    torch.testing.assert_close(maps["cam"], maps["gradcam"] * 64)
    torch.testing.assert_close(maps["gradcam"].sum((1, 2)), own(films()).detach() - network.last.bias.detach())
    torch.testing.assert_close(saliency("cam", own, films(), torch.Generator()), maps["cam"])
    paper = saliency_maps(own, "", films(), "paper")
    assert all(torch.equal(paper[name], maps[name]) for name in maps)


class Ended(nn.Module):
    """SmallCnn's features, 5 x 8 x 8, with another end."""

    def __init__(self, end: nn.Module) -> None:
        super().__init__()
        self.features = SmallCnn().features
        self.end = end

    def forward(self, images: Tensor) -> Tensor:
        return self.end(self.features(images))


def test_a_linear_layer_on_all_cells_is_exact_for_hirescam_alone() -> None:
    linear = nn.Linear(5 * 64, 1)
    own, exact = measured(Ended(nn.Sequential(nn.Flatten(), linear)))
    assert exact.is_linear
    assert not exact.is_cam_exact
    assert exact.spread_over_space > 0.1
    assert own.cam_weights is None
    maps = family_maps(own, films(), ["hirescam"])["hirescam"]
    torch.testing.assert_close(maps.sum((1, 2)), (own(films()) - linear.bias).detach(), atol=1e-5, rtol=1e-4)
    with pytest.raises(StudyError, match="'cam': needs a gap head"):
        saliency("cam", own, films(), torch.Generator())


@pytest.mark.parametrize(
    "end",
    [
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(5), nn.Linear(5, 1)),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(5, 1)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1)),
    ],
    ids=["LayerNorm", "max", "two layers"],
)
def test_other_ends_are_not_exact(end: nn.Module) -> None:
    own, exact = measured(Ended(end))
    assert not exact.is_linear
    assert own.cam_weights is None


def test_a_relu_that_no_image_reaches_is_seen() -> None:
    """One image three times, nearly: the gradient is the same for all, but not where features are changed."""
    hidden, last = nn.Linear(5, 1), nn.Linear(1, 1)
    network = Ended(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), hidden, nn.ReLU(), last))
    images = films(1).expand(3, -1, -1, -1) + torch.tensor([0, 1e-7, 2e-7]).view(3, 1, 1, 1)
    with torch.no_grad():
        pooled = network.features((images[:1] - 0.5) / 0.25).mean((2, 3))
        hidden.weight.copy_(pooled.sign() * torch.tensor([[9.0, -8, 7, -6, 5]]))
        hidden.bias.copy_(0.01 - (hidden.weight * pooled).sum(1))
    own = opened(own_parts(network), images)
    assert own.exactness is not None
    assert own.exactness.spread_over_images == 0
    assert not own.exactness.is_linear


def test_a_sigmoid_is_undone_by_the_score() -> None:
    """With the sigmoid undone the network is exact; with probabilities taken as logits it is not."""
    network = nn.Sequential(SmallCnn(), nn.Sigmoid())
    own, exact = measured(network, to_logit=lambda output: torch.logit(output[:, 0].double()).float())
    assert exact.is_cam_exact
    torch.testing.assert_close(own(films()), SmallCnn()((films() - 0.5) / 0.25)[:, 0])
    _, wrong = measured(network)
    assert not wrong.is_linear


def test_two_logits_are_exact_for_their_difference() -> None:
    network = SmallCnn(outputs=2)
    own, exact = measured(network, to_logit=lambda output: output[:, 1] - output[:, 0])
    assert exact.is_cam_exact
    weights_K = own.cam_weights
    assert weights_K is not None
    torch.testing.assert_close(weights_K, (network.last.weight[1] - network.last.weight[0]).detach())


def test_a_copy_with_random_weights_has_its_own_weights_of_cam() -> None:
    """All layers change, the original none; the same seed gives the same copy, and CAM remains Grad-CAM times 64."""
    network = SmallCnn()
    own = opened(own_parts(network), films())
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    copy, same, other = randomised(own, 1), randomised(own, 1), randomised(own, 2)
    assert copy is not None
    assert same is not None
    assert other is not None
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(not torch.equal(tensor, before[name]) for name, tensor in copy.network.state_dict().items()
               if tensor.numel() > 1)  # fmt: skip
    assert copy.parts.network is copy.network
    maps = saliency_maps(copy, "", films(), "exact")
    torch.testing.assert_close(maps["cam"], maps["gradcam"] * 64)
    assert torch.equal(maps["cam"], saliency_maps(same, "", films(), "exact")["cam"])
    assert not torch.equal(maps["cam"], saliency_maps(other, "", films(), "exact")["cam"])
    assert randomised(opened(own_parts(nn.Identity(), gradients="none"), films()), 1) is None
