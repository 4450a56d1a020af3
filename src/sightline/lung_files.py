"""Where the lungs are: masks of a folder, the phantom's own, or, where neither is there, the estimated body."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from sightline.annotation_files import has_aspect, read_mask
from sightline.cleanup import nearest
from sightline.errors import StudyError
from sightline.files import read_npz
from sightline.lungs import estimated_body

Kind = Literal["masks", "phantom", "body"]
WORDS = {
    "masks": "the lung masks given",
    "phantom": "the phantom's own lungs",
    "body": "the estimated body, for want of lung masks",
}


def stored_lungs(images: list[str], path: Path = Path("data/lungs.npz")) -> tuple[np.ndarray, Kind]:
    """Masks of the stage `lungs`, bool M x H x W in the order asked for, and where they are from."""
    stored = read_npz(path)
    row_of = {name: row for row, name in enumerate(stored["images"].tolist())}
    unknown = [f"{path}: no {image}" for image in images if image not in row_of]
    if unknown:
        raise StudyError(f"{path} lacks images; run `dvc repro`", unknown)
    kind: Kind = stored["kind"].item()
    return stored["lungs"][[row_of[image] for image in images]], kind


def read_lungs(images: list[str], pixels_MHW: np.ndarray, folder: Path, truth: Path) -> tuple[np.ndarray, Kind]:
    """Lung masks of the images, bool M x H x W, and where they are from.

    `folder`: one white-on-black PNG an image, named by its stem, at the image's aspect; a folder without PNGs does not
    count. `truth`: the NPZ that prepare writes, which knows a phantom's lungs. `pixels_MHW`: uint8, the prepared
    images, gray. StudyError that lists every image whose mask is missing, broken or of another shape.
    """
    grid = pixels_MHW.shape[1:]
    if folder.is_dir() and any(folder.glob("*.png")):
        masks, problems = [], []
        for image in images:
            path = folder / f"{image}.png"
            try:
                drawn = read_mask(path)
            except ValueError as error:
                problems.append(f"{path}: {error}")
                continue
            if not has_aspect(drawn.shape, [(grid[0], grid[1])]):
                problems.append(f"{path}: {drawn.shape[0]} x {drawn.shape[1]} (rows x columns), not its image's aspect")
            masks.append(nearest(drawn, *grid) > 128)
        if problems:
            raise StudyError(f"{folder}: lung masks are wrong or missing; mend them or empty the folder", problems)
        return np.array(masks, dtype=bool).reshape(-1, *grid), "masks"
    stored = read_npz(truth)
    row_of = {name: row for row, name in enumerate(stored["images"].tolist())}
    if len(images) and all(image in row_of for image in images):
        return stored["lungs"][[row_of[image] for image in images]], "phantom"
    return np.array([estimated_body(image_HW) for image_HW in pixels_MHW], dtype=bool).reshape(-1, *grid), "body"
