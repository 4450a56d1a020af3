"""Films as the server sends them to the page: their bytes and what the page must know to show them.

8-bit and coloured films go as PNG. Deeper gray films go as samples: zlib's deflate of, where the film's own look is no
window, one byte of gray per level from 0; then bands of 64 rows, in each the upper bytes of all residuals, then the
lower ones. A residual is the sample minus the mean, rounded down, of its left and upper neighbours (0 outside of the
film), modulo 2^16, as a signed number whose sign is folded into the lowest bit: 0, -1, 1, -2 become 0, 1, 2, 3. This
is a quarter smaller than a 16-bit PNG, and takes an eighth of the time.
"""

from __future__ import annotations

import io
import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from sightline.images.samples import Samples
from sightline.images.windows import Window, film_windows

SAMPLES = "application/x-film-samples"
BAND = 64  # rows; alone, small upper bytes and noisy lower bytes each get a code of their own
AS_IT_IS: Window = (0.0, 255.0)


@dataclass(frozen=True)
class SentFilm:
    """A film as it is sent."""

    content: bytes
    media_type: str
    facts: Mapping[str, Any]
    """Height and width; white, windows, states_window and is_padded as in `Samples`; has_gray: a table of gray precedes
    the samples."""

    @property
    def header(self) -> str:
        """The facts in JSON, for the header X-Film."""
        return json.dumps(self.facts, separators=(",", ":"))


def sent_samples(film: Samples) -> SentFilm:
    """A deep gray film."""
    samples_HW = film.samples_HW
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)  # noise: longer matches cost time and save nothing
    parts = [] if film.gray_L is None else [packer.compress(film.gray_L.tobytes())]
    for top in range(0, len(samples_HW), BAND):
        above_HW = samples_HW[max(top - 1, 0) : top + BAND]
        folded_HW = _residuals(above_HW, is_first=top == 0)
        parts += [packer.compress(half_HW.astype(np.uint8).tobytes()) for half_HW in (folded_HW >> 8, folded_HW & 255)]
    facts = _facts(samples_HW.shape, film.white, film.windows, film.states_window)
    facts |= {"is_padded": film.is_padded, "has_gray": film.gray_L is not None}
    return SentFilm(b"".join([*parts, packer.flush()]), SAMPLES, facts)


def sent_pixels(pixels: np.ndarray) -> SentFilm:
    """uint8, H x W or H x W x 3, as PNG; shown as it is until the reader sets a window."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", compress_level=3)
    windows = film_windows(np.bincount(pixels.ravel(), minlength=256), AS_IT_IS)
    return SentFilm(buffer.getvalue(), "image/png", _facts(pixels.shape, 255, windows, states_window=True))


def _facts(shape: tuple[int, ...], white: int, windows: Mapping[str, Window], states_window: bool) -> dict[str, Any]:
    return {
        "height": shape[0],
        "width": shape[1],
        "white": white,
        "windows": {name: [round(end, 3) for end in window] for name, window in windows.items()},
        "states_window": states_window,
        "is_padded": False,
        "has_gray": False,
    }


def _residuals(rows_HW: np.ndarray, is_first: bool) -> np.ndarray:
    """uint16: folded residuals of all rows, or of all but the first, which then only predicts."""
    upper_HW = np.zeros(rows_HW.shape, np.int32)
    upper_HW[1:] = rows_HW[:-1]
    left_HW = np.zeros(rows_HW.shape, np.int32)
    left_HW[:, 1:] = rows_HW[:, :-1]
    residual_HW = (rows_HW - (upper_HW + left_HW >> 1)).astype(np.uint16).view(np.int16)
    folded_HW = (residual_HW << 1 ^ residual_HW >> 15).view(np.uint16)
    return folded_HW if is_first else folded_HW[1:]


class KeptFilms:
    """The films that were asked for last, up to so many bytes; one at a time is made, and once."""

    def __init__(self, make: Callable[[str], SentFilm], room: int) -> None:
        self._make, self._room = make, room
        self._films: OrderedDict[str, SentFilm] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()  # a film in the making takes some 20 times its bytes

    def film(self, image: str) -> SentFilm:
        """The image's film, kept or made now; raises what `make` raises."""
        kept = self._kept(image)
        if kept is not None:
            return kept
        with self._making:
            kept = self._kept(image)
            if kept is None:
                kept = self._make(image)
                self._keep(image, kept)
            return kept

    def _kept(self, image: str) -> SentFilm | None:
        with self._lock:
            if image in self._films:
                self._films.move_to_end(image)
            return self._films.get(image)

    def _keep(self, image: str, film: SentFilm) -> None:
        with self._lock:
            self._films[image] = film
            while len(self._films) > 1 and sum(len(kept.content) for kept in self._films.values()) > self._room:
                self._films.popitem(last=False)
