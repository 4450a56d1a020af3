"""What all blocks of a study share, from one pass over its films: grids, mean maps, readings, the readers' atlas.

M images, N readings (an image and a reader whose co-readers agree on a region), H W image grid, h w cells of a map's
own grid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sightline.alignment.other_patients import atlas_without
from sightline.judging.films import Films
from sightline.maps import scaled_of_image
from sightline.processes import PATIENCE, in_processes

Cells = tuple[int, int]
TOGETHER = 64  # images summed up in one process, always the same ones, so that the sums do not depend on the processes


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The leave-one-out consensuses that are not empty, of images with two readers or more."""

    image_N: np.ndarray
    """int, the image's row; rising."""
    reader_N: np.ndarray
    """int, the reader's number over the whole study."""
    place_N: np.ndarray
    """int, the reader's place among the image's readers."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Of all films and all candidates."""

    films: Films
    readings: Readings
    cells_of: Mapping[str, Cells]
    """By candidate the cells of its maps: the raw map's rows and columns, the most common where they differ."""
    mean_maps: Mapping[str, np.ndarray]
    """By candidate float32 H x W: the mean of the maps that are scored."""
    share_HW: np.ndarray
    """float64, the sum over the images of the share of readers who marked a pixel; exact: whole shares of a few."""
    marks_HW: np.ndarray
    """int, how many images have a reader who marked the pixel."""

    def atlas(self, row: int) -> np.ndarray:
        """The mean share over the images of other patients, float64 H x W in [0, 1]; all 0 without any."""
        patients_M, shares_MHW = self.films.patients_M, self.films.shares_MHW
        own = np.flatnonzero(patients_M == patients_M[row]).tolist()
        own_NHW = np.array([shares_MHW[image] for image in own])
        return atlas_without(own_NHW, self.share_HW, self.marks_HW, len(patients_M) - len(own))


@dataclass(kw_only=True)
class _Sums:
    """Of some of the images, in their order."""

    shapes: dict[str, Counter[Cells]]
    maps_AHW: np.ndarray
    share_HW: np.ndarray
    marks_HW: np.ndarray
    places_M: list[list[int]]
    """Of each image the places of the readers whose co-readers agree on a region."""


def survey(films: Films) -> Survey:
    """By all cores; `films` may have no image."""
    whole = _no_sums(films)
    for part in in_processes(_summed, films, range(0, len(films.images), TOGETHER), patience=PATIENCE):
        for name, counted in part.shapes.items():
            whole.shapes[name] += counted
        whole.maps_AHW += part.maps_AHW
        whole.share_HW += part.share_HW
        whole.marks_HW += part.marks_HW
        whole.places_M += part.places_M
    mean_AHW = (whole.maps_AHW / max(len(films.images), 1)).astype(np.float32)
    return Survey(
        films=films,
        readings=_readings(films, whole.places_M),
        cells_of={name: counts.most_common(1)[0][0] if counts else films.grid for name, counts in whole.shapes.items()},
        mean_maps=dict(zip(films.maps, mean_AHW, strict=True)),
        share_HW=whole.share_HW,
        marks_HW=whole.marks_HW,
    )


def _no_sums(films: Films) -> _Sums:
    return _Sums(
        shapes={name: Counter() for name in films.maps},
        maps_AHW=np.zeros((len(films.maps), *films.grid)),
        share_HW=np.zeros(films.grid),
        marks_HW=np.zeros(films.grid, int),
        places_M=[],
    )


def _summed(films: Films, start: int) -> _Sums:
    """Of the images from `start` on."""
    sums = _no_sums(films)
    for row in range(start, min(start + TOGETHER, len(films.images))):
        raws = {name: of_candidate[row] for name, of_candidate in films.maps.items()}
        for name, raw in raws.items():
            sums.shapes[name][raw.shape[0], raw.shape[1]] += 1
        sums.maps_AHW += scaled_of_image([[raw] for raw in raws.values()], 0, *films.grid)
        share_HW, others_RHW = films.shares_MHW[row], films.others_MRHW[row]
        sums.share_HW += share_HW
        sums.marks_HW += share_HW > 0
        sums.places_M.append(np.flatnonzero(others_RHW.any(axis=(1, 2))).tolist() if len(others_RHW) > 1 else [])
    return sums


def _readings(films: Films, places_M: list[list[int]]) -> Readings:
    numbers: dict[str, int] = {}
    rows = []
    for image, places in enumerate(places_M):
        for place in places:
            named = films.reader_names_MR
            name = f"{image} {place}" if named is None else named[image][place]
            rows.append((image, numbers.setdefault(name, len(numbers)), place))
    image_N, reader_N, place_N = np.array(rows, dtype=int).reshape(-1, 3).T
    return Readings(image_N=image_N, reader_N=reader_N, place_N=place_N)
