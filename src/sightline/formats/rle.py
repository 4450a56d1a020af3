"""Run lengths of a mask, COCO's: column by column, how many pixels are outside, inside, outside, ... in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def counts_of(mask_HW: np.ndarray) -> list[int]:
    """Run lengths of a bool H x W mask; the first is of pixels outside, 0 if the first pixel is inside."""
    pixels = np.asarray(mask_HW, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(pixels)) + 1
    runs = np.diff(np.concatenate([[0], edges, [pixels.size]])).tolist()
    return [0, *runs] if pixels.size and pixels[0] else runs


def mask_of(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """The bool `height` x `width` mask of run lengths; ValueError unless they are 0 or more and fill it exactly."""
    runs = np.asarray(counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any():
        raise ValueError("run lengths must be a list of whole numbers, 0 or more")
    if runs.sum() != height * width:
        raise ValueError(f"run lengths sum to {runs.sum()}, the image has {height} x {width} = {height * width} pixels")
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T
