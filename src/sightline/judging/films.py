"""What the verdict is reached on: films with the experts' regions, who drew them, and maps of the films.

M films.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sightline.alignment.marked_images import MarkedImages


@dataclass(frozen=True, kw_only=True)
class Films(MarkedImages):
    """M films, each with a region: no mask of the consensus is empty."""

    anatomy: str = "lungs"
    """What `lungs_MHW` is in sentences: lungs, or estimated body."""

    @property
    def num_patients(self) -> int:
        return len(np.unique(self.patients_M))
