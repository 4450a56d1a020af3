"""timm's networks, cut at the feature map that `forward_features` returns; timm is an optional package.

Shapes: B images, K channels, N tokens, H W image grid, h w feature grid.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sightline.study.errors import StudyError
from sightline.study.extras import install_command


class TimmBackbone(nn.Module):
    """`forward_features` of a timm network as B x K x h x w; prefix tokens (class, distillation, registers) left out.

    What only the network's own head uses is taken out, so that every weight left takes part.
    """

    def __init__(self, whole: nn.Module, size: tuple[int, int], name: str) -> None:
        super().__init__()
        self.whole = whole
        self.name = name
        self.size = size
        try:
            _remove_unused(whole, size)
        except (AssertionError, RuntimeError) as error:
            raise StudyError(f"timm:{name}: takes no images of {size[0]} x {size[1]} pixels ({error})") from None

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """The feature map of images of the size that the network was built for."""
        features = self.whole.forward_features(images_B3HW)  # type: ignore[operator]
        for module in self.whole.modules():
            if hasattr(module, "attention_bias_cache"):  # in eval mode LeViT keeps tables that other weights outdate
                module.attention_bias_cache = {}  # type: ignore[assignment]
        num_channels = self.whole.num_features
        if not isinstance(features, Tensor) or features.ndim not in (3, 4):
            raise StudyError(f"timm:{self.name}: gives no single feature map, so it cannot be trained here")
        if features.ndim == 4:
            is_last = features.shape[-1] == num_channels != features.shape[1]
            is_last |= getattr(self.whole, "output_fmt", "") == "NHWC"
            return features.permute(0, 3, 1, 2) if is_last else features
        patches_BNK = features[:, getattr(self.whole, "num_prefix_tokens", 0) :]
        rows, columns = self._grid(patches_BNK.shape[1])
        return patches_BNK.transpose(1, 2).reshape(len(features), -1, rows, columns)

    def _grid(self, num_tokens: int) -> tuple[int, int]:
        """Rows and columns of the tokens: the patches' grid, or one of the image's proportions."""
        grid = getattr(getattr(self.whole, "patch_embed", None), "grid_size", None)
        if grid is not None and math.prod(grid) == num_tokens:
            return grid
        rows = round(math.sqrt(num_tokens * self.size[0] / self.size[1]))
        if num_tokens < 2 or rows < 1 or num_tokens % rows:
            raise StudyError(f"timm:{self.name}: its {num_tokens} tokens form no grid, so it cannot be trained here")
        return rows, num_tokens // rows


def whole_timm(name: str, size: tuple[int, int]) -> nn.Module:
    """timm's network with its random initialisation and one output, for `size` where it takes a size of images.

    An unknown name names the nearest ones; a size that it refuses and a missing timm are StudyErrors too.
    """
    timm = _timm(name)
    known = timm.list_models()
    if name.split(".")[0] not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"; the nearest: {', '.join(close)}" if close else ""
        raise StudyError(f"timm:{name}: timm {timm.__version__} has no such model{hint}")
    options: dict[str, Any] = {"pretrained": False, "num_classes": 1}
    state = torch.random.get_rng_state()
    try:
        return timm.create_model(name, img_size=size, **options)
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        torch.random.set_rng_state(state)
        return timm.create_model(name, **options)  # a network of any size of images
    except (AssertionError, RuntimeError, ValueError) as error:
        raise StudyError(f"timm:{name}: cannot be built for {size[0]} x {size[1]} pixels ({error})") from None


def classifier_names(whole: nn.Module) -> tuple[str, ...]:
    """How the names of the classifier's weights begin."""
    names = whole.pretrained_cfg.get("classifier") or ()  # type: ignore[union-attr,operator]
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def as_timm_stores(weights: Mapping[str, Tensor], whole: nn.Module) -> Mapping[str, Tensor]:
    """`weights` by timm's own conversion for this network: positions of another image size, other projects' names."""
    own = {name: tensor.shape for name, tensor in whole.state_dict().items()}
    convert = getattr(sys.modules[type(whole).__module__], "checkpoint_filter_fn", None)
    if convert is None or all(own.get(name) == tensor.shape for name, tensor in weights.items()):
        return weights
    try:
        return convert(dict(weights), whole)
    except (KeyError, IndexError, AttributeError, TypeError, ValueError, RuntimeError):
        return weights  # of another network: the caller names what does not fit


def _timm(name: str) -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise StudyError(f"timm:{name}: needs the package timm ({error}); {install_command('timm')}") from None
    return timm


def _remove_unused(whole: nn.Module, size: tuple[int, int]) -> None:
    """Puts an Identity in place of each top module of which `forward_features` uses no weight: the head and its norm.

    Found by the gradient of a pass on the meta device, which computes shapes only.
    """
    whole.eval()
    weights = {name: weight.detach().to("meta").requires_grad_() for name, weight in whole.named_parameters()}
    state = weights | {name: buffer.to("meta") for name, buffer in whole.named_buffers()}
    images = torch.zeros(1, 3, *size, device="meta")
    with torch.inference_mode(False), torch.enable_grad():
        features = functional_call(_Features(whole), {f"whole.{name}": t for name, t in state.items()}, (images,))
        parts = list(features) if isinstance(features, list | tuple) else [features]
        total = torch.stack([part.float().sum() for part in parts]).sum()
        gradients = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    used = {name for name, gradient in zip(weights, gradients, strict=True) if gradient is not None}
    for child in [name for name, _ in whole.named_children()]:
        own = [name for name in weights if name.startswith(f"{child}.")]
        if own and not used.intersection(own):
            setattr(whole, child, nn.Identity())
    whole.train()


class _Features(nn.Module):
    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, images: Tensor) -> Any:
        return self.whole.forward_features(images)  # type: ignore[operator]
