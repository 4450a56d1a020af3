"""Experts' regions of a caller as the files that `sightline score` reads. N images, R readers, H W a mask's grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sightline.api.arrays import Names, is_path, write_arrays
from sightline.api.marks import marks_of


def written_regions(regions: Any, names: Names, folder: Path, problems: list[str]) -> list[Path]:
    """The paths: files of the caller as they are, masks in one NPZ for each size, with the readers' names.

    `regions`: see `sightline.score`.
    """
    paths = [regions] if is_path(regions) else regions
    if isinstance(paths, Sequence) and paths and all(map(is_path, paths)):
        names.of_files("regions")
        return [names.path("regions", path) for path in paths]
    of_size: dict[tuple[int, ...], list[tuple[str, str, np.ndarray]]] = {}
    for image, of_image in marks_of(regions, names, problems).items():
        for reader, mask in of_image.items():
            of_size.setdefault(mask.shape, []).append((image, reader, mask))
    written = []
    for number, rows in enumerate(of_size.values(), start=1):
        written.append(folder / f"regions{number}.npz")
        images, readers, masks = zip(*rows, strict=True)
        arrays = {"images": np.array(images, str), "readers": np.array(readers, str), "masks": np.stack(masks)}
        write_arrays(written[-1], arrays)
    if not written and not problems:
        problems.append("regions: holds no mask")
    return written
