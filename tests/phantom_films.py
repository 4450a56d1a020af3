"""Films of the phantom with simulated readers, and maps of them whose place on the scale is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from sightline.alignment.baselines import centred_gaussian
from sightline.alignment.other_patients import OtherPatients
from sightline.experts.cleanup import clean_annotation
from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.images.annotators import simulated_annotations
from sightline.images.phantom import phantom_image
from sightline.judging.films import Films
from sightline.judging.through_grid import area_weights

READERS, READINGS = 14, 5.62  # the paper's


@dataclass(frozen=True)
class Study:
    films: Films
    lesions_MHW: np.ndarray
    """bool, the true ones."""


@cache
def phantom_study(images: int, size: int, seed: int = 0) -> Study:
    """As many films with a consensus region as of `images` have one; the phantom's lungs; no maps yet."""
    drawn = [phantom_image(seed, number, 1, size, size, 0.0) for number in range(images)]
    names = [f"film{number:03d}" for number in range(images)]
    annotations = simulated_annotations(
        [film.opacities for film in drawn], np.array([film.lungs for film in drawn]), names, READERS, READINGS, seed
    )
    by_film: dict[str, list[tuple[str, np.ndarray]]] = {name: [] for name in names}
    for annotation in annotations:
        region_HW = clean_annotation(annotation.mask, size, size)
        if region_HW.any():
            by_film[annotation.image].append((annotation.annotator, region_HW))
    readers = [np.array([mask for _, mask in by_film[name]]).reshape(-1, size, size) for name in names]
    masks = [consensus_mask(masks_RHW) for masks_RHW in readers]
    kept = [row for row, mask_HW in enumerate(masks) if mask_HW.any()]
    films = Films(
        seed=seed,
        images=[names[row] for row in kept],
        patients_M=np.array([names[row] for row in kept]),
        masks_MHW=np.array([masks[row] for row in kept]),
        shares_MHW=np.array([pixel_share(readers[row]) for row in kept]),
        readers_MRHW=[readers[row] for row in kept],
        others_MRHW=[left_out_consensus(readers[row]) for row in kept],
        reader_names_MR=[[name for name, _ in by_film[names[row]]] for row in kept],
        maps={},
        lungs_MHW=np.array([drawn[row].lungs for row in kept]),
    )
    return Study(films, np.array([drawn[row].opacities.any(axis=0) for row in kept]))


def on_cells(maps_MHW: np.ndarray, cells: int) -> np.ndarray:
    """float64 M x h x w: as a model with that grid would give them."""
    rows, columns = (area_weights(size, cells) for size in maps_MHW.shape[1:])
    return rows @ maps_MHW.astype(float) @ columns.T


def known_maps(study: Study, cells: int) -> dict[str, np.ndarray]:
    """Maps by name on a grid of so many cells a side."""
    films = study.films
    size = films.grid
    gaussian_MHW = np.broadcast_to(centred_gaussian(*size), films.masks_MHW.shape)
    corner_HW = np.zeros(size)
    corner_HW[: size[0] // 8, : size[1] // 8] = 1
    others = OtherPatients(films.shares_MHW, films.patients_M, films.masks_MHW)
    return {
        "oracle": on_cells(study.lesions_MHW, cells),
        "atlas": on_cells(np.array([others.atlas(row) for row in range(len(films.images))]), cells),
        "gaussian": on_cells(gaussian_MHW, cells),
        "stranger": on_cells(np.roll(study.lesions_MHW, 1, axis=0), cells),
        "marker": on_cells(np.broadcast_to(corner_HW, films.masks_MHW.shape), cells),
        "lungs": on_cells(films.lungs_MHW if films.lungs_MHW is not None else corner_HW[None], cells),
    }


def without_reader(study: Study, cells: int) -> tuple[Films, np.ndarray]:
    """The films without the first reader of each, and that reader's masks as a model's maps on the grid."""
    films = study.films
    kept = [row for row, masks in enumerate(films.readers_MRHW) if len(masks) > 2 and films.others_MRHW[row][0].any()]
    rest = [films.readers_MRHW[row][1:] for row in kept]
    names: Sequence[Sequence[str]] = films.reader_names_MR or []
    left_out_MHW = np.array([films.readers_MRHW[row][0] for row in kept])
    less = replace(
        films,
        images=[films.images[row] for row in kept],
        patients_M=films.patients_M[kept],
        masks_MHW=np.array([consensus_mask(masks_RHW) for masks_RHW in rest]),
        shares_MHW=np.array([pixel_share(masks_RHW) for masks_RHW in rest]),
        readers_MRHW=rest,
        others_MRHW=[left_out_consensus(masks_RHW) for masks_RHW in rest],
        reader_names_MR=[names[row][1:] for row in kept],
        lungs_MHW=None if films.lungs_MHW is None else films.lungs_MHW[kept],
    )
    return less, on_cells(left_out_MHW, cells)
