"""Films and lung masks, as `sightline score` takes them, on the common grid. H W common grid, M images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sightline.aspect import Size
from sightline.experts.masks import shrunk
from sightline.formats.mask_png import png_mask
from sightline.images.decode import decoded
from sightline.images.film_size import film_size
from sightline.lungs import estimated_body
from sightline.names import stem_of


def sizes_of_films(images: Sequence[str], paths: Mapping[str, list[Path]]) -> dict[str, Size]:
    """(rows, columns) as shown of each image with one readable film; `read_films` says what is wrong with others."""
    sizes = {image: film_size(paths[image][0]) for image in images if len(paths.get(image, ())) == 1}
    return {image: size for image, size in sizes.items() if size is not None}


def read_films(images: Sequence[str], paths: Mapping[str, list[Path]], grid: Size, problems: list[str]) -> np.ndarray:
    """uint8 M x H x W, gray; black where the image has not one readable film, which goes into `problems`."""
    pixels_MHW = np.zeros((len(images), *grid), np.uint8)
    for row, image in enumerate(images):
        of_image = paths.get(image, [])
        if len(of_image) != 1:
            problems.append(f"--images: {len(of_image)} pictures of {image}, expected one")
            continue
        try:
            pixels_MHW[row] = decoded(of_image[0], *grid, color=False, high_depth="image")
        except ValueError as error:
            problems.append(f"{of_image[0]}: {error}")
    return pixels_MHW


def read_lungs(
    images: Sequence[str], folder: Path, grid: Size, problems: list[str]
) -> tuple[np.ndarray, dict[str, list[tuple[Size, str]]]]:
    """Lung masks, bool M x H x W, of PNGs named by image; and by image (rows, columns) of the file, and its path.

    What is wrong with single files, or that there is no such folder, goes into `problems`; a mask is then empty.
    """
    lungs_MHW = np.zeros((len(images), *grid), bool)
    sizes: dict[str, list[tuple[Size, str]]] = {}
    if not folder.is_dir():
        problems.append(f"--lungs {folder}: no such folder")
        return lungs_MHW, sizes
    paths = {stem_of(path.name): path for path in folder.iterdir() if path.suffix.lower() == ".png"}
    for row, image in enumerate(images):
        path = paths.get(image, folder / f"{image}.png")
        try:
            inside_hw, _ = png_mask(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        sizes[image] = [((inside_hw.shape[0], inside_hw.shape[1]), str(path))]
        lungs_MHW[row] = shrunk(inside_hw, *grid)
    return lungs_MHW, sizes


def read_anatomy(
    images: Sequence[str], lungs_MHW: np.ndarray | None, pixels_MHW: np.ndarray | None, grid: Size
) -> tuple[np.ndarray | None, str]:
    """The patients' own anatomy, bool M x H x W, and its kind: lungs as given, else body of the films, else none."""
    if lungs_MHW is not None:
        return lungs_MHW, "lungs"
    if pixels_MHW is None:
        return None, "none"
    return np.array([estimated_body(image_HW) for image_HW in pixels_MHW], bool).reshape(len(images), *grid), "body"
