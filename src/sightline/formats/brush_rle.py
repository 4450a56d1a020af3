"""Label Studio's run lengths of a brush, as label-studio-converter's brush.py writes them: RGBA bytes of the image."""

from __future__ import annotations

from typing import Any

import numpy as np


def brush_mask(packed: Any, rows: int, cols: int) -> np.ndarray:
    """Pixels whose alpha is above 0 in Label Studio's run lengths, bool `rows` x `cols`.

    A stream of bits. Its head: 32 bits, the number of values; 5 bits, their width less 1; four times 4 bits, the widths
    less 1 that a count may have. Then come blocks until all values are there: one bit, 1 for a run of one value and 0
    for single values; two bits, which of the four widths the count has; the count less 1; and the one value, or all of
    them. ValueError unless the values are RGBA of the whole image.
    """
    if not isinstance(packed, list) or not all(isinstance(b, int) and 0 <= b <= 255 for b in packed):
        raise ValueError("a brush's rle is not a list of bytes")
    stream = bytes(packed) + b"\0" * 8  # so that reads near the end have enough bits; reads beyond it fail
    at = 0

    def read(num_bits: int) -> int:
        nonlocal at
        if at > len(packed) * 8:
            raise ValueError("a brush's rle ends too early")
        word = int.from_bytes(stream[at >> 3 : (at >> 3) + 5], "big")
        value = (word >> (40 - (at & 7) - num_bits)) & ((1 << num_bits) - 1)
        at += num_bits
        return value

    num = read(32)
    width = read(5) + 1
    counts = [read(4) + 1 for _ in range(4)]
    if width != 8 or num != rows * cols * 4:
        expected = f"{rows * cols * 4} of 8: RGBA of {rows} x {cols}"
        raise ValueError(f"a brush's rle holds {num} values of {width} bits, expected {expected}")
    values = np.zeros(num, np.uint8)
    done = 0
    while done < num:
        is_run = read(1)
        end = done + 1 + read(counts[read(2)])
        if end > num:
            raise ValueError("a brush's rle holds more values than its image")
        if is_run:
            values[done:end] = read(8)
        else:
            num_bytes = end - done
            window = stream[at >> 3 : (at >> 3) + num_bytes + 1]
            if at + 8 * num_bytes > len(packed) * 8:
                raise ValueError("a brush's rle ends too early")
            bits = int.from_bytes(window, "big") >> (8 - (at & 7))
            values[done:end] = np.frombuffer((bits & ((1 << 8 * num_bytes) - 1)).to_bytes(num_bytes, "big"), np.uint8)
            at += 8 * num_bytes
        done = end
    if at > len(packed) * 8:
        raise ValueError("a brush's rle ends too early")
    return values.reshape(rows, cols, 4)[:, :, 3] > 0
