"""Does the network use what a map, or an expert, points at: perturbation tests of maps and of expert regions.

Shapes: B images, C control regions, T + 1 steps of a curve, M maps, P = H * W pixels of the image grid. Images are in
[0, 1], the network is in eval mode, nothing takes a gradient. Tensors go in where the network is needed (maps and
regions as arrays), arrays come out, one value an image: means and intervals are the statistics' concern.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import Tensor, nn

from sightline.perturbation import Score, chunked_scores
from sightline.ranks import average_ranks

BLUR = 0.1  # sigma as a share of the image's side. Paper: RISE's 5 px of 224, cut off at 5 px, leaves opacities visible
Fill = Literal["blur", "zero"]


def blurred(images_B3HW: Tensor, blur: float = BLUR) -> Tensor:
    """The images under a Gaussian of sigma `blur`, a share of each side; same shape, dtype and range.

    Its weights are made to sum to 1 at the border too: a constant image stays as it is.
    """
    weights = []
    for size in images_B3HW.shape[2:]:
        place = torch.arange(size, dtype=torch.float64) / size
        weights.append(torch.softmax(-((place[:, None] - place) ** 2) / (2 * blur**2), dim=1).to(images_B3HW))
    rows_HH, cols_WW = weights
    return rows_HH @ images_B3HW @ cols_WW.T


def _filled(images_B3HW: Tensor, fill: Fill, blur: float) -> Tensor:
    return blurred(images_B3HW, blur) if fill == "blur" else torch.zeros_like(images_B3HW)


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The class score while pixels go, or come, highest first."""

    share_T: np.ndarray
    """float64 T + 1, share of the pixels removed or restored: 0 to 1."""
    deletion_BT: np.ndarray
    """float64 B x (T + 1): the image first, the baseline last."""
    insertion_BT: np.ndarray
    """float64 B x (T + 1): the baseline first, the image last."""
    deletion_B: np.ndarray
    """Area under the curve, trapezoids; low is faithful."""
    insertion_B: np.ndarray
    """Area under the curve; high is faithful."""
    is_flat_B: np.ndarray
    """bool: the map has one value, its order is random and its areas are one draw of chance."""


@torch.no_grad()
def deletion_insertion(
    network: nn.Module,
    images_B3HW: Tensor,
    maps_BHW: np.ndarray,
    steps: int,
    baseline: Fill,
    rng: np.random.Generator,
    score: Score = "probability",
    blur: float = BLUR,
    chunk: int = 64,
) -> Curves:
    """Deletion and insertion of RISE (Petsiuk et al. 2018, section 4.2), both against one baseline.

    Pixels are replaced by those of the blurred image or by 0, highest first, in `steps` equal parts. Ties are broken
    at random by `rng`, which gives each image of the stream the same numbers however it is cut into batches; in
    expectation this is the score under random tie-breaking, a flat map's is chance. A NaN in a map raises ValueError.
    Paper: deletion is to 0 and insertion from a blur; here a call does both from the same, so call it twice.
    """
    maps_BP = np.asarray(maps_BHW, dtype=float).reshape(len(images_B3HW), -1)
    if np.isnan(maps_BP).any():
        raise ValueError("NaN in a map: its pixels have no order")
    if steps < 1:
        raise ValueError(f"steps: at least 1, got {steps}")
    num_pixels = maps_BP.shape[1]
    order_BP = np.lexsort((rng.random(maps_BP.shape), -maps_BP), axis=1)
    rank_BP = np.empty_like(order_BP)
    np.put_along_axis(rank_BP, order_BP, np.broadcast_to(np.arange(num_pixels), order_BP.shape), axis=1)
    rank_BHW = torch.from_numpy(rank_BP).to(images_B3HW.device).view(-1, *images_B3HW.shape[2:])
    count_T = np.rint(np.linspace(0, num_pixels, steps + 1)).astype(np.int64)
    filled_B3HW = _filled(images_B3HW, baseline, blur)
    curves = np.empty((2, len(images_B3HW), steps + 1))
    for step, count in enumerate(count_T.tolist()):
        gone_B1HW = (rank_BHW < count)[:, None]
        for curve, ends in zip(curves, ((filled_B3HW, images_B3HW), (images_B3HW, filled_B3HW)), strict=True):
            curve[:, step] = chunked_scores(network, torch.where(gone_B1HW, *ends), score, chunk).double().cpu()
    share_T = count_T / num_pixels
    areas_B = (curves[:, :, 1:] + curves[:, :, :-1]) / 2 @ np.diff(share_T)
    return Curves(
        share_T=share_T,
        deletion_BT=curves[0],
        insertion_BT=curves[1],
        deletion_B=areas_B[0],
        insertion_B=areas_B[1],
        is_flat_B=maps_BP.max(axis=1) == maps_BP.min(axis=1),
    )


