"""A study of phantoms: which images there are, their pixels and truth, and what simulated annotators draw on them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from sightline.images.annotators import Annotation, simulated_annotations
from sightline.images.folder import ImageFile
from sightline.images.phantom import PhantomImage, phantom_image
from sightline.images.pixel_file import write_images
from sightline.images.source import Data
from sightline.processes import killing_told, workers


@dataclass(frozen=True, kw_only=True)
class Phantom:
    """Section `phantom` of params.yaml."""

    train_images: int
    """Validation images included; every second image has pneumonia."""
    test_images: int
    annotated_images: int
    """The first test images with pneumonia, as many as this."""
    annotators: int
    annotations_per_image: float
    """Mean of the annotations that are not empty."""
    shortcut: float
    """Probability that an image with pneumonia carries the bright token that betrays the label."""
    external_images: int = 0
    """Images of another hospital, half of them with pneumonia, none with the token; 0: none."""

    def __post_init__(self) -> None:
        if min(self.train_images, self.test_images) < 8:
            raise ValueError("train_images, test_images: at least 8 each")
        if not 0 <= self.annotated_images <= self.test_images // 2:
            raise ValueError(f"annotated_images: 0 to {self.test_images // 2} (pneumonia is half of the test images)")
        if not 1 <= self.annotations_per_image <= self.annotators:
            raise ValueError("annotations_per_image: from 1 to the number of annotators")
        if self.external_images < 0 or 0 < self.external_images < 8:
            raise ValueError(f"external_images: 0, or at least 8, got {self.external_images}")
        if not 0 <= self.shortcut <= 1:
            raise ValueError(f"shortcut: a probability, got {self.shortcut}")


def phantom_files(phantom: Phantom) -> list[ImageFile]:
    """The study's images: training, test, external; labels 0 and 1 in turn; the path holds the phantom's number."""
    parts = {"train": phantom.train_images, "test": phantom.test_images, "external": phantom.external_images}
    part_of = [part for part, count in parts.items() for _ in range(count)]
    return [
        ImageFile(image=f"phantom{number:05d}", part=part, label=number % 2, path=Path(f"phantom:{number}"))
        for number, part in enumerate(part_of)
    ]


def write_phantoms(
    path: Path, files: list[ImageFile], phantom: Phantom, data: Data, seed: int
) -> tuple[list[str], dict[str, PhantomImage], np.ndarray]:
    """Draws the images of `phantom_files` and writes them, row i for file i.

    Returns the SHA-256 of each image's gray pixels, the test images with their truth by name, and the lung fields of
    all images, bool N x H x W.
    """
    hashes: list[str] = []
    truth: dict[str, PhantomImage] = {}
    lungs_NHW = np.zeros((len(files), data.height, data.width), bool)

    def images() -> Iterator[np.ndarray]:
        draw = partial(_drawn, seed=seed, height=data.height, width=data.width)
        shortcuts = [0.0 if file.part == "external" else phantom.shortcut for file in files]
        num_processes = workers()
        with killing_told(num_processes), ProcessPoolExecutor(num_processes) as pool:
            drawn = pool.map(draw, range(len(files)), [file.label for file in files], shortcuts, chunksize=16)
            for row, (file, item) in enumerate(zip(files, drawn, strict=True)):
                lungs_NHW[row] = item.lungs
                if file.part == "test":
                    truth[file.image] = item
                hashes.append(sha256(item.image.tobytes()).hexdigest())
                yield np.repeat(item.image[..., None], 3, axis=2) if data.color else item.image

    write_images(path, (len(files), *data.image_shape), images())
    return hashes, truth, lungs_NHW


def _drawn(number: int, label: int, shortcut: float, seed: int, height: int, width: int) -> PhantomImage:
    return phantom_image(seed, number, label, height, width, shortcut)


def truth_arrays(truth: dict[str, PhantomImage], data: Data) -> dict[str, np.ndarray]:
    """The truth of N test images: `images` (names) and `lesions`, bool N x H x W; N = 0 without phantoms."""
    shape = (len(truth), data.height, data.width)
    return {
        "images": np.array(list(truth), str),
        "lesions": np.array([item.opacities.any(axis=0) for item in truth.values()], bool).reshape(shape),
    }


def phantom_annotations(
    files: list[ImageFile], truth: dict[str, PhantomImage], phantom: Phantom, seed: int
) -> list[Annotation]:
    """What the simulated annotators draw on the first test images with pneumonia."""
    images = [file.image for file in files if file.part == "test" and file.label][: phantom.annotated_images]
    lungs = [truth[image].lungs for image in images]
    return simulated_annotations(
        opacities=[truth[image].opacities for image in images],
        lungs_NHW=np.stack(lungs) if lungs else np.zeros((0, 1, 1), bool),
        images=images,
        annotators=phantom.annotators,
        annotations_per_image=phantom.annotations_per_image,
        seed=seed,
    )
