"""Every map of a study scored on its own patient's region and on other patients' regions: the matrices of the verdict.

Maps of models, of their untrained networks and of the controls go through the same functions. Each map is sorted once
and scored against all regions of its block. Definitions: docs/metrics.md#contrast.

m images of a block, R readers of an image, N readings (an image and a reader whose co-readers agree on a region), n
readings of a block, S scores, H W image grid, h w cells of a map's own grid.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sightline.alignment.baselines import centred_gaussian
from sightline.alignment.region_scores import Regions, region_scores, regions_of, sorted_map
from sightline.maps import scaled_of_image
from sightline.statistics.contrast import patient_blocks
from sightline.statistics.streams import stream
from sightline.verdict.films import Films
from sightline.verdict.frames import Box, lung_boxes, regions_in_frame
from sightline.verdict.settings import Verdict
from sightline.verdict.through_grid import through_grid

Cells = tuple[int, int]
Matrices = list[np.ndarray]
"""One float64 m x m per block: row i, column j: the map of image i on the region of image j."""
ByScore = dict[str, Matrices]
MapOf = Callable[[int], np.ndarray]
"""The map of an image's row, H x W."""

REGION, ANATOMY, PRIOR, GAUSSIAN = "region", "own_anatomy", "experts_prior", "centred_gaussian"


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


def own_cells(films: Films) -> dict[str, Cells]:
    """The cells of each candidate's maps: the raw map's rows and columns, the most common where they differ."""
    shapes = {name: Counter((raw.shape[0], raw.shape[1]) for raw in raws) for name, raws in films.maps.items()}
    return {name: counts.most_common(1)[0][0] if counts else films.grid for name, counts in shapes.items()}


def score_films(films: Films, settings: Verdict, cells: Mapping[str, Cells] | None = None) -> Scored:
    """`films`: all with a region, if any; `cells`: of candidates whose raw maps do not show their grid.

    An image whose map is flat scores chance. Only one map per image is held on the image grid, besides the mean maps.
    """
    cells_of = {**own_cells(films), **(cells or {})}
    cells_by_grid = {grid_name(own, films.grid): own for own in cells_of.values()}
    readings = _readings(films)
    scored = Scored(
        blocks=patient_blocks(films.patients_M, stream(films.seed, "verdict", "blocks")) or [np.zeros(0, int)],
        readings=readings,
        grid_of={name: grid_name(cells_of[name], films.grid) for name in films.maps},
    )
    mean_maps = {name: _mean_map(films, raws) for name, raws in films.maps.items()}
    frames = ("image", "lungs") if films.lungs_MHW is not None else ("image",)
    for rows in scored.blocks:
        targets = {frame: _targets(films, rows, readings, frame) for frame in frames}
        chosen = targets.get(settings.frame, targets["image"])
        for name, raws in films.maps.items():
            by_score, on_readings = _model_scores(_scaled(films, raws), chosen, settings)
            _add(scored.maps.setdefault(name, {}), by_score)
            scored.on_readings.setdefault(name, []).append(on_readings)
            _add(scored.mean_maps.setdefault(name, {}), _primary(_always(mean_maps[name]), chosen, settings))
        for name, raws in films.untrained.items():
            _add(scored.untrained.setdefault(name, {}), _primary(_scaled(films, raws), chosen, settings))
        for grid, own in cells_by_grid.items():
            for control, map_of in _controls(films, own).items():
                by_score = _primary(map_of, chosen, settings)
                _add(scored.controls.setdefault(grid, {}).setdefault(control, {}), by_score)
                if control == ANATOMY:
                    _, on_readings = _model_scores(map_of, chosen, settings, [])
                    scored.anatomy_on_readings.setdefault(grid, []).append(on_readings)
                    for frame in frames:
                        is_same = targets[frame] is chosen
                        in_frame = by_score if is_same else _primary(map_of, targets[frame], settings)
                        matrices = scored.anatomy_by_frame.setdefault(frame, {}).setdefault(grid, [])
                        matrices.append(in_frame[settings.primary])
            scored.experts.setdefault(grid, []).append(_expert_scores(films, own, readings, chosen, settings))
    return scored


@dataclass(frozen=True, kw_only=True)
class _Targets:
    """What the maps of one block are scored against."""

    rows: np.ndarray
    """int m."""
    regions: Callable[[int], Regions]
    """The m consensus regions, as the image at that place of the block sees them."""
    readings: np.ndarray
    """int n, among the study's readings."""
    reading_regions: Callable[[int], Regions]


