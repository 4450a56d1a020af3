"""Every map of a study scored on its own patient's region and on other patients' regions: the matrices of the verdict.

Maps of models, of their untrained networks and of the controls go through the same functions. Each map is sorted once
and scored against all regions of its block. Definitions: docs/metrics.md#contrast.

m images of a block, R readers of an image, N readings (an image and a reader whose co-readers agree on a region), n
readings of a block, S scores, H W image grid, h w cells of a map's own grid.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np

from sightline.alignment.baselines import centred_gaussian
from sightline.alignment.overlap import overlap_scores
from sightline.alignment.rank_matrix import rank_matrix, shared_pixels
from sightline.alignment.region_scores import Regions, SortedMap, region_scores, regions_of, sorted_map
from sightline.chunks import Kept, in_chunks
from sightline.maps import scaled_of_image
from sightline.processes import in_processes
from sightline.rows import Rows
from sightline.statistics.contrast import patient_blocks
from sightline.statistics.streams import stream
from sightline.verdict.films import Films
from sightline.verdict.frames import Box, lung_boxes, movable_masks, regions_in_frame
from sightline.verdict.settings import Verdict
from sightline.verdict.through_grid import through_grid

Cells = tuple[int, int]
Matrices = Sequence[np.ndarray]
"""One float64 m x m per block: row i, column j: the map of image i on the region of image j."""
Block = Mapping[str, np.ndarray]
"""The matrices of one block, by what they belong to, a list as JSON; may be read from a file when asked."""
RegionsAt = Regions | Callable[[int], Regions]
"""The regions of a block, or as the image at each place of the block sees them."""
MEAN_MAP_IMAGES = 1000  # summed up together, always the same ones, so that the sum does not depend on the processes
ByScore = dict[str, Matrices]
MapOf = Callable[[int], np.ndarray]
"""The map of an image's row, H x W."""

