"""Made-up input of `sightline score` of any size, written file by file, so that no study is held in memory.

Each image has a round patch that every reader marks a little differently; maps are noise with a hill near it. Files:
xrays/<image>.png, readers/<reader>/<image>.png, maps/<candidate>/<image>.npy, on the image grid or on a coarse one.

N images, C candidates, R readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, COARSE = 224, 7  # pixels of an image's side; cells of a coarse map's


@dataclass(frozen=True, kw_only=True)
class Written:
    """The folders of one made-up input."""

    xrays: Path
    readers: Sequence[Path]
    maps: Sequence[Path]

    def arguments(self, out: Path) -> list[str]:
        """What follows `sightline score`."""
        first, *others = map(str, self.maps)
        words = [first, *map(str, self.readers), "--images", str(self.xrays), "--patients", "(p[0-9]+)"]
        for path in others:
            words += ["--also", path]
        return [*words, "--out", str(out)]


def write_inputs(
    folder: Path, num_images: int, sides: Sequence[int], num_readers: int, seed: int = 0, image_side: int = SIDE
) -> Written:
    """Writes `num_images` images with `num_readers` masks each, and a map of each of `sides` cells a side.

    A side of `image_side` is a map on the image grid, in float16; a smaller one is float32. Image n is the same in an
    input of any number of images.
    """
    written = Written(
        xrays=folder / "xrays",
        readers=[folder / f"readers/reader{place}" for place in range(1, num_readers + 1)],
        maps=[folder / f"maps/model{place}" for place in range(1, len(sides) + 1)],
    )
    for path in (written.xrays, *written.readers, *written.maps):
        path.mkdir(parents=True)
    rows, cols = np.mgrid[:image_side, :image_side].astype(np.float32)
    scale = image_side / SIDE
    air = round(12 * scale)
    for number in range(num_images):
        rng = np.random.default_rng([seed, number])
        name = f"p{number:06d}"
        film_HW = np.uint8(90 + 60 * np.exp(-((cols - image_side / 2) ** 2) / (6000 * scale**2))) + rng.integers(
            0, 40, (image_side, image_side), dtype=np.uint8
        )
        film_HW[:air] = film_HW[-air:] = film_HW[:, :air] = film_HW[:, -air:] = 0  # air around a body
        Image.fromarray(film_HW).save(written.xrays / f"{name}.png", compress_level=1)
        centre, radius = rng.uniform(60 * scale, (SIDE - 60) * scale, 2), rng.uniform(15 * scale, 40 * scale)
        for path in written.readers:
            row, col = centre + rng.normal(0, radius / 5, 2)
            mask_HW = (rows - row) ** 2 + (cols - col) ** 2 <= (radius * rng.uniform(0.8, 1.2)) ** 2
            Image.fromarray(mask_HW).save(path / f"{name}.png", compress_level=1)
        for path, side in zip(written.maps, sides, strict=True):
            np.save(path / f"{name}.npy", map_near(centre, radius, side, rng, image_side))
    return written


def map_near(
    centre: np.ndarray, radius: float, side: int, rng: np.random.Generator, image_side: int = SIDE
) -> np.ndarray:
    """A map of `side` x `side` cells: noise, and a hill near `centre`; it and `radius` are in pixels of the image."""
    middle = (centre + rng.normal(0, 20 * image_side / SIDE, 2)) * side / image_side
    at = np.arange(side) + 0.5
    far_hw = (at[:, None] - middle[0]) ** 2 + (at - middle[1]) ** 2
    map_hw = rng.normal(0.3, 0.2, (side, side)) + 2 * np.exp(-far_hw / (2 * (1.5 * radius * side / image_side) ** 2))
    return map_hw.astype(np.float16 if side == image_side else np.float32)
