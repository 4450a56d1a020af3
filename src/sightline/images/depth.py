"""Images of more than 8 bits: how many bits they really use, and 16-bit colour, which Pillow cuts to 8 bits."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

HighDepth = Literal["own", "full", "image"]
USUAL_DEPTHS = (8, 10, 12, 14, 15, 16)  # bits per pixel of detectors and of what exports them
PNG = b"\x89PNG\r\n\x1a\n"
RGB, GRAY_WITH_ALPHA, RGB_WITH_ALPHA = 2, 4, 6  # colour types of a PNG
MANY_CHANNELS = {RGB: "RGB", GRAY_WITH_ALPHA: "RGBA", RGB_WITH_ALPHA: "RGBA"}  # as Pillow reads them


def white_level(values: np.ndarray, high_depth: HighDepth, is_float: bool, stated_bits: int = 0) -> tuple[float, int]:
    """The value that becomes white, and the bits of the levels up to it.

    `own`: the top of the smallest usual depth that holds the largest value, so that 12-bit films in 16-bit files keep
    their levels: 4095. `stated_bits`, a PNG's sBIT, takes its place where no value is larger; a file that keeps to
    PNG's rule, by which samples are scaled to all 16 bits, has larger ones. `full`: 65535. `image`: the largest value.
    Floats from 0 to 1 have white at 1 and count as 16 bits. ValueError where a value lies above 65535, or above 1 in
    floats with `full`, and where one is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise ValueError("pixel values that are NaN or infinite")
    largest = float(values.max(initial=0))
    if high_depth == "image":
        return largest, (16 if is_float else max(int(largest).bit_length(), 1))
    if is_float and (high_depth == "full" or largest <= 1):
        limit, bits = 1.0, 16
    elif high_depth == "full":
        limit, bits = 65535.0, 16
    elif stated_bits and largest < 2**stated_bits:
        limit, bits = 2.0**stated_bits - 1, stated_bits
    else:
        bits = next((bits for bits in USUAL_DEPTHS if largest < 2**bits), 16)
        limit = 2.0**bits - 1
    if largest > limit:
        raise ValueError(f"pixel values up to {largest:g}, above {limit:g}; set data.high_depth to image")
    return limit, bits


def is_deep_color_png(content: bytes) -> bool:
    """Whether the file is a PNG of 16 bits per channel with more than one channel."""
    return content[:8] == PNG and len(content) > 25 and content[24] == 16 and content[25] in MANY_CHANNELS


def stated_png_bits(content: bytes) -> int:
    """The largest of the significant bits in a PNG's chunk sBIT; 0 where there is none."""
    place = 8 if content[:8] == PNG else len(content)
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"sBIT":
            return max(content[place + 8 : place + 8 + min(length, 4)], default=0)
        if kind in (b"IDAT", b"PLTE"):  # sBIT stands before these
            break
        place += 12 + length
    return 0


def deep_png(content: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """A 16-bit PNG's channels, uint16 H x W x 1 or H x W x 3, upright, and its opacity H x W in [0, 1], if any.

    Pillow reads such files to the upper byte of each channel. Asked for the lower bytes, it decodes the same data
    again; gray with alpha has four bytes per pixel, like RGBA of 8 bits, and is decoded as that.
    """
    color_type = content[25]
    if color_type == GRAY_WITH_ALPHA:
        channels_HWC = np.ascontiguousarray(_bytes_as(content, "RGBA")).view(">u2").astype(np.uint16)
    else:
        name = MANY_CHANNELS[color_type]
        upper, lower = (_bytes_as(content, f"{name};16{end}") for end in ("B", "L"))
        channels_HWC = upper.astype(np.uint16) << 8 | lower
    if color_type == RGB:
        return channels_HWC, None
    return channels_HWC[..., :-1], channels_HWC[..., -1] / 65535


def _bytes_as(content: bytes, raw_mode: str) -> np.ndarray:
    """uint8 H x W x C: what Pillow makes of the file where its bytes are taken to be of this raw mode."""
    with Image.open(BytesIO(content)) as opened:
        opened.tile = [tile._replace(args=raw_mode) for tile in opened.tile]
        opened.load()
        return np.asarray(ImageOps.exif_transpose(opened))
