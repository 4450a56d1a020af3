"""Does the network use what a map points at: deletion, insertion, average drop and increase.

Shapes: B images, T + 1 points of a curve, P = H * W pixels of the image grid. Images are in [0, 1], the network is in
eval mode, and nothing takes a gradient. Images are tensors, maps arrays; results are arrays with one value per image,
whose means and intervals are left to the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    baselines: Sequence[Fill],
    rng: np.random.Generator,
    score: Score = "probability",
    blur: float = BLUR,
    chunk: int = 64,
) -> dict[Fill, Curves]:
    """Baseline -> deletion and insertion of RISE (Petsiuk et al. 2018, section 4.2), both against that baseline.

    Pixels are replaced by those of the blurred image or by 0, highest map values first, in `steps` equal parts. `rng`
    breaks ties at random, alike for all baselines; a sequence of images gets the same draws however it is divided into
    batches. In expectation the result is the score under random tie-breaking, and for a flat map it is chance. A NaN in
    a map raises ValueError.
    An image passes the network once as it is, for all baselines, and 2 * `steps` - 1 times per baseline: the curves end
    where the other one starts.
    Paper: deletion goes to 0 and insertion starts from a blur; here both go with each baseline.
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
    share_T = count_T / num_pixels

    def scores(images: Tensor) -> np.ndarray:
        scores_B: np.ndarray = chunked_scores(network, images, score, chunk).double().cpu().numpy()
        return scores_B

    whole_B = scores(images_B3HW)
    curves: dict[Fill, Curves] = {}
    for baseline in baselines:
        filled_B3HW = filled_images(images_B3HW, baseline, blur)
        deletion_BT, insertion_BT = np.empty((2, len(images_B3HW), steps + 1))
        deletion_BT[:, 0] = insertion_BT[:, -1] = whole_B
        deletion_BT[:, -1] = insertion_BT[:, 0] = scores(filled_B3HW)
        for step, count in enumerate(count_T[1:-1].tolist(), start=1):
            removed_B1HW = (rank_BHW < count)[:, None]
            deletion_BT[:, step] = scores(torch.where(removed_B1HW, filled_B3HW, images_B3HW))
            insertion_BT[:, step] = scores(torch.where(removed_B1HW, images_B3HW, filled_B3HW))
        curves[baseline] = Curves(
            share_T=share_T,
            deletion_BT=deletion_BT,
            insertion_BT=insertion_BT,
            deletion_B=_areas(deletion_BT, share_T),
            insertion_B=_areas(insertion_BT, share_T),
            is_flat_B=maps_BP.max(axis=1) == maps_BP.min(axis=1),
        )
    return curves


@torch.no_grad()
def average_drop_increase(
    network: nn.Module,
    images_B3HW: Tensor,
    maps_BHW: np.ndarray,
    chunk: int = 64,
    whole_B: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Per image max(0, f(x) - f(S x)) / f(x), float64 B in [0, 1], and whether f(S x) > f(x), float64 B of 0 and 1.

    Their means are average drop and increase (Grad-CAM++, Chattopadhay et al. 2018, section 4.1); f is the
    probability, S the map, whose values outside [0, 1] raise ValueError. A flat map, as `scaled_maps` returns it, is 0
    everywhere, so f(S x) is the black image's (`maps.is_flat` counts such maps). NaN where f(x) is 0 or NaN.
    `whole_B`: f(x), where it is known, as at the start of `deletion_insertion`.
    """
    maps_BHW = np.asarray(maps_BHW)
    if not ((maps_BHW >= 0) & (maps_BHW <= 1)).all():
        raise ValueError("maps: expected values in [0, 1], those of scaled_maps")
    if whole_B is None:
        whole_B = chunked_scores(network, images_B3HW, "probability", chunk).double().cpu().numpy()
    seen_B3HW = images_B3HW * torch.from_numpy(maps_BHW).to(images_B3HW)[:, None]
    seen_B = chunked_scores(network, seen_B3HW, "probability", chunk).double().cpu().numpy()
    whole_B = np.where(whole_B == 0, np.nan, whole_B)
    return np.maximum(0, whole_B - seen_B) / whole_B, np.where(np.isnan(whole_B), np.nan, seen_B > whole_B)


def _areas(curves_BT: np.ndarray, share_T: np.ndarray) -> np.ndarray:
    """The area under each curve, by trapezoids."""
    areas_B: np.ndarray = (curves_BT[:, 1:] + curves_BT[:, :-1]) / 2 @ np.diff(share_T)
    return areas_B
