"""Films and lung masks, as `sightline score` takes them, on the common grid. H W common grid, M images.

Each file is decoded once. The result is a row of a file in the work folder, which is read when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from sightline.rows_on_disk import RowFile, StoredRows
from sightline.scoring.work import Work


class FilmPixels(StoredRows):
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


def sizes_of_films(images: Sequence[str], paths: Mapping[str, list[Path]], work: Work) -> dict[str, Size]:
    """(rows, columns) as shown of each image with one readable film; `read_films` says what is wrong with others."""
    single = [image for image in images if len(paths.get(image, ())) == 1]
    sizes = work.each("film sizes", film_size, [paths[image][0] for image in single])
    return {image: (size[0], size[1]) for image, size in zip(single, sizes, strict=True) if size is not None}


def read_films(
    images: Sequence[str],
    paths: Mapping[str, list[Path]],
    grid: Size,
    problems: list[str],
    work: Work,
    wants_bodies: bool,
) -> Films:
    """The films, gray; black where the image has not one readable film, which goes into `problems`."""
    film_paths = [paths.get(image, []) for image in images]
    num_pixels, length = grid[0] * grid[1], grid[0] * grid[1] + (row_bytes(grid) if wants_bodies else 0)
    film = partial(_film, grid=grid, wants_body=wants_bodies)
    file, wrongs = work.rows("films", film, film_paths, length)
    for image, of_image, wrong in zip(images, film_paths, wrongs, strict=True):
        if wrong:
            where = f"--images: {len(of_image)} pictures of {image}" if len(of_image) != 1 else f"{of_image[0]}"
            problems.append(f"{where}{', ' if len(of_image) != 1 else ': '}{wrong}")
    pixels = RowFile(file.path, num_pixels, keeps=work, stride=length)
    bodies = RowFile(file.path, row_bytes(grid), start=num_pixels, keeps=work, stride=length)
    return Films(
        FilmPixels(pixels, range(len(images)), grid),
        PackedMasks(bodies, grid, range(len(images))) if wants_bodies else None,
    )


def _film(of_image: list[Path], grid: Size, wants_body: bool) -> tuple[bytes, str]:
    """The pixels of an image's film and its body's row; black and nothing where it is not one readable film, and why.

    "" where nothing is wrong.
    """
    black = bytes(grid[0] * grid[1] + (row_bytes(grid) if wants_body else 0))
    if len(of_image) != 1:
        return black, "expected one"
    try:
        pixels_HW = decoded(of_image[0], *grid, color=False, high_depth="image")
    except ValueError as error:
        return black, str(error)
    return pixels_HW.tobytes() + (packed(estimated_body(pixels_HW)) if wants_body else b""), ""


def read_lungs(
    images: Sequence[str], folder: Path, grid: Size, problems: list[str], work: Work
) -> tuple[PackedMasks, dict[str, list[tuple[Size, str]]]]:
    """Lung masks of PNGs named by image; and by image (rows, columns) of the file, and its path.

    What is wrong with single files, or that there is no such folder, goes into `problems`; a mask is then empty.
    """
    paths = _lung_paths(images, folder, problems)
    file, known = work.rows("lungs", partial(_lung_mask, grid=grid), paths, row_bytes(grid))
    sizes: dict[str, list[tuple[Size, str]]] = {}
    for image, path, found in zip(images, paths, known, strict=False):
        if isinstance(found, str):
            problems.append(f"{path}: {found}")
        else:
            sizes[image] = [((found[0], found[1]), str(path))]
    return PackedMasks(file, grid, range(len(paths))), sizes


def _lung_paths(images: Sequence[str], folder: Path, problems: list[str]) -> list[Path]:
    """Of each image; [] without a folder."""
    if not folder.is_dir():
        problems.append(f"--lungs {folder}: no such folder")
        return []
    of_stem = {stem_of(path.name): path for path in folder.iterdir() if path.suffix.lower() == ".png"}
    return [of_stem.get(image, folder / f"{image}.png") for image in images]


def _lung_mask(path: Path, grid: Size) -> tuple[bytes, Size | str]:
    """The row of a mask, and its size or what is wrong with it."""
    try:
        inside_hw, _ = png_mask(path)
    except ValueError as error:
        return bytes(row_bytes(grid)), str(error)
    return packed(shrunk(inside_hw, *grid)), (inside_hw.shape[0], inside_hw.shape[1])
