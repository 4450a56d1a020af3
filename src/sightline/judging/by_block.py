"""Matrices that are made of others when a block is asked for, so that one block is held and not all.

m images of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sightline.statistics.blocks import Matrices


class ByBlock:
    """`made(*parts)` of the same block of each source."""

    def __init__(self, made: Callable[..., np.ndarray], *sources: Matrices) -> None:
        self._made, self._sources = made, sources

    def __len__(self) -> int:
        return len(self._sources[0])

    def __getitem__(self, block: int, /) -> np.ndarray:
        return self._made(*(source[block] for source in self._sources))


class OfSome:
    """The matrices of the images to keep alone: the own scores of the others are NaN, which leaves them out."""

    def __init__(self, matrices: Matrices, blocks: Sequence[np.ndarray], keep_M: np.ndarray) -> None:
        self._matrices, self._blocks, self._keep_M = matrices, blocks, keep_M

    def __len__(self) -> int:
        return len(self._matrices)

    def __getitem__(self, block: int, /) -> np.ndarray:
        own_mm = np.array(self._matrices[block], dtype=float)
        left_m = np.flatnonzero(~self._keep_M[self._blocks[block]])
        own_mm[left_m, left_m] = np.nan
        return own_mm


def difference(own: Matrices, other: Matrices) -> ByBlock:
    """Of the scores of one kind of map minus those of another: the contrast is linear in them."""
    return ByBlock(np.subtract, own, other)


def mean(matrices: Sequence[Matrices]) -> ByBlock:
    """Of several kinds of maps on the same images."""
    return ByBlock(lambda *parts: np.asarray(np.mean(parts, axis=0)), *matrices)


def own_scores(matrices: Matrices, blocks: Sequence[np.ndarray], num_images: int) -> np.ndarray:
    """Float64 M: each map on the region of its own image."""
    own_M = np.full(num_images, np.nan)
    for block, rows in enumerate(blocks):
        own_M[rows] = np.diagonal(matrices[block])
    return own_M