@torch.no_grad()
def average_drop_increase(
    network: nn.Module, images_B3HW: Tensor, maps_BHW: np.ndarray, chunk: int = 64
) -> tuple[np.ndarray, np.ndarray]:
    """Per image max(0, f(x) - f(S x)) / f(x), float64 B in [0, 1], and whether f(S x) > f(x), float64 B of 0 and 1.

    Their means are average drop and increase (Grad-CAM++, Chattopadhay et al. 2018, section 4.1); f is the
    probability, S the map in [0, 1], else ValueError. A flat map as `scaled_maps` gives it is 0 everywhere: what
    is scored is then the black image (count these with `maps.is_flat`). NaN where f(x) is 0 or NaN.
    """
    maps_BHW = np.asarray(maps_BHW)
    if not ((maps_BHW >= 0) & (maps_BHW <= 1)).all():
        raise ValueError("maps: expected values in [0, 1], those of scaled_maps")
    seen_B3HW = images_B3HW * torch.from_numpy(maps_BHW).to(images_B3HW)[:, None]
    whole_B, seen_B = (
        chunked_scores(network, images, "probability", chunk).double().cpu().numpy()
        for images in (images_B3HW, seen_B3HW)
    )
    whole_B[whole_B == 0] = np.nan
    return np.maximum(0, whole_B - seen_B) / whole_B, np.where(np.isnan(whole_B), np.nan, seen_B > whole_B)


@dataclass(frozen=True, kw_only=True)
class RegionEffect:
    """What the region does to the logit beyond what control regions do; NaN for an empty region or without controls."""

    effect_B: np.ndarray
    """float64: positive says that the network uses the region more than it uses the controls."""
    region_B: np.ndarray
    """float64: the region's own change of the logit."""
    control_BC: np.ndarray
    """float64: each control's; NaN for an empty one."""


def expert_necessity(
    network: nn.Module, images_B3HW: Tensor, masks_BHW: np.ndarray, controls_BCHW: np.ndarray, **fill: Any
) -> RegionEffect:
    """[logit(x) - logit(x without G)] - mean_c [logit(x) - logit(x without C_c)], G the experts' region.

    Masks and controls are bool; what is removed becomes the blurred image's (or 0). An empty control does not count
    (`control_regions` pads with them); an empty G gives NaN. Further arguments: those of `region_effect`.
    """
    return region_effect(network, images_B3HW, masks_BHW, controls_BCHW, is_removed=True, **fill)


def sufficiency(
    network: nn.Module, images_B3HW: Tensor, masks_BHW: np.ndarray, controls_BCHW: np.ndarray, **fill: Any
) -> RegionEffect:
    """logit(only G) - mean_c logit(only C_c), each less logit(filled image); otherwise as `expert_necessity`."""
    return region_effect(network, images_B3HW, masks_BHW, controls_BCHW, is_removed=False, **fill)


