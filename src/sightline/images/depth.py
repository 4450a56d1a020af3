"""Images of more than 8 bits: how many bits they really use, and 16-bit colour, which Pillow cuts to 8 bits."""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np

HighDepth = Literal["own", "full", "image"]
USUAL_DEPTHS = (8, 10, 12, 14, 15, 16)  # bits per pixel of detectors and of what exports them
PNG = b"\x89PNG\r\n\x1a\n"
MANY_CHANNELS = (2, 4, 6)  # colour types of a PNG: RGB, gray with alpha, RGB with alpha


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

    torchvision reads it; loading that takes a second or two, once, and only studies with such files pay it.
    """
    import torch
    from torchvision.io import ImageReadMode, decode_png

    try:
        data = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        channels_HWC = decode_png(data, ImageReadMode.UNCHANGED, apply_exif_orientation=True).permute(1, 2, 0).numpy()
    except RuntimeError:
        raise ValueError("broken image (its PNG cannot be decoded)") from None
    num_channels = channels_HWC.shape[2]
    if num_channels in (1, 3):
        return channels_HWC, None
    return channels_HWC[..., :-1], channels_HWC[..., -1] / 65535
