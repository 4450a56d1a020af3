"""Images with the experts' regions, who drew them, and maps of them: what the ladder and the verdict both read.

M images, R readers of an image, H W image grid, h w cells of a map's own grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sightline.rows import Rows

Maps = Mapping[str, Rows]
"""By candidate, M raw maps h x w; one array, or maps on different grids."""


@dataclass(frozen=True, kw_only=True)
class MarkedImages:
    """M images, sorted by name, in this order everywhere.

    What belongs to images is read by the image's row: an array, or a sequence that reads a file when it is asked, so
    that a study may be larger than memory.
    """

    seed: int
    images: list[str]
    patients_M: np.ndarray
    masks_MHW: Rows
    """bool, the consensus."""
    shares_MHW: Rows
    """float32 in [0, 1], the share of readers who marked each pixel."""
    readers_MRHW: Sequence[np.ndarray]
    """bool R x H x W each, one mask per reader; R may differ."""
    others_MRHW: Sequence[np.ndarray]
    """bool R x H x W each, the consensus of all readers but the one of the same row."""
    reader_names_MR: Sequence[Sequence[str]] | None = None
    """Who drew each mask of `readers_MRHW`; None: each image's readers are its own."""
    maps: Maps
    untrained: Maps = field(default_factory=dict)
    """Maps of the same networks untrained, by candidate."""
    lungs_MHW: Rows | None = None
    """bool, the patient's own lungs or body; None: not known."""

    @cached_property
    def grid(self) -> tuple[int, int]:
        height, width = np.shape(self.masks_MHW[0]) if len(self.masks_MHW) else np.shape(self.masks_MHW)[1:]
        return height, width
