"""A network's output in words, and brought to one logit per image where that takes no choice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from sightline.study.errors import StudyError

SHOWN = 6  # fields of an output that an error names


def single_logits(output: Any, file: str) -> Tensor:
    """The logits, float B, of an output that is a tensor B or B x 1; a number alone is one image's.

    Anything else is a StudyError that shows what the network returned and the function `score` to write into `file`.
    """
    if isinstance(output, Tensor) and output.is_floating_point():
        if output.ndim <= 1:
            return output.reshape(-1).float()
        if output.ndim == 2 and output.shape[1] == 1:
            return output[:, 0].float()
    raise StudyError(
        f"{file}: the network returns {described(output)}, not one logit per image; choose the score, for example:",
        ["def score(output):", f"    {score_line(output)}"],
    )


def described(output: Any) -> str:
    """What an output is: a tensor's shape and type, or the fields of anything that holds tensors."""
    if isinstance(output, Tensor):
        shape = " x ".join(map(str, output.shape)) or "of no axes"
        return f"a tensor {shape} ({str(output.dtype).removeprefix('torch.')})"
    kind = type(output).__name__
    article = "an" if kind[:1].lower() in "aeiou" else "a"
    fields = dict(_fields(output))
    if not fields:
        return f"{article} {kind}"
    parts = [f"{name}: {described(value) if isinstance(value, Tensor) else type(value).__name__}"
             for name, value in list(fields.items())[:SHOWN]]  # fmt: skip
    more = ", ..." if len(fields) > SHOWN else ""
    return f"{article} {kind} of {', '.join(parts)}{more}"


def tensors_in(output: Any) -> list[Tensor]:
    """The tensors that an output is or holds, one level deep."""
    return [output] if isinstance(output, Tensor) else [part for _, part in _fields(output) if isinstance(part, Tensor)]


def score_line(output: Any) -> str:
    """The line that most likely makes one logit per image of this output; the user decides."""
    if isinstance(output, Tensor):
        return f"return {_chosen('output', output)}"
    fields = dict(_fields(output))
    likely = ("logits", "out", "output", "outputs", "prediction", "pred", "y")
    name = next((name for name in likely if name in fields), next(iter(fields), None))
    if name is None:
        return "return ...  # a tensor of one logit per image"
    if isinstance(output, Mapping):
        whole = f"output[{name!r}]"
    else:
        whole = f"output[{name}]" if isinstance(output, Sequence) and name.isdigit() else f"output.{name}"
    return f"return {_chosen(whole, fields[name])}"


def _chosen(name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return f"{name}  # a tensor of one logit per image"
    if value.ndim == 2 and value.shape[1] == 1:
        return f"{name}[:, 0]"
    undone = "if these are probabilities, torch.logit({}, eps=1e-7)"
    if value.ndim == 2 and value.shape[1] == 2:
        second = f"{name}[:, 1]"
        return f"{second} - {name}[:, 0]  # two classes, the second is positive; {undone.format(second)}"
    if value.ndim == 2:
        return f"{name}[:, k]  # label k of {value.shape[1]}; {undone.format(f'{name}[:, k]')}"
    if value.ndim > 2:
        return f"{name}.flatten(2).mean(2)[:, k]  # of {value.ndim} axes: say how they become one logit per image"
    return f"{name}.float()" if value.ndim == 1 else f"{name}.reshape(1)"


def _fields(output: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(output, Mapping):
        yield from ((str(name), value) for name, value in output.items())
    elif isinstance(output, tuple) and hasattr(output, "_fields"):  # a named tuple
        yield from zip(output._fields, output, strict=True)
    elif isinstance(output, list | tuple):
        yield from ((str(place), value) for place, value in enumerate(output))
    elif hasattr(output, "__dict__"):
        yield from ((name, value) for name, value in vars(output).items() if not name.startswith("_"))