Part = tuple[str, str]
REGION, ANATOMY, PRIOR, GAUSSIAN = "region", "own_anatomy", "experts_prior", "centred_gaussian"
EXPERTS = "experts"


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The leave-one-out consensuses that are not empty, of images with two readers or more."""

    image_N: np.ndarray
    """int, the image's row."""
    reader_N: np.ndarray
    """int, the reader's number over the whole study."""
    place_N: np.ndarray
    """int, the reader's place among the image's readers."""


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
    """By grid and control: `REGION`, `PRIOR`, `GAUSSIAN`, and `ANATOMY` where lungs or body are known."""
    anatomy_by_frame: dict[str, dict[str, Matrices]] = field(default_factory=dict)
    """By frame (image, lungs) and grid: the primary score of `ANATOMY`."""
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
) -> Scored:
    """`films`: all with a region, if any; `cells`: of candidates whose raw maps do not show their grid.

    An image whose map is flat scores chance. A process holds the maps of one block. `kept`: where the matrices of
    blocks lie, to be read block by block and to go on with after a run that was killed; `told`: called with the number
    of images whose matrices have come.
    """
    blocks = Blocks(films=films, settings=settings, cells=cells or {}).prepared()
    parts = [(number, part) for number in range(len(blocks.rows)) for part in blocks.parts]
    last = blocks.parts[-1]  # of a block, as its results come in order

    def report(place: int) -> None:
        number, part = parts[place]
        if told is not None and part == last:
            told(len(blocks.rows[number]))

    return blocks.scored(in_chunks(Blocks.score, blocks, parts, "verdict", kept, report))


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """The blocks of a study, each scored by itself."""

    films: Films
    settings: Verdict
    cells: Mapping[str, Cells]

    @cached_property
    def rows(self) -> list[np.ndarray]:
        """int m each."""
        films = self.films
        return patient_blocks(films.patients_M, stream(films.seed, "verdict", "blocks")) or [np.zeros(0, int)]

    @cached_property
    def readings(self) -> Readings:
        return _readings(self.films)

    @cached_property
    def _surveyed(self) -> tuple[dict[str, Counter[Cells]], np.ndarray]:
        """Of all maps, read once: by candidate the shapes of the raw ones; float64 (candidates) x H x W, their sums."""
        films = self.films
        starts = range(0, len(films.images), MEAN_MAP_IMAGES)
        shapes: dict[str, Counter[Cells]] = {name: Counter() for name in films.maps}
        totals = np.zeros((len(films.maps), *films.grid))
        for shapes_of_part, total_of_part in in_processes(_survey, films, starts):
            totals += total_of_part
            for name, counted in shapes_of_part.items():
                shapes[name] += counted
        return shapes, totals

    @cached_property
    def cells_of(self) -> dict[str, Cells]:
        """By candidate the cells of its maps: the raw map's rows and columns, the most common where they differ."""
        shapes, _ = self._surveyed
        own = {name: counts.most_common(1)[0][0] if counts else self.films.grid for name, counts in shapes.items()}
        return {**own, **self.cells}

    @cached_property
    def cells_by_grid(self) -> dict[str, Cells]:
        return {grid_name(own, self.films.grid): own for own in self.cells_of.values()}

    @cached_property
    def mean_maps(self) -> dict[str, np.ndarray]:
        """By candidate float32 H x W: the mean of the maps that are scored."""
        _, totals = self._surveyed
        means = (totals / max(len(self.films.images), 1)).astype(np.float32)
        return dict(zip(self.films.maps, means, strict=True))

    def prepared(self) -> Blocks:
        """Itself, with everything computed that the blocks share, before processes copy it."""
        _ = self.rows, self.readings, self.cells_by_grid, self.mean_maps
        if self.films.images:
            _ = self.films.other_patients
        return self

    @cached_property
    def parts(self) -> list[Part]:
        """What of a block is scored by itself: maps, mean_maps or untrained and a candidate; a control and a grid."""
        films = self.films
        of_maps = [(kind, name) for name in films.maps for kind in ("maps", "mean_maps")]
        of_grids = [(control, grid) for grid in self.cells_by_grid for control in (*self.controls, EXPERTS)]
        return [*of_maps, *(("untrained", name) for name in films.untrained), *of_grids]

    @property
    def controls(self) -> tuple[str, ...]:
        known = (REGION, PRIOR, GAUSSIAN)
        return known if self.films.lungs_MHW is None else (*known, ANATOMY)

    def score(self, item: tuple[int, Part]) -> Block:
        """The matrices of a part of one block."""
        films, settings, (number, (kind, name)) = self.films, self.settings, item
        rows = self.rows[number]
        frame = settings.frame if films.lungs_MHW is not None else "image"
        targets = _targets(films, rows, self.readings, frame)
        found: dict[tuple[str, ...], np.ndarray] = {}
        if kind == "maps":
            by_score, found["on_readings", name] = _model_scores(_scaled(films, films.maps[name]), targets, settings)
            found |= {(kind, name, score): matrix for score, matrix in by_score.items()}
        elif kind == "mean_maps":
            found[kind, name, settings.primary] = _primary(_always(self.mean_maps[name]), targets, settings)
        elif kind == "untrained":
            found[kind, name, settings.primary] = _primary(_scaled(films, films.untrained[name]), targets, settings)
        elif kind == EXPERTS:
            cells = self.cells_by_grid[name]
            found[EXPERTS, name] = _expert_scores(films, cells, self.readings, targets, settings)
        else:
            map_of = _controls(films, self.cells_by_grid[name])[kind]
            matrix = found["controls", name, kind, settings.primary] = _primary(map_of, targets, settings)
            if kind == ANATOMY:
                found["anatomy_on_readings", name] = _on_readings(map_of, targets, settings)
                found["anatomy_by_frame", frame, name] = matrix
                other = "lungs" if frame == "image" else "image"
                moved = _targets(films, rows, self.readings, other)
                found["anatomy_by_frame", other, name] = _primary(map_of, moved, settings)
        return {json.dumps(key): matrix for key, matrix in found.items()}

    def scored(self, parts: Sequence[Block]) -> Scored:
        """The matrices of all blocks, from those of `parts` of each block in turn; each is read when asked for."""
        scored = Scored(
            blocks=self.rows,
            readings=self.readings,
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


def _survey(films: Films, start: int) -> tuple[dict[str, Counter[Cells]], np.ndarray]:
    """`Blocks._surveyed` of the images from `start` on."""
    totals = np.zeros((len(films.maps), *films.grid))
    shapes: dict[str, Counter[Cells]] = {name: Counter() for name in films.maps}
    for row in range(start, min(start + MEAN_MAP_IMAGES, len(films.images))):
        raws = {name: of_candidate[row] for name, of_candidate in films.maps.items()}
        for name, raw in raws.items():
            shapes[name][raw.shape[0], raw.shape[1]] += 1
        totals += scaled_of_image([[raw] for raw in raws.values()], 0, *films.grid)
    return shapes, totals


@dataclass(frozen=True, kw_only=True)
class _Targets:
    """What the maps of one block are scored against."""

    rows: np.ndarray
    """int m."""
    regions: RegionsAt
    """The m consensus regions."""
    readings: np.ndarray
    """int n, among the study's readings."""
    reading_regions: RegionsAt


def _targets(films: Films, rows: np.ndarray, readings: Readings, frame: str) -> _Targets:
    own = np.flatnonzero(np.isin(readings.image_N, rows))
    images_n = readings.image_N[own]
    others = {image: films.others_MRHW[image] for image in np.unique(images_n).tolist()}
    places_n = zip(images_n.tolist(), readings.place_N[own].tolist(), strict=True)
    others_nHW = np.array([others[image][place] for image, place in places_n], bool).reshape(-1, *films.grid)
    masks_mHW = np.array([films.masks_MHW[row] for row in rows.tolist()], bool).reshape(-1, *films.grid)
    if frame == "image" or films.lungs_MHW is None:
        return _Targets(
            rows=rows, regions=regions_of(masks_mHW), readings=own, reading_regions=regions_of(others_nHW)
        )  # fmt: skip
    boxes = dict(zip(rows.tolist(), lung_boxes([films.lungs_MHW[row] for row in rows.tolist()]), strict=True))
    return _Targets(
        rows=rows,
        regions=_moving(masks_mHW, rows, boxes, rows),
        readings=own,
        reading_regions=_moving(others_nHW, images_n, boxes, rows),
    )


def _moving(
    masks_RHW: np.ndarray, images_R: np.ndarray, boxes: dict[int, Box], rows: np.ndarray
) -> Callable[[int], Regions]:
    movable = movable_masks(masks_RHW, [boxes[image] for image in images_R.tolist()])
    return lambda place: regions_in_frame(movable, boxes[int(rows[place])], masks_RHW.shape[1:])


def _primary(map_of: MapOf, targets: _Targets, settings: Verdict) -> np.ndarray:
    """The primary score, m x m: all that controls are judged by."""
    maps = [map_of(row) for row in targets.rows.tolist()]
    return _matrix(maps, targets.regions, settings.primary)


def _on_readings(map_of: MapOf, targets: _Targets, settings: Verdict) -> np.ndarray:
    """The primary score on the readings, m x n."""
    maps = [map_of(row) for row in targets.rows.tolist()]
    return _matrix(maps, targets.reading_regions, settings.primary).reshape(len(maps), len(targets.readings))


def _expert_scores(films: Films, cells: Cells, readings: Readings, targets: _Targets, settings: Verdict) -> np.ndarray:
    """n x n: each left-out reader's mask through the grid, on all leave-one-out consensuses."""
    images, places = (of_N[targets.readings].tolist() for of_N in (readings.image_N, readings.place_N))
    masks = [films.readers_MRHW[image][place] for image, place in zip(images, places, strict=True)]
    maps = [through_grid(np.asarray(mask_HW)[None], cells)[0] for mask_HW in masks]
    regions, place_of = targets.reading_regions, {image: at for at, image in enumerate(targets.rows.tolist())}
    seen = regions if isinstance(regions, Regions) else (lambda number: _at(regions, place_of[images[number]]))
    return _matrix(maps, seen, settings.primary).reshape(len(maps), len(maps))


def _matrix(maps: Sequence[np.ndarray], regions: RegionsAt, score: str) -> np.ndarray:
    """One score of each map, H x W, on the regions as it sees them, float64 (maps) x (regions).

    A map that is the same for all images, such as the mean map, is scored once. Maps of 0 and 1 are scored by the
    pixels that they share with the regions.
    """
    if not isinstance(regions, Regions):
        rows = [region_scores(sorted_map(of), _at(regions, place), [score])[0] for place, of in enumerate(maps)]
        return np.array(rows)
    if len(maps) and all(map_HW is maps[0] for map_HW in maps):
        return np.repeat(region_scores(sorted_map(maps[0]), regions, [score]), len(maps), axis=0)
    if all(_is_binary(map_HW) for map_HW in maps):
        shared_mR = shared_pixels((map_HW.ravel() == 1 for map_HW in maps), len(maps), regions)
        size_m1 = np.array([np.count_nonzero(map_HW) for map_HW in maps], int)[:, None]
        return overlap_scores(shared_mR, size_m1, regions.size_R, regions.num_pixels)[score]
    return _of_sorted((sorted_map(map_HW) for map_HW in maps), len(maps), regions, score)


def _of_sorted(maps: Iterable[SortedMap], num_maps: int, regions: RegionsAt, score: str) -> np.ndarray:
    """`_matrix` of maps that are sorted one after the other."""
    if isinstance(regions, Regions) and score == "rank":
        return rank_matrix(maps, num_maps, regions)
    return np.array([region_scores(of_map, _at(regions, place), [score])[0] for place, of_map in enumerate(maps)])


def _at(regions: RegionsAt, place: int) -> Regions:
    return regions if isinstance(regions, Regions) else regions(place)


def _is_binary(map_HW: np.ndarray) -> bool:
    return all(bool(((part == 0) | (part == 1)).all()) for part in (map_HW[:1], map_HW))


def _model_scores(map_of: MapOf, targets: _Targets, settings: Verdict) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """By score m x m, and the primary score on the readings, m x n; each map is sorted once."""
    on_regions: list[np.ndarray] = []

    def sorted_maps() -> Iterator[SortedMap]:
        for place, row in enumerate(targets.rows.tolist()):
            of_map = sorted_map(map_of(row))
            on_regions.append(region_scores(of_map, _at(targets.regions, place), settings.scores))
            yield of_map

    size = len(targets.rows)
    matrix_mn = _of_sorted(sorted_maps(), size, targets.reading_regions, settings.primary)
    scores_Smm = np.array(on_regions).reshape(size, len(settings.scores), size).transpose(1, 0, 2)
    return dict(zip(settings.scores, scores_Smm, strict=True)), matrix_mn.reshape(size, len(targets.readings))


def _controls(films: Films, cells: Cells) -> dict[str, MapOf]:
    """All seen through the cells of a candidate's grid."""
    gaussian_HW = through_grid(centred_gaussian(*films.grid)[None], cells)[0]
    others, lungs_MHW = films.other_patients, films.lungs_MHW
    controls: dict[str, MapOf] = {
        REGION: lambda row: through_grid(films.masks_MHW[row][None], cells)[0],
        PRIOR: lambda row: through_grid(others.atlas(row)[None], cells)[0],
        GAUSSIAN: lambda _: gaussian_HW,
    }
    if lungs_MHW is not None:
        controls[ANATOMY] = lambda row: through_grid(lungs_MHW[row][None], cells)[0]
    return controls


def _readings(films: Films) -> Readings:
    numbers: dict[str, int] = {}
    rows = []
    for image, others_RHW in enumerate(films.others_MRHW):
        if len(others_RHW) < 2:
            continue
        for place in np.flatnonzero(others_RHW.any(axis=(1, 2))).tolist():
            named = films.reader_names_MR
            name = f"{image} {place}" if named is None else named[image][place]
            rows.append((image, numbers.setdefault(name, len(numbers)), place))
    image_N, reader_N, place_N = np.array(rows, dtype=int).reshape(-1, 3).T
    return Readings(image_N=image_N, reader_N=reader_N, place_N=place_N)


def _scaled(films: Films, raws: Rows) -> MapOf:
    return lambda row: scaled_of_image([raws], row, *films.grid)[0]


def _always(map_HW: np.ndarray) -> MapOf:
    return lambda _: map_HW