def _targets(films: Films, rows: np.ndarray, readings: Readings, frame: str) -> _Targets:
    own = np.flatnonzero(np.isin(readings.image_N, rows))
    images_n = readings.image_N[own]
    others_nHW = np.array(
        [films.others_MRHW[image][place] for image, place in zip(images_n, readings.place_N[own], strict=True)], bool
    ).reshape(-1, *films.grid)
    masks_mHW = np.array([films.masks_MHW[row] for row in rows.tolist()], bool).reshape(-1, *films.grid)
    if frame == "image" or films.lungs_MHW is None:
        fixed, fixed_readings = regions_of(masks_mHW), regions_of(others_nHW)
        return _Targets(
            rows=rows, regions=lambda _: fixed, readings=own, reading_regions=lambda _: fixed_readings
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
    boxes_R = [boxes[image] for image in images_R.tolist()]
    return lambda place: regions_in_frame(masks_RHW, boxes_R, boxes[int(rows[place])])


def _primary(map_of: MapOf, targets: _Targets, settings: Verdict) -> dict[str, np.ndarray]:
    """The primary score, m x m, by its name: all that controls are judged by."""
    rows: list[np.ndarray] = []
    last: tuple[np.ndarray, Regions] | None = None
    for place, row in enumerate(targets.rows.tolist()):
        map_HW, regions = map_of(row), targets.regions(place)
        if last is None or map_HW is not last[0] or regions is not last[1]:
            rows.append(region_scores(sorted_map(map_HW), regions, [settings.primary]))
        else:  # one map for all images, such as the mean map, on the same regions
            rows.append(rows[-1])
        last = map_HW, regions
    return _named([settings.primary], rows)


def _model_scores(
    map_of: MapOf, targets: _Targets, settings: Verdict, scores: Sequence[str] | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """By score m x m, all scores or those asked for, and the primary score on the readings, m x n."""
    names = settings.scores if scores is None else scores
    on_regions, on_readings = [], []
    for place, row in enumerate(targets.rows.tolist()):
        of_map = sorted_map(map_of(row))
        if names:
            on_regions.append(region_scores(of_map, targets.regions(place), names))
        on_readings.append(region_scores(of_map, targets.reading_regions(place), [settings.primary])[0])
    matrix_mn = np.array(on_readings).reshape(len(targets.rows), len(targets.readings))
    return _named(names, on_regions) if names else {}, matrix_mn


def _named(names: Sequence[str], scores_mSm: list[np.ndarray]) -> dict[str, np.ndarray]:
    """By score m x m, from the scores of each map."""
    size = len(scores_mSm)
    scores_Smm = np.array(scores_mSm).reshape(size, len(names), size).transpose(1, 0, 2)
    return dict(zip(names, scores_Smm, strict=True))


def _expert_scores(films: Films, cells: Cells, readings: Readings, targets: _Targets, settings: Verdict) -> np.ndarray:
    """n x n: each left-out reader's mask through the grid, on all leave-one-out consensuses."""
    place_of = {image: place for place, image in enumerate(targets.rows.tolist())}
    rows = []
    for reading in targets.readings.tolist():
        image = int(readings.image_N[reading])
        mask_HW = films.readers_MRHW[image][readings.place_N[reading]]
        seen_HW = through_grid(mask_HW[None], cells)[0]
        regions = targets.reading_regions(place_of[image])
        rows.append(region_scores(sorted_map(seen_HW), regions, [settings.primary])[0])
    return np.array(rows).reshape(len(rows), len(rows))


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


def _scaled(films: Films, raws: Sequence[np.ndarray] | np.ndarray) -> MapOf:
    return lambda row: scaled_of_image([raws], row, *films.grid)[0]


def _always(map_HW: np.ndarray) -> MapOf:
    return lambda _: map_HW


def _mean_map(films: Films, raws: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """float32 H x W: the mean of the maps that are scored."""
    map_of = _scaled(films, raws)
    total_HW = np.zeros(films.grid)
    for row in range(len(films.images)):
        total_HW += map_of(row)
    return (total_HW / max(len(films.images), 1)).astype(np.float32)


def _add(to: ByScore, by_score: dict[str, np.ndarray]) -> None:
    for score, matrix in by_score.items():
        to.setdefault(score, []).append(matrix)
