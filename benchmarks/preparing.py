"""prepare, images per second: the stage's reading of files against decoding alone with Pillow on all cores.

Ours is `write_decoded`: decoding, gray, resizing, hashing, and images.npy on the disk, whole. The limit opens and
decodes each file and throws it away, in one process per core. The files are made here like those of the data set:
JPEG, gray stored as RGB, at the paper's 224 pixels (small, so that everything but the decoding shows) and at
1,320 x 960, the originals' usual size.
Run: python benchmarks/preparing.py
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from PIL import Image

from measure import ROOT, finish, in_turn, num_cores, rate_row, timed
from sightline.images.folder import ImageFile
from sightline.images.pixel_file import write_decoded
from sightline.stages import prepare
from sightline.study.parameters import read_params

SIZES = {(224, 224): 5000, (960, 1320): 400}  # rows and columns -> files
ROUNDS, MUST = 3, 0.8


def main() -> None:
    data = read_params(prepare.Params, ROOT / "profiles/paper.yaml").data
    rows = []
    for (height, width), count in SIZES.items():
        with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
            files = write_files(Path(name), height, width, count)
            path = Path("data/prepared/images.npy")
            paths = [file.path for file in files]
            ours = timed(lambda path=path, files=files: write_decoded(path, files, data))  # type: ignore[misc]
            limit = timed(lambda paths=paths: decode_all(paths))  # type: ignore[misc]
            seconds = in_turn({"ours": ours, "decoding alone": limit}, ROUNDS)
        what = f"prepare, {width} x {height} JPEG, {num_cores()} processes"
        rows.append(rate_row(what, "images/s", count, seconds, "decoding alone", MUST))
    finish(rows)


def write_files(folder: Path, height: int, width: int, count: int) -> list[ImageFile]:
    """Files under different names: 20 images, each many times."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:height, :width]
    files = []
    for number in range(20):
        smooth = 128 + 90 * np.sin(rows / rng.uniform(15, 60)) * np.cos(cols / rng.uniform(15, 60))
        gray = (smooth + rng.normal(0, 6, (height, width))).clip(0, 255).astype(np.uint8)
        Image.fromarray(gray).convert("RGB").save(folder / "one.jpeg", quality=75)
        content = (folder / "one.jpeg").read_bytes()
        for copy in range(count // 20):
            path = folder / f"{number}-{copy}.jpeg"
            path.write_bytes(content)
            files.append(ImageFile(path.stem, "train", number % 2, path))
    return files


def decode_all(paths: list[Path]) -> None:
    with ProcessPoolExecutor(num_cores()) as pool:
        for _ in pool.map(decode, paths, chunksize=16):
            pass


def decode(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()


if __name__ == "__main__":
    main()
