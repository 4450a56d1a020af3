"""Saliency methods by name, all with one signature: (network, images_B3HW, generator, **settings) -> Tensor B x h x w.

Shapes: B images, h w the feature grid or the image grid (`Method.grid`). Maps are float32, raw and on the images'
device; `maps.scaled_maps` turns them into the maps that are scored. Besides the project's methods there are
`captum:<Class>` and `pytorch-grad-cam:<Class>`, for the classes listed here, where these packages are installed.

Each call starts from the generator's *seed*, whatever its state: neither size nor order of the batches changes a map,
and all calls share the masks of RISE, which the first one makes.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from types import ModuleType
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sightline.saliency import gradients, perturbation
from sightline.saliency.cam import layer_output, weighted_sum
from sightline.saliency.cam_variants import FROM_GRADIENT, family_maps, scorecam
from sightline.study.errors import StudyError

Needs = Literal["features", "gradient", "logits"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to make maps from a network and images."""

    function: Callable[..., Tensor]
    """(network, images_B3HW, generator, **settings) -> B x h x w; network in eval mode, images in [0, 1]."""
    num_passes: Literal["one", "many"]
    """one: a forward and at most one backward pass per image, milliseconds; many: tens to thousands of passes."""
    grid: Literal["feature", "image"]
    """Whether the map is on the feature grid or has one value per pixel."""
    needs: Needs
    """features: a feature map within the network; gradient: the logit's at the image; logits: forward passes alone."""
    is_random: bool = False
    """Whether the map depends on the generator's seed."""


def _family(name: str, network: nn.Module, images: Tensor, _: torch.Generator, layer: str = "backbone") -> Tensor:
    return family_maps(network, images, [name], layer)[name]


@torch.no_grad()
def _cam(network: nn.Module, images_B3HW: Tensor, _: torch.Generator) -> Tensor:
    """CAM (Zhou et al. 2016) at the exact layer; defined by the linear layer of a gap head."""
    weights_K = network.cam_weights
    if not isinstance(weights_K, Tensor):
        raise StudyError("saliency method 'cam': needs a gap head, global average pooling and one linear layer")
    return weighted_sum(layer_output(network, "backbone", images_B3HW), weights_K.expand(len(images_B3HW), -1))


def _rise(
    network: nn.Module,
    images_B3HW: Tensor,
    generator: torch.Generator,
    num_masks: int = 4000,
    cells: int = 7,
    share: float = 0.5,
    score: perturbation.Score = "probability",
    chunk: int = 64,
) -> Tensor:
    size = tuple(images_B3HW.shape[2:])
    masks_NHW = _rise_masks(num_masks, size, cells, share, generator.initial_seed(), images_B3HW.device)
    return perturbation.rise(network, images_B3HW, masks_NHW, share, score, chunk)


@lru_cache(maxsize=1)  # 4,000 masks of 224 x 224 pixels are 0.8 GB
def _rise_masks(
    num_masks: int, size: tuple[int, int], cells: int, share: float, seed: int, device: torch.device
) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return perturbation.rise_masks(num_masks, *size, cells, share, generator, device)


@wraps(gradients.smoothgrad)
def _smoothgrad(network: nn.Module, images: Tensor, generator: torch.Generator, **settings: Any) -> Tensor:
    return gradients.smoothgrad(network, images, torch.Generator().manual_seed(generator.initial_seed()), **settings)


