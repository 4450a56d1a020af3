"""Scores of many maps on the true lesions of many phantoms, from which studies are drawn with replacement.

N phantoms, H W image grid. As a study draws its phantoms independently, the D of its population is known: the mean of
the diagonal less the mean of the matrix, times the share of maps that know their patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from sightline.alignment.iou_and_pointing import random_fields
from sightline.images.phantom import phantom_image
from sightline.maps import bilinear_weights
from sightline.statistics.streams import stream

NUM, SIDE, GRID = 320, 48, 7
SEED = 7


@dataclass(frozen=True, kw_only=True)
class Phantoms:
    """Regions and scores; all kinds of maps are seen through a grid of 7 x 7 cells."""

    regions_NHW: np.ndarray
    """bool, never empty."""
    area_N: np.ndarray
    """Share of the image."""
    rank: dict[str, np.ndarray]
    """Relevance rank accuracy by kind of map: float N x N, map by region, or N, one map for all."""
    hit: dict[str, np.ndarray]
    """Whether the peak lies in the region, of the same shapes."""
    order_N: np.ndarray
    """Phantoms by the place of their region, from one side of the chest to the other."""


def rank_scores(maps_KHW: np.ndarray, regions_NHW: np.ndarray) -> np.ndarray:
    """Share of the region among the |G| highest pixels, float K x N; ties by pixel order, which these maps lack."""
    flat_NP = regions_NHW.reshape(len(regions_NHW), -1)
    size_N = flat_NP.sum(axis=1)
    scores_KN = np.empty((len(maps_KHW), len(flat_NP)))
    for row, map_HW in enumerate(maps_KHW):
        found_NP = np.cumsum(flat_NP[:, np.argsort(-map_HW, axis=None, kind="stable")], axis=1, dtype=np.int16)
        scores_KN[row] = found_NP[np.arange(len(flat_NP)), size_N - 1] / size_N
    return scores_KN


def hits(maps_KHW: np.ndarray, regions_NHW: np.ndarray) -> np.ndarray:
    """1 where the map's peak lies in the region, float K x N."""
    peak_K = maps_KHW.reshape(len(maps_KHW), -1).argmax(axis=1)
    return regions_NHW.reshape(len(regions_NHW), -1)[:, peak_K].T.astype(float)


def through_grid(maps_KHW: np.ndarray) -> np.ndarray:
    """Averaged over 7 x 7 cells and brought back, float K x H x W."""
    edges = np.linspace(0, SIDE, GRID + 1)
    pixel = np.arange(SIDE)
    inside = np.clip(np.minimum(pixel + 1, edges[1:, None]) - np.maximum(pixel, edges[:-1, None]), 0, None)
    inside /= inside.sum(axis=1, keepdims=True)
    back = bilinear_weights(GRID, SIDE)
    return back @ (inside @ maps_KHW.astype(float) @ inside.T) @ back.T


@cache
def phantoms() -> Phantoms:
    """The population of all studies; some 10 seconds."""
    drawn = [phantom_image(SEED, number, 1, SIDE, SIDE, 0.0) for number in range(NUM)]
    regions = np.array([image.opacities.any(axis=0) for image in drawn])
    seen = regions.any(axis=(1, 2))
    regions = regions[seen]
    lungs = np.array([image.lungs for image in drawn])[seen]
    rng = stream(SEED, "error rates", "fields")
    noise = random_fields(len(regions), SIDE, SIDE, rng) - 0.5
    field = random_fields(len(regions), SIDE, SIDE, rng)
    axis = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    corner = np.exp(-((axis[:, None] + 0.41) ** 2 + (axis + 0.39) ** 2) / (2 * 0.06**2))
    centre = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 0.25**2))
    maps = {
        "trained": through_grid(regions) + 0.5 * noise,
        "field": field,
        "lungs": through_grid(lungs) + 1e-3 * noise,  # the noise breaks ties
        "lungs and field": through_grid(lungs) + noise,
    }
    fixed = {"gaussian": centre, "corner": corner}
    columns = (regions.mean(axis=1) * np.arange(SIDE)).sum(axis=1) / regions.mean(axis=(1, 2)) / SIDE
    return Phantoms(
        regions_NHW=regions,
        area_N=regions.mean(axis=(1, 2)),
        rank={name: rank_scores(kind, regions) for name, kind in maps.items()}
        | {name: rank_scores(kind[None], regions)[0] for name, kind in fixed.items()},
        hit={name: hits(kind, regions) for name, kind in maps.items()}
        | {name: hits(kind[None], regions)[0] for name, kind in fixed.items()},
        order_N=np.argsort(columns),
    )


def atlas_scores(regions_mHW: np.ndarray, is_other_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank scores and hits of each image's atlas of other patients' regions, float m x m both."""
    mean_mHW = np.einsum("ij,jhw->ihw", is_other_mm / is_other_mm.sum(axis=1, keepdims=True), regions_mHW)
    return rank_scores(mean_mHW, regions_mHW), hits(mean_mHW, regions_mHW)


def neighbours(patients_M: np.ndarray, centre_G: np.ndarray, num: int, rng: np.random.Generator) -> np.ndarray:
    """For each image, a phantom near its patient's in the order of places: int M; all are equally likely."""
    return (centre_G[patients_M] + rng.integers(-8, 9, len(patients_M))) % num
