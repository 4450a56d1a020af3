"""How a feature map lies in its tensor, and the way to B x K x h x w and back.

Shapes: B images, K channels, h w feature grid, N tokens (a prefix of class tokens and the like, then h * w patches).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Axes = Literal["BKhw", "BhwK", "BNK", "NBK", "BKN"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The axes of a feature map; for tokens also how many are no patches, and the grid of those that are."""

    axes: Axes
    prefix: int = 0
    """Tokens in front that are no patches."""
    grid: tuple[int, int] | None = None
    """Rows and columns of patches, row by row; None where the tensor has rows and columns itself."""

    def features(self, tensor: Tensor) -> Tensor:
        """The feature map as B x K x h x w, a view where that is possible; ValueError where the tokens do not fit."""
        if self.axes == "BKhw":
            return tensor
        if self.axes == "BhwK":
            return tensor.permute(0, 3, 1, 2)
        patches_BKN = self._channels_first(tensor)[:, :, self.prefix :]
        assert self.grid is not None
        if patches_BKN.shape[2] != self.grid[0] * self.grid[1]:
            raise ValueError(
                f"{patches_BKN.shape[2]} patches after {self.prefix} prefix tokens are no grid of {self.grid[0]} x "
                f"{self.grid[1]}"
            )
        return patches_BKN.unflatten(2, self.grid)

    def restored(self, features_BKhw: Tensor, tensor: Tensor) -> Tensor:
        """`features_BKhw` in the layout of `tensor`, with the prefix tokens of `tensor`."""
        if self.axes == "BKhw":
            return features_BKhw
        if self.axes == "BhwK":
            return features_BKhw.permute(0, 2, 3, 1)
        patches_BKN = features_BKhw.flatten(2)
        tokens_BKN = torch.cat([self._channels_first(tensor)[:, :, : self.prefix], patches_BKN], dim=2)
        return {"BNK": tokens_BKN.permute(0, 2, 1), "NBK": tokens_BKN.permute(2, 0, 1), "BKN": tokens_BKN}[self.axes]

    def _channels_first(self, tensor: Tensor) -> Tensor:
        order = {"BNK": (0, 2, 1), "NBK": (1, 2, 0), "BKN": (0, 1, 2)}[self.axes]
        return tensor.permute(order)