def _without_generator(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @wraps(function)
    def call(network: nn.Module, images: Tensor, _: torch.Generator, **settings: Any) -> Tensor:
        return function(network, images, **settings)

    return call


_at_features = partial(Method, grid="feature", needs="features")
_by_gradient = partial(Method, grid="image", needs="gradient")
_by_logits = partial(Method, grid="image", needs="logits")
METHODS: dict[str, Method] = {
    **{name: _at_features(function=partial(_family, name), num_passes="one") for name in FROM_GRADIENT},
    "cam": _at_features(function=_cam, num_passes="one"),
    "input_gradient": _by_gradient(function=_without_generator(gradients.input_gradient), num_passes="one"),
    "scorecam": _at_features(function=_without_generator(scorecam), num_passes="many"),
    "integrated_gradients": _by_gradient(
        function=_without_generator(gradients.integrated_gradients), num_passes="many"
    ),
    "smoothgrad": _by_gradient(function=_smoothgrad, num_passes="many", is_random=True),
    "occlusion": _by_logits(function=_without_generator(perturbation.occlusion), num_passes="many"),
    "rise": _by_logits(function=_rise, num_passes="many", is_random=True),
}

# Class -> (its grid, passes). Left out are classes that need more than one logit and the images (a distribution of
# baselines, a second class), that draw from the global generators, or that do not suit these networks (DeepLift refuses
# ResNet-50's shared ReLUs; GuidedBackprop and Deconvolution miss GoogLeNet's, which are not modules, and return the
# plain gradient; AblationCAM replaces layers).
CAPTUM: dict[str, tuple[Literal["feature", "image"], Literal["one", "many"]]] = {
    "Saliency": ("image", "one"),
    "InputXGradient": ("image", "one"),
    "IntegratedGradients": ("image", "many"),
    "Occlusion": ("image", "many"),
    "LayerGradCam": ("feature", "one"),
    "LayerGradientXActivation": ("feature", "one"),
    "LayerActivation": ("feature", "one"),
    "LayerConductance": ("feature", "many"),
}
GRAD_CAM: dict[str, Literal["one", "many"]] = {
    "GradCAM": "one",
    "GradCAMPlusPlus": "one",
    "GradCAMElementWise": "one",
    "HiResCAM": "one",
    "LayerCAM": "one",
    "XGradCAM": "one",
    "EigenCAM": "one",
    "EigenGradCAM": "one",
    "ScoreCAM": "many",
}


def method_named(name: str) -> Method:
    """The method; an unknown name, or one whose package is not installed, is a StudyError that names it."""
    package, colon, kind = name.partition(":")
    if not colon:
        if name not in METHODS:
            raise _unknown(name, name, [*METHODS, "captum:<Class>", "pytorch-grad-cam:<Class>"])
        return METHODS[name]
    if package == "captum":
        if kind not in CAPTUM:
            raise _unknown(name, kind, CAPTUM)
        grid, num_passes = CAPTUM[kind]
        explainer_class = getattr(_imported("captum.attr", "captum", name), kind)
        needs: Needs = "features" if grid == "feature" else "logits" if kind == "Occlusion" else "gradient"
        return Method(function=partial(_captum, explainer_class, grid), num_passes=num_passes, grid=grid, needs=needs)
    if package == "pytorch-grad-cam":
        if kind not in GRAD_CAM:
            raise _unknown(name, kind, GRAD_CAM)
        explainer_class = getattr(_imported("pytorch_grad_cam", "grad-cam", name), kind)
        function = partial(_grad_cam, explainer_class)
        return Method(function=function, num_passes=GRAD_CAM[kind], grid="image", needs="features")
    raise _unknown(name, package, ["captum", "pytorch-grad-cam"])


def saliency(
    name: str,
    network: nn.Module,
    images_B3HW: Tensor,
    generator: torch.Generator,
    settings: Mapping[str, Any] | None = None,
) -> Tensor:
    """float32 B x h x w by the method named `name`, with its settings; the network is left unchanged.

    A network in training mode (dropout, batch statistics) raises ValueError: its maps would be those of another
    function. A setting that one of the project's methods does not have is a StudyError, and so is a method that needs
    what the network lacks (`lacking`).
    """
    method, settings = method_named(name), dict(settings or {})
    if reason := lacking(method, network):
        working = [other for other in METHODS if not lacking(METHODS[other], network)]
        raise StudyError(f"saliency method {name!r}: {reason}; these methods work: {', '.join(working)}")
    if network.training:
        raise ValueError("the network is in training mode; saliency is of the network in eval mode")
    if name in METHODS:
        known = _settings_of(name)
        unknown = [f"{setting}{_nearest(setting, known)}" for setting in settings if setting not in known]
        if unknown:
            raise StudyError(
                f"saliency method {name!r}: unknown settings; it has {', '.join(known) or 'none'}", unknown
            )
    return method.function(network, images_B3HW, generator, **settings).detach().float()


def lacking(method: Method, network: nn.Module) -> str:
    """Why the method cannot work on the network, with a remedy where there is one; empty where it can.

    A classifier trained elsewhere says what it lacks: `no_evidence`, a feature map that can be read, and `no_gradient`,
    the logit's gradient at the image (sightline.own_models.network). Networks trained here lack nothing.
    """
    reason = {"features": "no_evidence", "gradient": "no_gradient"}.get(method.needs, "")
    return str(getattr(network, reason, "")) if reason else ""


def _settings_of(name: str) -> list[str]:
    parameters = inspect.signature(METHODS[name].function).parameters
    arguments = {"name", "network", "images", "images_B3HW", "generator", "_"}
    return [parameter for parameter in parameters if parameter not in arguments]


def _captum(
    explainer_class: Any,
    grid: Literal["feature", "image"],
    network: nn.Module,
    images_B3HW: Tensor,
    _: torch.Generator,
    layer: str = "backbone",
    **settings: Any,
) -> Tensor:
    """The result of captum's class, summed over the channels, sign kept; settings go to its `attribute`."""
    explainer = (
        explainer_class(network, network.get_submodule(layer)) if grid == "feature" else explainer_class(network)
    )
    return explainer.attribute(images_B3HW.detach().clone().requires_grad_(), **settings).sum(dim=1)


def _grad_cam(
    explainer_class: Any,
    network: nn.Module,
    images_B3HW: Tensor,
    _: torch.Generator,
    layer: str = "backbone",
    **settings: Any,
) -> Tensor:
    """The result of pytorch-grad-cam's class, after its ReLU, min-max and upsampling: B x H x W in [0, 1]."""
    with _untouched_weights(network):
        # The weights require no gradient, so the images must.
        images = images_B3HW.detach().clone().requires_grad_()
        peer = explainer_class(_Columns(network), target_layers=[network.get_submodule(layer)])
        try:
            maps_BHW = peer(images, targets=[lambda row: row[0]] * len(images), **settings)
        finally:
            peer.activations_and_grads.release()  # its own `with` block hides an IndexError
    return torch.from_numpy(maps_BHW).to(images_B3HW.device)


class _Columns(nn.Module):
    """The network with output B x 1, as pytorch-grad-cam expects."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images_B3HW: Tensor) -> Tensor:
        return self.network(images_B3HW)[:, None]


@contextmanager
def _untouched_weights(network: nn.Module) -> Iterator[None]:
    """Within the block no weight requires a gradient; at its end, flags and gradients are restored."""
    before = [(weight, weight.requires_grad, weight.grad) for weight in network.parameters()]
    try:
        network.requires_grad_(False)
        yield
    finally:
        for weight, flag, gradient in before:
            weight.requires_grad_(flag)
            weight.grad = gradient


def _imported(module: str, package: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise StudyError(
            f"saliency method {name!r}: needs the package {package} ({error}); pip install {package}"
        ) from None


def _unknown(name: str, part: str, known: Any) -> StudyError:
    return StudyError(f"saliency method {name!r}: unknown{_nearest(part, known)}; there are {', '.join(known)}")


def _nearest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
