"""torchvision's classification architectures, cut at the feature map that their own head pools.

Shapes: B images, K channels, H W image grid, h w feature grid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision import models
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from sightline.study.errors import StudyError

DEFAULT_SIZE = (224, 224)
HEADS = ("fc.", "classifier.", "head.", "heads.", "aux1.", "aux2.", "AuxLogits.")
"""How the names of classifiers' and auxiliary classifiers' weights begin."""


class PatchGrid(nn.Module):
    """A vision transformer's patch tokens after the encoder's last norm, laid out as B x K x h x w.

    The class token is computed, since the patch tokens attend to it, and left out.
    """

    def __init__(self, whole: VisionTransformer) -> None:
        super().__init__()
        self.conv_proj, self.class_token, self.encoder = whole.conv_proj, whole.class_token, whole.encoder

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """The tokens of images of the size that the network was built for."""
        patches_BKhw = self.conv_proj(images_B3HW)
        tokens_BNK = patches_BKhw.flatten(2).transpose(1, 2)
        tokens_BNK = torch.cat([self.class_token.expand(len(tokens_BNK), -1, -1), tokens_BNK], dim=1)
        return self.encoder(tokens_BNK)[:, 1:].transpose(1, 2).reshape(patches_BKhw.shape)


def _in_order(*names: str) -> Callable[[nn.Module], nn.Sequential]:
    """The named modules one after the other; a ModuleList is taken apart."""

    def backbone(whole: nn.Module) -> nn.Sequential:
        modules: list[nn.Module] = []
        for name in names:
            module = whole.get_submodule(name)
            modules.extend(module if isinstance(module, nn.ModuleList) else [module])
        return nn.Sequential(*modules)

    return backbone


def _one(name: str, whole: nn.Module) -> nn.Module:
    return whole.get_submodule(name)


def _densenet(whole: nn.Module) -> nn.Sequential:
    return nn.Sequential(*whole.get_submodule("features").children(), nn.ReLU())  # its forward has the ReLU in place


def _vit(whole: nn.Module) -> nn.Module:
    assert isinstance(whole, VisionTransformer)
    return PatchGrid(whole)


RESNET = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
GOOGLENET = (
    "conv1", "maxpool1", "conv2", "conv3", "maxpool2", "inception3a", "inception3b", "maxpool3", "inception4a",
    "inception4b", "inception4c", "inception4d", "inception4e", "maxpool4", "inception5a", "inception5b",
)  # fmt: skip
INCEPTION = (
    "Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "maxpool1", "Conv2d_3b_1x1", "Conv2d_4a_3x3", "maxpool2",
    "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e", "Mixed_7a",
    "Mixed_7b", "Mixed_7c",
)  # fmt: skip
# Pattern of the architecture's name -> its modules up to the feature map that its own head pools
BACKBONES: dict[str, Callable[[nn.Module], nn.Module]] = {
    r"alexnet|vgg.*|squeezenet.*|efficientnet.*|mobilenet.*|convnext.*": partial(_one, "features"),
    r"densenet.*": _densenet,
    r"googlenet": _in_order(*GOOGLENET),
    r"inception_v3": _in_order(*INCEPTION),
    r"maxvit.*": _in_order("stem", "blocks"),
    r"mnasnet.*": partial(_one, "layers"),
    r"regnet.*": _in_order("stem", "trunk_output"),
    r"(wide_)?resnet.*|resnext.*": _in_order(*RESNET),
    r"shufflenet.*": _in_order("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5"),
    r"swin.*": _in_order("features", "norm", "permute"),
    r"vit.*": _vit,
}


def whole_network(arch: str, size: tuple[int, int] | None) -> nn.Module:
    """torchvision's network with its own random initialisation, for images of `size`, (rows, columns) in pixels.

    Without a size, of 224 x 224 pixels. The size counts for the transformers with positions only (ViT, MaxViT); one
    that they cannot take is a StudyError. Paper: GoogLeNet's auxiliary heads are off, also from scratch, and so is its
    input transform; Inception v3, built the same way, is treated the same.
    """
    options: dict[str, Any] = {}
    rows, columns = size or DEFAULT_SIZE
    if arch in ("googlenet", "inception_v3"):
        options = {"aux_logits": False, "init_weights": True}
    elif arch.startswith("vit_"):
        if rows != columns:
            raise StudyError(f"{arch}: takes square images only, got {rows} x {columns} pixels; choose another arch")
        patch = int(arch.rsplit("_", 1)[1])
        if rows % patch:
            raise StudyError(f"{arch}: the image size must be a multiple of {patch} pixels, got {rows}")
        options = {"image_size": rows}
    elif arch.startswith("maxvit"):
        if rows % 224 or columns % 224:
            raise StudyError(f"{arch}: rows and columns must be multiples of 224 pixels, got {rows} x {columns}")
        options = {"input_size": (rows, columns)}
    return getattr(models, arch)(weights=None, **options)


def backbone_of(arch: str, whole: nn.Module) -> nn.Module:
    """The modules of torchvision's `whole` network up to the feature map that its own head pools, B x K x h x w."""
    return next(cut for pattern, cut in BACKBONES.items() if re.fullmatch(pattern, arch))(whole)


def as_torchvision_stores(weights: Mapping[str, Tensor], whole: nn.Module) -> dict[str, Tensor]:
    """`weights` with the names and the positions of `whole`.

    DenseNet's published files have `norm.1` where the module is `norm1`. A ViT's positions of another image size are
    interpolated by torchvision's `interpolate_embeddings`.
    """
    layer = re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)")
    renamed = {layer.sub(r"\1\2", name): tensor for name, tensor in weights.items()}
    if isinstance(whole, VisionTransformer) and "encoder.pos_embedding" in renamed:
        return interpolate_embeddings(whole.image_size, whole.patch_size, renamed)  # type: ignore[arg-type]
    return renamed
