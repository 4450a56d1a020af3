"""The stored values of a mask's PNG, whatever its depth and mode; `mask_values.inside` says which are inside."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sightline.formats.mask_values import inside

DEPTH, COLOUR = 24, 25  # bytes of a PNG's header: bits per sample; 2 RGB, 4 gray and alpha, 6 RGB and alpha


def png_values(content: bytes) -> np.ndarray:
    """H x W: bool of a 1-bit PNG, uint8 brightness, or the whole numbers of a 16-bit gray one.

    Transparency is laid over black, so a page's transparent sheet counts as black; palettes and colours become gray by
    Pillow's rules. ValueError with the reason for what is not a readable PNG, or where Pillow keeps nothing of what is
    in it: a palette without colours, 16-bit colours in the lower 8 bits.
    """
    try:
        with Image.open(BytesIO(content), formats=["PNG"]) as opened:
            opened.load()
            if opened.mode.startswith("I") or (opened.mode in ("1", "L") and "transparency" not in opened.info):
                return np.asarray(opened)
            stored = np.asarray(opened)
            picture: Image.Image = opened
            if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
                rgba = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", rgba.size, (0, 0, 0, 255)), rgba)
            values = np.asarray(picture.convert("L"))
            if opened.mode == "P" and "transparency" not in opened.info and values.max() == 0 < np.ptp(stored):
                raise ValueError("its palette is all black; save it as 8-bit gray")
    except UnidentifiedImageError:
        raise ValueError("not a PNG") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"not readable ({error})") from None
    if content[DEPTH] == 16 and content[COLOUR] in (2, 4, 6) and values.max() == 0:
        raise ValueError("16-bit colours, of which only the upper 8 bits can be read, and they are 0; save it as gray")
    return values


def png_mask(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pixels inside, bool H x W, and the stored values of the PNG at `path`; ValueError with the reason."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError("missing") from None
    except OSError as error:
        raise ValueError(f"could not be read ({error.strerror})") from None
    values = png_values(content)
    return inside(values), values
