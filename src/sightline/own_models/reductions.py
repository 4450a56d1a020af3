"""Which calls of a forward pass take the rows and columns of a feature map away: pooling, means, flattening.

What goes into a call and comes out tells, so that modules, functions, methods of tensors and the operators of an
exported program count alike. Shapes: B images, K channels, h w feature grid, N tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sightline.own_models.layout import Axes

# layout -> its axes of rows, columns and channels
SPATIAL: dict[Axes, tuple[int, int, int]] = {"BKhw": (2, 3, 1), "BhwK": (1, 2, 3)}
FEWEST_TOKENS = 4  # a grid of two rows and two columns
CHOOSING = ("__getitem__", "select", "narrow", "slice", "index", "index_select", "gather", "unbind", "split", "chunk")
# functions that name the axes they reduce -> where that argument stands
REDUCED_AXES = {
    **dict.fromkeys(("mean", "sum", "amax", "amin", "max", "min", "median", "nanmean", "nansum", "prod"), 1),
    **dict.fromkeys(("logsumexp", "std", "var", "std_mean", "var_mean", "any", "all"), 1),
    **dict.fromkeys(("norm", "linalg_vector_norm", "vector_norm"), 2),
}


@dataclass(frozen=True)
class Reduction:
    """A call that takes at least one spatial axis of a feature map away, or the axis of tokens."""

    tensor: Tensor
    """What it takes, with four axes, or three of tokens."""
    result: Tensor
    layouts: tuple[Axes, ...]
    """The layouts under which it takes space away; two where shapes alone do not tell."""
    is_whole: bool
    """Whether both spatial axes go; else one, which a second call may complete."""


def name_of(function: Any) -> str:
    """`mean` for torch.mean, Tensor.mean and the operator aten.mean.dim alike."""
    packet = getattr(function, "overloadpacket", None)
    return str(getattr(packet or function, "__name__", function))


def tensors_in(values: Any) -> Iterator[Tensor]:
    """The tensors among arguments or results, also within tuples and lists."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from tensors_in(value)


def reduction(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], result: Any, batch: int
) -> Reduction | None:
    """What the call takes away, None where it takes no space away from a feature map of `batch` images.

    A feature map: a floating-point tensor of four axes, `batch` first, with at least two rows and two columns. Space is
    taken away where both are 1 afterwards, or where they are merged with each other or with the channels. Tokens (three
    axes) are taken away where the channels alone are left; choosing one token, such as the class token, is no
    reduction. Parameters of the network are no feature maps.
    """
    out = next(tensors_in(result), None)
    if out is None or not out.dim() or out.shape[0] != batch:
        return None
    for tensor in tensors_in([*args, *kwargs.values()]):
        if tensor.dim() not in (3, 4) or tensor.shape[0] != batch or tensor is out or isinstance(tensor, nn.Parameter):
            continue
        if not tensor.is_floating_point():
            continue
        if tensor.dim() == 3:
            layouts = () if name_of(function) in CHOOSING else _token_layouts(tensor.shape, out.shape)
            if layouts:
                return Reduction(tensor, out, layouts, is_whole=True)
            continue
        if min(sorted(tensor.shape[1:])[1:]) < 2:
            continue
        reduced = _reduced_axes(name_of(function), args, kwargs)
        gone = {axes: _num_gone(tensor.shape, out.shape, *SPATIAL[axes], reduced) for axes in SPATIAL}
        for number in (2, 1):
            layouts = tuple(axes for axes, count in gone.items() if count == number)
            if layouts:
                return Reduction(tensor, out, layouts, number == 2)
    return None


def _token_layouts(before: Sequence[int], after: Sequence[int]) -> tuple[Axes, ...]:
    """The layouts of tokens whose axis of tokens is gone; none where it is not."""
    _, one, other = before
    rest = tuple(after[1:])
    layouts: list[Axes] = []
    if one >= FEWEST_TOKENS and rest in ((other,), (1, other)):
        layouts.append("BNK")
    if other >= FEWEST_TOKENS and rest in ((one,), (one, 1)):
        layouts.append("BKN")
    return tuple(layouts)


def _num_gone(
    before: Sequence[int], after: Sequence[int], row: int, col: int, channel: int, reduced: set[int] | None
) -> int:
    """How many of the spatial axes a call takes away under one layout: 0, 1 or 2."""
    rows, cols = before[row], before[col]
    if min(rows, cols) < 2:
        return 0
    if reduced is not None:
        spatial = {row, col} & reduced
        return len(spatial) if len(spatial) == 2 or channel not in reduced else 0
    if len(after) == 4:
        ones = (after[row] == 1) + (after[col] == 1)
        return ones if ones == 2 or after[channel] == before[channel] else 0
    if len(after) == 3:
        return 2 if rows * cols in after[1:] else 0
    return 2 if len(after) < 3 else 0


def _reduced_axes(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> set[int] | None:
    """The axes, of four, that a reducing function names; None where it names none."""
    if name not in REDUCED_AXES:
        return None
    place = REDUCED_AXES[name]
    value = kwargs.get("dim", kwargs.get("axis", args[place] if len(args) > place else None))
    if isinstance(value, int):
        value = [value]
    if not isinstance(value, list | tuple) or not all(isinstance(axis, int) for axis in value):
        return None
    return {axis % 4 for axis in value}