@torch.no_grad()
def region_effect(
    network: nn.Module,
    images_B3HW: Tensor,
    masks_BHW: np.ndarray,
    controls_BCHW: np.ndarray,
    *,
    is_removed: bool,
    fill: Fill = "blur",
    blur: float = BLUR,
    chunk: int = 64,
) -> RegionEffect:
    """`expert_necessity` (`is_removed`) or `sufficiency`; `fill`: what stands in the pixels that are taken away."""
    regions_BCHW = np.concatenate([np.asarray(masks_BHW)[:, None], controls_BCHW], axis=1).astype(bool)
    filled_B3HW = _filled(images_B3HW, fill, blur)
    start_B3HW, end_B3HW = (images_B3HW, filled_B3HW) if is_removed else (filled_B3HW, images_B3HW)
    start_B = chunked_scores(network, start_B3HW, "logit", chunk)
    change_BC = np.empty(regions_BCHW.shape[:2])
    for column in range(regions_BCHW.shape[1]):
        region_B1HW = torch.from_numpy(regions_BCHW[:, column, None]).to(images_B3HW.device)
        end_B = chunked_scores(network, torch.where(region_B1HW, end_B3HW, start_B3HW), "logit", chunk)
        change_BC[:, column] = ((start_B - end_B) * (1 if is_removed else -1)).double().cpu()
    change_BC[~regions_BCHW.any(axis=(2, 3))] = np.nan
    region_B, control_BC = change_BC[:, 0], change_BC[:, 1:]
    num_B = (~np.isnan(control_BC)).sum(axis=1)
    mean_B = np.where(num_B > 0, np.nansum(control_BC, axis=1), np.nan) / np.maximum(num_B, 1)
    return RegionEffect(effect_B=region_B - mean_B, region_B=region_B, control_BC=control_BC)


@dataclass(frozen=True, kw_only=True)
class ControlRegions:
    """Copies of a region elsewhere in the lungs."""

    masks_CHW: np.ndarray
    """bool, each of the region's shape and area; all false where there was no other place at all."""
    fault_C: np.ndarray
    """float64: pixels outside the lungs beyond the region's own, plus those shared with it, over the region's area."""
    is_fallback_C: np.ndarray
    """bool: `fault_C` is above 0."""


