"""The paper's 12 variants, and two smaller networks, as backbone -> feature map -> head -> one logit.

Shapes: B images, K channels, H W image grid, h w feature grid.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torchvision import models

from sightline.statistics.streams import stream_seed
from sightline.study.errors import StudyError

ARCHITECTURES = {
    "alexnet": models.alexnet,
    "vgg16": models.vgg16,
    "googlenet": models.googlenet,
    "resnet50": models.resnet50,
    "resnet18": models.resnet18,
    "squeezenet1_1": models.squeezenet1_1,
}
# Modules in forward order up to the map that pooling sees, for architectures without a single `features` module.
STAGES = {
    "googlenet": (
        "conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3", "inception4a",
        "inception4b", "inception4c", "inception4d", "inception4e", "maxpool4", "inception5a", "inception5b",
    ),
    "resnet50": ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"),
    "resnet18": ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"),
}  # fmt: skip
CHANNELS = {
    "alexnet": 256,
    "vgg16": 512,
    "googlenet": 1024,
    "resnet50": 2048,
    "resnet18": 512,
    "squeezenet1_1": 512,
}


class GlobalAveragePool(nn.Module):
    """B x K x h x w -> B x K. A plain mean: unlike AdaptiveAvgPool2d's, its gradient is deterministic on CUDA too."""

    def forward(self, features_BKhw: Tensor) -> Tensor:
        return features_BKhw.mean(dim=(2, 3))


class Classifier(nn.Module):
    """`backbone` computes the feature map that pooling sees; `head` pools it and returns the positive class's logit."""

    def __init__(self, backbone: nn.Sequential, head: nn.Sequential) -> None:
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


def training_seed(seed: int, number: int) -> int:
    """The seed of all that is random in a network's training: initial weights, batches, augmentation, dropout.

    `number`: which training of the entry, from 1. The first has the study's seed itself, so that one seed gives what a
    study without several seeds gives; the streams of further ones are independent of it.
    """
    return seed if number == 1 else stream_seed(seed, "train", "seed", number)


def build_network(arch: str, head: str, seed: int, imagenet: Mapping[str, Tensor] | None = None) -> Classifier:
    """The variant with torchvision's random initialisation from `seed`, or with `imagenet` weights below a new head.

    `imagenet` is torchvision's state dictionary of the whole architecture. Weights for which the variant has no place
    (the 1,000-class layer, auxiliary classifiers, the classifier under a gap head) are dropped; any other mismatch is
    a StudyError. The architectures are exactly torchvision's; `gap` puts global average pooling and one linear layer
    after the last pooling of AlexNet and VGG-16, and is the original head of GoogLeNet and the ResNets. SqueezeNet has
    a convolution of 1 x 1, ReLU and pooling in its place; here pooling comes first, so that the logit keeps its sign
    and CAM is defined. The global random state is left as it was.
    Paper: GoogLeNet's auxiliary heads are off, also from scratch, and so is its input transform: every network sees
    the same [0, 1] images.
    """
    options = {"aux_logits": False, "init_weights": True} if arch == "googlenet" else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(seed, "train", "initial weights"))
        whole = ARCHITECTURES[arch](weights=None, **options)
        if imagenet is not None:
            _load(whole, imagenet, arch)
        backbone = _backbone(whole, arch)
        if head == "fc":
            layers = [*whole.classifier[:-1], nn.Linear(4096, 1)]
            return Classifier(backbone, nn.Sequential(whole.avgpool, nn.Flatten(), *layers))
        # GoogLeNet's head has a dropout between pooling and the linear layer
        dropout = [whole.dropout] if arch == "googlenet" else []
        return Classifier(backbone, nn.Sequential(GlobalAveragePool(), *dropout, nn.Linear(CHANNELS[arch], 1)))


def num_parameters(network: nn.Module) -> int:
    """The number of weights and biases that training fits."""
    return sum(parameter.numel() for parameter in network.parameters())


def _backbone(whole: nn.Module, arch: str) -> nn.Sequential:
    if arch in STAGES:
        return nn.Sequential(*[whole.get_submodule(name) for name in STAGES[arch]])
    features = whole.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    return features


def _load(whole: nn.Module, imagenet: Mapping[str, Tensor], arch: str) -> None:
    auxiliary = {name: tensor for name, tensor in imagenet.items() if name.startswith(("aux1.", "aux2."))}
    kept = {name: tensor for name, tensor in imagenet.items() if name not in auxiliary}
    try:
        whole.load_state_dict(kept, strict=True)
    except RuntimeError as error:
        raise StudyError(f"the ImageNet weights do not fit {arch}: {' '.join(str(error).split())[:300]}") from None
