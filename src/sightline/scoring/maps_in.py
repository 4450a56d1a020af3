"""Saliency maps made elsewhere, as `sightline score` takes them: a folder of PNG or NPY, or an NPZ.

Images are named by file stem. All maps are read once and checked, and none is kept: `MapSet.of` reads each again when
it is asked for. Every problem with a file goes into `problems`, one line per case, so that a user sees all of them at
once; StudyError is raised only where nothing is left to read. h w grid of one map.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sightline.aspect import Size
from sightline.map_files import SUFFIXES, checked_map, read_map
from sightline.names import image_name, stem_of
from sightline.rows_on_disk import StoredRows
from sightline.scoring.npz_rows import Npz, Stack
from sightline.scoring.progress import progress
from sightline.scoring.work import Work
from sightline.study.errors import StudyError


class Maps(StoredRows):
    """M raw maps, float64 h x w each, signed and of any range: `maps[row]` reads one from its file."""

    def __init__(self, read: Callable[[Any], np.ndarray], places: Sequence[Any], shapes: Sequence[Size]) -> None:
        """`read`: gives the map at each of `places`."""
        self._read, self._places = read, places
        self.shapes = shapes
        """(rows, columns) of each map, for which none is read."""

    def __len__(self) -> int:
        return len(self._places)

    def at(self, row: int) -> np.ndarray:
        """A map, float64 h x w; ValueError where its file is no longer what it was."""
        return checked_map(self._read(self._places[row]))

    def part(self, rows: range) -> Maps:
        """These maps."""
        return Maps(self._read, [self._places[row] for row in rows], [self.shapes[row] for row in rows])


@dataclass(frozen=True)
class MapSet:
    """The maps of one method, by image: where each is, and what is known of it."""

    read: Callable[[Any], np.ndarray]
    """The map at a place; it can be sent to other processes."""
    places: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, Size] = field(default_factory=dict)
    """(rows, columns) of each map."""

    def add(self, image: str, place: Any, shape: Size) -> None:
        """Another map."""
        self.places[image], self.shapes[image] = place, shape

    def of(self, images: Sequence[str]) -> Maps:
        """The maps of these images."""
        return Maps(self.read, [self.places[image] for image in images], [self.shapes[image] for image in images])


def read_maps(path: Path, problems: list[str], work: Work) -> tuple[dict[str, MapSet], list[str]]:
    """The maps by method, checked, and the names of files that are not maps.

    A folder of PNG or NPY, one per image: one method, named "". An NPZ with `images` (M names): every other array is a
    method, M x h x w. An NPZ without `images`: every array is one image's map, of method "". Maps may have any size
    and range and may be signed; a PNG's range is [0, 1]. The rows of a compressed array, of which none can be read
    alone, go to `work`.
    """
    if path.is_dir():
        maps, strangers = _map_folder(path, problems, work)
        return {"": maps}, strangers
    if not path.is_file():
        raise StudyError(f"{path}: no folder and no file; MAPS is a folder of PNG or NPY, or an NPZ")
    if path.suffix.lower() != ".npz":
        raise StudyError(f"{path}: MAPS is a folder of PNG or NPY, one map per image, or an NPZ that names the images")
    npz = Npz(path)
    if "images" in npz.names:
        return _by_method(npz, problems, work), []
    return {"": _by_image(npz, problems, work)}, []


def _map_folder(folder: Path, problems: list[str], work: Work) -> tuple[MapSet, list[str]]:
    maps = MapSet(_map_at)
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file())
    paths = [str(folder / name) for name in names if Path(name).suffix.lower() in SUFFIXES]
    seen = set()
    for path, found in zip(paths, work.each("maps", _looked_at, paths), strict=True):
        image = image_name(Path(path).stem)
        if image in seen:
            problems.append(f"{path}: a second map of {image}")
        seen.add(image)
        if isinstance(found, str):
            problems.append(f"{path}: {found}")
        else:
            maps.add(image, path, _as_size(found))
    if not seen:
        problems.append(f"{folder}: no .png or .npy file")
    return maps, [name for name in names if Path(name).suffix.lower() not in SUFFIXES]


def _map_at(path: str) -> np.ndarray:
    return read_map(Path(path))


def _looked_at(path: str) -> Size | str:
    """(rows, columns) of the map in a file, or what is wrong with it."""
    try:
        return _size(_map_at(path))
    except ValueError as error:
        return str(error)


def _as_size(found: list[int]) -> Size:
    return found[0], found[1]


def _size(map_hw: np.ndarray) -> Size:
    rows, cols = map_hw.shape
    return rows, cols


def _by_image(npz: Npz, problems: list[str], work: Work) -> MapSet:
    maps, names = MapSet(npz.array), npz.names
    for name, found in zip(names, work.each("maps", partial(_array_looked_at, npz=npz), names), strict=True):
        image = stem_of(name[: -len(".npy")] if name.lower().endswith(".npy") else name)
        if image in maps.places:
            problems.append(f"{npz.path}: a second map of {image}")
        if isinstance(found, str):
            problems.append(f"{npz.path}, {name}: {found}")
        else:
            maps.add(image, name, _as_size(found))
    if not names:
        problems.append(f"{npz.path}: holds no array")
    return maps


def _array_looked_at(name: str, npz: Npz) -> Size | str:
    try:
        return _size(checked_map(npz.array(name)))
    except ValueError as error:
        return str(error)


def _by_method(npz: Npz, problems: list[str], work: Work) -> dict[str, MapSet]:
    path, methods = npz.path, [name for name in npz.names if name != "images"]
    images = [image_name(str(name)) for name in npz.array("images").ravel().tolist()]
    problems += [f"{path}: image {name} is listed {n} times" for name, n in Counter(images).items() if n > 1]
    if not methods:
        problems.append(f"{path}: holds no array besides `images`")
    by_method: dict[str, MapSet] = {}
    for method in methods:
        stack = npz.stack(method, work)
        if len(stack.shape) != 3 or stack.shape[0] != len(images):
            wrong = f"expected {len(images)} x h x w, as `images`; got shape {stack.shape}"
            problems.append(f"{path}, {method}: {wrong}")
            continue
        maps = by_method[method] = MapSet(stack)
        with progress(f"maps of {method}", len(images)) as told:
            stack.store(told)
        looked_at = work.each("maps", partial(_row_looked_at, stack=stack), range(len(images)))
        for place, (image, found) in enumerate(zip(images, looked_at, strict=True)):
            if isinstance(found, str):
                problems.append(f"{path}, {method} of {image}: {found}")
            else:
                maps.add(image, place, _as_size(found))
    return by_method


def _row_looked_at(row: int, stack: Stack) -> Size | str:
    try:
        return _size(checked_map(stack(row)))
    except ValueError as error:
        return str(error)
