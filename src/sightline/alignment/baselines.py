"""The baseline ladder: maps of one image that a model's map must beat, scored by the same code as the model's.

H W image grid, K draws of one baseline.

The ladder climbs from nothing to anatomy: `uniform`, `random_in_image`, `centred_gaussian`, `edges`, `random_in_lungs`,
`lungs`, `other_region` (a consensus region of another patient) and `atlas` (where readers mark on average). The same
network with random weights is a baseline too; it needs torch, so it is scored like a model and not made here. A
baseline with K draws scores the mean of its K maps' scores (`baseline_scores`), never the score of their mean map,
which would be smoother than any one draw. Definitions: docs/metrics.md#baselines.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.alignment.metrics import METRICS
from sightline.alignment.other_patients import OtherPatients
from sightline.alignment.random_draws import Draws, RandomFields
from sightline.alignment.region_scores import SortedMap, sorted_map
from sightline.alignment.targets import Targets
from sightline.alignment.threshold_free import draw_scores, map_scores
from sightline.statistics.means import means_along

CENTRE_SIGMA = 0.25  # of each side: at two sigma the Gaussian reaches the middle of the borders
EDGE_SIGMA = 0.01  # of the image's shorter side: 2 pixels at 224, coarser than grain, finer than ribs

Baseline = np.ndarray | Draws | SortedMap
"""K maps in [0, 1], float32 or bool K x H x W; random maps that are not made before they are needed; or one map, sorted
already."""


def baseline_maps(
    image_HW: np.ndarray | None,
    lungs_HW: np.ndarray | None,
    others: OtherPatients,
    index: int,
    rng: np.random.Generator,
    fields: RandomFields,
) -> dict[str, Baseline]:
    """The ladder's maps of image `index` by name, in the ladder's order.

    `image_HW`: uint8, None: there are no `edges`; `lungs_HW`: bool, the image's known lungs, or its body, in which case
    the caller says so, None: there are no `lungs` and `random_in_lungs`; `others`: what the study's readers marked.
    `fields`: random fields, which all images share; `rng` belongs to the image and shifts them, so that an image's
    baselines do not depend on which other images are scored.

    K is 1 for fixed baselines and that of the fields for random ones; `other_region` has at most as many maps, of
    distinct images. Every map is scaled by min-max as the models' are: it is flat (all 0, scored at chance) or reaches
    0 and 1. Flat are: `uniform` always; `lungs` and `random_in_lungs` without lungs; `lungs` that fill the image;
    `edges` of a constant image; `atlas` and `other_region` (K = 1) without another patient's region.

    `atlas` and `other_region` leave out all images of the image's patient. Empty regions of others are not drawn but
    count in the atlas: an image on which nobody marked anything has no place to point at, yet lowers all places alike.
    """
    grid = others.grid
    for name, given in (("image", image_HW), ("lungs", lungs_HW), ("fields", np.empty(fields.grid))):
        if given is not None and given.shape != grid:
            raise ValueError(f"{name} {given.shape}, shares {grid}: different grids")
    image_rng, lungs_rng, region_rng = rng.spawn(3)
    everywhere_P = np.ones(grid[0] * grid[1], bool)
    maps: dict[str, Baseline] = {
        "uniform": np.zeros((1, *grid), bool),
        "random_in_image": Draws(fields=fields, shift=_shift(image_rng, grid), inside_P=everywhere_P),
        "centred_gaussian": _sorted_gaussian(*grid),
    }
    if image_HW is not None:
        maps["edges"] = min_max(edge_strength(image_HW)[None])
    if lungs_HW is not None:
        maps["random_in_lungs"] = Draws(fields=fields, shift=_shift(lungs_rng, grid), inside_P=lungs_HW.ravel())
        maps["lungs"] = lungs_HW[None] if not lungs_HW.all() else np.zeros((1, *grid), bool)
    return maps | {
        "other_region": others.regions(index, region_rng, fields.draws),
        "atlas": min_max(others.atlas(index)[None]),
    }


def baseline_scores(baselines: Mapping[str, Baseline], targets: Targets, tolerance: float) -> dict[str, np.ndarray]:
    """By metric float64 (names) x R: the mean over each baseline's draws, NaN left out; all NaN gives NaN."""
    means_KQR = []
    for maps in baselines.values():
        if isinstance(maps, Draws):
            scores = draw_scores(maps, targets, tolerance)
        elif isinstance(maps, SortedMap):
            scores = map_scores(maps.values_P[None], targets, tolerance, sorted_maps=[maps])
        else:
            scores = map_scores(maps, targets, tolerance)
        scores_DQR = np.stack([*scores.values()], axis=1)
        means_KQR.append(scores_DQR[0] if len(scores_DQR) == 1 else means_along(scores_DQR, axis=0))
    return dict(zip(METRICS, np.stack(means_KQR, axis=1), strict=True))


