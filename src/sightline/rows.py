"""What belongs to the images of a study, read by row: an array, or a sequence that reads a file when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

Rows = Sequence[np.ndarray] | np.ndarray
"""One array for each of M images; only `rows[row]` and `len(rows)` may be used, so that files can stand behind it."""


class Picked(Sequence[Any]):
    """Some rows of a sequence, in a given order, each read when it is asked for."""

    def __init__(self, whole: Sequence[Any] | np.ndarray, rows: Sequence[int]) -> None:
        self._whole = whole
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an array of these rows; AttributeError where the whole has no shape."""
        return (len(self), *self._whole.shape[1:])  # type: ignore[union-attr]

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> Picked: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return Picked(self._whole, self._rows[row])
        return self._whole[self._rows[row]]
