"""Reads one saliency map made elsewhere: a gray PNG in any of its modes, or an NPY. h w grid of the map."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sightline.images.depth import deep_png, is_deep_color_png
from sightline.study.damaged import DAMAGED

SUFFIXES = (".png", ".npy")


def read_map(path: Path) -> np.ndarray:
    """float64 h x w at the file's own size; ValueError with the reason where it is no map.

    An NPY holds real numbers of any range. A PNG's range becomes [0, 1], whether it is stored as gray (1 to 16 bits),
    as gray with alpha, as a palette or as RGB: every pixel has to be gray and opaque. A coloured overlay is refused,
    since its colours have no one order, and so is a map with transparent pixels.
    """
    if path.suffix.lower() == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except DAMAGED as error:
            raise ValueError(f"not a readable NPY ({error})") from None
        return checked_map(values)
    try:
        content = path.read_bytes()
        if is_deep_color_png(content):
            channels_hwC, opacity_hw = deep_png(content)
            return checked_map(_only_gray(channels_hwC, opacity_hw) / 65535.0)
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            picture.load()
            return checked_map(_gray(picture))
    except UnidentifiedImageError:
        raise ValueError("not a PNG") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"not a readable PNG ({error})") from None


def checked_map(values: np.ndarray) -> np.ndarray:
    """`values` as float64 h x w; ValueError unless they are finite real numbers in two dimensions."""
    if values.ndim != 2 or not values.size or values.dtype.kind not in "buif":
        raise ValueError(f"expected h x w real numbers, got {values.dtype} of shape {values.shape}")
    values = values.astype(np.float64, copy=False)
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} values that are NaN or infinite")
    return values


def _gray(picture: Image.Image) -> np.ndarray:
    """float64 h x w in [0, 1] of a PNG whose pixels are gray and opaque; ValueError otherwise."""
    key = picture.info.get("transparency")
    if picture.mode in ("1", "L", "I;16", "I"):
        values = np.asarray(picture)
        if key is not None and (values == key).any():
            raise ValueError("has transparent pixels; save the map without transparency")
        return values / {"1": 1.0, "L": 255.0}.get(picture.mode, 65535.0)
    channels_hw4 = np.asarray(picture.convert("RGBA"))
    return _only_gray(channels_hw4[..., :3], channels_hw4[..., 3] / 255.0) / 255.0


def _only_gray(channels_hwC: np.ndarray, opacity_hw: np.ndarray | None) -> np.ndarray:
    """The first channel, h x w; ValueError unless all channels are equal and every pixel is opaque."""
    if (channels_hwC != channels_hwC[..., :1]).any():
        raise ValueError("a coloured PNG; a coloured overlay is no map: save the map as gray")
    if opacity_hw is not None and (opacity_hw < 1).any():
        raise ValueError("has transparent pixels; save the map without transparency")
    return channels_hwC[..., 0]
