"""Augmentation of whole batches at once, on the device that holds them (paper, Table 5).

Shapes: B images of one batch, S steps of an epoch, C channels (1 gray, 3 colour), H W image grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from sightline.networks.device import Machine


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Section `augment` of params.yaml: the strengths of the paper's Table 5."""

    rotation: float
    translation: float
    scale_low: float
    scale_high: float
    jitter_low: float
    jitter_high: float
    hue: float
    sharpen: float
    interpolation: Literal["nearest", "bilinear"]
    """Of rotation, shift and zoom."""

    def __post_init__(self) -> None:
        if not 0 < self.scale_low <= self.scale_high:
            raise ValueError("scale_low, scale_high: 0 < scale_low <= scale_high")
        if not 0 <= self.jitter_low <= self.jitter_high:
            raise ValueError("jitter_low, jitter_high: 0 <= jitter_low <= jitter_high")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue: must be in [0, 0.5], got {self.hue}")
        if not 0 <= self.sharpen <= 1:
            raise ValueError(f"sharpen: a probability, got {self.sharpen}")
        if not (0 <= self.rotation <= 180 and 0 <= self.translation <= 1):
            raise ValueError("rotation, translation: degrees in [0, 180] and a share in [0, 1]")


def unit_images(images_BHWc: Tensor) -> Tensor:
    """float32 B x C x H x W in [0, 1] of uint8 images B x H x W (C = 1) or B x H x W x 3."""
    channels_first = images_BHWc[:, None] if images_BHWc.ndim == 3 else images_BHWc.permute(0, 3, 1, 2)
    return channels_first.float().div_(255)


def three_channels(images_BCHW: Tensor, layout: torch.memory_format = torch.channels_last) -> Tensor:
    """B x 3 x H x W in `layout`: gray images repeated three times (paper, section 3.1), colour images as they are."""
    return images_BCHW.expand(-1, 3, -1, -1).contiguous(memory_format=layout)


def augmented(images_BCHW: Tensor, strengths: Augment, generator: torch.Generator) -> Tensor:
    """A new random variant of every image; float32 B x C x H x W, in [0, 1].

    One affine sampling (rotation, translation, zoom about the centre; uncovered border black), then brightness and
    contrast, for colour images saturation and hue, and last, with its probability, sharpening. Each image has its own
    factors, drawn from `generator`, which must be on the images' device; gray and colour images get the same draws, as
    do both interpolations.
    Paper: its code takes the nearest pixel (torchvision's default), as `nearest` does: every value is one of the
    image's, and edges are jagged. `bilinear`, the default outside the paper's profile, averages four pixels: edges stay
    smooth, and fine detail is blurred by up to half a pixel, which the validation and test images are not.
    Paper: Table 5 says rotation by 0-15 degrees; its code, like ours, rotates either way. Its code sharpens with
    torchvision's kernel and permutes the colour operations; we use Table 5's formula 2*I - G, G the 3x3 mean, and one
    order.
    """
    count, channels = images_BCHW.shape[:2]
    draw = torch.rand(9, count, 1, 1, 1, generator=generator, device=images_BCHW.device)
    moved = _moved(images_BCHW, draw[:4, :, 0, 0, 0], strengths)
    low, high = strengths.jitter_low, strengths.jitter_high
    brightness, contrast, saturation = (low + (high - low) * part for part in draw[4:7])
    bright = moved.mul_(brightness).clamp_(0, 1)
    mean = luminance(bright).mean(dim=(1, 2, 3), keepdim=True)
    jittered = torch.lerp(mean, bright, contrast).clamp_(0, 1)
    if channels == 3:
        jittered = torch.lerp(luminance(jittered), jittered, saturation).clamp_(0, 1)
        jittered = hue_shifted(jittered, (2 * draw[7] - 1) * strengths.hue)
    is_sharpened = (draw[8] < strengths.sharpen).to(jittered.dtype)
    # 2*I - G = I + (I - G)
    return torch.addcmul(jittered, is_sharpened, jittered - mean_3x3(jittered)).clamp_(0, 1)


def augmented_batches(
    images_N: Tensor, batches_SB: Tensor, strengths: Augment, generator: torch.Generator, machine: Machine
) -> Iterator[Tensor]:
    """Each step's images, newly augmented: B x 3 x H x W in the machine's layout and precision.

    `images_N` is the study's uint8 array on the device, and `batches_SB` holds its rows for each step. Images are
    augmented in float32, `machine.batches_at_once` batches at a time, then rounded as autocast would round them.
    """
    for rows_PB in batches_SB.split(machine.batches_at_once):
        part = augmented(unit_images(images_N[rows_PB.flatten()]), strengths, generator)
        yield from three_channels(part.to(machine.precision), machine.layout).split(rows_PB.shape[1])


