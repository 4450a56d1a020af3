"""Every map of a study scored on its own patient's region and on other patients' regions: the matrices of the verdict.

Maps of models, of their untrained networks and of the controls go through the same functions, block by block and each
block in parts. Definitions: docs/metrics.md#contrast.

m images of a block, n readings of a block, H W image grid, h w cells of a map's own grid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np

from sightline.chunks import Kept, in_chunks
from sightline.judging.block_regions import CONSENSUS, IMAGE, LUNGS, READINGS, BlockRegions
from sightline.judging.block_scores import Asked, Key, Maps, matrices
from sightline.judging.compared_maps import ANATOMY, always, controls, left_out_readers, of_candidate
from sightline.judging.films import Films
from sightline.judging.settings import Verdict
from sightline.judging.survey import Cells, Readings, Survey, survey
from sightline.statistics.contrast import patient_blocks
from sightline.statistics.streams import stream

Matrices = Sequence[np.ndarray]
"""One float64 m x m per block: row i, column j: the map of image i on the region of image j."""
ByScore = dict[str, Matrices]
Block = Mapping[str, np.ndarray]
"""The matrices of one block, by what they belong to, a list as JSON; may be read from a file when asked."""
Part = tuple[str, str]
"""What of a block is scored by itself: all maps of a candidate, or of a grid all controls or all left-out readers."""
CANDIDATE, CONTROLS, EXPERTS = "candidate", "controls", "experts"


@dataclass(frozen=True, kw_only=True)
class Scored:
    """All scores that the verdict rests on."""

    blocks: list[np.ndarray]
    """int m each, rows of images; all patients of a block are each other's other patients."""
    readings: Readings
    grid_of: dict[str, str]
    """Of each candidate."""
    maps: dict[str, ByScore] = field(default_factory=dict)
    """By candidate."""
    untrained: dict[str, ByScore] = field(default_factory=dict)
    """By candidate, of those that have an untrained network; the primary score alone, as of all controls."""
    mean_maps: dict[str, ByScore] = field(default_factory=dict)
    """By candidate: its mean map in place of every image's map."""
    controls: dict[str, dict[str, ByScore]] = field(default_factory=dict)
    """By grid and control, the names of `compared_maps`; own anatomy where lungs or body are known."""
    anatomy_by_frame: dict[str, dict[str, Matrices]] = field(default_factory=dict)
    """By frame (image, lungs) and grid: the primary score of the own anatomy."""
    on_readings: dict[str, Matrices] = field(default_factory=dict)
    """By candidate: the primary score of the maps on the leave-one-out consensuses, m x n per block."""
    anatomy_on_readings: dict[str, Matrices] = field(default_factory=dict)
    """By grid, as `on_readings`."""
    experts: dict[str, Matrices] = field(default_factory=dict)
    """By grid: the primary score of each left-out reader's mask on the leave-one-out consensuses, n x n per block."""


def grid_name(cells: Cells, size: Cells) -> str:
    """7x7, or image for a grid as fine as the image's."""
    return "image" if cells[0] >= size[0] and cells[1] >= size[1] else f"{cells[0]}x{cells[1]}"


