"""Section `data` of params.yaml: where a study's images come from, and what they are prepared as."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sightline.images.depth import HighDepth
from sightline.images.dicom_header import VIEWS
from sightline.images.dicom_pixels import Voi

FewLevels = Literal["stop", "accept"]


@dataclass(frozen=True, kw_only=True)
class Data:
    source: Literal["phantom", "folder", "table"]
    root: str
    """Folder of a `folder` study, with test/<class>/ and perhaps train/<class>/ and external/<class>/; of a `table`
    study, with its table and all its films."""
    negative: str
    """Name of label 0: its class folder, or its word in the table."""
    positive: str
    """Name of label 1."""
    height: int
    """Pixels, of each prepared image."""
    width: int
    color: bool
    """Whether prepared images have 3 channels, red, green and blue, rather than gray alone."""
    high_depth: HighDepth
    """What becomes white of images of more than 8 bits; see `depth.white_level`."""
    split: Literal["patient", "random"]
    """Whether whole patients become validation, or single images as in the paper."""
    val_share: float
    """Share of the training images that become validation, in (0, 1)."""
    patient_pattern: str
    """Regular expression whose groups name the patient in an image's name; empty: each image is a patient."""
    table: str = "study.csv"
    """The CSV of a `table` study, a path below `root`."""
    views: str = ""
    """Views that count, separated by blanks; films of other views are left out and counted. Empty: all films stay."""
    voi: Voi = "first"
    """Which VOI LUT or window DICOM films are shown through; see `dicom_pixels.gray_table`."""
    few_levels: FewLevels = "stop"
    """What happens if more than 1% of the films keep fewer than 64 gray levels; see `film_warnings.check_levels`."""

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 64:
            raise ValueError(f"height, width: at least 64 pixels, got {self.height} x {self.width}")
        if not 0 < self.val_share < 1:
            raise ValueError(f"val_share: must be in (0, 1), got {self.val_share}")
        if self.negative == self.positive:
            raise ValueError(f"positive: must differ from negative, both are {self.negative!r}")
        if self.source == "table" and not self.table:
            raise ValueError("table: must name the CSV of the study, got ''")
        if self.views and self.source == "phantom":
            raise ValueError(f"views: the phantom's films have no view, got {self.views!r}; leave it empty")

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Rows, columns and, in colour, 3: the shape of one prepared image."""
        return (self.height, self.width, *([3] if self.color else []))

    @property
    def kept_views(self) -> list[str]:
        """The views that count as the index has them; none: all films stay."""
        return [view_of(view.replace("_", " ")) for view in self.views.split()]


def view_of(text: str) -> str:
    """A view as the index has it, in capitals, DICOM's terms by one name each: LL, RL and lateral are LATERAL."""
    return VIEWS.get(text.upper(), text.upper())
