"""What stages that score maps read: consensus regions, patients, saliency maps; all by image name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sightline.errors import StudyError
from sightline.files import read_csv, read_npz
from sightline.maps import not_finite_maps

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
