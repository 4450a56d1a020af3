"""What an import takes from another tool's file: drawings, the shapes they were made of, and what was wrong with them.

Shapes are rasterised as the page's own are: a pixel belongs to a shape if its centre does. H W image grid; x to the
right, y down, (0, 0) the corner of the first pixel; angles in degrees, clockwise as one sees them.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from sightline.formats.rle import counts_of, mask_of
from sightline.formats.strokes import region
from sightline.study.errors import StudyError

MAX_NUMBER = 1e9  # of a coordinate: squares and products of such ones are finite
MAX_SIDE = 16_384  # pixels; a digital X-ray has some 4,000, and a file that says more would only eat the memory
OVERSHOOT = 0.02  # of the side: how far a polygon may reach out of its image before its size is held to be wrong
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".dcm"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user asked of an import."""

    images: Collection[str] | Mapping[str, tuple[int, int]] | None = None
    """File stems that may be annotated, with (rows, columns) where they are known; None: any."""
    labels: Collection[str] | None = None
    """Labels that count; None: all."""
    annotator: str | None = None
    """Who drew what the file gives no one's name to."""

    def size_of(self, image: str) -> tuple[int, int] | None:
        """(rows, columns) of a known image, None where they are not known."""
        return self.images.get(image) if isinstance(self.images, Mapping) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One annotator's drawing on one image; the mask is kept as run lengths, since a study's masks fill gigabytes."""

    image: str
    """File stem."""
    annotator: str
    """As the file names them: not for anyone else's eyes."""
    created_at: str
    """As the file has it, "" if it does not."""
    source: str
    """Where in the file it stands, for messages."""
    size: tuple[int, int]
    """Rows, columns."""
    counts: np.ndarray
    """int64 run lengths, see rle.py."""
    profession: str = ""

    @property
    def mask(self) -> np.ndarray:
        """bool H x W."""
        return mask_of(self.counts.tolist(), *self.size)


def drawn(mask_HW: np.ndarray, **fields: str) -> Drawn:
    """The drawing of a bool H x W mask; `fields` are Drawn's others."""
    rows, cols = mask_HW.shape
    return Drawn(size=(rows, cols), counts=np.asarray(counts_of(mask_HW), np.int64), **fields)


@dataclass
class Found:
    """What a file holds."""

    drawings: list[Drawn] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    """All that occur, also those that do not count."""
    num_skipped: int = 0
    """Annotations that their annotator skipped or cancelled."""
    num_nameless: int = 0
    """Drawings that the file names no annotator of, nor the user."""


def read_json(path: Path) -> Any:
    """The document at `path`; StudyError where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise StudyError(f"{path}: not a JSON document ({error})") from None


def of_type(item: Any, key: str, *kinds: type) -> Any:
    """item[key] if it is of one of `kinds`; ValueError that names the key otherwise. True and False are no numbers."""
    if not isinstance(item, dict):
        raise ValueError(f"is {shown(item)}, expected an object with {key!r}")
    if key not in item:
        raise ValueError(f"lacks {key!r}")
    value = item[key]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValueError(f"{key} is {shown(value)}, expected {' or '.join(kind.__name__ for kind in kinds)}")
    return value


def number(item: Any, key: str) -> float:
    """item[key] as a number of at most MAX_NUMBER; ValueError otherwise."""
    value = of_type(item, key, int, float)
    if not abs(value) <= MAX_NUMBER:  # NaN is not, either
        raise ValueError(f"{key} is {shown(value)}, expected a number within {MAX_NUMBER:.0e}")
    return float(value)


def shown(value: Any) -> str:
    """A value as a message shows it, 60 characters at most."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def text_of(item: Any, key: str) -> str:
    """item[key] if it is text, "" otherwise: for what may be absent."""
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""


def name_of(person: Any) -> str:
    """A person's name as tools write it: text, a number, or an object with e-mail, username, name or id; "" if none."""
    if isinstance(person, dict):
        return next((name for key in ("email", "username", "name", "id") if (name := name_of(person.get(key)))), "")
    return str(person).strip() if isinstance(person, str | int) and not isinstance(person, bool) else ""


