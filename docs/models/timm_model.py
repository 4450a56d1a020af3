"""A timm model with one output and one input channel, from safetensors."""

import timm
from torch import nn

from sightline.own_models.weights import load_weights

# Each timm model has a mean and std of its own: timm.data.resolve_model_data_config(network) prints them.
size, channels, mean, std, value_range = 224, 1, 0.5, 0.5, (0.0, 1.0)


def load() -> nn.Module:
    network = timm.create_model("tf_efficientnet_lite0", in_chans=1, num_classes=1)
    load_weights(network, "models/efficientnet.safetensors")
    return network.eval()
