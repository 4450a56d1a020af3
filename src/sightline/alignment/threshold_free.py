"""How well the maps of one image find its regions, without a threshold: every metric of every map against every mask.

A maps (model x method), R masks (consensuses) of one image, H W image grid, P = H * W pixels.

Rules for every metric: a flat map (constant) scores `chance_scores` exactly; an empty region gives NaN; ties count
by expectation unless the metric says otherwise. Words, units and directions: `metrics.py`. Definitions:
docs/metrics.md#threshold-free.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from sightline.alignment.binary_maps import binary_maps
from sightline.alignment.formulas import FAMILIES, Computed, Family
from sightline.alignment.metrics import METRICS
from sightline.alignment.random_draws import Draws, DrawsOnTargets
from sightline.alignment.region_scores import SortedMap, regions_of, sorted_map
from sightline.alignment.targets import Targets, targets_of

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
    _, height, width = maps_AHW.shape
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
    return map_scores(maps_AHW, targets_of(masks_RHW, shares_RHW, elsewhere_HW), tolerance)


def map_scores(
    maps_AHW: np.ndarray,
    targets: Targets,
    tolerance: float,
    metrics: Collection[str] | None = None,
    sorted_maps: Sequence[SortedMap] | None = None,
) -> dict[str, np.ndarray]:
    """`image_scores` of maps, bool or float in [0, 1], on targets prepared once; nothing is checked.

    `metrics`: those that are needed; None: all. `sorted_maps`: the maps, where they are sorted already.
    """
    families = FAMILIES if metrics is None else [family for family in FAMILIES if family.has_any(metrics)]
    maps_AP = maps_AHW.reshape(len(maps_AHW), targets.masks_RP.shape[1])
    is_flat_A, is_binary_A = _kinds(maps_AP)
    parts: list[tuple[np.ndarray, Computed]] = []
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0 of empty regions, which become NaN
        if is_flat_A.any():
            chance = _united([family.of_flat(targets, tolerance) for family in families])
            rows = np.flatnonzero(is_flat_A)
            parts.append((rows, {name: np.repeat(of_R[None], len(rows), axis=0) for name, of_R in chance.items()}))
        if is_binary_A.any():
            binary_XP = maps_AP if is_binary_A.all() else maps_AP[is_binary_A]
            parts.append((np.flatnonzero(is_binary_A), _of_binary(binary_XP, targets, tolerance, families)))
        for row in np.flatnonzero(~is_flat_A & ~is_binary_A).tolist():
            by_order = sorted_map(maps_AP[row]) if sorted_maps is None else sorted_maps[row]
            of_map = _united([family.of_map(by_order, targets, tolerance) for family in families])
            parts.append((np.array([row]), {name: of_R[None] for name, of_R in of_map.items()}))
    names = METRICS if metrics is None else metrics
    if len(parts) == 1:  # maps of one kind, in their order
        return _with_nan({name: parts[0][1][name] for name in names}, targets)
    scores = {name: np.empty((len(maps_AP), len(targets.size_R))) for name in names}
    for rows, computed in parts:
        for name, values in scores.items():
            values[rows] = computed[name]
    return _with_nan(scores, targets)


def draw_scores(draws: Draws, targets: Targets, tolerance: float) -> dict[str, np.ndarray]:
    """`image_scores` of random maps, float64 D x R each, without making or sorting them."""
    if draws.is_flat:
        flat_DHW = np.zeros((draws.fields.draws, *targets.grid), bool)
        return map_scores(flat_DHW, targets, tolerance)
    computed: Computed = {}
    seen = DrawsOnTargets(draws=draws, targets=targets)
    with np.errstate(invalid="ignore", divide="ignore"):  # as in `map_scores`
        for family in FAMILIES:
            if family.of_draws is not None:
                computed |= family.of_draws(seen, targets, tolerance)
            else:
                computed |= _one_by_one(family, draws.maps(), targets, tolerance)
    return _with_nan(computed, targets)


def _of_binary(maps_XP: np.ndarray, targets: Targets, tolerance: float, families: Sequence[Family]) -> Computed:
    """Maps of 0 and 1 that are not flat, X x R each."""
    maps = binary_maps(regions_of(maps_XP.astype(bool, copy=False)), targets)
    return _united(
        [
            _one_by_one(family, maps_XP.astype(np.float32), targets, tolerance)
            if family.of_binary is None
            else family.of_binary(maps, targets, tolerance)
            for family in families
        ]
    )


def _one_by_one(family: Family, maps_XP: np.ndarray, targets: Targets, tolerance: float) -> Computed:
    by_map = [family.of_map(sorted_map(values_P), targets, tolerance) for values_P in maps_XP]
    return {metric: np.stack([computed[metric] for computed in by_map]) for metric in by_map[0]}


def _united(parts: Sequence[Computed]) -> Computed:
    return {metric: values for part in parts for metric, values in part.items()}


def _with_nan(scores: Computed, targets: Targets) -> dict[str, np.ndarray]:
    """In the order of `METRICS`; NaN where there is no region, or no share, to find."""
    known = {"region": targets.has_mask_R, "share": targets.has_share_R}
    lacking = {against for against, known_R in known.items() if not known_R.all()}
    return {
        name: np.where(known[metric.against], scores[name], np.nan) if metric.against in lacking else scores[name]
        for name, metric in METRICS.items()
        if name in scores
    }


def _kinds(maps_AP: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bool A each: which maps are flat, and which of the others are 0 and 1 alone."""
    if maps_AP.dtype == bool:
        is_flat_A = np.asarray(maps_AP.all(axis=1) | ~maps_AP.any(axis=1))
        return is_flat_A, ~is_flat_A
    is_flat_A = np.asarray(maps_AP.max(axis=1, initial=0) == maps_AP.min(axis=1, initial=1))
    is_binary_A = [
        all(bool(((part == 0) | (part == 1)).all()) for part in (values_P[:100], values_P)) for values_P in maps_AP
    ]
    return is_flat_A, ~is_flat_A & np.array(is_binary_A, bool)


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
    names = [metric for metric in METRICS if tolerance is not None or metric != "pointing_near"]
    scores = map_scores(np.zeros((1, *targets.grid), bool), targets, tolerance or 0)
    return {metric: scores[metric][0] for metric in names}
