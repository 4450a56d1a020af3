"""The tokens of a transformer: which tensor holds them, and how they lie on the image.

With a class token the gradient at the patch tokens after the last block is exactly zero, since the logit reads the
class token alone. The tokens that enter the last attention are the last ones that still matter. Shapes: B images,
N tokens, K channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from sightline.own_models.layout import Axes, Layout
from sightline.own_models.parts import Tokens
from sightline.own_models.reductions import tensors_in
from sightline.own_models.watching import VIEWS, Attention, Producer, Run, Watched
from sightline.study.errors import StudyError

MOST_PREFIX = 8  # class and distillation token, and up to six registers
PROJECTIONS = {"linear", "addmm", "mm", "matmul", "bmm", "__matmul__", "conv1d"}
GRID_TOLERANCE = 0.02  # of the log of the aspect, for grids told from the number of tokens alone


def entering_tokens(attention: Attention, batch: int) -> tuple[Run, Tensor]:
    """The innermost module that takes tokens and runs the attention, and these tokens."""
    for run in reversed(attention.runs):
        for tensor in tensors_in([*run.args, *run.kwargs.values()]):
            is_by_heads = any(tensor is part for part in attention.tensors)
            if tensor.is_floating_point() and _holds_tokens(tensor, batch) and not is_by_heads:
                return run, tensor
    raise StudyError(
        "no evidence: the network ends in attention, and no module that runs it takes the tokens of whole images; "
        'declare evidence = "<module>" in the code file, one whose output are the tokens that enter the last attention'
    )


def produced_tokens(watched: Watched, batch: int) -> Producer:
    """The tokens that the last attention's query, key and value are projected from, in an exported program.

    Found by going back from what attention takes to the nearest products with weights. StudyError where these take
    several tensors, as in attention to something else than the tokens themselves.
    """
    waiting = [*watched.attentions[-1].tensors]
    seen: set[int] = set()
    sources: dict[int, Producer] = {}
    while waiting:
        tensor = waiting.pop()
        producer = watched.producers.get(id(tensor))
        if producer is None or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        weights = [part for part in producer.taken if isinstance(part, nn.Parameter) and part.dim() > 1]
        if weights and producer.function in PROJECTIONS:
            for part in producer.taken:
                if not isinstance(part, nn.Parameter) and (source := _whole(part, watched, batch)):
                    sources[id(source.result)] = source
        else:
            waiting.extend(producer.taken)
    if len(sources) != 1:
        raise StudyError(
            f"no evidence: query, key and value of the last attention come from {len(sources)} sequences of tokens, "
            'expected one; bring the network in by a code file that declares evidence = "<module>"'
        )
    return next(iter(sources.values()))


def _whole(tensor: Tensor, watched: Watched, batch: int) -> Producer | None:
    """The call that made the tokens of which `tensor` is a view, transposed or not; None for anything but tokens."""
    producer = watched.producers.get(id(tensor))
    while producer is not None and producer.function in VIEWS:
        producer = watched.producers.get(id(producer.taken[0]))
    return producer if producer is not None and _holds_tokens(producer.result, batch) else None


def _holds_tokens(tensor: Tensor, batch: int) -> bool:
    if tensor.dim() == 4:  # by rows and columns
        return tensor.shape[0] == batch and min(sorted(tensor.shape[1:])[1:]) > 1
    return tensor.dim() == 3 and batch in tensor.shape[:2] and min(tensor.shape) > 1


def token_layout(
    tensor: Tensor,
    batch: int,
    grids: Sequence[tuple[int, int]],
    aspect: float,
    tokens: Tokens | None,
    axes: Axes | None = None,
) -> Layout:
    """How a sequence of tokens, of three axes, lies on the image: as declared, else as it can be told, else StudyError.

    `grids`: of the feature maps that were flattened on the way; the last one of as many patches as there are tokens,
    less at most MOST_PREFIX, is the grid. Without one, the grid is known where only one prefix leaves a number of
    tokens that is a grid of the image's `aspect`, the log of columns over rows.
    """
    axes = axes or ("BNK" if tensor.shape[0] == batch else "NBK")
    count = tensor.shape[axes.index("N")]
    if tokens is not None:
        if count != tokens.prefix + math.prod(tokens.grid):
            raise StudyError(
                f"tokens: {count} tokens enter, not the declared prefix {tokens.prefix} and grid of "
                f"{tokens.grid[0]} x {tokens.grid[1]}"
            )
        return Layout(axes=axes, prefix=tokens.prefix, grid=tokens.grid)
    seen = [(count - math.prod(grid), grid) for grid in reversed(grids)]
    fitting = [(prefix, grid) for prefix, grid in seen if 0 <= prefix <= MOST_PREFIX and math.prod(grid) > 1]
    if not fitting:
        fitting = [(prefix, grid) for prefix in range(MOST_PREFIX + 1) for grid in _grids(count - prefix, aspect)]
        if len(fitting) != 1:
            shown = ", ".join(f"{prefix} and {rows} x {cols}" for prefix, (rows, cols) in fitting[:4]) or "none"
            raise StudyError(
                f"tokens: how {count} tokens lie on the image cannot be told (prefix and grid that fit: {shown}); "
                f'declare tokens = {{"prefix": ..., "grid": (rows, columns)}} in the code file'
            )
    prefix, grid = fitting[0]
    return Layout(axes=axes, prefix=prefix, grid=grid)


def _grids(patches: int, aspect: float) -> list[tuple[int, int]]:
    """The grids of that many patches that have the image's aspect."""
    rows = [rows for rows in range(2, patches) if patches % rows == 0 and patches // rows > 1]
    return [(row, patches // row) for row in rows if abs(math.log(patches / row / row) - aspect) <= GRID_TOLERANCE]
