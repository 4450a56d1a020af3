"""The maps that are scored: candidates, their mean maps and untrained networks, controls, and left-out readers.

Controls and readers are seen through the cells of a candidate's grid. H W image grid.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sightline.alignment.baselines import centred_gaussian
from sightline.alignment.region_scores import SortedMap, sorted_map
from sightline.judging.block_regions import BlockRegions
from sightline.judging.block_scores import MapsOf
from sightline.judging.films import Films
from sightline.judging.survey import Cells, Survey
from sightline.judging.through_grid import through_grid
from sightline.maps import scaled_of_image
from sightline.rows import Rows

REGION, ANATOMY, PRIOR, GAUSSIAN = "region", "own_anatomy", "experts_prior", "centred_gaussian"


def of_candidate(raws: Rows, grid: tuple[int, int]) -> MapsOf:
    """`raws`: maps h x w; an image whose map is flat scores chance."""
    return lambda row: [sorted_map(scaled_of_image([raws], row, *grid)[0])]


def always(map_HW: np.ndarray) -> MapsOf:
    """The same map for all images, sorted once."""
    maps = [sorted_map(map_HW)]
    return lambda _: maps


def controls(films: Films, of_study: Survey, cells: Cells) -> dict[str, MapsOf]:
    """By name; the patient's own anatomy where lungs or body are known."""
    lungs_MHW = films.lungs_MHW
    shown: dict[str, Callable[[int], np.ndarray]] = {
        REGION: lambda row: films.masks_MHW[row],
        PRIOR: of_study.atlas,
    }
    if lungs_MHW is not None:
        shown[ANATOMY] = lambda row: lungs_MHW[row]
    of_images = {name: partial(_through, shown_of, cells) for name, shown_of in shown.items()}
    return {**of_images, GAUSSIAN: always(through_grid(centred_gaussian(*films.grid)[None], cells)[0])}


def _through(shown_of: Callable[[int], np.ndarray], cells: Cells, row: int) -> list[SortedMap]:
    return [sorted_map(through_grid(shown_of(row)[None], cells)[0])]


def left_out_readers(films: Films, block: BlockRegions, cells: Cells) -> MapsOf:
    """The masks of an image's readers that have a reading, in the order of the readings."""

    def maps_of(row: int) -> list[SortedMap]:
        masks_KHW = np.asarray(films.readers_MRHW[row])[block.places_of(row)]
        return [sorted_map(map_HW) for map_HW in through_grid(masks_KHW, cells)]

    return maps_of
