"""Prepared images by name, out of images.npy and index.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sightline.errors import StudyError
from sightline.files import read_csv

FOLDER = Path("data/prepared")


def prepared_images(images: list[str], folder: Path = FOLDER) -> np.ndarray:
    """As `prepared_pixels`, but gray: uint8 M x H x W; colour is brought to brightness (ITU-R 601)."""
    pixels = prepared_pixels(images, folder)
    if pixels.ndim == 4:
        pixels = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return pixels


def prepared_pixels(images: list[str], folder: Path = FOLDER) -> np.ndarray:
    """The images in the order asked for, uint8 M x H x W, or M x H x W x 3 in a study of colour.

    StudyError that lists the names that are not in the index.
    """
    index = read_csv(folder / "index.csv", {"image": str})
    row_of = {image: row for row, image in enumerate(index["image"])}
    unknown = [f"{folder}/index.csv: no {image}" for image in images if image not in row_of]
    if unknown:
        raise StudyError("images are missing among the prepared ones; run `dvc repro`", unknown)
    try:
        stored = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StudyError(f"{folder}/images.npy: not there; run the stage that writes it (dvc repro)") from None
    return np.asarray(stored[[row_of[image] for image in images]])
