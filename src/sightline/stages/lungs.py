"""Where the lungs of the test images are: masks in data/lungs, the phantom's own, or the estimated body.

Reads data/prepared/ and data/lungs/*.png; writes data/lungs.npz (images, lungs bool N x H x W, kind).
Run: python src/lungs.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sightline.columns import read_columns
from sightline.inputs import INDEX, LUNGS, PREPARED, lungs_facts, prepared_images, read_test_images
from sightline.lungs import read_lungs
from sightline.study.errors import run_stage
from sightline.study.files import write_npz

FOLDER, PHANTOM = Path("data/lungs"), PREPARED / "lungs.npz"


def main() -> None:
    images = read_test_images(INDEX).images
    index = read_columns(INDEX, {"image": str, "source": str})
    film_of = dict(zip(index["image"].tolist(), index["source"].tolist(), strict=True))
    films = [film_of[image] for image in images]
    masks_NHW, kind = read_lungs(images, prepared_images(images, PREPARED, INDEX), films, FOLDER, PHANTOM)
    write_npz(LUNGS, images=np.array(images, str), lungs=masks_NHW, kind=np.array(kind))
    facts = lungs_facts(masks_NHW, kind)
    print(f"{len(images)} test images: {facts['lungs']}; {100 * facts['lungs_share']:.1f}% of the pixels")


if __name__ == "__main__":
    run_stage(main)
