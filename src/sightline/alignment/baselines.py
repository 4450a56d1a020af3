"""The baseline ladder: maps of one image that a model's map must beat, scored by the same code as the model's.

H W image grid, K draws of one baseline.

The ladder climbs from nothing to anatomy: `uniform`, `random_in_image`, `centred_gaussian`, `edges`, `random_in_lungs`,
`lungs`, `other_region` (a consensus region of another patient) and `atlas` (where readers mark on average). The same
network with random weights is a baseline too; it needs torch, so it is scored like a model and not made here. A
baseline with K draws scores the mean of its K maps' scores (`draw_means`), never the score of their mean map, which
would be smoother than any one draw. Definitions: docs/metrics.md#baselines.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sightline.alignment.iou_and_pointing import random_fields
from sightline.alignment.other_patients import OtherPatients
from sightline.statistics.means import group_means

CENTRE_SIGMA = 0.25  # of each side: at two sigma the Gaussian reaches the middle of the borders
EDGE_SIGMA = 0.01  # of the image's shorter side: 2 pixels at 224, coarser than grain, finer than ribs


def baseline_maps(
    image_HW: np.ndarray,
    lungs_HW: np.ndarray,
    others: OtherPatients,
    index: int,
    rng: np.random.Generator,
    draws: int,
) -> dict[str, np.ndarray]:
    """The ladder's maps of image `index`, float32 K x H x W in [0, 1] by name, in the ladder's order.

    `image_HW`: uint8; `lungs_HW`: bool, the image's known lungs, or its body, in which case the caller says so;
    `others`: what the study's readers marked. `rng` belongs to the image, so that an image's baselines do not depend
    on which other images are scored.

    K is 1 for fixed baselines and `draws` for random ones; `other_region` has min(draws, regions available) maps, of
    distinct images. Every map is scaled by min-max as the models' are: it is flat (all 0, scored at chance) or reaches
    0 and 1. Flat are: `uniform` always; `lungs` and `random_in_lungs` without lungs; `lungs` that fill the image;
    `edges` of a constant image; `atlas` and `other_region` (K = 1) without another patient's region.

    `atlas` and `other_region` leave out all images of the image's patient. Empty regions of others are not drawn but
    count in the atlas: an image on which nobody marked anything has no place to point at, yet lowers all places alike.
    """
    height, width = image_HW.shape
    if draws < 1:
        raise ValueError(f"draws: expected at least 1, got {draws}")
    if others.grid != image_HW.shape or lungs_HW.shape != image_HW.shape:
        raise ValueError(f"image {image_HW.shape}, lungs {lungs_HW.shape}, shares {others.grid}: different grids")
    image_rng, lungs_rng, region_rng = rng.spawn(3)
    in_lungs_KHW = random_fields(draws, height, width, lungs_rng) * lungs_HW
    maps = {
        "uniform": np.zeros((1, height, width)),
        "random_in_image": random_fields(draws, height, width, image_rng),
        "centred_gaussian": centred_gaussian(height, width)[None],
        "edges": edge_strength(image_HW)[None],
        "random_in_lungs": in_lungs_KHW,
        "lungs": lungs_HW[None],
        "other_region": others.regions(index, region_rng, draws),
        "atlas": others.atlas(index)[None],
    }
    return {name: min_max(maps_KHW) for name, maps_KHW in maps.items()}


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
    smooth_HW = ndimage.gaussian_filter(image_HW.astype(np.float64), EDGE_SIGMA * min(image_HW.shape), mode="mirror")
    strength_HW = np.hypot(*(ndimage.sobel(smooth_HW, axis, mode="mirror") for axis in (0, 1)))
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


def stacked(maps: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All maps of `baseline_maps` in one array, float32 A x H x W, and how many maps each name has, int.

    One call of a scoring function then serves the whole ladder; `draw_means` takes its scores back to the names.
    """
    return np.concatenate(list(maps.values())), np.array([len(maps_KHW) for maps_KHW in maps.values()], dtype=int)


def draw_means(scores_AR: np.ndarray, draws_by_name: np.ndarray) -> np.ndarray:
    """Mean score of each baseline's draws, float64 (names) x R, from the scores of `stacked` maps.

    A NaN draw is left out; all NaN gives NaN.
    """
    starts = np.concatenate([[0], np.cumsum(draws_by_name)[:-1]])
    return group_means(scores_AR, starts, axis=0)
