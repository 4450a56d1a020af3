"""Lung masks from a folder, the phantom's own, or, without either, the estimated outline of the patient.

H W image grid, h w the coarse grid of at most 64 x 64 on which the body is found, M images.

The lungs are not estimated, on purpose: a method that finds lungs by their darkness loses exactly the lobes that
pneumonia has made white, and a baseline that avoids the disease is no baseline. Without known lungs the body mask
stands in for them, and printed results say "body", not "lungs".
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy  # its packages load where they are used: a stage that needs none starts sooner

from sightline.aspect import misfit
from sightline.experts.masks import overlaps, shrunk
from sightline.formats.mask_png import png_mask
from sightline.formats.mask_values import mixed_whites, white_of
from sightline.inputs import LungKind
from sightline.maps import bilinear_weights
from sightline.names import stem_of
from sightline.statistics.otsu import otsu_cut
from sightline.study.errors import StudyError
from sightline.study.files import read_npz

COARSE = 64  # cells along each axis, at most
BLUR = 0.7  # cells, sigma
NOISE_FLOOR = 10.0  # grey levels: below it, differences of the film's black are noise, not anatomy
AIR_AT_MOST = 0.4  # of the image's 95th percentile: brighter cells are not air, whatever Otsu's cut
CLOSING = 7  # cells, radius: gaps narrower than some 0.2 of the side belong to the body (under the arms, open lungs)
ROUNDS = 8  # steps between two looks whether anything still changes
CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


def estimated_body(image_HW: np.ndarray) -> np.ndarray:
    """The patient's outline in an X-ray, bool H x W: thorax, neck, abdomen and as much of the arms as is bright.

    `image_HW`: uint8, air dark. The result is not the lungs, which lie inside it. It is never empty: an image without
    dark surroundings, such as a constant one, is all body.

    1. The image is averaged to at most 64 x 64 cells.
    2. Every cell is filled to the lowest level over which its darkness would run out to the left, right or upper
       border, so that lungs become as bright as the chest wall around them and air stays as it is (grey-scale hole
       filling, Soille 2003, chapter 6).
    3. Otsu's cut of the logarithm separates air from body.
    4. The largest 4-connected piece is kept, closed by a disc, and its holes are filled. The body is taken to continue
       below the lower border, which cuts nothing out of it.

    Meant for frontal views of one patient. Bright collimator edges or a bright table that touch the body join it.
    """
    small_hw = _block_means(image_HW.astype(np.float64))
    grey_hw = scipy.ndimage.gaussian_filter(small_hw, BLUR)
    level_hw = np.log(_filled(grey_hw) + NOISE_FLOOR)
    most = np.log(AIR_AT_MOST * np.quantile(grey_hw, 0.95) + NOISE_FLOOR)
    body_hw = level_hw > min(otsu_cut(level_hw), most)
    if not body_hw.any():
        return np.ones(image_HW.shape, bool)
    body_hw = _without_holes(_closed(_largest_piece(body_hw)))
    soft_hw = scipy.ndimage.gaussian_filter(body_hw.astype(np.float64), BLUR)  # without it the outline is a staircase
    (h, w), (rows, cols) = soft_hw.shape, image_HW.shape
    # the product of `maps.upsampled` with the axis of maps, as ties at 0.5 depend on the order of its sums
    return (_bilinear(h, rows) @ soft_hw[None] @ _bilinear(w, cols).T)[0] >= 0.5


def _block_means(values_HW: np.ndarray) -> np.ndarray:
    """Float64 h x w: means over cells of equal area, at most 64 along each axis; a smaller image stays as it is."""
    rows, cols = map(_averages, values_HW.shape)
    return rows @ values_HW @ cols.T


@lru_cache(maxsize=16)
def _averages(size: int) -> np.ndarray:
    """Float64 n x `size`: the share of each of n cells, at most 64, that each pixel fills."""
    return overlaps(size, min(COARSE, size)).toarray() / size


_bilinear = lru_cache(maxsize=16)(bilinear_weights)


def _filled(grey_hw: np.ndarray) -> np.ndarray:
    """The lowest maximum over all 4-connected ways from each cell to the left, right or upper border, h x w."""
    # Only the order of the cells counts, so whole ranks stand in for them: small numbers, and no sum is rounded.
    # Rows lie behind each other with a wall between them, which is above every rank.
    (h, w), order = grey_hw.shape, np.argsort(grey_hw, axis=None)
    wall, stride = h * w, w + 1
    ranks_hw = np.empty(h * w, np.uint16)
    ranks_hw[order] = np.arange(h * w)
    walled = np.full((h + 2, stride), wall, np.uint16)
    inside, cells = slice(stride, (h + 1) * stride), (slice(1, h + 1), slice(0, w))
    walled[cells] = ranks_hw.reshape(h, w)
    floor = walled.ravel()[inside].copy()
    walled[1 : h + 1, 1 : w - 1][1:] = wall - 1
    level = walled.ravel()
    own, lowest = level[inside], np.empty_like(floor)
    around = [level[inside.start + step : inside.stop + step] for step in (-stride, stride, -1, 1)]
    before = np.zeros_like(floor)
    while not np.array_equal(own, before):
        before = own.copy()
        for _ in range(ROUNDS):
            np.minimum(own, around[0], out=lowest)
            for neighbour in around[1:]:
                np.minimum(lowest, neighbour, out=lowest)
            np.maximum(lowest, floor, out=own)
    return np.asarray(grey_hw.ravel()[order][walled[cells]])


def _largest_piece(mask_hw: np.ndarray) -> np.ndarray:
    """The largest 4-connected piece of a mask that is not empty; of equally large ones, the first in raster order."""
    labels_hw, _ = scipy.ndimage.label(mask_hw, CROSS)
    return labels_hw == 1 + np.argmax(np.bincount(labels_hw.ravel())[1:])


def _closed(mask_hw: np.ndarray) -> np.ndarray:
    """The mask closed by a disc; beyond the left, right and upper border it is empty, and below it continues."""
    pad = CLOSING + 1
    padded = np.pad(mask_hw, pad)
    padded[-pad:] = padded[-pad - 1]
    return ~_widened_by_disc(~_widened_by_disc(padded))[pad:-pad, pad:-pad]


def _widened_by_disc(mask_hw: np.ndarray) -> np.ndarray:
    """The mask with all cells whose squared distance to one of its cells is at most CLOSING * (CLOSING + 1).

    Not of the outer CLOSING columns, where the rows before and behind reach in.
    """
    # One whole number of a bit per cell: a shift moves all cells, by rows or along them.
    (h, w), reach = mask_hw.shape, CLOSING * (CLOSING + 1)
    cells = int.from_bytes(np.packbits(mask_hw).tobytes(), "big") >> (-h * w % 8)
    wide, across, widened = cells, 0, 0  # the mask widened along rows by `across` cells
    for away in range(CLOSING, -1, -1):  # rows at this distance, the farthest first: their chords are the shortest
        while (across + 1) ** 2 + away**2 <= reach:
            across += 1
            wide |= cells << across | cells >> across
        widened |= wide << away * w | wide >> away * w
    widened = (widened & (1 << h * w) - 1) << (-h * w % 8)
    bits = np.frombuffer(widened.to_bytes(-(-h * w // 8), "big"), np.uint8)
    return np.unpackbits(bits, count=h * w).reshape(h, w).view(bool)


def _without_holes(mask_hw: np.ndarray) -> np.ndarray:
    """The mask and all that no way of 4-connected cells leads out of."""
    pieces_hw, _ = scipy.ndimage.label(np.pad(~mask_hw, 1, constant_values=True), CROSS)
    return pieces_hw[1:-1, 1:-1] != pieces_hw[0, 0]


def read_lungs(
    images: list[str], pixels_MHW: np.ndarray, films: list[str], folder: Path, phantom: Path
) -> tuple[np.ndarray, LungKind]:
    """Lung masks of the images, bool M x H x W, and where they come from.

    `folder`: white-on-black PNGs, one per image, named by the image's stem, with the aspect of its film or of the grid,
    to which they are brought by area; a folder without PNGs does not count. `films`: the file of each image.
    `phantom`: the NPZ that prepare writes, which has the lungs of a phantom. `pixels_MHW`: uint8, the prepared images,
    gray. StudyError that lists every image whose mask is missing, broken, of another shape or of unclear values.
    """
    height, width = pixels_MHW.shape[1:]
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".png") if folder.is_dir() else []
    if files:
        masks = _masks_in(files, images, films, (height, width), folder)
        return np.array(masks, dtype=bool).reshape(-1, height, width), "masks"
    stored = read_npz(phantom)
    row_of = {name: row for row, name in enumerate(stored["images"].tolist())}
    if len(images) and all(image in row_of for image in images):
        return stored["lungs"][[row_of[image] for image in images]], "phantom"
    bodies = [estimated_body(image_HW) for image_HW in pixels_MHW]
    return np.array(bodies, dtype=bool).reshape(-1, height, width), "body"


def _masks_in(
    files: list[Path], images: list[str], films: list[str], grid: tuple[int, int], folder: Path
) -> list[np.ndarray]:
    masks, problems = [], []
    paths: dict[str, Path] = {}
    whites: dict[str, int] = {}
    for path in files:
        image = stem_of(path.name)
        if image in paths and image in images:
            problems.append(f"{path}: a second mask of image {image!r}")
        paths[image] = path
    for image, film in zip(images, films, strict=True):
        path = paths.get(image, folder / f"{image}.png")
        try:
            inside_hw, values = png_mask(path)
        except ValueError as error:
            problems.append(f"{path}: {error}")
            continue
        wrong = misfit(inside_hw.shape, grid, film)
        if wrong:
            problems.append(f"{path}: {wrong}")
        whites[str(path)] = white_of(values)
        masks.append(shrunk(inside_hw, *grid))
    problems += mixed_whites(whites)
    if problems:
        raise StudyError(f"{folder}: lung masks are wrong or missing; correct them or empty the folder", problems)
    return masks
