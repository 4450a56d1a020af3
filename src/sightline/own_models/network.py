"""A classifier trained elsewhere, as the network that maps, faithfulness and consistency work on.

Shapes: B images, K channels, H W the study's grid, h w feature grid.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from sightline.own_models.evidence import Place
from sightline.own_models.exactness import Exactness
from sightline.own_models.parts import Parts
from sightline.own_models.routing import routed
from sightline.saliency.cam import features_and_gradient
from sightline.saliency.random_weights import randomised_copy, weighted_layers
from sightline.study.errors import StudyError


class OwnNetwork(nn.Module):
    """Images on the study's grid -> logits; each forward pass leads the evidence through `backbone`, an identity.

    So hooks on `backbone`, and all that works by them (captum, pytorch-grad-cam, sightline.saliency), see the evidence
    as B x K x h x w and the gradient of each image's logit there.
    """

    def __init__(
        self, parts: Parts, place: Place | None, size: tuple[int, int], no_evidence: str = "", no_gradient: str = ""
    ) -> None:
        """`place`: where the evidence is, None where there is none, for the reason `no_evidence`; `size`: H and W."""
        super().__init__()
        self.parts = parts
        self.network = parts.network
        self.backbone = nn.Identity()
        self.place = place
        self.size = size
        self.no_evidence = no_evidence
        """Why maps at a feature map cannot be made, with the remedy; empty where they can."""
        self.no_gradient = no_gradient
        """Why gradients at the image cannot be computed, with the remedy; empty where they can."""
        self.exactness: Exactness | None = None
        """What was measured at the evidence; None before, and without evidence."""
        self.training = False

    def train(self, mode: bool = True) -> OwnNetwork:
        """Changes nothing within: the network stays in eval mode, as loaded, and an exported one has no other."""
        self.training = mode
        return self

    @property
    def has_evidence(self) -> bool:
        return self.place is not None

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Logits of the positive class, float32 B, of images in [0, 1] on the study's grid."""
        inputs = self.parts.to_input(images_B3HW)
        if self.place is None:
            logits_B = self.parts.to_logit(self.network(inputs))
        else:
            with routed(self.network, self.place, self.backbone, len(inputs)) as route:
                output = self.network(inputs)
            # a network that turns gradients off in its own forward pass would also take them from what follows
            with torch.set_grad_enabled(torch.is_grad_enabled() or route.has_gradients):
                logits_B = self.parts.to_logit(output)
        if logits_B.shape != images_B3HW.shape[:1]:
            raise StudyError(
                f"the network gives {tuple(logits_B.shape)} for {len(images_B3HW)} images, expected one logit per "
                "image; define score(output) in the code file"
            )
        return logits_B

    def negated(self) -> OwnNetwork:
        """This network, changed in place to return the negative class's logit: that of the positive one turned."""
        to_logit = self.parts.to_logit
        self.parts = replace(self.parts, to_logit=lambda output: -to_logit(output))
        return self

    @property
    def cam_weights(self) -> Tensor | None:
        """float32 K: the weights that CAM sums the channels with; None where no linear layer on their means ends in the
        logit.

        Computed each time, since a copy may have other weights: the gradient at the evidence, summed over space,
        of an image of a gray ramp. Where CAM is defined, it is the same for all images.
        """
        if self.exactness is None or not self.exactness.is_cam_exact:
            return None
        device = next((weight.device for weight in self.network.parameters()), torch.device("cpu"))
        rows, cols = self.size
        ramp = torch.linspace(0, 1, rows * cols, device=device).view(1, 1, rows, cols).expand(1, 3, rows, cols)
        with torch.autocast(device.type, enabled=False):
            _, gradient = features_and_gradient(self, "backbone", ramp)
        return gradient[0].sum(dim=(1, 2)).float()


def randomised(network: OwnNetwork, seed: int) -> OwnNetwork | None:
    """A copy in eval mode whose layers all have random weights, by the rule of `randomised_copy`; None without weights.

    The control for a classifier whose state before training is unknown. An ONNX file has no weights to change.
    """
    depth = len(weighted_layers(network))
    if not depth:
        return None
    copy = randomised_copy(network, depth, torch.Generator().manual_seed(seed)).eval()
    assert isinstance(copy, OwnNetwork)
    return copy
