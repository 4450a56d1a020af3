"""Names of architectures that can be trained, known without loading PyTorch."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

# torchvision.models.list_models(module=torchvision.models); a test compares the two
TORCHVISION = (
    "alexnet", "convnext_base", "convnext_large", "convnext_small", "convnext_tiny", "densenet121", "densenet161",
    "densenet169", "densenet201", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
    "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l",
    "efficientnet_v2_m", "efficientnet_v2_s", "googlenet", "inception_v3", "maxvit_t", "mnasnet0_5", "mnasnet0_75",
    "mnasnet1_0", "mnasnet1_3", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "regnet_x_16gf",
    "regnet_x_1_6gf", "regnet_x_32gf", "regnet_x_3_2gf", "regnet_x_400mf", "regnet_x_800mf", "regnet_x_8gf",
    "regnet_y_128gf", "regnet_y_16gf", "regnet_y_1_6gf", "regnet_y_32gf", "regnet_y_3_2gf", "regnet_y_400mf",
    "regnet_y_800mf", "regnet_y_8gf", "resnet101", "resnet152", "resnet18", "resnet34", "resnet50",
    "resnext101_32x8d", "resnext101_64x4d", "resnext50_32x4d", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0",
    "shufflenet_v2_x1_5", "shufflenet_v2_x2_0", "squeezenet1_0", "squeezenet1_1", "swin_b", "swin_s", "swin_t",
    "swin_v2_b", "swin_v2_s", "swin_v2_t", "vgg11", "vgg11_bn", "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19",
    "vgg19_bn", "vit_b_16", "vit_b_32", "vit_h_14", "vit_l_16", "vit_l_32", "wide_resnet101_2", "wide_resnet50_2",
)  # fmt: skip
WAYS_IN = (
    "a classifier trained elsewhere comes in as {code: FILE.py}, {export: FILE, card: FILE.yaml} or "
    "{maps: FOLDER, method: NAME}; see docs/own-models.md"
)


def arch_problem(arch: str) -> str:
    """What is wrong with the name of an architecture, with the ways out; empty where nothing is."""
    if arch in TORCHVISION or re.fullmatch(r"timm:[\w.]+", arch):
        return ""
    close = difflib.get_close_matches(arch, TORCHVISION, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"expected an architecture of torchvision or timm:<name>, got {arch!r}{hint}; {WAYS_IN}"


def has_own_head(arch: str) -> bool:
    """Whether the architecture's own head is more than pooling and one linear layer, so that `fc` is not `gap`."""
    return re.fullmatch(r"alexnet|vgg\d+(_bn)?", arch) is not None


def init_problem(arch: str, init: str) -> str:
    """What is wrong with `init` for an architecture of that name; empty where nothing is. Files are not looked at."""
    if init not in ("scratch", "imagenet") and not Path(init).suffix:
        return f"expected scratch, imagenet or a file of weights, got {init!r}"
    if init == "imagenet" and arch.startswith("timm:"):
        return f"imagenet is torchvision's; put the weights of {arch} on disk and name their path as init"
    return ""
