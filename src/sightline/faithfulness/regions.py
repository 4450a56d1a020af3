"""Does the network need the experts' region: necessity, sufficiency, and control regions elsewhere in the lungs.

Shapes: B or M images, C control regions. Images are in [0, 1], the network is in eval mode, and nothing takes a
gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sightline.faithfulness.fill import BLUR, Fill, filled_images
from sightline.saliency.perturbation import chunked_scores
from sightline.statistics.resampling import hierarchical_weights, paired_difference
from sightline.statistics.significance import sign_flip_p


@dataclass(frozen=True, kw_only=True)
class RegionEffect:
    """The region's effect on the logit beyond that of control regions; NaN for an empty region or without controls."""

    effect_B: np.ndarray
    """float64: positive where the network uses the region more than the controls."""
    region_B: np.ndarray
    """float64: the change of the logit by the region."""
    control_BC: np.ndarray
    """float64: the change by each control; NaN for an empty one."""


def expert_necessity(
    network: nn.Module, images_B3HW: Tensor, masks_BHW: np.ndarray, controls_BCHW: np.ndarray, **fill: Any
) -> RegionEffect:
    """[logit(x) - logit(x without G)] - mean_c [logit(x) - logit(x without C_c)], G the experts' region.

    Masks and controls are bool; removed pixels are replaced by the blurred image's (or 0). Empty controls, with which
    `control_regions` pads, do not count; an empty G gives NaN. Further arguments are those of `region_effect`.
    """
    return region_effect(network, images_B3HW, masks_BHW, controls_BCHW, is_removed=True, **fill)


def sufficiency(
    network: nn.Module, images_B3HW: Tensor, masks_BHW: np.ndarray, controls_BCHW: np.ndarray, **fill: Any
) -> RegionEffect:
    """logit(only G) - mean_c logit(only C_c), each less logit(filled image); otherwise like `expert_necessity`."""
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
    """`expert_necessity` (`is_removed`) or `sufficiency`; `fill` is what replaces removed pixels."""
    regions_BCHW = np.concatenate([np.asarray(masks_BHW)[:, None], controls_BCHW], axis=1).astype(bool)
    filled_B3HW = filled_images(images_B3HW, fill, blur)
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


def effect_summary(
    effect_M: np.ndarray,
    patients_M: np.ndarray,
    level: float,
    num_resamples: int,
    num_flips: int,
    resampling: np.random.Generator,
    flips: np.random.Generator,
) -> dict[str, Any]:
    """Mean effect over the images that have one, its interval over patients at `level`, and its sign-flip p-value.

    `images` counts these images, `without_controls` the others (NaN in `effect_M`). Without images all else is None.
    """
    is_known_M = ~np.isnan(effect_M)
    counts = {"images": int(is_known_M.sum()), "without_controls": int((~is_known_M).sum())}
    if not is_known_M.any():
        return {"mean": None, "low": None, "high": None, "p": None, **counts}
    known, patients = effect_M[is_known_M], patients_M[is_known_M]
    weights_BM = hierarchical_weights(patients, num_resamples, resampling, deepest="patients")
    spread = paired_difference(
        known[None], np.zeros(len(known)), weights_BM, level, num_patients=len(np.unique(patients))
    )
    return {
        "mean": spread.estimate[0],
        "low": spread.low[0],
        "high": spread.high[0],
        "p": sign_flip_p(known, patients, num_flips, flips),
        **counts,
    }


@dataclass(frozen=True, kw_only=True)
class ControlRegions:
    """Copies of a region elsewhere in the lungs."""

    masks_CHW: np.ndarray
    """bool, each of the region's shape and area; all false where there is no other place."""
    fault_C: np.ndarray
    """float64: pixels outside the lungs beyond the region's number, plus pixels shared with it, over its area."""
    is_fallback_C: np.ndarray
    """bool: `fault_C` is above 0."""


def control_regions(mask_HW: np.ndarray, lungs_HW: np.ndarray, num: int, rng: np.random.Generator) -> ControlRegions:
    """`num` different translations, reflected or not along rows and columns, of the region that fit into the lungs.

    A place fits if it shares no pixel with the region and has no more pixels outside the lungs than the region has
    (experts mark across the lungs' outline). Controls are drawn evenly from all places that fit. If fewer than `num`
    fit, the rest are the places with the least `fault_C`, ties at random: large or two-sided regions have no match, and
    a control that is nearly the region says nothing. Controls lie wholly within the image. An empty region has no
    control; lungs without a pixel raise ValueError.
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
    crops = [flip for n, flip in enumerate(flips) if not any(np.array_equal(flip, earlier) for earlier in flips[:n])]
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
    """The number of pixels of `ground_HW` that each crop covers at each place wholly inside the image."""
    # By FFT, as in scipy.signal.correlate, whose import takes a second.
    shape = ground_HW.shape
    spectra_Khw = np.fft.rfft2(ground_HW) * np.fft.rfft2(np.stack(crops_Khw), s=shape).conj()
    height, width = (1 + whole - part for whole, part in zip(shape, crops_Khw[0].shape, strict=True))
    return np.rint(np.fft.irfft2(spectra_Khw, s=shape)[:, :height, :width])
