"""Images and labels from a source -> one uint8 array and one index; for the phantom also its experts and its truth.

Run: python src/prepare.py
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
from PIL import Image

from sightline.images.annotators import simulated_annotations
from sightline.images.decode import HighDepth, decoded
from sightline.images.folder import ImageFile, folder_files
from sightline.images.phantom import PhantomImage, phantom_image
from sightline.images.split import patients_of, validation_mask
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import write_csv, write_npz, written_whole
from sightline.study.parameters import read_params

OUT = Path("data/prepared")
CHUNK = 16  # files that a process reads at once
FLUSH = 64  # chunks between two orders to the disk


@dataclass(frozen=True, kw_only=True)
class Data:
    source: Literal["phantom", "folder"]
    root: str
    negative: str
    positive: str
    height: int
    width: int
    color: bool
    high_depth: HighDepth
    split: Literal["patient", "random"]
    val_share: float
    patient_pattern: str

    def __post_init__(self) -> None:
        if min(self.height, self.width) < 64:
            raise ValueError(f"height, width: at least 64 pixels, got {self.height} x {self.width}")
        if not 0 < self.val_share < 1:
            raise ValueError(f"val_share: must be in (0, 1), got {self.val_share}")
        if self.negative == self.positive:
            raise ValueError(f"positive: must differ from negative, both are {self.negative!r}")


@dataclass(frozen=True, kw_only=True)
class Phantom:
    train_images: int
    test_images: int
    annotated_images: int
    annotators: int
    annotations_per_image: float
    shortcut: float

    def __post_init__(self) -> None:
        if min(self.train_images, self.test_images) < 8:
            raise ValueError("train_images, test_images: at least 8 each")
        if not 0 <= self.annotated_images <= self.test_images // 2:
            raise ValueError(f"annotated_images: 0 to {self.test_images // 2} (pneumonia is half of the test images)")
        if not 1 <= self.annotations_per_image <= self.annotators:
            raise ValueError("annotations_per_image: from 1 to the number of annotators")
        if not 0 <= self.shortcut <= 1:
            raise ValueError(f"shortcut: a probability, got {self.shortcut}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    data: Data
    phantom: Phantom

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: at least 0, got {self.seed}")


def workers() -> int:
    """Processes or threads at once: SIGHTLINE_WORKERS, else the cores this process may use."""
    wish = os.environ.get("SIGHTLINE_WORKERS") or ""
    if wish and not (wish.isdecimal() and int(wish) > 0):
        raise StudyError(f"SIGHTLINE_WORKERS={wish}: expected a whole number above 0")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(wish or cores or 1)


def main() -> None:
    params = read_params(Params)
    if params.data.source == "phantom":
        prepare_phantom(params)
    else:
        prepare_folder(params)


def prepare_folder(params: Params) -> None:
    data = params.data
    files = folder_files(data.root, data.negative, data.positive)
    patients = patients_of([file.image for file in files], data.patient_pattern)
    shape = (len(files), data.height, data.width, *([3] if data.color else []))
    hashes = read_images(shape, files, data)
    write_index(params, files, patients, hashes)
    write_annotations([])
    size = (0, data.height, data.width)
    write_npz(OUT / "truth.npz", images=np.array([], "U1"), lesions=np.zeros(size, bool), lungs=np.zeros(size, bool))


def read_images(shape: tuple[int, ...], files: list[ImageFile], data: Data) -> list[str]:
    """Writes images.npy, each process its rows; returns the hashes; lists every broken file and then keeps nothing."""
    with written_whole(OUT / "images.npy") as beside:
        with open(beside, "wb") as file:
            write_header(file, shape)
            place = file.tell()
        # processes: between threads, small files spend more time on the interpreter's lock than a second core saves
        read = partial(_read_rows, data=data, path=beside, place=place)
        starts = range(0, len(files), CHUNK)
        items: list[str | ValueError] = []
        with ProcessPoolExecutor(workers()) as pool, open(beside, "rb") as written:
            parts = pool.map(read, starts, [files[start : start + CHUNK] for start in starts])
            for number, part in enumerate(parts, 1):
                items += part
                if number % FLUSH == 0:
                    os.fsync(written.fileno())  # the disk works while the processes read on
        problems = [
            f"{file.path}: {item}" for file, item in zip(files, items, strict=True) if isinstance(item, ValueError)
        ]
        if problems:
            raise StudyError(f"{len(problems)} unreadable images; replace them or take them out", problems)
    return [str(item) for item in items]


def _read_rows(start: int, files: list[ImageFile], data: Data, path: Path, place: int) -> list[str | ValueError]:
    """Writes the files' pixels from row `start` on into the array that begins at byte `place`; hashes or reasons."""
    pixels = np.zeros((len(files), data.height, data.width, *([3] if data.color else [])), np.uint8)
    found: list[str | ValueError] = []
    for row, file in enumerate(files):
        try:
            content = file.path.read_bytes()  # once: pixels and hash are of the same bytes
            pixels[row] = decoded(BytesIO(content), data.height, data.width, data.color, data.high_depth)
            found.append(sha256(content).hexdigest())
        except ValueError as error:
            found.append(error)
        except OSError as error:
            found.append(ValueError(error.strerror))
    with open(path, "r+b") as out:
        out.seek(place + start * pixels[0].nbytes)
        out.write(pixels.data)
    return found


