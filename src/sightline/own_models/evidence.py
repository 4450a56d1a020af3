"""The evidence of a classifier: the feature map that its maps are computed from, and where the forward pass holds it.

The rule: of all calls of the forward pass that take a feature map's rows and columns away (pooling, means, flattening),
the input of the last one that the logit depends on. Where attention follows it, the network is a transformer, whose
evidence are the tokens that enter the last attention (sightline.own_models.tokens). A declared module's output goes
before both. Shapes: B images, K channels, h w feature grid.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from sightline.own_models.layout import Axes, Layout
from sightline.own_models.parts import Tokens
from sightline.own_models.reductions import SPATIAL, tensors_in
from sightline.own_models.tokens import MOST_PREFIX, entering_tokens, produced_tokens, token_layout
from sightline.own_models.watching import Call, Watched, watch
from sightline.study.errors import StudyError

# log of the ratio of two aspects: from a half to twice, since small grids are rounded and convolutions trim edges
ASPECT_TOLERANCE = math.log(2)
ASPECT_TIE = 0.02


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A call that takes space away, as a report shows it."""

    module: str
    """The innermost module that makes the call; empty: the network itself."""
    function: str
    channels: int
    grid: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the forward pass holds the evidence."""

    how: Literal["call", "input", "output", "operator"]
    """call: the argument of a call that takes space away; input, output: of a module; operator: the result of one."""
    number: int
    """From 0: which of the calls that take space away, of the module's runs, or of all operators."""
    module: str
    """The module's name; of a call the innermost that makes it, for people."""
    layout: Layout
    channels: int
    grid: tuple[int, int]
    is_declared: bool = False
    has_tokens: bool = False
    """Whether it is a transformer's sequence of tokens, past which other tokens may carry what the logit uses."""
    candidates: tuple[Candidate, ...] = ()
    """All calls that take space away and on which the logit may depend, in forward order."""


def find_place(
    network: nn.Module,
    inputs: Tensor,
    to_logit: Callable[[Any], Tensor],
    declared: str = "",
    tokens: Tokens | None = None,
) -> Place:
    """Where the evidence is, seen in one forward pass of `inputs`, the network's own, of at least two images.

    StudyError where it cannot be told, with what to declare, and where the logit does not depend on the declared
    module.
    """
    aspect = _aspect(inputs)
    if declared:
        return _declared_place(network, inputs, declared, tokens, aspect)
    watched = watch(network, inputs)
    logit_B = to_logit(watched.output)
    maps = _maps(watched, aspect)
    chosen = _last_used(maps, logit_B)
    last_attention = watched.attentions[-1].order if watched.attentions else -1
    if watched.attentions and (chosen is None or chosen.order < last_attention):
        place = _attended_place(watched, inputs, maps, tokens, aspect)
    else:
        if chosen is None:
            raise StudyError(
                "no evidence: no call takes the space of a feature map away on the way to the logit; "
                'declare evidence = "<module>" in the code file, the module whose output the maps are to read'
            )
        # tokens that layers worked on after the flattening; without such layers the map before it is the evidence
        grids = _grids(maps, aspect)
        later = [call for call in watched.calls if call.order > chosen.order and call.reduction.tensor.dim() == 3]
        mixed = _last_used([call for call in later if not call.is_flattened_map and _token_axes(call, grids)], logit_B)
        place = _pooled_place(watched, mixed or chosen, grids, len(inputs), tokens, aspect)
    return replace(place, candidates=tuple(_candidate(call, _layouts(call, aspect)[0]) for call in maps))


