"""A gray film at its own size and depth, for eyes that set its window themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sightline.images.decode import GRAY_OF_RGB, content_of, upright
from sightline.images.depth import HighDepth, deep_png, is_deep_color_png, stated_png_bits, white_level
from sightline.images.dicom import gray_film, is_dicom
from sightline.images.dicom_pixels import Voi, gray_table, has_window, level_table, looked_up, padding
from sightline.images.windows import Window, film_windows, linear_window


@dataclass(frozen=True, kw_only=True)
class Samples:
    """A film of more than 8 bits."""

    samples_HW: np.ndarray
    """uint16, upright; a larger one is lighter, also of a MONOCHROME1 film. Whole numbers of a file up to 65535 are
    kept as they are, or for DICOM as levels (`dicom_pixels.level_table`); others are scaled to 65535."""
    white: int
    """The largest level of the film's depth, 1 to 65535."""
    windows: Mapping[str, Window]
    """See `windows.film_windows`."""
    states_window: bool
    """Whether `own` among the windows is the film's, and not made of its percentiles."""
    is_padded: bool = False
    """Level 0 is padding, which stays black through every window."""
    gray_L: np.ndarray | None = None
    """uint8, white + 1: how the film's own look shows each level, where no window does (VOI LUT, sigmoid)."""


def film_samples(
    source: str | Path | bytes, color: bool, high_depth: HighDepth = "own", voi: Voi = "first"
) -> Samples | None:
    """The film's samples; None for a film whose prepared 8 bits are all it has, and for one in colours.

    Read by the rules of `decode.read_film`: what the film's own window makes black or white here is so there. A film of
    three channels is gray where the study is (`color`). ValueError with the reason for what is no readable film.
    """
    content = content_of(source)
    if is_dicom(content):
        return _of_dicom(content, voi)
    try:
        return _of_picture(content, color, high_depth)
    except UnidentifiedImageError:
        raise ValueError("not an image") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"broken image ({error})") from None


def _of_dicom(content: bytes, voi: Voi) -> Samples | None:
    film = gray_film(content)
    if film is None:
        return None
    header, stored = film
    if stored.bits <= 8:
        return None
    places_HW, levels_V, is_padding_V = stored.places_HW(), level_table(header, stored), padding(header, stored)
    gray_V = gray_table(header, stored, places_HW, voi)
    counts_V = np.bincount(places_HW.ravel(), minlength=len(levels_V)) * ~is_padding_V
    white = int(levels_V.max())
    counts_L = np.bincount(levels_V, weights=counts_V, minlength=white + 1)
    own, gray_L = None, None
    if has_window(header, voi):
        own, is_exact = linear_window(levels_V[~is_padding_V], gray_V[~is_padding_V])
        if not is_exact:
            present, first = np.unique(levels_V, return_index=True)
            gray_L = np.rint(np.interp(np.arange(white + 1), present, 255 * gray_V[first])).astype(np.uint8)
    return Samples(
        samples_HW=looked_up(levels_V, places_HW),
        white=white,
        windows=film_windows(counts_L, own),
        states_window=own is not None,
        is_padded=bool(is_padding_V.any()),
        gray_L=gray_L,
    )


def _of_picture(content: bytes, color: bool, high_depth: HighDepth) -> Samples | None:
    if is_deep_color_png(content):
        values_HWC, opacity_HW = deep_png(content)
        is_gray = values_HWC.shape[2] == 1
        if color and not is_gray:
            return None
        top, _ = white_level(values_HWC, high_depth, False, stated_png_bits(content))
        values_HW = values_HWC[..., 0] if is_gray else values_HWC @ GRAY_OF_RGB
        if opacity_HW is not None:
            values_HW = values_HW * opacity_HW
    else:
        picture = upright(content, color)
        if not picture.mode.startswith(("I", "F")):
            return None
        values_HW = np.asarray(picture, dtype=np.float64)
        top, _ = white_level(values_HW, high_depth, picture.mode == "F", stated_png_bits(content))
        if picture.mode == "F" or top > 65535:
            values_HW, top = values_HW * (65535 / (top or 1.0)), 65535
    if top <= 255:
        return None
    samples_HW = np.rint(values_HW).clip(0, 65535).astype(np.uint16)
    counts_L = np.bincount(samples_HW.ravel(), minlength=int(top) + 1)
    return Samples(samples_HW=samples_HW, white=int(top), windows=film_windows(counts_L, None), states_window=False)
