"""torchxrayvision's DenseNet of 18 findings, its logit for pneumonia, from a state dict.

The published files are pickles, which Sightline refuses. Where you trust them, write a state dict once:
`torch.save(torchxrayvision.models.DenseNet(weights="densenet121-res224-all").state_dict(), "models/xrv.pt")`.
"""

import torch
import torchxrayvision
from torch import Tensor, nn

from sightline.own_models.weights import load_weights

size, channels, mean, std, value_range = 224, 1, 0.0, 1.0, (-1024.0, 1024.0)  # another range only gives a warning
PNEUMONIA = torchxrayvision.models.DenseNet.targets.index("Pneumonia")


def load() -> nn.Module:
    # weights= would download; op_threshs makes room for the operating points that the published files hold
    network = torchxrayvision.models.DenseNet(weights=None, op_threshs=torch.full((18,), 0.5))
    load_weights(network, "models/xrv.pt")
    # Its outputs are probabilities, bent so that the operating point is 0.5. In the bias, that is a logit of 0.
    network.classifier.bias.data -= network.op_threshs.nan_to_num(0.5).logit()
    network.op_threshs = None
    return network.eval()


def score(output: Tensor) -> Tensor:
    return output[:, PNEUMONIA]
