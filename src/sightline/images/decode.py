"""Any PNG or JPEG as an 8-bit array of the study's size."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

HighDepth = Literal["full", "image"]
ORIENTATION = 0x0112  # EXIF tag; 1 is upright


def decoded(source: str | Path | BinaryIO, height: int, width: int, color: bool, high_depth: HighDepth) -> np.ndarray:
    """uint8 H x W (gray) or H x W x 3 (color) of the file's first frame, antialiased to height x width.

    The image is squashed, not cropped, to the study's aspect, as in the paper (section 3.1). EXIF orientation is
    applied; transparency is laid over black; palettes, CMYK and 1-bit files become gray or RGB by Pillow's rules.
    Depths above 8 bits: `full` maps the format's maximum (65535, or 1.0 for floats) to white, `image` the maximum of
    this image. In gray, only the brightness that a JPEG stores is decoded: the gray of its colours to within rounding,
    exactly if it has none. A file that is not a readable image is a ValueError with the reason.
    """
    try:
        with Image.open(source) as opened:
            if not color:
                opened.draft("L", opened.size)
            opened.load()
            picture: Image.Image = opened
            if opened.getexif().get(ORIENTATION, 1) != 1:
                picture = ImageOps.exif_transpose(opened)
    except UnidentifiedImageError:
        raise ValueError("not an image") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"broken image ({error})") from None
    if picture.mode.startswith(("I", "F")):
        picture = _eight_bit(picture, high_depth)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
    if picture.mode != (mode := "RGB" if color else "L"):
        picture = picture.convert(mode)
    if picture.size != (width, height):
        # Pillow's resize is antialiased. Images four or more times as large are first averaged in whole steps, down to
        # at least twice the size: a third less time, and pixels differ by half a gray level (root mean square).
        picture = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(picture)


def _eight_bit(picture: Image.Image, high_depth: HighDepth) -> Image.Image:
    values = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("pixel values that are NaN or infinite")
    top = values.max() if high_depth == "image" else (1.0 if picture.mode == "F" else 65535.0)
    if high_depth == "full" and values.max() > top:
        raise ValueError(f"pixel values up to {values.max():g}, above {top:g}; set data.high_depth to image")
    scaled = values.clip(0) * (255.0 / top if top > 0 else 0.0)
    return Image.fromarray(np.rint(scaled).astype(np.uint8))