def _pooled_place(
    watched: Watched,
    chosen: Call,
    grids: Sequence[tuple[int, int]],
    batch: int,
    tokens: Tokens | None,
    aspect: float,
) -> Place:
    """The argument of the call `chosen`."""
    tensor = chosen.reduction.tensor
    layouts = _layouts(chosen, aspect)
    if tensor.dim() == 3:
        layout = token_layout(tensor, batch, grids, aspect, tokens, _token_axes(chosen, grids)[0])
        assert layout.grid is not None
        grid, channels = layout.grid, tensor.shape[layout.axes.index("K")]
    elif len(layouts) > 1:
        raise StudyError(
            f"no evidence: in the feature map {_described(tensor)} before {chosen.function} channels cannot be told "
            "from rows and columns; give the network images of another size, or films that are not square"
        )
    else:
        layout = Layout(axes=layouts[0])
        row, col, channel = SPATIAL[layouts[0]]
        grid, channels = (tensor.shape[row], tensor.shape[col]), tensor.shape[channel]
    first = next(call for call in watched.calls if call.reduction.tensor is tensor)
    return Place(how="call", number=first.number, module=chosen.module, layout=layout, channels=channels, grid=grid)


def _attended_place(
    watched: Watched, inputs: Tensor, maps: Sequence[Call], tokens: Tokens | None, aspect: float
) -> Place:
    """The tokens that enter the last attention."""
    how: Literal["input", "operator"]
    if watched.producers:
        producer = produced_tokens(watched, len(inputs))
        how, number, module, tensor = "operator", producer.number, "", producer.result
    else:
        run, tensor = entering_tokens(watched.attentions[-1], len(inputs))
        how, number, module = "input", run.number, run.module
    if tensor.dim() == 4:
        axes = _nearest_layouts(tensor.shape, ("BKhw", "BhwK"), aspect)[0]
        row, col, channel = SPATIAL[axes]
        layout, grid, channels = Layout(axes=axes), (tensor.shape[row], tensor.shape[col]), tensor.shape[channel]
    else:
        layout = token_layout(tensor, len(inputs), _grids(maps, aspect), aspect, tokens)
        assert layout.grid is not None
        grid, channels = layout.grid, tensor.shape[2]
    return Place(how=how, number=number, module=module, layout=layout, channels=channels, grid=grid, has_tokens=True)


def _maps(watched: Watched, aspect: float) -> list[Call]:
    """The calls that take away the space of a feature map of about the image's aspect, in forward order."""
    calls = [call for call in watched.calls if call.is_whole and not call.is_attended]
    return [call for call in calls if call.reduction.tensor.dim() == 4 and _layouts(call, aspect)]


def _token_axes(call: Call, grids: Sequence[tuple[int, int]]) -> tuple[Axes, ...]:
    """The layouts under which the call takes away as many tokens as one of the grids has patches, and a prefix."""
    counts = {axes: call.reduction.tensor.shape[axes.index("N")] for axes in call.reduction.layouts}
    return tuple(
        axes for axes, count in counts.items() if any(0 <= count - math.prod(grid) <= MOST_PREFIX for grid in grids)
    )


def _grids(maps: Sequence[Call], aspect: float) -> list[tuple[int, int]]:
    """The grids of the feature maps whose space is taken away, in forward order."""
    return [_candidate(call, _layouts(call, aspect)[0]).grid for call in maps]


def _declared_place(network: nn.Module, inputs: Tensor, declared: str, tokens: Tokens | None, aspect: float) -> Place:
    names = [name for name, _ in network.named_modules() if name]
    name = declared.removeprefix("module.") if declared not in names else declared
    if name not in names:
        near = difflib.get_close_matches(declared, names, n=3)
        raise StudyError(
            f"evidence: the network has no module {declared!r}"
            + (f"; did you mean {' or '.join(near)}?" if near else f"; it has {_listed(names)}")
        )
    outputs: list[Any] = []
    handle = network.get_submodule(name).register_forward_hook(lambda _m, _i, output: outputs.append(output))
    try:
        watched = watch(network, inputs)
    finally:
        handle.remove()
    if len(outputs) != 1:
        raise StudyError(
            f"evidence: {name} runs {len(outputs)} times in a forward pass; name a module that runs once"
            + ("" if outputs else " (a module whose parts are called in its place does not run)")
        )
    batch = len(inputs)
    maps = [part for part in tensors_in(outputs[0]) if _may_be_features(part, batch)]
    if len(maps) != 1 or not isinstance(outputs[0], Tensor | tuple | list):
        raise StudyError(
            f"evidence: the output of {name} is {_described(outputs[0])}, expected one feature map of {batch} images, "
            "channels, rows and columns, or one sequence of tokens; name another module"
        )
    tensor = maps[0]
    if tensor.dim() == 4:
        layouts = _nearest_layouts(tensor.shape, ("BKhw", "BhwK"), aspect)
        if len(layouts) != 1:
            raise StudyError(
                f"evidence: the output of {name}, {_described(tensor)}, is no feature map of the image's aspect; "
                "name another module"
            )
        row, col, channel = SPATIAL[layouts[0]]
        layout, grid, channels = Layout(axes=layouts[0]), (tensor.shape[row], tensor.shape[col]), tensor.shape[channel]
    else:
        layout = token_layout(tensor, batch, _grids(_maps(watched, aspect), aspect), aspect, tokens)
        assert layout.grid is not None
        grid, channels = layout.grid, tensor.shape[2]
    return Place(
        how="output",
        number=0,
        module=name,
        layout=layout,
        channels=channels,
        grid=grid,
        is_declared=True,
        has_tokens=layout.grid is not None,
    )