def score_films(
    films: Films,
    settings: Verdict,
    cells: Mapping[str, Cells] | None = None,
    kept: Kept | None = None,
    told: Callable[[int], None] | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Scored:
    """`films`: all with a region, if any; `cells`: of candidates whose raw maps do not show their grid.

    An image whose map is flat scores chance. A process holds the regions of one block, and one image's maps. `kept`:
    where the matrices of blocks lie, to be read block by block and to go on with after a run that was killed; `told`:
    called with the number of images whose matrices have come; `meanwhile`: of `in_processes`.
    """
    of_study = survey(films)
    blocks = Blocks(films=films, settings=settings, survey=of_study, cells_of={**of_study.cells_of, **(cells or {})})
    parts = [(number, part) for number in range(len(blocks.rows)) for part in blocks.parts]

    def report(place: int) -> None:
        number, part = parts[place]
        if told is not None and part == blocks.parts[-1]:  # the block's last, as results come in order
            told(len(blocks.rows[number]))

    return blocks.scored(in_chunks(Blocks.score, blocks, parts, "verdict", kept, report, meanwhile=meanwhile))


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """The blocks of a study, each scored by itself."""

    films: Films
    settings: Verdict
    survey: Survey
    cells_of: Mapping[str, Cells]
    """By candidate."""
    _held: dict[int, BlockRegions] = field(default_factory=dict, init=False)
    """By its number, the block whose part was scored last in this process."""

    @cached_property
    def rows(self) -> list[np.ndarray]:
        """int m each."""
        films = self.films
        return patient_blocks(films.patients_M, stream(films.seed, "verdict", "blocks")) or [np.zeros(0, int)]

    @cached_property
    def cells_by_grid(self) -> dict[str, Cells]:
        return {grid_name(own, self.films.grid): own for own in self.cells_of.values()}

    @cached_property
    def parts(self) -> list[Part]:
        of_maps = [(CANDIDATE, name) for name in self.films.maps]
        return [*of_maps, *((kind, grid) for grid in self.cells_by_grid for kind in (CONTROLS, EXPERTS))]

    def score(self, item: tuple[int, Part]) -> Block:
        """The matrices of a part of one block."""
        number, (kind, name) = item
        if number not in self._held:
            self._held.clear()
            self._held[number] = BlockRegions(self.films, self.rows[number], self.survey.readings)
        block = self._held[number]
        if kind == CANDIDATE:
            found = matrices(block, self._candidate(name))
        elif kind == CONTROLS:
            found = matrices(block, self._controls(name))
            if self.films.lungs_MHW is not None:
                found["anatomy_by_frame", self._frame, name] = found["controls", name, ANATOMY, self.settings.primary]
        else:
            readers = left_out_readers(self.films, block, self.cells_by_grid[name])
            found = matrices(block, [Maps(maps_of=readers, asked=[self._on_readings("experts", name)])])
        return {json.dumps(key): matrix for key, matrix in found.items()}

    @property
    def _frame(self) -> str:
        return IMAGE if self.films.lungs_MHW is None else self.settings.frame

    def _primary(self, *key: str) -> Asked:
        primary = self.settings.primary
        return Asked(at=(CONSENSUS, self._frame), scores={primary: (*key, primary)})

    def _on_readings(self, *key: str) -> Asked:
        return Asked(at=(READINGS, self._frame), scores={self.settings.primary: key})

    def _candidate(self, name: str) -> list[Maps]:
        films, settings = self.films, self.settings
        by_score: dict[str, Key] = {score: ("maps", name, score) for score in settings.scores}
        own = [Asked(at=(CONSENSUS, self._frame), scores=by_score), self._on_readings("on_readings", name)]
        kinds = [
            Maps(maps_of=of_candidate(films.maps[name], films.grid), asked=own),
            Maps(maps_of=always(self.survey.mean_maps[name]), asked=[self._primary("mean_maps", name)]),
        ]
        if name in films.untrained:
            untrained = of_candidate(films.untrained[name], films.grid)
            kinds.append(Maps(maps_of=untrained, asked=[self._primary("untrained", name)]))
        return kinds

    def _controls(self, grid: str) -> list[Maps]:
        kinds = []
        for name, maps_of in controls(self.films, self.survey, self.cells_by_grid[grid]).items():
            asked = [self._primary("controls", grid, name)]
            if name == ANATOMY:
                other = LUNGS if self._frame == IMAGE else IMAGE
                by_frame: dict[str, Key] = {self.settings.primary: ("anatomy_by_frame", other, grid)}
                asked += [Asked(at=(CONSENSUS, other), scores=by_frame), self._on_readings("anatomy_on_readings", grid)]
            kinds.append(Maps(maps_of=maps_of, asked=asked))
        return kinds

    def scored(self, parts: Sequence[Block]) -> Scored:
        """The matrices of all blocks, from those of `parts` of each block in turn; each is read when asked for."""
        scored = Scored(
            blocks=self.rows,
            readings=self.survey.readings,
            grid_of={name: grid_name(self.cells_of[name], self.films.grid) for name in self.films.maps},
        )
        size = len(self.parts)
        for place, of_part in enumerate(parts[:size]):
            for name in of_part:
                key = json.loads(name)
                to: dict[str, Any] = getattr(scored, key[0])
                for part in key[1:-1]:
                    to = to.setdefault(part, {})
                to[key[-1]] = _OfBlocks(parts, range(place, len(parts), size), name)
        return scored


class _OfBlocks(Sequence[np.ndarray]):
    """One matrix of each block."""

    def __init__(self, parts: Sequence[Block], places: range, key: str) -> None:
        self._parts = parts
        self._places = places
        self._key = key

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, number: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, number: slice) -> list[np.ndarray]: ...
    def __getitem__(self, number: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(number, slice):
            return [self._parts[place][self._key] for place in self._places[number]]
        return self._parts[self._places[number]][self._key]
