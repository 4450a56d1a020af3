"""The matrices of one block: maps image by image, each sorted once and scored against all regions of the block.

m images of a block, R regions, S scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sightline.alignment.rank_matrix import RankMatrix
from sightline.alignment.region_scores import Regions, SortedMap, region_scores
from sightline.judging.block_regions import IMAGE, At, BlockRegions

Key = tuple[str, ...]
"""What a matrix belongs to."""
MapsOf = Callable[[int], Iterable[SortedMap]]
"""The maps of an image's row: one, or one for each reader."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Scores of maps of one kind on regions of one kind."""

    at: At
    scores: dict[str, Key]
    """By score, the key of its matrix."""


@dataclass(frozen=True, kw_only=True)
class Maps:
    """Maps of one kind, and what is asked of them."""

    maps_of: MapsOf
    asked: Sequence[Asked]


def matrices(block: BlockRegions, kinds: Sequence[Maps]) -> dict[Key, np.ndarray]:
    """By key float64 (maps) x R: row after row the maps of the block's images on the regions as these images see them.

    Regions are moved once for all kinds.
    """
    collected = [(kind, [_Rows(block, own) for own in kind.asked]) for kind in kinds]
    for place, row in enumerate(block.rows_m.tolist()):
        regions: dict[At, Regions] = {}
        for kind, rows_of_kind in collected:
            for of_map in kind.maps_of(row):
                for rows in rows_of_kind:
                    at = rows.asked.at
                    if at not in regions:
                        regions[at] = block.seen(place, at)
                    rows.add(of_map, regions[at])
    return {key: matrix for _, all_rows in collected for rows in all_rows for key, matrix in rows.matrices().items()}


class _Rows:
    """The rows of the matrices of one `Asked`, map after map.

    A map that stays the same object, such as the mean map, is scored again only where the regions differ.
    """

    def __init__(self, block: BlockRegions, asked: Asked) -> None:
        self.asked = asked
        self._size = block.size(asked.at)
        self._rows: list[np.ndarray] = []
        self._last: tuple[SortedMap, Regions] | None = None
        self._ranks: RankMatrix | None = None

    def add(self, of_map: SortedMap, regions: Regions) -> None:
        if self._last is not None and self._last[0] is of_map and self._last[1] is regions:
            self._rows.append(self._rows[-1])
            return
        self._last = of_map, regions
        scores = list(self.asked.scores)
        if self.asked.at[1] == IMAGE and scores == ["rank"]:  # the same regions for all maps
            self._ranks = self._ranks or RankMatrix(regions)
            self._rows.append(self._ranks.add(of_map)[None])
        else:
            self._rows.append(region_scores(of_map, regions, scores))

    def matrices(self) -> dict[Key, np.ndarray]:
        """By key (maps) x R."""
        if self._ranks is not None:
            self._ranks.finish()
        shape = len(self._rows), len(self.asked.scores), self._size
        rows_XSR = np.array(self._rows).reshape(shape)
        return {key: rows_XSR[:, place].copy() for place, key in enumerate(self.asked.scores.values())}
