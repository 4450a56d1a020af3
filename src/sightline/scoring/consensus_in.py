"""What the readers of each image agree on: their consensus once for all images, the rest when it is asked for.

M images, R readers of an image, H W common grid.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from sightline.experts.consensus import consensus_mask, left_out_consensus, pixel_share
from sightline.packed_masks import PackedGroups, PackedMasks, is_empty, packed, row_bytes
from sightline.rows_on_disk import StoredRows
from sightline.scoring.work import Work


class _OfReaders(StoredRows):
    """What follows from each image's masks."""

    def __init__(self, readers: PackedGroups) -> None:
        self._readers, self.grid = readers, readers.grid

    def __len__(self) -> int:
        return len(self._readers)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an array with a plane for each image: M, H, W."""
        return (len(self), *self.grid)

    def part(self, rows: range) -> Self:
        """The same of these images."""
        return type(self)(self._readers.part(rows))


class Shares(_OfReaders):
    """The share of the readers who marked each pixel."""

    def at(self, row: int) -> np.ndarray:
        """Of an image, float32 H x W in [0, 1]."""
        return pixel_share(self._readers.at(row))


class Others(_OfReaders):
    """The consensus without each reader."""

    def at(self, row: int) -> np.ndarray:
        """Of an image, bool R x H x W: row r without reader r."""
        return left_out_consensus(self._readers.at(row))


def consensus_masks(readers: PackedGroups, work: Work) -> tuple[PackedMasks, list[int]]:
    """The consensus of each image, and the rows of those whose consensus is empty."""
    file, are_empty = work.rows("consensus", _packed_consensus, readers, row_bytes(readers.grid))
    empty = [row for row, is_it in enumerate(are_empty) if is_it]
    return PackedMasks(file, readers.grid, range(len(readers))), empty


def _packed_consensus(masks_RHW: np.ndarray) -> tuple[bytes, bool]:
    """The row, and whether it is empty."""
    row = packed(consensus_mask(masks_RHW))
    return row, is_empty(row)