def prepare_phantom(params: Params) -> None:
    phantom, data = params.phantom, params.data
    total = phantom.train_images + phantom.test_images
    labels = [number % 2 for number in range(total)]
    files = [
        ImageFile(f"phantom{n:05d}", "train" if n < phantom.train_images else "test", labels[n], Path(f"phantom:{n}"))
        for n in range(total)
    ]
    marked = [n for n in range(phantom.train_images, total) if labels[n]][: phantom.annotated_images]
    make = partial(_make_one, seed=params.seed, data=data, shortcut=phantom.shortcut)
    truth: dict[str, PhantomImage] = {}

    def images(made: Iterable[PhantomImage]) -> Iterator[tuple[np.ndarray, str]]:
        for file, item in zip(files, made, strict=True):
            if file.part == "test":
                truth[file.image] = item
            pixels = np.repeat(item.image[..., None], 3, axis=2) if data.color else item.image
            yield pixels, sha256(item.image.tobytes()).hexdigest()

    with ProcessPoolExecutor(workers()) as pool:
        made = pool.map(make, range(total), labels, chunksize=16)
        shape = (total, data.height, data.width, *([3] if data.color else []))
        hashes = write_images(shape, images(made))
    write_index(params, files, [file.image for file in files], hashes)
    names = list(truth)
    write_npz(
        OUT / "truth.npz",
        images=np.array(names),
        lesions=np.stack([truth[name].opacities.any(axis=0) for name in names]),
        lungs=np.stack([truth[name].lungs for name in names]),
    )
    annotated = [files[n].image for n in marked]
    write_annotations(
        simulated_annotations(
            opacities=[truth[name].opacities for name in annotated],
            lungs_NHW=np.stack([truth[name].lungs for name in annotated]) if annotated else np.zeros((0, 1, 1), bool),
            images=annotated,
            annotators=phantom.annotators,
            annotations_per_image=phantom.annotations_per_image,
            seed=params.seed,
        )
    )


def _make_one(number: int, label: int, seed: int, data: Data, shortcut: float) -> PhantomImage:
    return phantom_image(seed, number, label, data.height, data.width, shortcut)


def write_images(shape: tuple[int, ...], items: Iterable[tuple[np.ndarray, str]]) -> list[str]:
    """Writes images.npy as the items come; returns their hashes. The array never lies in memory as a whole."""
    hashes = []
    with written_whole(OUT / "images.npy") as beside, open(beside, "wb") as file:
        write_header(file, shape)
        for pixels, digest in items:
            file.write(np.ascontiguousarray(pixels).data)
            hashes.append(digest)
    return hashes


def write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    """The head of an NPY of uint8; the rows follow, image after image."""
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})


def write_index(params: Params, files: list[ImageFile], patients: list[str], hashes: list[str]) -> None:
    """Writes index.csv, row i for images.npy's row i, and prints what the study holds."""
    data = params.data
    train = np.array([file.part == "train" for file in files])
    labels = np.array([file.label for file in files])
    split = np.where(train, "train", "test").astype("U5")
    rows = np.flatnonzero(train)
    if len(rows):
        rng = np.random.default_rng([params.seed, 1])
        chosen = validation_mask(
            labels[rows],
            [patients[row] for row in rows],
            [hashes[row] for row in rows],
            data.val_share,
            data.split == "patient",
            rng,
        )
        split[rows[chosen]] = "val"
    index = pd.DataFrame(
        {
            "image": [file.image for file in files],
            "split": split,
            "label": labels,
            "patient": patients,
            "source": [str(file.path) for file in files],
            "sha256": hashes,
        }
    )
    empty = [
        f"split {name}, class {kind}"
        for name in (("train", "val", "test") if len(rows) else ())
        for label, kind in enumerate((data.negative, data.positive))
        if not ((split == name) & (labels == label)).any()
    ]
    if empty:
        raise StudyError("no image is left in a class; add images or change data.val_share", empty)
    write_csv(OUT / "index.csv", index)
    for part, kinds in (
        pd.crosstab(index.split, index.label).rename(columns={0: data.negative, 1: data.positive}).iterrows()
    ):
        print(f"{part}: {', '.join(f'{count} {kind}' for kind, count in kinds.items())}")
    both = set(index.patient[split == "test"]) & set(index.patient[split != "test"])
    print(f"patients on both sides of train and test: {len(both)}")


def write_annotations(annotations: list[Any]) -> None:
    """Writes the simulated annotators' strokes in the format of real ones; a header alone for a real study."""
    folder = OUT / "annotations"
    shutil.rmtree(folder, ignore_errors=True)  # masks of an earlier run are no annotations of this one
    (folder / "masks").mkdir(parents=True)
    for item in annotations:
        with written_whole(folder / "masks" / f"{item.annotation}.png") as beside:
            Image.fromarray(item.mask).save(beside, format="PNG", optimize=False)
    with written_whole(folder / "annotations.csv") as beside, open(beside, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["annotation", "image", "annotator", "profession", "mask", "created_at"])
        for item in annotations:
            name = f"{item.annotation}.png"
            writer.writerow([item.annotation, item.image, item.annotator, item.profession, name, item.created_at])


if __name__ == "__main__":
    run_stage(main)
