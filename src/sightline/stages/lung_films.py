"""The films with all but the lung fields black, for networks whose entry says `input: lungs`.

A network that sees the lungs alone cannot learn from a marker, a tube or a label beside them. Reads data/prepared/ and
lung masks of all images: data/lungs/*.png, or the phantom's own. Writes data/lung_films.npy, row i for row i of
data/prepared/images.npy.
Run: python src/lung_films.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sightline.films import FILMS
from sightline.images.pixel_file import write_images
from sightline.inputs import INDEX, PREPARED, prepared_images
from sightline.lungs import read_lungs
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv

FOLDER, PHANTOM = Path("data/lungs"), PREPARED / "lungs.npz"


def main() -> None:
    index = read_csv(INDEX, {"image": str, "source": str})
    images, sources = index["image"].tolist(), index["source"].tolist()
    masks_NHW, kind = read_lungs(images, prepared_images(images, PREPARED, INDEX), sources, FOLDER, PHANTOM)
    if kind == "body":
        raise StudyError(f"models with `input: lungs` need a lung mask of every image; put them into {FOLDER}")
    films = np.load(FILMS["film"], mmap_mode="r", allow_pickle=False)
    masks = masks_NHW[..., None] if films.ndim == 4 else masks_NHW
    write_images(FILMS["lungs"], films.shape, (film * mask for film, mask in zip(films, masks, strict=True)))
    print(f"{len(images)} films of the lungs alone: {100 * masks_NHW.mean():.1f}% of the pixels")


if __name__ == "__main__":
    run_stage(main)
