"""The tokens of a transformer: which tensor holds them, and how they lie on the image.

With a class token the gradient at the patch tokens after the last block is exactly zero, since the logit reads the
class token alone. The tokens that enter the last attention are the last ones that still matter. Shapes: B images,
N tokens, K channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from torch import Tensor

from sightline.own_models.layout import Layout
from sightline.own_models.parts import Tokens
from sightline.own_models.reductions import tensors_in
from sightline.own_models.watching import Attention, Run
from sightline.study.errors import StudyError

MOST_PREFIX = 8  # class and distillation token, and up to six registers
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


def _holds_tokens(tensor: Tensor, batch: int) -> bool:
    if tensor.dim() == 4:  # by rows and columns
        return tensor.shape[0] == batch and min(sorted(tensor.shape[1:])[1:]) > 1
    return tensor.dim() == 3 and batch in tensor.shape[:2] and min(tensor.shape) > 1


def token_layout(
    tensor: Tensor, batch: int, grids: Sequence[tuple[int, int]], aspect: float, tokens: Tokens | None
) -> Layout:
    """How a sequence of tokens, of three axes, lies on the image: as declared, else as it can be told, else StudyError.

    `grids`: of the feature maps that were flattened on the way; the last one of as many patches as there are tokens,
    less at most MOST_PREFIX, is the grid. Without one, the grid is known where only one prefix leaves a number of
    tokens that is a grid of the image's `aspect`, the log of columns over rows.
    """
    axes: Literal["BNK", "NBK"] = "BNK" if tensor.shape[0] == batch else "NBK"
    count = tensor.shape[1] if axes == "BNK" else tensor.shape[0]
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
