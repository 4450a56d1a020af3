"""Films and lung masks, as `sightline score` takes them, on the common grid. H W common grid, M images.

Each file is decoded once. The result is a row of a file in the work folder, which is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sightline.aspect import Size
from sightline.experts.masks import shrunk
from sightline.formats.mask_png import png_mask
from sightline.images.decode import decoded
from sightline.images.film_size import film_size
from sightline.lungs import estimated_body
from sightline.names import stem_of
from sightline.packed_masks import PackedMasks, packed, row_bytes
from sightline.rows_on_disk import RowFile, Rows, RowWriter
from sightline.score.cores import Cores
from sightline.score.work import Work

CHUNK = 8  # films that go to a process at once: their pixels come back


class FilmPixels(Rows):
    """M films, uint8 H x W each: `films[row]` reads one."""

    def __init__(self, file: RowFile, rows: range, grid: Size) -> None:
        """`rows`: of the file."""
        self.grid = grid
        self._file, self._rows = file, rows

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, row: int) -> np.ndarray:
        """A film, uint8 H x W."""
        return np.frombuffer(self._file.read(self._rows[row]), np.uint8).reshape(self.grid)

    def part(self, rows: range) -> FilmPixels:
        """These films."""
        return FilmPixels(self._file, self._rows[rows.start : rows.stop : rows.step], self.grid)


class Films(NamedTuple):
    """The films of the images, and what is estimated from them."""

    pixels: FilmPixels
    bodies: PackedMasks | None
    """The estimated bodies; None: not asked for."""


def sizes_of_films(images: Sequence[str], paths: Mapping[str, list[Path]], cores: Cores) -> dict[str, Size]:
    """(rows, columns) as shown of each image with one readable film; `read_films` says what is wrong with others."""
    single = [image for image in images if len(paths.get(image, ())) == 1]
    sizes = cores.map(film_size, [paths[image][0] for image in single])
    return {image: size for image, size in zip(single, sizes, strict=True) if size is not None}


def read_films(
    images: Sequence[str],
    paths: Mapping[str, list[Path]],
    grid: Size,
    problems: list[str],
    work: Work,
    cores: Cores,
    wants_bodies: bool,
) -> Films:
    """The films, gray; black where the image has not one readable film, which goes into `problems`."""
    film_paths = [paths.get(image, []) for image in images]
    looked = cores.map(partial(_film, grid=grid, wants_body=wants_bodies), film_paths, CHUNK)
    pixels_path, bodies_path = work.file("films"), work.file("bodies")
    with ExitStack() as stack:
        pixels = stack.enter_context(RowWriter(pixels_path, grid[0] * grid[1]))
        bodies = stack.enter_context(RowWriter(bodies_path, row_bytes(grid))) if wants_bodies else None
        for image, of_image, found in zip(images, film_paths, looked, strict=True):
            if found.wrong:
                where = f"--images: {len(of_image)} pictures of {image}" if len(of_image) != 1 else f"{of_image[0]}"
                problems.append(f"{where}{', ' if len(of_image) != 1 else ': '}{found.wrong}")
            pixels.add(found.pixels)
            if bodies is not None:
                bodies.add(found.body)
    return Films(
        FilmPixels(RowFile(pixels_path, grid[0] * grid[1], keeps=work), range(len(images)), grid),
        _masks_in(bodies_path, grid, len(images), work) if wants_bodies else None,
    )


def _masks_in(path: Path, grid: Size, num: int, work: Work) -> PackedMasks:
    return PackedMasks(RowFile(path, row_bytes(grid), keeps=work), grid, range(num))


class _Film(NamedTuple):
    pixels: bytes
    body: bytes
    wrong: str


def _film(of_image: list[Path], grid: Size, wants_body: bool) -> _Film:
    """The rows of an image's film, of black and of nothing where it is not one readable film."""
    black = _Film(bytes(grid[0] * grid[1]), bytes(row_bytes(grid)), "")
    if len(of_image) != 1:
        return black._replace(wrong="expected one")
    try:
        pixels_HW = decoded(of_image[0], *grid, color=False, high_depth="image")
    except ValueError as error:
        return black._replace(wrong=str(error))
    return _Film(pixels_HW.tobytes(), packed(estimated_body(pixels_HW)) if wants_body else b"", "")


def read_lungs(
    images: Sequence[str], folder: Path, grid: Size, problems: list[str], work: Work, cores: Cores
) -> tuple[PackedMasks, dict[str, list[tuple[Size, str]]]]:
    """Lung masks of PNGs named by image; and by image (rows, columns) of the file, and its path.

    What is wrong with single files, or that there is no such folder, goes into `problems`; a mask is then empty.
    """
    sizes: dict[str, list[tuple[Size, str]]] = {}
    path_of_rows = work.file("lungs")
    with RowWriter(path_of_rows, row_bytes(grid)) as rows:
        for image, path, found in _lungs(images, folder, grid, problems, cores):
            if isinstance(found, str):
                problems.append(f"{path}: {found}")
                rows.add(bytes(row_bytes(grid)))
            else:
                sizes[image] = [(found[0], str(path))]
                rows.add(found[1])
    return _masks_in(path_of_rows, grid, len(images) if folder.is_dir() else 0, work), sizes


def _lungs(
    images: Sequence[str], folder: Path, grid: Size, problems: list[str], cores: Cores
) -> Iterator[tuple[str, Path, tuple[Size, bytes] | str]]:
    if not folder.is_dir():
        problems.append(f"--lungs {folder}: no such folder")
        return
    of_stem = {stem_of(path.name): path for path in folder.iterdir() if path.suffix.lower() == ".png"}
    paths = [of_stem.get(image, folder / f"{image}.png") for image in images]
    yield from zip(images, paths, cores.map(partial(_lung_mask, grid=grid), paths), strict=True)


def _lung_mask(path: Path, grid: Size) -> tuple[Size, bytes] | str:
    """Size and row of a mask, or what is wrong with it."""
    try:
        inside_hw, _ = png_mask(path)
    except ValueError as error:
        return str(error)
    return (inside_hw.shape[0], inside_hw.shape[1]), packed(shrunk(inside_hw, *grid))
