"""Any architecture of torchvision or timm, the paper's four among them, as backbone -> feature map -> head -> logit.

Shapes: B images, K channels, H W image grid, h w feature grid.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sightline.networks.state_dict import load_into
from sightline.networks.timm_networks import TimmBackbone, as_timm_stores, classifier_names, whole_timm
from sightline.networks.torchvision_parts import (
    DEFAULT_SIZE,
    HEADS,
    as_torchvision_stores,
    backbone_of,
    whole_network,
)
from sightline.statistics.streams import stream_seed
from sightline.study.errors import StudyError


class GlobalAveragePool(nn.Module):
    """B x K x h x w -> B x K. A plain mean: unlike AdaptiveAvgPool2d's, its gradient is deterministic on CUDA too."""

    def forward(self, features_BKhw: Tensor) -> Tensor:
        return features_BKhw.mean(dim=(2, 3))


class Classifier(nn.Module):
    """`backbone` computes the feature map that pooling sees; `head` pools it and returns the positive class's logit."""

    def __init__(self, backbone: nn.Module, head: nn.Sequential) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Logits, shape B, of float images in [0, 1], which are not standardised (paper, section 3.1)."""
        return self.head(self.backbone(images_B3HW)).squeeze(1)

    @property
    def last_linear(self) -> nn.Linear:
        """The layer whose output is the logit; with a gap head CAM uses its weights."""
        layer = self.head[-1]
        assert isinstance(layer, nn.Linear)
        return layer

    @property
    def cam_weights(self) -> Tensor | None:
        """CAM's weights of the channels, K: those of a gap head's linear layer; None with an fc head."""
        return self.last_linear.weight[0] if isinstance(self.head[0], GlobalAveragePool) else None

    @property
    def has_evidence(self) -> bool:
        """Whether maps can be made from a feature map, as they can for every network trained here."""
        return True

    @torch.no_grad()
    def negated(self) -> Classifier:
        """This network, changed in place to return the negative class's logit: the sign of its last layer turned."""
        self.last_linear.weight.neg_()
        self.last_linear.bias.neg_()
        return self


def training_seed(seed: int, number: int) -> int:
    """The seed of all that is random in a network's training: initial weights, batches, augmentation, dropout.

    `number`: which training of the entry, from 1. The first has the study's seed itself, so that one seed gives what a
    study without several seeds gives; the streams of further ones are independent of it.
    """
    return seed if number == 1 else stream_seed(seed, "train", "seed", number)


def build_network(
    arch: str,
    head: str,
    seed: int,
    pretrained: Mapping[str, Tensor] | None = None,
    size: tuple[int, int] | None = None,
    source: str = "the initial weights",
) -> Classifier:
    """The variant with its library's random initialisation from `seed`, or with `pretrained` weights below a new head.

    `arch`: a classification architecture of torchvision, or `timm:<name>`. `size`: rows and columns of the images, by
    default 224 x 224; some transformers are built for it. `pretrained` is the state dictionary of the whole
    architecture, by torchvision's or timm's names. Its classifier's weights are dropped; any other mismatch is a
    StudyError that begins with `source`. The global random state is left as it was.

    `gap` puts global average pooling and one linear layer after the feature map that the architecture's own head pools;
    what that head has besides (hidden layers, normalisation, dropout) is left out, but for GoogLeNet's dropout. `fc` is
    the own head of AlexNet and VGG. SqueezeNet has a convolution of 1 x 1, ReLU and pooling in its place; here pooling
    comes first, so that the logit keeps its sign and CAM is defined.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "train", "initial weights"))
        if arch.startswith("timm:"):
            backbone = _timm_backbone(arch, pretrained, size, source)
            layers: list[nn.Module] = [GlobalAveragePool()]
        else:
            backbone, layers = _torchvision_parts(arch, head, pretrained, size, source)
        # the paper's GoogLeNet has a dropout, and the fc heads their hidden layers, before the last linear layer
        num_inputs = 4096 if head == "fc" else num_channels(arch, backbone, size)
        return Classifier(backbone, nn.Sequential(*layers, nn.Linear(num_inputs, 1)))


def num_channels(arch: str, backbone: nn.Module, size: tuple[int, int] | None) -> int:
    """K of the feature map, by a pass on the meta device, which computes shapes only and draws nothing.

    Images too small for the architecture are a StudyError.
    """
    tensors = {**dict(backbone.named_parameters()), **dict(backbone.named_buffers())}
    meta = {name: tensor.detach().to("meta") for name, tensor in tensors.items()}
    rows, columns = size or DEFAULT_SIZE
    backbone.eval()
    try:
        with torch.no_grad():
            features_1Khw = functional_call(backbone, meta, (torch.zeros(1, 3, rows, columns, device="meta"),))
    except (AssertionError, RuntimeError) as error:
        raise StudyError(f"{arch}: takes no images of {rows} x {columns} pixels ({error})") from None
    finally:
        backbone.train()
    return features_1Khw.shape[1]


def num_parameters(network: nn.Module) -> int:
    """The number of weights and biases that training fits."""
    return sum(parameter.numel() for parameter in network.parameters())


def _torchvision_parts(
    arch: str, head: str, pretrained: Mapping[str, Tensor] | None, size: tuple[int, int] | None, source: str
) -> tuple[nn.Module, list[nn.Module]]:
    """The backbone, and the head's layers before the last."""
    whole = whole_network(arch, size)
    if pretrained is not None:
        dropped = ("classifier.6.",) if head == "fc" else HEADS
        load_into(whole, as_torchvision_stores(pretrained, whole), dropped, f"{source} do not fit {arch}")
    backbone = backbone_of(arch, whole)
    if head == "fc":
        *hidden, _last = whole.get_submodule("classifier").children()
        return backbone, [whole.get_submodule("avgpool"), nn.Flatten(), *hidden]
    return backbone, [GlobalAveragePool(), *([whole.get_submodule("dropout")] if arch == "googlenet" else [])]


def _timm_backbone(
    arch: str, pretrained: Mapping[str, Tensor] | None, size: tuple[int, int] | None, source: str
) -> nn.Module:
    name, size = arch.removeprefix("timm:"), size or DEFAULT_SIZE
    whole = whole_timm(name, size)
    if pretrained is not None:
        load_into(whole, as_timm_stores(pretrained, whole), classifier_names(whole), f"{source} do not fit {arch}")
    return TimmBackbone(whole, size, name)