def stem_of(name: str) -> str:
    """The image's file stem in a path or an image's name; only a picture's suffix is taken off."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return last[: -len(suffix)] if (suffix := PurePosixPath(last).suffix).lower() in SUFFIXES else last


def size_from(rows: Any, cols: Any) -> tuple[int, int]:
    """(rows, columns) as a file states them; ValueError unless whole and 1 to MAX_SIDE."""
    for side in (rows, cols):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= MAX_SIDE:
            raise ValueError(f"image size {shown(rows)} x {shown(cols)}, expected whole numbers from 1 to {MAX_SIDE}")
    return rows, cols


def polygon_mask(points: Any, size: tuple[int, int]) -> np.ndarray:
    """Pixels that a polygon goes round, bool; `points` are pairs of x and y, 3 or more.

    ValueError if they are not, or if they reach out of the image by more than OVERSHOOT.
    """
    try:
        points_N2 = np.asarray(points, np.float64)
    except (TypeError, ValueError):
        raise ValueError("a polygon's points are not pairs of numbers") from None
    if points_N2.ndim != 2 or points_N2.shape[1] != 2 or len(points_N2) < 3 or not np.isfinite(points_N2).all():
        num = len(points_N2) if points_N2.ndim else 0
        raise ValueError(f"a polygon of {num} points, expected 3 or more finite pairs of x and y")
    rows, cols = size
    for axis, side, values in (("x", cols, points_N2[:, 0]), ("y", rows, points_N2[:, 1])):
        reach = max(2.0, OVERSHOOT * side)
        if values.min() < -reach or values.max() > side + reach:
            raise ValueError(
                f"a polygon's {axis} goes from {values.min():g} to {values.max():g}, its image from 0 to {side}"
            )
    return region(points_N2, rows, cols)


def rectangle_mask(
    corner: tuple[float, float],
    sides: tuple[float, float],
    degrees: float,
    pivot: tuple[float, float],
    size: tuple[int, int],
) -> np.ndarray:
    """Pixels of the rectangle whose upper left corner is at (x, y) = `corner`, turned about `pivot`, bool.

    `sides` are width and height, 0 or more (ValueError otherwise).
    """
    (x, y), (width, height) = corner, sides
    if width < 0 or height < 0:
        raise ValueError(f"a rectangle {width:g} wide and {height:g} high")
    corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    return region(_turned(corners, degrees, pivot), *size)


def ellipse_mask(
    centre: tuple[float, float], radii: tuple[float, float], degrees: float, size: tuple[int, int]
) -> np.ndarray:
    """Pixels whose centres lie in the ellipse or on it, bool; `radii` along x and y before it is turned, above 0."""
    if not all(radius > 0 for radius in radii):
        raise ValueError(f"an ellipse with radii {radii[0]:g} and {radii[1]:g}")
    rows, cols = size
    dx = (np.arange(cols) + 0.5 - centre[0])[None, :]
    dy = (np.arange(rows) + 0.5 - centre[1])[:, None]
    cos, sin = _cos_sin(degrees)
    return ((dx * cos + dy * sin) / radii[0]) ** 2 + ((dy * cos - dx * sin) / radii[1]) ** 2 <= 1


def nearest_name(name: str, names: Collection[str]) -> str:
    """`; did you mean ...?` with the nearest of `names`, or all of them if none is near."""
    near = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(names)) or 'none'}"


def _turned(points_N2: np.ndarray, degrees: float, pivot: Sequence[float]) -> np.ndarray:
    cos, sin = _cos_sin(degrees)
    dx, dy = (points_N2 - pivot).T
    return np.stack([dx * cos - dy * sin, dx * sin + dy * cos], axis=1) + pivot


def _cos_sin(degrees: float) -> tuple[float, float]:
    """Exact at quarter turns, where a cosine of 6e-17 would move an edge across pixel centres."""
    quarters = {0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0)}
    turn = degrees % 360
    return quarters[int(turn)] if turn in quarters else (math.cos(math.radians(turn)), math.sin(math.radians(turn)))
