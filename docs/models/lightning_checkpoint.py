"""A network trained with Lightning, from the checkpoint that its Trainer wrote. Lightning itself is not needed."""

from torch import nn
from torchvision.models import densenet121

from sightline.own_models.weights import load_weights

size, channels, value_range = 224, 3, (0.0, 1.0)
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def load() -> nn.Module:
    network = densenet121(num_classes=1)  # what the LightningModule keeps as self.net
    load_weights(network, "models/last.ckpt", prefixes=("net.",))
    return network.eval()
