"""What the maps of one block are scored against: regions as they lie in the image, or in the frame of a film's lungs.

m images of a block, n readings of a block, R regions, H W image grid.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sightline.alignment.region_scores import Regions, regions_one_by_one
from sightline.judging.films import Films
from sightline.judging.frames import Box, Movable, lung_boxes, movable, regions_in_frame
from sightline.judging.survey import Readings

CONSENSUS, READINGS = "consensus", "readings"
IMAGE, LUNGS = "image", "lungs"
At = tuple[str, str]
"""`CONSENSUS`, the m images' own regions, or `READINGS`, the n leave-one-out consensuses; `IMAGE` or `LUNGS`."""


class BlockRegions:
    """The regions of one block."""

    def __init__(self, films: Films, rows_m: np.ndarray, readings: Readings) -> None:
        self.rows_m = rows_m
        is_own_N = np.isin(readings.image_N, rows_m)
        self.image_n, self.place_n = readings.image_N[is_own_N], readings.place_N[is_own_N]
        """int, of each reading the image's row, and the reader's place among the image's readers."""
        self._films = films
        self._as_they_lie: dict[str, Regions] = {}
        self._movable: dict[str, tuple[Movable, list[Box]]] = {}

    def places_of(self, row: int) -> np.ndarray:
        """int, the places of an image's readers that have a reading, in the order of the readings."""
        return self.place_n[self.image_n == row]

    def seen(self, place: int, at: At) -> Regions:
        """As the map of the block's image of this place sees them."""
        kind, frame = at
        if frame == IMAGE:
            return self._lie(kind)
        if kind not in self._movable:
            self._movable[kind] = self._moving(kind)
        regions, boxes_m = self._movable[kind]
        return regions_in_frame(regions, boxes_m[place])

    def size(self, at: At) -> int:
        """How many."""
        return len(self.rows_m) if at[0] == CONSENSUS else len(self.image_n)

    def _lie(self, kind: str) -> Regions:
        if kind not in self._as_they_lie:
            height, width = self._films.grid
            masks = self._own() if kind == CONSENSUS else self._others()
            self._as_they_lie[kind] = regions_one_by_one(masks, height * width)
        return self._as_they_lie[kind]

    def _own(self) -> Iterable[np.ndarray]:
        return (np.asarray(self._films.masks_MHW[row]) for row in self.rows_m.tolist())

    def _others(self) -> Iterable[np.ndarray]:
        for row in np.unique(self.image_n).tolist():
            yield from np.asarray(self._films.others_MRHW[row])[self.places_of(row)]

    def _moving(self, kind: str) -> tuple[Movable, list[Box]]:
        """The regions to be moved, and the box of the lungs of each image of the block."""
        lungs_MHW, rows = self._films.lungs_MHW, self.rows_m.tolist()
        if lungs_MHW is None:
            raise ValueError("the frame of the lungs needs lungs")
        boxes_m = lung_boxes([lungs_MHW[row] for row in rows])
        of_row = dict(zip(rows, boxes_m, strict=True))
        images = rows if kind == CONSENSUS else self.image_n.tolist()
        return movable(self._lie(kind), [of_row[image] for image in images], self._films.grid), boxes_m