def _last_used(calls: Sequence[Call], logit_B: Tensor) -> Call | None:
    """The last call on whose result the logit depends; where gradients are off within the network, simply the last."""
    if not logit_B.requires_grad:
        return calls[-1] if calls else None
    for call in reversed(calls):
        result = call.reduction.result
        if not result.requires_grad:
            return call
        (gradient,) = torch.autograd.grad(logit_B.sum(), [result], allow_unused=True, retain_graph=True)
        if gradient is not None:
            return call
    return None


def _aspect(inputs: Tensor) -> float:
    """log of columns over rows of the network's images, channels first or last."""
    rows, cols = inputs.shape[2:] if inputs.shape[1] in (1, 3) or inputs.shape[-1] > 4 else inputs.shape[1:3]
    return math.log(cols / rows)


def _layouts(call: Call, aspect: float) -> tuple[Axes, ...]:
    """The layouts under which the call takes away rows and columns of about the image's aspect; two for a tie."""
    known = call.reduction.layouts
    if len(known) == 1 or call.reduction.tensor.dim() == 3:
        return known
    nearest = _nearest_layouts(call.reduction.tensor.shape, known, aspect)
    return ("BKhw",) if call.has_channels_first and "BKhw" in nearest else nearest


def _nearest_layouts(shape: Sequence[int], layouts: Sequence[Axes], aspect: float) -> tuple[Axes, ...]:
    """The layouts whose rows and columns have the image's aspect best, two for a tie; empty where none has it."""
    misfit = {}
    for axes in layouts:
        row, col, _ = SPATIAL[axes]
        if min(shape[row], shape[col]) > 1:
            misfit[axes] = abs(math.log(shape[col] / shape[row]) - aspect)
    best = min(misfit.values(), default=math.inf)
    return tuple(axes for axes, value in misfit.items() if value <= best + ASPECT_TIE and value <= ASPECT_TOLERANCE)


def _candidate(call: Call, axes: Axes) -> Candidate:
    shape = call.reduction.tensor.shape
    row, col, channel = SPATIAL[axes]
    return Candidate(module=call.module, function=call.function, channels=shape[channel], grid=(shape[row], shape[col]))


def _may_be_features(tensor: Tensor, batch: int) -> bool:
    if tensor.dim() == 4:
        return tensor.shape[0] == batch and min(sorted(tensor.shape[1:])[1:]) > 1
    return tensor.dim() == 3 and batch in tensor.shape[:2] and min(tensor.shape[1:]) > 1


def _described(output: Any) -> str:
    shapes = [" x ".join(map(str, tensor.shape)) or "one number" for tensor in tensors_in(output)]
    return ", ".join(shapes) if shapes else f"a {type(output).__name__}"


def _listed(names: Sequence[str], most: int = 12) -> str:
    top = [name for name in names if "." not in name]
    return ", ".join(top[:most]) + (", ..." if len(top) > most else "")