def control_regions(mask_HW: np.ndarray, lungs_HW: np.ndarray, num: int, rng: np.random.Generator) -> ControlRegions:
    """`num` different translations, reflected or not along rows and columns, of the region that fit into the lungs.

    A place fits if it shares no pixel with the region and has no more pixels outside the lungs than the region itself
    has (experts mark across the lungs' outline). Drawn evenly from all that fit. Where fewer than `num` fit, the rest
    are the places with the least `fault_C`, ties at random: large or two-sided regions have no match, and a control
    that is nearly the region says nothing. The whole stays within the image. An empty region has no control; lungs
    without a pixel raise ValueError.
    """
    mask_HW, lungs_HW = np.asarray(mask_HW, dtype=bool), np.asarray(lungs_HW, dtype=bool)
    if not lungs_HW.any():
        raise ValueError("lungs: no pixel; without lungs no control region is inside them")
    masks_CHW = np.zeros((num, *mask_HW.shape), dtype=bool)
    if not mask_HW.any():
        return ControlRegions(masks_CHW=masks_CHW, fault_C=np.zeros(num), is_fallback_C=np.zeros(num, dtype=bool))
    rows, cols = (np.flatnonzero(mask_HW.any(axis=axis)) for axis in (1, 0))
    crop_hw = mask_HW[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    flips = [crop_hw, crop_hw[:, ::-1], crop_hw[::-1], crop_hw[::-1, ::-1]]
    crops = [flip for place, flip in enumerate(flips) if not any(np.array_equal(flip, old) for old in flips[:place])]
    outside, shared = _pixels_under(crops, ~lungs_HW), _pixels_under(crops, mask_HW)
    fault = np.maximum(outside - (mask_HW & ~lungs_HW).sum(), 0) + shared
    fault[shared == mask_HW.sum()] = np.inf  # the region itself
    order = np.lexsort((rng.random(fault.size), fault.ravel()))[:num]
    order = order[np.isfinite(fault.ravel()[order])]
    for control_HW, cell in zip(masks_CHW, order, strict=False):
        flip, top, left = np.unravel_index(cell, fault.shape)
        control_HW[top : top + crop_hw.shape[0], left : left + crop_hw.shape[1]] = crops[flip]
    fault_C = np.zeros(num)
    fault_C[: len(order)] = fault.ravel()[order] / mask_HW.sum()
    return ControlRegions(masks_CHW=masks_CHW, fault_C=fault_C, is_fallback_C=fault_C > 0)


def _pixels_under(crops_Khw: list[np.ndarray], ground_HW: np.ndarray) -> np.ndarray:
    """How many pixels of `ground_HW` each crop covers at each place where it lies wholly inside; whole numbers."""
    # by FFT: scipy.signal.correlate does the same, and its import takes a second
    shape = ground_HW.shape
    spectra_Khw = np.fft.rfft2(ground_HW) * np.fft.rfft2(np.stack(crops_Khw), s=shape).conj()
    height, width = (1 + whole - part for whole, part in zip(shape, crops_Khw[0].shape, strict=True))
    return np.rint(np.fft.irfft2(spectra_Khw, s=shape)[:, :height, :width])


def weighted_layers(network: nn.Module) -> list[str]:
    """Names of the modules with weights of their own (convolutions, linear layers, batch norms), top down."""
    return [name for name, module in network.named_modules() if list(module.parameters(recurse=False))][::-1]


def randomised_copy(network: nn.Module, how_deep: int, generator: torch.Generator) -> nn.Module:
    """A copy whose top `how_deep` layers of `weighted_layers` have random weights: 0 is the network, all is chance.

    The cascading test of Adebayo et al. 2018, section 4. Tensors of two and more dimensions become independent normal
    numbers of mean 0 and the tensor's own root mean square; those of one (biases, batch norm's scale and shift) are
    shuffled; running statistics stay. So the scale of what flows through the network stays roughly what it was. Layers
    are drawn top down: the same seed, on the CPU, gives nested copies. The network itself is not changed.
    Paper, and Peer (Quantus' reset_parameters): a fresh initialisation, which for batch norm is the identity.
    """
    names = weighted_layers(network)
    if not 0 <= how_deep <= len(names):
        raise ValueError(f"how_deep: expected 0 to {len(names)} layers, got {how_deep}")
    random = copy.deepcopy(network)
    with torch.no_grad():
        for name in names[:how_deep]:
            for weight in random.get_submodule(name).parameters(recurse=False):
                if weight.dim() > 1:
                    draw = torch.randn(weight.shape, generator=generator).to(weight)
                    weight.copy_(draw * weight.square().mean().sqrt())
                else:
                    weight.copy_(weight[torch.randperm(len(weight), generator=generator).to(weight.device)])
    return random


def map_similarity(maps_MHW: np.ndarray, other_MHW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spearman's rank correlation and SSIM of each map with the other at its place, float64 M in [-1, 1] each.

    For the randomisation test; its scale is the same between two different images' maps of the trained network (Arun
    et al. 2021). Spearman: mid-ranks for ties; 0 where either map is flat, which is chance (count with `is_flat`).
    SSIM: see `ssim`, of maps in [0, 1] as `scaled_maps` gives them. NaN in, NaN out.
    """
    ranks, others = (average_ranks(np.asarray(maps).reshape(len(maps), -1)) for maps in (maps_MHW, other_MHW))
    ranks, others = (values - values.mean(axis=1, keepdims=True) for values in (ranks, others))
    scale_M = np.sqrt((ranks**2).sum(axis=1) * (others**2).sum(axis=1))
    spearman_M = (ranks * others).sum(axis=1) / np.where(scale_M == 0, 1, scale_M)
    return spearman_M, ssim(maps_MHW, other_MHW)


def ssim(maps_MHW: np.ndarray, other_MHW: np.ndarray, window: int = 7) -> np.ndarray:
    """Mean structural similarity of maps in [0, 1], float64 M: Wang et al. 2004, eq. 13, with scikit-image's defaults.

    Square windows of `window` pixels that lie wholly inside, sample covariances, C1 = 0.01^2, C2 = 0.03^2. Two equal
    maps, flat ones too, give 1. A map smaller than the window raises ValueError.
    """
    one, other = (np.asarray(maps, dtype=float) for maps in (maps_MHW, other_MHW))
    if min(one.shape[1:]) < window:
        raise ValueError(f"maps of {one.shape[1]} x {one.shape[2]}: SSIM needs at least {window} pixels each way")
    unbiased = window**2 / (window**2 - 1)
    parts = (one, other, one * one, other * other, one * other)
    mean, mean_other, square, square_other, product = (uniform_filter(part, (1, window, window)) for part in parts)
    both = mean**2 + mean_other**2
    similar = (2 * mean * mean_other + 0.01**2) * (2 * unbiased * (product - mean * mean_other) + 0.03**2)
    similar /= (both + 0.01**2) * (unbiased * (square + square_other - both) + 0.03**2)
    edge = window // 2
    return similar[:, edge : similar.shape[1] - edge, edge : similar.shape[2] - edge].mean(axis=(1, 2))
