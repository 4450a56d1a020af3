"""Small changes of an image that change nothing a reader would say of it, and maps brought back to its frame.

Shapes: M images, H W image grid, C colour channels (absent on gray images), h w a map's own grid.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from sightline.maps import scaled_maps

# Standard deviation of the noise: 1% of 255 grey levels. That is the grain of the phantom's cleanest films (1 to 3%)
# and four times that of 60 of Kermany's films at 224 pixels (median 0.6 levels, by Immerkaer's estimate).
NOISE = 2.55
STEPS = 65535  # in which a map is stored that had to be moved: half the file of float32, and no tie that matters


@dataclass(frozen=True, kw_only=True)
class Move:
    """A shift by whole pixels, or a rotation about the centre of the image; not both."""

    down: int = 0
    right: int = 0
    degrees: float = 0.0
    """Counter-clockwise, as seen."""

    def __post_init__(self) -> None:
        if self.degrees and (self.down or self.right):
            raise ValueError("a move is a shift or a rotation, so that its inverse is the opposite move")

    @property
    def inverse(self) -> Move:
        return Move(down=-self.down, right=-self.right, degrees=-self.degrees)


STILL = Move()


def moves(shift: float, rotation: float, height: int, width: int) -> dict[str, Move]:
    """The moves by name: four shifts by the share `shift` of the side, at least one pixel, and two rotations.

    `shift`: 0 or more; `rotation`: degrees, 0 or more. A strength of 0 leaves its moves out.
    """
    down, right = (max(1, round(shift * side)) for side in (height, width))
    shifts = {
        "shift_up": Move(down=-down),
        "shift_down": Move(down=down),
        "shift_left": Move(right=-right),
        "shift_right": Move(right=right),
    }
    rotations = {"rotate_left": Move(degrees=rotation), "rotate_right": Move(degrees=-rotation)}
    return {**(shifts if shift else {}), **(rotations if rotation else {})}


def moved(values_MHW: np.ndarray, move: Move) -> np.ndarray:
    """The images or maps after the move, float64 of the same shape, M x H x W or M x H x W x C.

    Bilinear between pixel centres; exact for shifts. A pixel that the move uncovers gets the value of the nearest
    pixel of the edge: black would add an edge that no film has.
    """
    height, width = values_MHW.shape[1:3]
    row_P, col_P = (axis.ravel().astype(float) for axis in np.mgrid[:height, :width])
    if move.degrees:
        angle, middle = np.deg2rad(move.degrees), ((height - 1) / 2, (width - 1) / 2)
        y_P, x_P = row_P - middle[0], col_P - middle[1]  # y grows downwards
        row_P = middle[0] + np.cos(angle) * y_P + np.sin(angle) * x_P
        col_P = middle[1] - np.sin(angle) * y_P + np.cos(angle) * x_P
    else:
        row_P, col_P = row_P - move.down, col_P - move.right
    top_P, bottom_P, down_P = _neighbours(row_P, height)
    left_P, right_P, across_P = _neighbours(col_P, width)
    values_MP = values_MHW.reshape(len(values_MHW), height * width, -1).astype(np.float64)

    def between(row_P: np.ndarray) -> np.ndarray:
        left_MP, right_MP = (values_MP[:, row_P * width + column_P] for column_P in (left_P, right_P))
        return (1 - across_P[:, None]) * left_MP + across_P[:, None] * right_MP

    return ((1 - down_P[:, None]) * between(top_P) + down_P[:, None] * between(bottom_P)).reshape(values_MHW.shape)


def _neighbours(place_P: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels on either side of each place along one axis, and the weight of the second; clamped at the edges."""
    place_P = np.clip(place_P, 0, size - 1)
    first_P = np.floor(place_P).astype(int)
    return first_P, np.minimum(first_P + 1, size - 1), place_P - first_P


def as_grey_levels(values: np.ndarray) -> np.ndarray:
    """uint8: rounded and cut off at 0 and 255, as a prepared image is."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def recompressed(images_MHW: np.ndarray, quality: int) -> np.ndarray:
    """The uint8 images, gray or colour, after a JPEG file of that quality, 1 to 95."""
    return np.stack([_recompressed(image, quality) for image in images_MHW])


def _recompressed(image_HW: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image_HW).save(file, format="JPEG", quality=quality)
    return np.asarray(Image.open(file))


def variants(
    images_MHW: np.ndarray, shift: float, rotation: float, jpeg_quality: int, grain_MHW: np.ndarray
) -> Iterator[tuple[str, np.ndarray, Move]]:
    """Name, perturbed uint8 images, and the move that their maps have to be brought back from.

    `images_MHW`: uint8, gray or colour; `grain_MHW`: standard normal draws of the same shape; `jpeg_quality`: 0 leaves
    this one out.
    """
    for name, move in moves(shift, rotation, *images_MHW.shape[1:3]).items():
        yield name, as_grey_levels(moved(images_MHW, move)), move
    yield "noise", as_grey_levels(images_MHW + NOISE * grain_MHW), STILL
    if jpeg_quality:
        yield "jpeg", recompressed(images_MHW, jpeg_quality), STILL


def brought_back(raw_Mhw: np.ndarray, move: Move, height: int, width: int) -> np.ndarray:
    """The raw maps of moved images in the frame of the images before the move.

    Without a move the raw maps as they are. Else the scaled maps on the image grid, moved back: uint16 M x height x
    width, where 65535 stands for a map's maximum before the move back. These moves are smaller than a cell of the map's
    own grid, so that they can be undone on the image grid alone. A flat map stays flat. `maps.scaled_maps` of the
    result gives the maps that are scored.
    """
    if move == STILL:
        return raw_Mhw
    return np.rint(STEPS * moved(scaled_maps(raw_Mhw, height, width), move.inverse)).astype(np.uint16)
