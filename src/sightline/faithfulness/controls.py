"""Control regions: copies of the experts' region elsewhere in the lungs whose removal changes the image as much.

Shapes: C control regions, M images, H W image grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FAULT = 0.05  # largest share of a control region's area that may be at fault
ENERGY = 0.25  # a control's removed energy differs from the region's by at most this share of it


@dataclass(frozen=True, kw_only=True)
class ControlRegions:
    """Copies of a region elsewhere in the lungs."""

    masks_CHW: np.ndarray
    """bool, each of the region's shape and area; all false where there is no other place."""
    fault_C: np.ndarray
    """float64: pixels outside the lungs beyond the region's number, plus pixels shared with it, over its area."""
    is_fallback_C: np.ndarray
    """bool: `fault_C` is above 0."""


def control_regions(
    mask_HW: np.ndarray, lungs_HW: np.ndarray, energy_HW: np.ndarray, num: int, rng: np.random.Generator
) -> ControlRegions:
    """`num` different translations, reflected or not along rows and columns, of the region that fit into the lungs.

    A place fits if it shares no pixel with the region and has no more pixels outside the lungs than the region has
    (experts mark across the lungs' outline). `energy_HW`, `regions.removed_energy` of the image, is what is taken from
    each pixel: places where its sum differs by more than `ENERGY` of the region's are never used, since a network
    answers to the size of a change wherever it is. Controls are drawn evenly from all places that fit. If fewer than
    `num` fit, the rest are the places with the least `fault_C`, ties at random: large or two-sided regions have no
    match, and a control that is nearly the region says nothing. Controls lie wholly within the image. An
    empty region has no control; lungs without a pixel raise ValueError.
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
    outside, shared = (np.rint(_sums_under(crops, ground)) for ground in (~lungs_HW, mask_HW))
    fault = np.maximum(outside - (mask_HW & ~lungs_HW).sum(), 0) + shared
    fault[shared == mask_HW.sum()] = np.inf  # the region itself
    region_energy = energy_HW[mask_HW].sum()
    rounding = 1e-9 * energy_HW.sum()  # of the FFT
    fault[np.abs(_sums_under(crops, energy_HW) - region_energy) > ENERGY * region_energy + rounding] = np.inf
    order = np.lexsort((rng.random(fault.size), fault.ravel()))[:num]
    order = order[np.isfinite(fault.ravel()[order])]
    for control_HW, cell in zip(masks_CHW, order, strict=False):
        flip, top, left = np.unravel_index(cell, fault.shape)
        control_HW[top : top + crop_hw.shape[0], left : left + crop_hw.shape[1]] = crops[flip]
    fault_C = np.zeros(num)
    fault_C[: len(order)] = fault.ravel()[order] / mask_HW.sum()
    return ControlRegions(masks_CHW=masks_CHW, fault_C=fault_C, is_fallback_C=fault_C > 0)


def fitting_controls(
    masks_MHW: np.ndarray,
    lungs_MHW: np.ndarray,
    energy_MHW: np.ndarray,
    num: int,
    rngs_M: Sequence[np.random.Generator],
) -> np.ndarray:
    """`control_regions` of each image, bool M x num x H x W, emptied where `FAULT` of the area is exceeded."""
    controls_MCHW = np.zeros((len(masks_MHW), num, *masks_MHW.shape[1:]), dtype=bool)
    for row, rng in enumerate(rngs_M):
        controls = control_regions(masks_MHW[row], lungs_MHW[row], energy_MHW[row], num, rng)
        controls_MCHW[row] = controls.masks_CHW & (controls.fault_C <= FAULT)[:, None, None]
    return controls_MCHW


def left_out(
    controls_MCHW: np.ndarray, masks_MHW: np.ndarray, probability_M: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """Images `with` and `without` a control: how many, their region's mean share of the image, the mean probability.

    The tests are of the former alone; where the latter differ, the tests do not speak for them. `masks_MHW`: the
    regions, none of them empty; `controls_MCHW`: from `fitting_controls`; `probability_M`: of label 1, for the whole
    image. Without images the means are None.
    """
    has_control_M = controls_MCHW.any(axis=(1, 2, 3))
    share_M = masks_MHW.mean(axis=(1, 2))
    return {
        name: {
            "images": int(chosen_M.sum()),
            "region_share": float(share_M[chosen_M].mean()) if chosen_M.any() else None,
            "probability": float(probability_M[chosen_M].mean()) if chosen_M.any() else None,
        }
        for name, chosen_M in (("with", has_control_M), ("without", ~has_control_M))
    }


def _sums_under(crops_Khw: list[np.ndarray], ground_HW: np.ndarray) -> np.ndarray:
    """The sum of `ground_HW` under each crop at each place wholly inside the image."""
    # By FFT, as in scipy.signal.correlate, whose import takes a second.
    shape = ground_HW.shape
    spectra_Khw = np.fft.rfft2(ground_HW) * np.fft.rfft2(np.stack(crops_Khw), s=shape).conj()
    height, width = (1 + whole - part for whole, part in zip(shape, crops_Khw[0].shape, strict=True))
    return np.fft.irfft2(spectra_Khw, s=shape)[:, :height, :width]
