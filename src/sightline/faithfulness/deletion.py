"""Does the network use what a map points at: deletion, insertion, average drop and increase.

Shapes: B images, T + 1 points of a curve, P = H * W pixels of the image grid. Images are in [0, 1], the network is in
eval mode, and nothing takes a gradient. Images are tensors, maps arrays; results are arrays with one value per image,
whose means and intervals are left to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sightline.faithfulness.fill import BLUR, Fill, filled_images
from sightline.saliency.perturbation import Score, chunked_scores


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The class score while pixels are removed, or restored, highest map values first."""

    share_T: np.ndarray
    """float64 T + 1: the share of the pixels removed or restored, 0 to 1."""
    deletion_BT: np.ndarray
    """float64 B x (T + 1): from the image to the baseline."""
    insertion_BT: np.ndarray
    """float64 B x (T + 1): from the baseline to the image."""
    deletion_B: np.ndarray
    """float64 B: area under the curve, by trapezoids; low is faithful."""
    insertion_B: np.ndarray
    """float64 B: area under the curve, by trapezoids; high is faithful."""
    is_flat_B: np.ndarray
    """bool B: the map has a single value, so the order is random and the areas are one draw of chance."""


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

    Pixels are replaced by those of the blurred image or by 0, highest map values first, in `steps` equal parts. `rng`
    breaks ties at random; a sequence of images gets the same draws however it is divided into batches. In expectation
    the result is the score under random tie-breaking, and for a flat map it is chance. A NaN in a map raises
    ValueError.
    Paper: deletion goes to 0 and insertion starts from a blur; here one call does both with one baseline, so call it
    twice.
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
    filled_B3HW = filled_images(images_B3HW, baseline, blur)
    curves = np.empty((2, len(images_B3HW), steps + 1))
    for step, count in enumerate(count_T.tolist()):
        removed_B1HW = (rank_BHW < count)[:, None]
        for curve, ends in zip(curves, ((filled_B3HW, images_B3HW), (images_B3HW, filled_B3HW)), strict=True):
            curve[:, step] = chunked_scores(network, torch.where(removed_B1HW, *ends), score, chunk).double().cpu()
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
    probability, S the map, whose values outside [0, 1] raise ValueError. A flat map, as `scaled_maps` returns it, is 0
    everywhere, so f(S x) is the black image's (`maps.is_flat` counts such maps). NaN where f(x) is 0 or NaN.
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
