"""Masks of one grid in a file of packed bits, of which those asked for are read.

M masks, G groups of them, H W grid. A mask is a row of ceil(H * W / 8) bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sightline.rows_on_disk import RowFile, StoredRows

Grid = tuple[int, int]


class PackedMasks(StoredRows):
    """M bool masks, H x W each: `masks[row]` reads one, `masks.rows(rows_N)` some."""

    def __init__(self, file: RowFile, grid: Grid, rows_M: Sequence[int] | np.ndarray) -> None:
        """`rows_M`: the rows of the file that hold them, in their order."""
        self.grid = grid
        self._file, self._rows_M = file, np.asarray(rows_M, int)

    def __len__(self) -> int:
        return len(self._rows_M)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of all masks: M, H, W."""
        return (len(self), *self.grid)

    def at(self, row: int) -> np.ndarray:
        """A mask, bool H x W."""
        return unpacked(self._file.read(int(self._rows_M[row])), self.grid)

    def part(self, rows: range) -> PackedMasks:
        """The masks of these rows, still in the file."""
        return self.of(np.array(rows, int))

    def of(self, rows_N: Sequence[int] | np.ndarray) -> PackedMasks:
        """The masks of these rows, in this order, still in the file."""
        return PackedMasks(self._file, self.grid, self._rows_M[np.asarray(rows_N, int)])

    def rows(self, rows_N: Iterable[int]) -> np.ndarray:
        """The masks of these rows, bool N x H x W."""
        masks = [self[row] for row in rows_N]
        return np.array(masks, bool).reshape(-1, *self.grid)


class PackedGroups(StoredRows):
    """G groups of bool masks, such as the readers of each image: `groups[row]` reads one, R x H x W; R may differ."""

    def __init__(self, masks: PackedMasks, sizes_G: Sequence[int] | np.ndarray) -> None:
        """`masks`: of all groups, one group after the other; `sizes_G`: how many masks each has."""
        self.masks, self.sizes_G = masks, np.asarray(sizes_G, int)
        self._ends_G = np.cumsum(self.sizes_G)

    @property
    def grid(self) -> Grid:
        """Rows and columns."""
        return self.masks.grid

    def __len__(self) -> int:
        return len(self.sizes_G)

    def at(self, row: int) -> np.ndarray:
        """The masks of a group, bool R x H x W."""
        end = int(self._ends_G[row])
        return self.masks.rows(range(end - int(self.sizes_G[row]), end))

    def part(self, rows: range) -> PackedGroups:
        """The groups of these rows, still in the file."""
        kept = [range(int(self._ends_G[row] - self.sizes_G[row]), int(self._ends_G[row])) for row in rows]
        return PackedGroups(self.masks.of([row for group in kept for row in group]), self.sizes_G[np.array(rows, int)])


def packed(mask_HW: np.ndarray) -> bytes:
    """The row of a bool H x W mask."""
    return np.packbits(np.asarray(mask_HW, bool)).tobytes()


def unpacked(row: bytes, grid: Grid) -> np.ndarray:
    """The bool H x W mask of a row."""
    return np.unpackbits(np.frombuffer(row, np.uint8), count=grid[0] * grid[1]).view(bool).reshape(grid)


def is_empty(row: bytes) -> bool:
    """Whether a row's mask has no pixel."""
    return row.count(0) == len(row)


def row_bytes(grid: Grid) -> int:
    """Bytes of a mask of the grid."""
    return -(-grid[0] * grid[1] // 8)
