"""Saliency from forward passes alone: RISE and occlusion, on the image grid.

Shapes: B images, N masks, C masks or windows at once, H W image grid, s s cells of a mask, R S positions of a patch.
Images are in [0, 1]. The network must be in eval mode; nothing here takes a gradient.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sightline.maps import bilinear_weights

Score = Literal["probability", "logit"]


def forward_scores(network: nn.Module, images_B3HW: Tensor, score: Score) -> Tensor:
    """The positive class's score of each image, shape B, from one forward pass.

    `logit`: the network's output; `probability`: its sigmoid, in [0, 1], which equals the softmax over two classes with
    the logits 0 and this one.
    """
    logits_B = network(images_B3HW)
    return logits_B if score == "logit" else logits_B.sigmoid()


def chunked_scores(network: nn.Module, images_B3HW: Tensor, score: Score, chunk: int) -> Tensor:
    """`forward_scores` of any number of images, `chunk` at a time."""
    parts = [forward_scores(network, part, score) for part in images_B3HW.split(chunk)]
    return torch.cat(parts) if parts else images_B3HW.new_zeros(0)


def rise_masks(
    num_masks: int,
    height: int,
    width: int,
    cells: int,
    share: float,
    generator: torch.Generator,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Random masks, float32 N x height x width in [0, 1], on `device`: the published generator of RISE.

    Petsiuk et al. 2018, section 3.2 and the authors' code: cells x cells values, each 1 with probability `share`, else
    0, are upsampled bilinearly to (cells + 1) * cell pixels along each axis, cell = ceil(size / cells), and a window of
    the image's size is cut out at an offset drawn evenly from 0 to cell - 1. Each pixel's expectation is exactly
    `share`. Make the masks once, on the network's device, for all images. `generator` is the CPU's, so the draws are
    the same for each device.
    Paper: the authors' code mirrors the cells at the border (scikit-image); here they are clamped, which differs only
    within half a cell of the border.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: expected above 0 and at most 1, got {share}")
    if min(num_masks, cells) < 1:
        raise ValueError(f"at least one mask of one cell, got {num_masks} and {cells}")
    grid_Nss = (torch.rand(num_masks, cells, cells, generator=generator) < share).float().to(device)
    weights = []
    for size in (height, width):
        cell = -(-size // cells)
        upsampling = torch.from_numpy(bilinear_weights(cells, (cells + 1) * cell)).float().to(device)
        offset_N = torch.randint(cell, (num_masks,), generator=generator).to(device)
        weights.append(upsampling[offset_N[:, None] + torch.arange(size, device=device)])  # N x size x s
    rows_NHs, cols_NWs = weights
    return rows_NHs @ grid_Nss @ cols_NWs.transpose(1, 2)


@torch.no_grad()
def rise(
    network: nn.Module,
    images_B3HW: Tensor,
    masks_NHW: Tensor,
    share: float,
    score: Score = "probability",
    chunk: int = 64,
) -> Tensor:
    """float32 B x H x W: the mean over the masks of score(image * mask) * mask, divided by `share`: RISE.

    Petsiuk et al. 2018, eq. 6: an estimate of the expected score given that a pixel is seen. Where nothing matters it
    is the mean score, not 0; a score that never changes gives this score times the masks' mean, which is nearly flat.
    `masks_NHW` are those of `rise_masks` with the same `share`, on the images' device, the same for all images. Hidden
    pixels are black. `chunk` masked images pass the network at once.
    Paper: its images are normalised, so its hidden pixels have the mean colour.
    """
    batch = len(images_B3HW)
    total_BP = images_B3HW.new_zeros(batch, masks_NHW[0].numel())
    for masks_CHW in masks_NHW.to(images_B3HW.dtype).split(max(1, chunk // max(1, batch))):
        seen = (images_B3HW[:, None] * masks_CHW[None, :, None]).flatten(0, 1)
        scores_BC = chunked_scores(network, seen, score, chunk).view(batch, len(masks_CHW))
        total_BP += scores_BC.to(total_BP.dtype) @ masks_CHW.flatten(1)
    return (total_BP / (len(masks_NHW) * share)).view(batch, *masks_NHW.shape[1:]).float()


@torch.no_grad()
def occlusion(
    network: nn.Module,
    images_B3HW: Tensor,
    patch: int = 32,
    stride: int = 16,
    baseline: float = 0.0,
    score: Score = "logit",
    chunk: int = 64,
) -> Tensor:
    """float32 B x H x W: the fall of the score when a patch that contains the pixel is covered, averaged over patches.

    Zeiler & Fergus 2014, section 4.2. Squares of `patch` pixels are set to `baseline`, in the images' units, every
    `stride` pixels from the top left corner until the far edge is covered, the last ones cut off there (as in captum).
    Positive values: the pixels speak for the class. A network whose score never changes gives zeros. A stride larger
    than the patch, which would leave pixels uncovered, raises ValueError.
    """
    if not 1 <= stride <= patch:
        raise ValueError(f"stride: expected 1 to the patch's {patch} pixels, got {stride}")
    batch, _, height, width = images_B3HW.shape
    rows_RH, cols_SW = (_covers(size, patch, stride).to(images_B3HW) for size in (height, width))
    whole_B = chunked_scores(network, images_B3HW, score, chunk)
    windows = torch.cartesian_prod(torch.arange(len(rows_RH)), torch.arange(len(cols_SW))).to(images_B3HW.device)
    falls = []
    for part_C2 in windows.split(max(1, chunk // max(1, batch))):
        covered_CHW = rows_RH[part_C2[:, 0], :, None] * cols_SW[part_C2[:, 1], None, :] > 0
        images = torch.where(covered_CHW[None, :, None], baseline, images_B3HW[:, None]).flatten(0, 1)
        falls.append(whole_B[:, None] - chunked_scores(network, images, score, chunk).view(batch, len(part_C2)))
    falls_BRS = torch.cat(falls, dim=1).view(batch, len(rows_RH), len(cols_SW)).to(rows_RH.dtype)
    times_HW = rows_RH.sum(dim=0)[:, None] * cols_SW.sum(dim=0)
    return (rows_RH.T @ falls_BRS @ cols_SW / times_HW).float()


def _covers(size: int, patch: int, stride: int) -> Tensor:
    """float32 positions x size: 1 where the patch at a position covers the pixel, along one axis."""
    positions = 1 + max(0, -(-(size - patch) // stride))
    start = torch.arange(positions)[:, None] * stride
    pixel = torch.arange(size)
    return ((pixel >= start) & (pixel < start + patch)).float()
