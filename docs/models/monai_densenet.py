"""MONAI's DenseNet121 with two outputs, trained on films that LoadImage and ScaleIntensity prepared."""

from monai.networks.nets import DenseNet121
from torch import Tensor, nn

from sightline.own_models.weights import load_weights


def load() -> nn.Module:
    network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=2)
    load_weights(network, "models/densenet.pt")
    # LoadImage swaps rows and columns, so the network learned from transposed films. With transposed kernels the
    # same network reads films as they are, and its maps lie on them.
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.mT.contiguous()
    return network.eval()


def preprocess(images_uint8: Tensor) -> Tensor:  # ScaleIntensity: from each film's own minimum to its maximum
    gray = images_uint8[:, :1].float()
    low, high = gray.amin(dim=(2, 3), keepdim=True), gray.amax(dim=(2, 3), keepdim=True)
    return (gray - low) / (high - low).clamp(min=1)


def score(output: Tensor) -> Tensor:
    return output[:, 1] - output[:, 0]
