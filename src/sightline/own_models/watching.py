"""One forward pass watched: the calls that take space away, the attentions, and the modules that run them.

Shapes: B images, K channels, h w feature grid, N tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sightline.own_models.reductions import Reduction, name_of, reduction, tensors_in

ATTENTIONS = {"scaled_dot_product_attention", "multi_head_attention_forward", "_native_multi_head_attention"}
VIEWS = {
    *("transpose", "permute", "contiguous", "clone", "view", "reshape", "_unsafe_view", "flatten", "unflatten"),
    *("swapaxes", "movedim", "to", "_to_copy", "squeeze", "unsqueeze", "dropout"),
}
PRODUCTS = {"matmul", "bmm", "__matmul__", "einsum"}
# functions whose result has its channels on axis 1, and those that keep the order of the axes
CHANNELS_FIRST = {"conv2d", "_convolution", "convolution", "batch_norm", "instance_norm", "group_norm", "pixel_shuffle"}


@dataclass(frozen=True)
class Run:
    """One run of a module: its name, which of its runs this is (from 0), and what it took."""

    module: str
    number: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass
class Call:
    """A call that takes space away: the number it has among them, from 0, and the innermost module that makes it."""

    number: int
    order: int
    function: str
    module: str
    reduction: Reduction
    is_whole: bool
    """Whether both spatial axes go, by this call or by one that completes it."""
    has_channels_first: bool
    """Whether the tensor comes from a function that puts channels on axis 1, with its axes in that order since."""
    is_attended: bool
    """Whether the tensor is an attention's result by heads, no feature map."""
    is_flattened_map: bool
    """Whether the tensor is a feature map whose space was merged to one axis, and nothing since."""


@dataclass
class Attention:
    """A call of attention: when, and the modules that run it, the innermost last."""

    order: int
    runs: list[Run]
    tensors: list[Tensor]
    """What it takes by heads: query, key and value, or attention scores; empty where it takes the tokens themselves."""


@dataclass(frozen=True)
class Producer:
    """The call that made a tensor: its number among all that return one, from 0, its name and what it took."""

    number: int
    function: str
    taken: tuple[Tensor, ...]
    result: Tensor


@dataclass
class Watched:
    """What a forward pass did."""

    calls: list[Call] = field(default_factory=list)
    producers: dict[int, Producer] = field(default_factory=dict)
    """By the id of the result; of an exported program alone, which has no modules to tell the tokens by."""
    attentions: list[Attention] = field(default_factory=list)
    output: Any = None


def watch(network: nn.Module, inputs: Tensor) -> Watched:
    """The forward pass of `inputs`, with gradients; the network and `inputs` are left as they are."""
    watched = Watched()
    keeps = isinstance(network, torch.fx.GraphModule)
    with torch.enable_grad():
        images = inputs.detach().requires_grad_().clone()  # an in-place layer cannot change a leaf
        with _runs(network) as runs, _Watch(watched, runs, len(inputs), keeps):
            watched.output = network(images)
    return watched


class _Watch(TorchFunctionMode):
    def __init__(self, watched: Watched, runs: list[Run], batch: int, keeps_producers: bool) -> None:
        super().__init__()
        self.keeps_producers = keeps_producers
        self.watched, self.runs, self.batch = watched, runs, batch
        self.order = 0
        self.partial: dict[int, Call] = {}  # by the id of the result, which `calls` keeps alive
        self.channels_first = _Same()
        self.attended = _Same()
        self.flattened = _Same()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        out = next(tensors_in(result), None)
        if out is None:
            return result
        self.order += 1
        name = name_of(func)
        taken = list(tensors_in([*args, *kwargs.values()]))
        self._mark(name, taken, out)
        if self.keeps_producers:
            self.watched.producers[id(out)] = Producer(self.order - 1, name, tuple(taken), out)
        if _is_attention(name, out):
            by_heads = [] if name == "multi_head_attention_forward" else taken
            self.watched.attentions.append(Attention(self.order, list(self.runs), by_heads))
        completes = [
            tensor for tensor in taken if id(tensor) in self.partial and _is_completed(tensor, out, self.batch)
        ]
        for tensor in completes:
            first = self.partial.pop(id(tensor))
            first.is_whole, first.order = True, self.order
        found = reduction(func, args, kwargs, result, self.batch)
        if found is not None:
            call = Call(
                len(self.watched.calls),
                self.order,
                name,
                self.runs[-1].module if self.runs else "",
                found,
                found.is_whole,
                found.tensor in self.channels_first,
                found.tensor in self.attended,
                found.tensor in self.flattened,
            )
            self.watched.calls.append(call)
            if found.is_whole and found.tensor.dim() == 4 and found.result.dim() == 3:
                self.flattened.add(found.result)
            if not found.is_whole and not completes:
                self.partial[id(found.result)] = call
        return result

    def _mark(self, name: str, taken: list[Tensor], out: Tensor) -> None:
        """Carries on what is known of the tensors: channels on axis 1, attention by heads, a merged space."""
        keeps_axes = name not in VIEWS and any(
            part in self.channels_first and part.shape == out.shape for part in taken
        )
        if name in CHANNELS_FIRST or "pool2d" in name or keeps_axes:
            self.channels_first.add(out)
        by_heads = [tensor for tensor in taken if tensor in self.attended]
        has_heads = any(out.dim() == 4 and sorted(out.shape) == sorted(tensor.shape) for tensor in by_heads)
        if _is_attention(name, out) or has_heads or (by_heads and name in PRODUCTS):
            self.attended.add(out)
        if name in VIEWS and any(tensor in self.flattened for tensor in taken):
            self.flattened.add(out)


class _Same:
    """A set of tensors by identity, which keeps them alive."""

    def __init__(self) -> None:
        self.tensors: dict[int, Tensor] = {}

    def add(self, tensor: Tensor) -> None:
        self.tensors[id(tensor)] = tensor

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self.tensors


def _is_completed(partial: Tensor, out: Tensor, batch: int) -> bool:
    """Whether a call that took `partial`, in which one spatial axis is gone, takes the other one away."""
    if not out.dim() or out.shape[0] != batch:
        return False
    if out.dim() == 4:
        return 1 in (out.shape[2:].numel(), out.shape[1:3].numel())
    return out.dim() < min(3, partial.dim())


def _is_attention(name: str, out: Tensor) -> bool:
    """Whether the call is attention, or the softmax of its scores, of each token or of one, over all tokens."""
    if name in ATTENTIONS:
        return True
    if name not in ("softmax", "_softmax", "_safe_softmax") or out.dim() < 3 or out.shape[-1] < 2:
        return False
    return out.shape[-1] == out.shape[-2] or (out.dim() == 4 and out.shape[-2] == 1)


@contextmanager
def _runs(network: nn.Module) -> Iterator[list[Run]]:
    """The modules that are running, the innermost last."""
    running: list[Run] = []
    counts: dict[str, int] = {}

    def begin(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            counts[name] = counts.get(name, -1) + 1
            running.append(Run(name, counts[name], args, kwargs))

        return hook

    def end(*_: Any) -> None:
        if running:
            running.pop()

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            if name and not isinstance(module, torch.jit.ScriptModule):
                hooks.callback(module.register_forward_pre_hook(begin(name), with_kwargs=True, prepend=True).remove)
                hooks.callback(module.register_forward_hook(end, always_call=True).remove)
        yield running
