"""How well the maps of one image find its regions, without a threshold: every metric of every map against every mask.

A maps (model x method), R masks (consensuses) of one image, H W image grid, P = H * W pixels.

Rules for every metric: a flat map (constant) scores `chance_scores` exactly; an empty region gives NaN; ties count
by expectation unless the metric says otherwise. Words, units and directions: `metrics.py`. Definitions:
docs/metrics.md#threshold-free.
"""

from __future__ import annotations

import numpy as np

from sightline.alignment.formulas import FAMILIES, Computed, Targets, targets_of
from sightline.alignment.metrics import METRICS

BY_MASK = tuple(name for name, metric in METRICS.items() if metric.against == "region")  # NaN where the mask is empty
BY_SHARE = tuple(name for name, metric in METRICS.items() if metric.against == "share")  # NaN where nobody marked


def image_scores(
    maps_AHW: np.ndarray,
    masks_RHW: np.ndarray,
    shares_RHW: np.ndarray,
    elsewhere_HW: np.ndarray,
    tolerance: float,
) -> dict[str, np.ndarray]:
    """Every metric of `METRICS`, float64 A x R each, of all maps of one image against all its masks.

    `maps_AHW`: `sightline.maps.scaled_maps`, or any maps (0/1 ones too) in [0, 1]; anything else raises ValueError.
    `masks_RHW`: bool; `shares_RHW`: in [0, 1], the soft share that belongs to each mask; `elsewhere_HW`: 0 or
    above, how much each pixel weighs as a negative of shuffled AUROC, the same for all masks
    (`other_patients.OtherPatients.density`); `tolerance`: pixels, above 0.

    - `auroc`: P(inside > outside) + P(equal) / 2, mid-ranks; for regions this is AUC-Judd. Peer: pysaliency breaks
      ties by a jitter of 1e-7. A mask of the whole image gives NaN. `shuffled_auroc`:
      inside against the pixels of `elsewhere_HW` by their weight, those inside the mask too; NaN where all weigh 0.
    - `ap`: pixel average precision, a sum over the distinct values (steps, not trapezoids), a tie being one step.
    - `rank`: relevance rank accuracy (Arras et al. 2021), the share of the |G| highest pixels that lie inside; at
      the cut, ties are shared in proportion, the expectation of breaking them at random. `dice_area` is Dice of
      these |G| pixels, which is the same number, and `area_iou` = rank / (2 - rank), the IoU of the expected
      overlap: with ties at the cut, less than the expected IoU by at most 1 / (2 |G|).
    - `mass`: relevance mass accuracy (ibid.), the share of the map's sum inside: the energy-based pointing game.
    - `nss`: mean inside of the map in units of its population standard deviation from its mean (Peters et al. 2005).
    - `cc`, `sim`, `kl` (Bylinskii et al. 2019) against the share: Pearson's correlation (NaN where the share is
      constant), the common mass of the two as densities, and sum Q log(eps + Q / (S + eps)): lower is better.
    - `pointing`: is the peak inside; `pointing_near`: is it less than the tolerance, strictly, from the mask (Zhang
      et al. 2018; 15 pixels there); `vote`: the share at the peak; `distance` from the peak to the mask, in pixels,
      0 inside: lower is better. A tie at the peak gives the mean over its pixels.
    """
    num_maps, height, width = maps_AHW.shape
    expected = (len(masks_RHW), height, width)
    for name, values in (("masks", masks_RHW), ("shares", shares_RHW)):
        if values.shape != expected:
            raise ValueError(f"{name}: expected shape {expected}, got {values.shape}")
    if elsewhere_HW.shape != expected[1:] or not (elsewhere_HW >= 0).all():
        raise ValueError(
            f"elsewhere: expected weights of 0 or above of shape {expected[1:]}, got others, NaN or shape "
            f"{elsewhere_HW.shape}"
        )
    if maps_AHW.dtype.kind != "f":
        maps_AHW = maps_AHW.astype(np.float32)  # -x fails for bool, and is large for an unsigned 1
    for name, values in (("maps", maps_AHW), ("shares", shares_RHW)):
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise ValueError(f"{name}: expected values in [0, 1], got others or NaN")
    if not tolerance > 0:
        raise ValueError(f"tolerance: expected above 0, since the distance must be strictly less; got {tolerance}")
    targets = targets_of(masks_RHW, shares_RHW, elsewhere_HW)
    known = _known(targets)
    is_flat_A = maps_AHW.max(axis=(1, 2), initial=0) == maps_AHW.min(axis=(1, 2), initial=1)
    chance = _chance(targets, tolerance) if is_flat_A.any() else {}
    scores = {metric: np.empty((num_maps, len(masks_RHW))) for metric in METRICS}
    for row, map_HW in enumerate(maps_AHW):
        computed = chance if is_flat_A[row] else _of_map(map_HW.ravel(), targets, tolerance)
        for metric in METRICS:
            scores[metric][row] = np.where(known[metric], computed[metric], np.nan)
    return scores


def chance_scores(
    masks_RHW: np.ndarray, shares_RHW: np.ndarray, tolerance: float | None = None
) -> dict[str, np.ndarray]:
    """What each metric gives a map that knows nothing, float64 R each: exactly the scores of a flat map.

    q is the mask's share of the image. `auroc`, `shuffled_auroc` 0.5; `ap`, `mass`, `rank`, `dice_area`, `pointing` q;
    `area_iou` q / (2 - q); `nss`, `cc` 0; `vote` the mean share; `distance` the mean over all pixels; `pointing_near`
    the share of pixels within the tolerance, only with a tolerance; `sim`, `kl` those of the uniform density. All but
    four are also the mean over maps that are independent of the mask, wherever their pixels are alike: the `ap`,
    `area_iou` and `kl` of such maps are higher on average, and their `sim` is lower.
    NaN as in `image_scores`.
    """
    targets = targets_of(masks_RHW, shares_RHW, np.ones(masks_RHW.shape[1:]))  # any will do: a flat map scores 0.5
    scores, known = _chance(targets, tolerance or 0), _known(targets)
    names = [metric for metric in METRICS if tolerance is not None or metric != "pointing_near"]
    return {metric: np.where(known[metric], scores[metric], np.nan) for metric in names}


def _known(targets: Targets) -> dict[str, np.ndarray]:
    """Bool R for each metric: is there a region, or a share, to find."""
    has_mask_R, has_share_R = np.greater(targets.size_R, 0), np.greater(targets.shares_RP.max(axis=1), 0)
    return {name: has_share_R if metric.against == "share" else has_mask_R for name, metric in METRICS.items()}


def _of_map(values_P: np.ndarray, targets: Targets, tolerance: float) -> Computed:
    """Every metric of a map that is not flat."""
    computed: Computed = {}
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 of empty regions, which `image_scores` sets to NaN
        for family in FAMILIES:
            computed |= family.of_map(values_P, targets, tolerance)
    return computed


def _chance(targets: Targets, tolerance: float) -> Computed:
    """Every metric of a flat map."""
    computed: Computed = {}
    for family in FAMILIES:
        computed |= family.of_flat(targets, tolerance)
    return computed
