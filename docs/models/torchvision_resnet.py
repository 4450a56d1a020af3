"""torchvision's ResNet-18 with two outputs, normal and pneumonia, from a state dict."""

from torch import Tensor, nn
from torchvision.models import resnet18

from sightline.own_models.weights import load_weights

size, channels, value_range = 224, 3, (0.0, 1.0)
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # ImageNet's


def load() -> nn.Module:
    network = resnet18(num_classes=2)
    load_weights(network, "models/resnet18.pt")
    return network.eval()


def score(output: Tensor) -> Tensor:
    return output[:, 1] - output[:, 0]  # two outputs that exclude each other: the logit is their difference
