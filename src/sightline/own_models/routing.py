"""The evidence led through a module of ours in a forward pass, so that hooks on this module see and change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sightline.own_models.evidence import Place
from sightline.own_models.reductions import reduction, tensors_in
from sightline.study.errors import StudyError


class Route:
    """What leads one forward pass's evidence through `backbone`, as B x K x h x w."""

    def __init__(self, place: Place, backbone: nn.Module) -> None:
        self.place, self.backbone = place, backbone
        self.source: Tensor | None = None
        self.routed: Tensor | None = None
        self.has_gradients = False
        """Whether gradients were on right after `backbone`: a hook there may have turned them on."""

    def lead(self, tensor: Tensor) -> Tensor:
        """What goes on in the place of `tensor`: a clone, since an in-place layer may follow."""
        layout = self.place.layout
        try:
            features = layout.features(tensor)
        except ValueError as error:
            raise StudyError(f"the network took other tokens than when its evidence was found: {error}") from None
        if features.dim() != 4 or features.shape[1] != self.place.channels:
            raise StudyError(
                f"the network took another way than when its evidence was found: {tuple(tensor.shape)} where "
                f"{self.place.channels} channels were expected"
            )
        if torch.is_grad_enabled() and not features.requires_grad:
            # frozen weights, or images that gradients do not reach: methods at the evidence work all the same
            features = features.detach().requires_grad_()
        seen = self.backbone(features)
        self.has_gradients = torch.is_grad_enabled()
        self.source, self.routed = tensor, layout.restored(seen, tensor).clone()
        return self.routed

    def replaced(self, values: Any) -> Any:
        """Arguments with the routed tensor in the place of the evidence, also within tuples, lists and dictionaries."""
        if values is self.source and self.source is not None:
            return self.routed
        if type(values) in (list, tuple):
            return type(values)(self.replaced(value) for value in values)
        if type(values) is dict:
            return {key: self.replaced(value) for key, value in values.items()}
        return values


class _CallRoute(TorchFunctionMode):
    """Leads the argument of a call that takes space away; later calls with the same tensor get the routed one."""

    def __init__(self, route: Route, batch: int) -> None:
        super().__init__()
        self.route, self.batch, self.count = route, batch, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        route, kwargs = self.route, kwargs or {}
        if route.source is not None:
            return func(*route.replaced(args), **route.replaced(kwargs))
        result = func(*args, **kwargs)
        found = reduction(func, args, kwargs, result, self.batch)
        if found is not None:
            if self.count == route.place.number:
                route.lead(found.tensor)
                result = func(*route.replaced(args), **route.replaced(kwargs))
            self.count += 1
        return result


class _OperatorRoute(TorchFunctionMode):
    """Leads the result of an operator, counted among all calls that return a tensor."""

    def __init__(self, route: Route) -> None:
        super().__init__()
        self.route, self.count = route, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if next(tensors_in(result), None) is not None:
            if self.count == self.route.place.number:
                is_tensor = isinstance(result, Tensor)  # native_layer_norm returns three
                result = self.route.lead(result) if is_tensor else (self.route.lead(result[0]), *result[1:])
            self.count += 1
        return result


class _ModuleRoute(TorchFunctionMode):
    """Gives later calls with the tensor that entered a module the routed one: the gradient is that of all its uses.

    Under any mode PyTorch's fused attention layers, which skip modules, are off.
    """

    def __init__(self, route: Route) -> None:
        super().__init__()
        self.route = route

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*self.route.replaced(args), **self.route.replaced(kwargs or {}))


@contextmanager
def routed(network: nn.Module, place: Place, backbone: nn.Module, batch: int) -> Iterator[Route]:
    """Within the block, a forward pass of `network` with `batch` images leads its evidence through `backbone`.

    StudyError at its end if the pass did not come to the evidence.
    """
    route = Route(place, backbone)
    if place.how == "call":
        with _CallRoute(route, batch):
            yield route
    elif place.how == "operator":
        with _OperatorRoute(route):
            yield route
    else:
        with _ModuleRoute(route), _hooked(network, route):
            yield route
    if route.source is None:
        raise StudyError("the network took another way than when its evidence was found; it must not depend on chance")


@contextmanager
def _hooked(network: nn.Module, route: Route) -> Iterator[None]:
    module, place, count = network.get_submodule(route.place.module), route.place, -1

    def before(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        nonlocal count
        count += 1
        if place.how == "input" and count == place.number:
            tensor = next(part for part in tensors_in([*args, *kwargs.values()]) if _fits(part, place))
            route.lead(tensor)
            return route.replaced(args), route.replaced(kwargs)
        return None

    def after(_module: nn.Module, _args: Any, output: Any) -> Any:
        if place.how == "output" and count == place.number:
            route.lead(next(part for part in tensors_in(output) if _fits(part, place)))
            return route.replaced(output)
        return None

    handles = [
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _fits(tensor: Tensor, place: Place) -> bool:
    axes = place.layout.axes
    return tensor.dim() == len(axes) and tensor.shape[axes.index("K")] == place.channels