def _moved(images_BCHW: Tensor, draw_4B: Tensor, strengths: Augment) -> Tensor:
    height, width = images_BCHW.shape[2:]
    angle = torch.deg2rad((2 * draw_4B[0] - 1) * strengths.rotation)
    zoom = strengths.scale_low + (strengths.scale_high - strengths.scale_low) * draw_4B[1]
    shift_x, shift_y = ((2 * part - 1) * strengths.translation * 2 for part in draw_4B[2:])  # the side is 2 long
    cos, sin, aspect = torch.cos(angle) / zoom, torch.sin(angle) / zoom, height / width
    # From output to input, in coordinates from -1 to 1 on both axes; `aspect` keeps angles true in pixels.
    x_W = _centres(width, images_BCHW.device) - shift_x[:, None]
    y_H = _centres(height, images_BCHW.device) - shift_y[:, None]
    # One broadcast sum of x's and y's terms takes a fifth of the time of affine_grid's matrix product on a CPU.
    by_column = torch.stack([cos[:, None] * x_W, -sin[:, None] / aspect * x_W], dim=-1)
    by_row = torch.stack([sin[:, None] * aspect * y_H, cos[:, None] * y_H], dim=-1)
    grid_BHW2 = by_column[:, None, :, :] + by_row[:, :, None, :]
    mode = strengths.interpolation
    return F.grid_sample(images_BCHW, grid_BHW2, mode=mode, padding_mode="zeros", align_corners=False)


def _centres(size: int, device: torch.device) -> Tensor:
    """The pixel centres on an axis from -1 to 1 (align_corners=False)."""
    return (2 * torch.arange(size, device=device, dtype=torch.float32) + 1) / size - 1


def mean_3x3(images_BCHW: Tensor) -> Tensor:
    """The mean over each pixel's 3 x 3 neighbourhood; at the border, over the part of it inside the image.

    Two passes of shifted sums take a seventh of avg_pool2d's time on a CPU; on a GPU, avg_pool2d is one kernel in
    place of eleven.
    """
    if images_BCHW.is_cuda:
        return F.avg_pool2d(images_BCHW, 3, stride=1, padding=1, count_include_pad=False)
    rows = images_BCHW.clone()
    rows[..., 1:, :] += images_BCHW[..., :-1, :]
    rows[..., :-1, :] += images_BCHW[..., 1:, :]
    sums = rows.clone()
    sums[..., 1:] += rows[..., :-1]
    sums[..., :-1] += rows[..., 1:]
    height, width = images_BCHW.shape[2:]
    inverse_H, inverse_W = (_inverse_neighbours(size, images_BCHW.device) for size in (height, width))
    return sums.mul_(inverse_H[:, None] * inverse_W)


def _inverse_neighbours(size: int, device: torch.device) -> Tensor:
    """One over the number of pixels within one step along an axis: 1/3, at both ends 1/2; needs at least two pixels."""
    inverse = torch.full((size,), 1 / 3, device=device)
    inverse[0] = inverse[-1] = 1 / 2
    return inverse


def luminance(images_BCHW: Tensor) -> Tensor:
    """B x 1 x H x W: the ITU-R 601 gray of colour images; gray images unchanged."""
    if images_BCHW.shape[1] == 1:
        return images_BCHW
    weights = images_BCHW.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images_BCHW * weights).sum(dim=1, keepdim=True)


def hue_shifted(images_B3HW: Tensor, shift_B111: Tensor) -> Tensor:
    """The images with their hue moved by `shift`, a share of the colour circle (HSV); gray pixels are unchanged."""
    red, green, blue = images_B3HW.unbind(1)
    value, _ = images_B3HW.max(dim=1)
    chroma = value - images_B3HW.amin(dim=1)
    safe = torch.where(chroma > 0, chroma, 1)
    sector = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = (sector[:, None] / 6 + shift_B111) % 1
    # Each channel falls linearly with the distance from its own hue, between 1/6 and 1/3 of the circle.
    offsets = images_B3HW.new_tensor([5, 3, 1]).view(1, 3, 1, 1)
    k = (offsets + hue * 6) % 6
    return value[:, None] - chroma[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)
