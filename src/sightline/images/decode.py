"""Any film, PNG, JPEG or DICOM, as an 8-bit array of the study's size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from sightline.images.border_text import border_strips, has_text
from sightline.images.depth import HighDepth, deep_png, is_deep_color_png, stated_png_bits, white_level
from sightline.images.dicom import is_dicom, read_dicom
from sightline.images.dicom_header import FilmFacts
from sightline.images.dicom_pixels import Voi, averaged, looked_up

FILM_SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
"""Of films in folders; what a file is, its content says."""
REDUCING_GAP = 2.0  # large films are averaged in whole steps down to this many times their new size; see _resized
ORIENTATION = 0x0112  # EXIF tag; 1 is upright
GRAY_OF_RGB = np.array([0.299, 0.587, 0.114])  # as Pillow's, ITU-R 601


@dataclass(frozen=True, kw_only=True)
class Film:
    """A film as it is prepared, and what is known of it."""

    pixels: np.ndarray
    """uint8, H x W (gray) or H x W x 3 (colour)."""
    depth: int
    """Bits of the levels between black and white in the file: 8 for most PNG and JPEG, BitsStored for DICOM."""
    facts: FilmFacts | None
    """What a DICOM header says; None for other files."""

    @property
    def num_levels(self) -> int:
        """How many of the 256 levels occur in the pixels."""
        return int(np.count_nonzero(np.bincount(self.pixels.ravel(), minlength=256)))


def decoded(
    source: str | Path | bytes | BinaryIO,
    height: int,
    width: int,
    color: bool,
    high_depth: HighDepth = "own",
    voi: Voi = "first",
) -> np.ndarray:
    """The pixels of `read_film`."""
    content = content_of(source)
    if is_dicom(content):
        return _dicom_film(content, (height, width), color, voi, None, seeks_text=False).pixels
    return read_film(content, height, width, color, high_depth).pixels


def read_film(
    source: str | Path | bytes | BinaryIO,
    height: int,
    width: int,
    color: bool,
    high_depth: HighDepth = "own",
    voi: Voi = "first",
    salt: bytes | None = None,
) -> Film:
    """The file's first frame, antialiased to height x width, and the facts of its header.

    The image is squashed, not cropped, to the study's aspect, as in the paper (section 3.1). EXIF orientation is
    applied; transparency is laid over black; palettes, CMYK and 1-bit files become gray or RGB by Pillow's rules.
    Depths above 8 bits stay until after the resizing; which value becomes white, `high_depth` says (see
    `depth.white_level`). In gray, only the brightness that a JPEG stores is decoded: the gray of its colours to
    within rounding, exactly if it has none.

    A DICOM file is known by its content. `voi` chooses their VOI LUT or window (`dicom_pixels.gray_table`), and their
    depth is kept like any other, without `high_depth`. With a `salt` (`salt.film_salt`) the facts hold hashed patients
    and studies. A file that is not a readable image is a ValueError with the reason, which holds nothing of a header.
    """
    content = content_of(source)
    if is_dicom(content):
        return _dicom_film(content, (height, width), color, voi, salt, seeks_text=True)
    try:
        if is_deep_color_png(content):
            return _deep_film(content, (height, width), color, high_depth)
        return _pillow_film(content, (height, width), color, high_depth)
    except UnidentifiedImageError:
        raise ValueError("not an image") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"broken image ({error})") from None


def content_of(source: str | Path | bytes | BinaryIO) -> bytes:
    """The file's bytes; ValueError where it cannot be read."""
    if isinstance(source, bytes):
        return source
    try:
        return Path(source).read_bytes() if isinstance(source, str | Path) else source.read()
    except OSError as error:
        raise ValueError(f"broken image ({error.strerror})") from None


