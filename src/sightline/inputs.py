"""What stages that score maps read: consensus regions, patients, saliency maps; all by image name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from sightline.maps import not_finite_maps
from sightline.study.errors import StudyError
from sightline.study.files import read_csv, read_npz

CONSENSUS, INDEX = Path("data/consensus.npz"), Path("data/prepared/index.csv")
SALIENCY = "data/saliency/{}.npz"


def read_consensus(path: Path = CONSENSUS) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, masks bool M x H x W and shares float32 M x H x W of the images with a non-empty consensus.

    Sorted by name, so that no result hangs on the file's order; says how many are left out.
    """
    stored = read_npz(path)
    names, masks = stored["images"], stored["consensus"].astype(bool)
    marked = masks.any(axis=(1, 2))
    order = np.argsort(names[marked], kind="stable")
    print(f"{marked.sum()} images with a consensus region; {(~marked).sum()} with an empty one are not scored")
    return names[marked][order].tolist(), masks[marked][order], stored["share"][marked][order]


def read_patients(images: list[str], path: Path = INDEX) -> list[str]:
    """The patient of each image, from the index."""
    index = read_csv(path, {"image": str, "patient": str})
    patient_of = dict(zip(index["image"], index["patient"], strict=True))
    unknown = [f"{CONSENSUS}: {image}" for image in images if image not in patient_of]
    if unknown:
        raise StudyError(f"{path} lacks images that have a consensus; run `dvc repro`", unknown)
    return [patient_of[image] for image in images]


def read_maps(models: Iterable[str], images: list[str], pattern: str = SALIENCY) -> dict[tuple[str, str], np.ndarray]:
    """Raw maps, float32 M x h x w, of every (model, method), in the order of `images`; all finite."""
    paths = {model: Path(pattern.format(model)) for model in models}
    absent = [f"{path}: not there" for path in paths.values() if not path.is_file()]
    if absent:
        raise StudyError("saliency maps are missing; run `sightline sync`, then `dvc repro`", absent)
    maps: dict[tuple[str, str], np.ndarray] = {}
    problems = []
    for model, path in paths.items():
        stored = read_npz(path)
        row_of = {name: row for row, name in enumerate(stored.pop("images").tolist())}
        found = [image for image in images if image in row_of]
        problems += [f"{path}: {model} has no map of {image}" for image in images if image not in row_of]
        if not stored:
            problems.append(f"{path}: {model} has no maps of any method")
        for method, raw in stored.items():
            if raw.ndim != 3:  # a word about the maps, such as their layer
                continue
            maps[model, method] = raw[[row_of[image] for image in found]]
            broken = not_finite_maps(maps[model, method])
            problems += [f"{path}: {model}, {method}, {found[row]}: holds NaN or infinity" for row in broken]
    if problems:
        raise StudyError("saliency maps do not fit the consensus; run `dvc repro`, or mend the external maps", problems)
    return maps


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
