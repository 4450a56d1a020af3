"""What a network takes in, declared: size, channels, range of values, mean and std; and films brought to it.

Shapes: B images, C channels of the network, H W the study's grid.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn.functional import interpolate

DECLARED = ("size", "channels", "mean", "std", "value_range")
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue, which add up to 1


@dataclass(frozen=True, kw_only=True)
class DeclaredInput:
    """A network's input; calling it brings films to it."""

    size: tuple[int, int]
    """Rows and columns."""
    channels: int
    """1 or 3."""
    mean: tuple[float, ...]
    """Subtracted from each channel, in units of `value_range`."""
    std: tuple[float, ...]
    """Divides each channel after that; above 0."""
    value_range: tuple[float, float]
    """What black and white of a film become before mean and std: (0, 1), (0, 255), (-1024, 1024), ..."""

    def __call__(self, images: Tensor) -> Tensor:
        """Float films B x 3 x H x W in [0, 1] -> the network's input B x C x rows x columns, float; differentiable.

        In this order: values to `value_range`; with one channel, red, green and blue to gray by ITU-R BT.601, which
        leaves three equal channels as they are; bilinear resize with antialiasing where the size differs; mean and std.
        """
        low, high = self.value_range
        values = images * (high - low) + low
        if self.channels == 1:
            values = _gray(values)
        if tuple(values.shape[-2:]) != self.size:
            values = interpolate(values, self.size, mode="bilinear", align_corners=False, antialias=True)
        mean, std = (values.new_tensor(numbers_C).view(-1, 1, 1) for numbers_C in (self.mean, self.std))
        return (values - mean) / std

    @property
    def facts(self) -> dict[str, Any]:
        """The five values, for JSON."""
        return {
            "size": list(self.size),
            "channels": self.channels,
            "mean": list(self.mean),
            "std": list(self.std),
            "value_range": list(self.value_range),
        }


NOT_DECLARED: dict[str, Any] = dict.fromkeys(DECLARED)
"""The facts of a network whose input the user's `preprocess` makes: each value is null."""


def declared_input(values: Mapping[str, Any], problems: list[str]) -> DeclaredInput | None:
    """The input declared by `values`, the five by their names; None where one is wrong, with a line in `problems`.

    All five must be in `values`; what else is there is not looked at.
    """
    before = len(problems)
    size = _size(values["size"], problems)
    channels = values["channels"]
    if type(channels) is not int or channels not in (1, 3):
        problems.append(f"channels: expected 1 or 3, got {channels!r}")
        channels = None
    mean = _per_channel("mean", values["mean"], channels, problems)
    std = _per_channel("std", values["std"], channels, problems)
    if any(number <= 0 for number in std):
        problems.append(f"std: expected numbers above 0, got {values['std']!r}")
    value_range = values["value_range"]
    if not _is_list(value_range) or len(value_range) != 2 or not all(map(_is_number, value_range)):
        problems.append(
            f"value_range: expected two numbers, what black and white become before mean and std, got {value_range!r}"
        )
    elif not value_range[0] < value_range[1]:
        problems.append(f"value_range: expected the lower number first, got {value_range!r}")
    if len(problems) > before or channels is None:
        return None
    low, high = (float(number) for number in value_range)
    return DeclaredInput(size=size, channels=channels, mean=mean, std=std, value_range=(low, high))


def _size(size: Any, problems: list[str]) -> tuple[int, int]:
    pair = (size, size) if type(size) is int else tuple(size) if _is_list(size) else ()
    if len(pair) != 2 or not all(type(number) is int and number > 0 for number in pair):
        problems.append(f"size: expected a whole number of pixels, or rows and columns, got {size!r}")
        return 0, 0
    return pair


def _per_channel(name: str, value: Any, channels: int | None, problems: list[str]) -> tuple[float, ...]:
    """One number per channel; a single number stands for all channels."""
    if _is_number(value):
        return (float(value),) * (channels or 1)
    if not _is_list(value) or not value or not all(map(_is_number, value)):
        problems.append(f"{name}: expected a number or a list of one per channel, got {value!r}")
        return ()
    if channels is not None and len(value) != channels:
        problems.append(f"{name}: has {len(value)} numbers, but channels is {channels}")
    return tuple(float(number) for number in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _gray(values_B3HW: Tensor) -> Tensor:
    """B x 1 x H x W: the luma of red, green and blue; three equal channels keep their value to the bit."""
    red, green, blue = values_B3HW.unbind(1)
    return (red + LUMA[1] * (green - red) + LUMA[2] * (blue - red)).unsqueeze(1)