def _dicom_film(
    content: bytes, size: tuple[int, int], color: bool, voi: Voi, salt: bytes | None, seeks_text: bool
) -> Film:
    places, table_V, facts, depth = read_dicom(content, voi, salt)
    if table_V is None:
        picture = Image.fromarray(places)
        pixels = np.asarray(_resized(_in_mode(picture, color), size))
        strips = border_strips(np.asarray(picture.convert("L"))) if seeks_text else []
    else:
        table8_V = np.rint(255 * table_V).astype(np.uint8)
        if places.shape == size:
            gray = looked_up(table8_V, places)
        else:
            steps = [max(int(own / side / REDUCING_GAP), 1) for own, side in zip(places.shape, size, strict=True)]
            means_HW = averaged(255 * table_V, places, *steps)
            box = tuple(side / step for side, step in zip(places.shape[::-1], steps[::-1], strict=True))
            gray = _eight_bit(np.asarray(_resized(Image.fromarray(means_HW), size, (0, 0, *box))))
        pixels = _in_channels(gray, color)
        strips = [looked_up(table8_V, strip) for strip in border_strips(places)] if seeks_text else []
    facts = replace(facts, has_border_text=has_text(strips, max(places.shape[:2])))
    return Film(pixels=pixels, depth=depth, facts=facts)


def _deep_film(content: bytes, size: tuple[int, int], color: bool, high_depth: HighDepth) -> Film:
    values_HWC, opacity_HW = deep_png(content)
    top, bits = white_level(values_HWC, high_depth, False, stated_png_bits(content))
    levels_HWC = values_HWC * (255 / top if top > 0 else 0.0)
    if opacity_HW is not None:
        levels_HWC *= opacity_HW[..., None]
    if not color and levels_HWC.shape[2] == 3:
        levels_HWC = levels_HWC @ GRAY_OF_RGB[:, None]
    levels = [_resized_deep(levels_HWC[..., channel], size) for channel in range(levels_HWC.shape[2])]
    pixels = np.stack(levels, axis=2) if len(levels) == 3 else _in_channels(levels[0], color)
    return Film(pixels=pixels, depth=bits, facts=None)


def _pillow_film(content: bytes, size: tuple[int, int], color: bool, high_depth: HighDepth) -> Film:
    picture = upright(content, color)
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture, dtype=np.float64)
        top, bits = white_level(values, high_depth, picture.mode == "F", stated_png_bits(content))
        levels = values.clip(0) * (255.0 / top if top > 0 else 0.0)
        return Film(pixels=_in_channels(_resized_deep(levels, size), color), depth=bits, facts=None)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    return Film(pixels=np.asarray(_resized(_in_mode(picture, color), size)), depth=8, facts=None)


def upright(content: bytes, color: bool) -> Image.Image:
    """The picture in its file's mode, turned as EXIF says; of a JPEG without `color`, the brightness alone."""
    with Image.open(BytesIO(content)) as opened:
        if not color:
            opened.draft("L", opened.size)
        opened.load()
        if opened.getexif().get(ORIENTATION, 1) != 1:
            return ImageOps.exif_transpose(opened)
        return opened


def _in_mode(picture: Image.Image, color: bool) -> Image.Image:
    mode = "RGB" if color else "L"
    return picture if picture.mode == mode else picture.convert(mode)


def _in_channels(gray: np.ndarray, color: bool) -> np.ndarray:
    return np.repeat(gray[..., None], 3, axis=2) if color else gray


def _resized(
    picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    """The picture, or what of it lies in the box (left, top, right, bottom), at (height, width)."""
    # Pillow's resize is antialiased. Images four or more times as large are first averaged in whole steps, down to
    # at least twice the size: a third less time, and pixels differ by half a gray level (root mean square).
    height, width = size
    if picture.size == (width, height) and box is None:
        return picture
    return picture.resize((width, height), Image.Resampling.BILINEAR, box, reducing_gap=REDUCING_GAP)


def _resized_deep(levels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 of levels in [0, 255] of any depth, resized before they are rounded."""
    if levels.shape != size:
        levels = np.asarray(_resized(Image.fromarray(levels.astype(np.float32, copy=False)), size))
    return _eight_bit(levels)


def _eight_bit(levels: np.ndarray) -> np.ndarray:
    return np.rint(levels).clip(0, 255).astype(np.uint8)
