"""What replaces removed pixels: a blurred copy of the image, or 0. Shapes: B images, H W image grid."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

BLUR = 0.1  # sigma, a share of each side. Paper: RISE blurs by 5 px of 224, cut off at 5 px; opacities stay visible

Fill = Literal["blur", "zero"]
ENDINGS: dict[Fill, str] = {"blur": "", "zero": "_zero"}
"""The ending of a result's key, by filling."""


def blurred(images_B3HW: Tensor, blur: float = BLUR) -> Tensor:
    """The images under a Gaussian blur of sigma `blur`, a share of each side; same shape, dtype and range.

    Its weights sum to 1 at the border too, so a constant image stays as it is.
    """
    weights = []
    for size in images_B3HW.shape[2:]:
        position = torch.arange(size, dtype=torch.float64) / size
        weights.append(torch.softmax(-((position[:, None] - position) ** 2) / (2 * blur**2), dim=1).to(images_B3HW))
    rows_HH, cols_WW = weights
    return rows_HH @ images_B3HW @ cols_WW.T


def filled_images(images_B3HW: Tensor, fill: Fill, blur: float) -> Tensor:
    """The images that replace removed pixels: `blurred`, or all 0; same shape and dtype."""
    return blurred(images_B3HW, blur) if fill == "blur" else torch.zeros_like(images_B3HW)