def in_full(baseline: Baseline, grid: tuple[int, int]) -> np.ndarray:
    """All maps of a baseline, float32 K x H x W."""
    if isinstance(baseline, np.ndarray):
        return baseline.astype(np.float32)
    if isinstance(baseline, SortedMap):
        return baseline.values_P.reshape(1, *grid)
    return baseline.maps().reshape(-1, *grid).astype(np.float32)


def _shift(rng: np.random.Generator, grid: tuple[int, int]) -> tuple[int, int]:
    rows, cols = rng.integers(0, grid).tolist()
    return rows, cols


@lru_cache(maxsize=4)
def _sorted_gaussian(height: int, width: int) -> SortedMap:
    """The same for all images of a grid."""
    return sorted_map(min_max(centred_gaussian(height, width)[None])[0])


def centred_gaussian(height: int, width: int) -> np.ndarray:
    """exp(-(u^2 + v^2) / 2 sigma^2), float64 H x W, u and v in shares of the sides from the image's centre.

    The centre bias of gaze studies, stretched to the image's aspect ratio (MIT saliency benchmark). Sigma: 0.25.
    """
    rows, cols = ((np.arange(size) + 0.5) / size - 0.5 for size in (height, width))
    return np.exp(-(rows[:, None] ** 2 + cols**2) / (2 * CENTRE_SIGMA**2))


def edge_strength(image_HW: np.ndarray) -> np.ndarray:
    """Magnitude of the Sobel gradient of the slightly smoothed image, float64 H x W; 0 for a constant image.

    What a method that ignores the network and outlines the picture would show (Adebayo et al. 2018).
    Borders are mirrored, so that the film's border is not an edge.
    """
    smooth_HW = scipy.ndimage.gaussian_filter(
        image_HW.astype(np.float64), EDGE_SIGMA * min(image_HW.shape), mode="mirror"
    )
    near_HW = np.pad(smooth_HW, 1, mode="reflect")
    down_HW, across_HW = near_HW[2:] - near_HW[:-2], near_HW[:, 2:] - near_HW[:, :-2]
    strength_HW = np.sqrt(
        (down_HW[:, :-2] + 2 * down_HW[:, 1:-1] + down_HW[:, 2:]) ** 2
        + (across_HW[:-2] + 2 * across_HW[1:-1] + across_HW[2:]) ** 2
    )
    # The filter's rounding is not an edge: without this bound a constant image would have some.
    return np.where(strength_HW > 1e-9 * max(smooth_HW.max(), 1), strength_HW, 0)


def min_max(maps_KHW: np.ndarray) -> np.ndarray:
    """Each map scaled to reach 0 and 1, float32 K x H x W; a constant map becomes all 0, that is, flat.

    The last step of `maps.scaled_maps`, for maps that are already on the image grid.
    """
    maps_KHW = np.asarray(maps_KHW).astype(np.float64)
    maps_KHW -= maps_KHW.min(axis=(1, 2), keepdims=True)
    span_K11 = maps_KHW.max(axis=(1, 2), keepdims=True)
    return (maps_KHW / np.where(span_K11 > 0, span_K11, 1)).astype(np.float32)
