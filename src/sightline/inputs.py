"""What several stages read, all by image name: test images, consensus regions, patients, maps, lungs, predictions.

The paths are constants here, and stages pass them; a function has no path of its own. `source` is the file that names
the images asked for: an error lists those images of it that another file lacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from sightline.columns import read_columns
from sightline.maps import not_finite_maps
from sightline.study.damaged import DAMAGED
from sightline.study.errors import StudyError
from sightline.study.files import read_npz

PREPARED = Path("data/prepared")
INDEX = PREPARED / "index.csv"
ANNOTATIONS, CONSENSUS = Path("data/annotations.npz"), Path("data/consensus.npz")
LUNGS = Path("data/lungs.npz")
SALIENCY, OTHERS = "data/saliency/{}.npz", "data/saliency/{}.others.npz"
PREDICTIONS = "data/models/{}.predictions.csv"
MADE = "data/models/{}.made.json"  # the machine and the library versions of each training or prediction

LungKind = Literal["masks", "phantom", "body"]
Split = Literal["train", "val", "test", "external"]

WORDS: dict[LungKind, str] = {
    "masks": "the lung masks given",
    "phantom": "the phantom's own lungs",
    "body": "the estimated body ({:.0%} of the film), as there are no lung masks",
}

ANATOMY: dict[LungKind, str] = {"masks": "lungs", "phantom": "lungs", "body": "estimated body"}  # in sentences


def rows_of(images: Iterable[str], names: Iterable[str], path: Path, source: Path) -> list[int]:
    """The row of each image among `names`, which are those of `path`; StudyError that lists what it lacks."""
    row_of = {name: row for row, name in enumerate(names)}
    images = list(images)
    unknown = [f"{source}: {image}" for image in images if image not in row_of]
    if unknown:
        raise StudyError(f"{path} lacks images that were scored; run `dvc repro`", unknown)
    return [row_of[image] for image in images]


class SplitFilms(NamedTuple):
    """The films of a split, sorted by name: no result depends on the index's order."""

    images: list[str]
    labels_N: np.ndarray
    """int64 N, 0 or 1."""
    patients_N: np.ndarray
    """str N."""


def read_split(path: Path, split: Split) -> SplitFilms:
    """The films of the split, from the index at `path`.

    A split may be empty: a study of test images only has no others.
    """
    index = read_columns(path, {"image": str, "split": str, "label": int, "patient": str})
    rows = np.flatnonzero(index["split"] == split)
    rows = rows[np.argsort(index["image"][rows], kind="stable")]
    return SplitFilms(index["image"][rows].tolist(), index["label"][rows], index["patient"][rows])


def read_test_images(path: Path) -> SplitFilms:
    """The test images, as `read_split` returns them."""
    return read_split(path, "test")


def read_patients(images: Sequence[str], path: Path, source: Path) -> list[str]:
    """The patient of each image, from the index at `path`."""
    index = read_columns(path, {"image": str, "patient": str})
    patients: list[str] = index["patient"][rows_of(images, index["image"].tolist(), path, source)].tolist()
    return patients


def prepared_pixels(images: Sequence[str], folder: Path, source: Path, films: Path | None = None) -> np.ndarray:
    """The prepared images in the order asked for, uint8 M x H x W, or M x H x W x 3 in a study of colour images.

    `films`: another array with a row for each row of the index, such as what a network sees (`sightline.films`).
    """
    index = folder / "index.csv"
    rows = rows_of(images, read_columns(index, {"image": str})["image"].tolist(), index, source)
    return np.asarray(_stored_images(films or folder / "images.npy")[rows])


def prepared_images(images: Sequence[str], folder: Path, source: Path) -> np.ndarray:
    """As `prepared_pixels`, but gray: uint8 M x H x W; colour becomes brightness (ITU-R 601)."""
    pixels = prepared_pixels(images, folder, source)
    if pixels.ndim == 4:
        pixels = np.rint(pixels @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return pixels


def prepared_grid(folder: Path) -> tuple[int, int]:
    """Rows and columns of the prepared images."""
    height, width = _stored_images(folder / "images.npy").shape[1:3]
    return height, width


def _stored_images(path: Path) -> np.ndarray:
    """All images of an array, read from disk only where they are used."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise StudyError(f"{path}: not there; run the stage that writes it (dvc repro)") from None
    except DAMAGED as error:
        raise StudyError(f"{path}: not a readable array ({error}); run the stage that writes it again") from error


def stored_lungs(images: Sequence[str], path: Path, source: Path) -> tuple[np.ndarray, LungKind]:
    """Masks that the stage `lungs` wrote, bool M x H x W in the order asked for, and where they come from."""
    stored = read_npz(path)
    kind: LungKind = stored["kind"].item()
    return stored["lungs"][rows_of(images, stored["images"].tolist(), path, source)], kind


def lungs_facts(lungs_MHW: np.ndarray, kind: LungKind) -> dict[str, Any]:
    """What results say of the lungs: `lungs` in words, `lungs_kind`, and `lungs_share`, the mean share of the film.

    `lungs_MHW`, `kind`: as `stored_lungs` returns them; without images the share is NaN.
    """
    share = float(lungs_MHW.mean()) if lungs_MHW.size else float("nan")
    return {"lungs": WORDS[kind].format(share), "lungs_kind": kind, "lungs_share": share}


def read_consensus(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, masks bool M x H x W and shares float32 M x H x W of the images with a non-empty consensus.

    Sorted by name, so that no result depends on the file's order; prints how many images are left out.
    """
    stored = read_npz(path)
    names, masks = stored["images"], stored["consensus"].astype(bool)
    marked = masks.any(axis=(1, 2))
    order = np.argsort(names[marked], kind="stable")
    print(f"{marked.sum()} images with a consensus region; {(~marked).sum()} with an empty one are not scored")
    return names[marked][order].tolist(), masks[marked][order], stored["share"][marked][order]


class Readers(NamedTuple):
    """Who marked what on each of M images."""

    masks_MRHW: list[np.ndarray]
    """bool R x H x W each; R may differ."""
    others_MRHW: list[np.ndarray]
    """bool R x H x W each, the consensus of all readers but the one of the same row."""
    names_MR: list[list[str]]


def read_readers(images: Sequence[str], path: Path) -> Readers:
    """The readers of each image asked for, from the annotations at `path`; an image nobody marked has none."""
    stored = read_npz(path)
    rows_by_image: dict[str, list[int]] = {image: [] for image in images}
    for row, image in enumerate(stored["images"].tolist()):
        rows_by_image.get(image, []).append(row)  # images that were not asked for are left out
    rows = [np.array(own, dtype=int) for own in rows_by_image.values()]
    names = stored["annotators"]
    return Readers(
        [stored["masks"][own] for own in rows],
        [stored["others"][own] for own in rows],
        [names[own].tolist() for own in rows],
    )


def read_untrained(networks: Iterable[str], images: Sequence[str], pattern: str) -> dict[tuple[str, str], np.ndarray]:
    """Raw maps of the same networks untrained, as `read_maps` returns them; none of those that cannot be untrained."""
    maps = read_maps(networks, images, pattern, may_lack=True) if (networks := list(networks)) else {}
    prefix = "untrained."
    return {(key, name.removeprefix(prefix)): raw for (key, name), raw in maps.items() if name.startswith(prefix)}


def read_maps(
    models: Iterable[str], images: Sequence[str], pattern: str, may_lack: bool = False
) -> dict[tuple[str, str], np.ndarray]:
    """Raw maps, float32 M x h x w, by (model, method), in the order of `images`; StudyError if one is not finite.

    `pattern`: the path of a model's maps, with {} for the model. Arrays that are not M x h x w, such as the name of
    the layer, are not maps and are ignored. A model without any map is an error unless `may_lack`.
    """
    paths = {model: Path(pattern.format(model)) for model in models}
    absent = [f"{path}: not there" for path in paths.values() if not path.is_file()]
    if absent:
        raise StudyError("saliency maps are missing; run `sightline sync`, then `dvc repro`", absent)
    maps: dict[tuple[str, str], np.ndarray] = {}
    problems = []
    for model, path in paths.items():
        stored = read_npz(path)
        row_of = {name: row for row, name in enumerate(stored.pop("images").tolist())}
        mapped = [image for image in images if image in row_of]
        problems += [f"{path}: {model} has no map of {image}" for image in images if image not in row_of]
        if not stored and not may_lack:
            problems.append(f"{path}: {model} has no maps of any method")
        for method, raw in stored.items():
            if raw.ndim != 3:
                continue
            maps[model, method] = raw[[row_of[image] for image in mapped]]
            broken = not_finite_maps(maps[model, method])
            problems += [f"{path}: {model}, {method}, {mapped[row]}: holds NaN or infinity" for row in broken]
    if problems:
        raise StudyError(
            "saliency maps do not fit the consensus; run `dvc repro`, or correct the external maps", problems
        )
    return maps


def read_probabilities(
    networks: Iterable[str], films: SplitFilms, pattern: str, split: Split = "test"
) -> dict[str, np.ndarray]:
    """Each network's probabilities of label 1, float64 N in the order of `films`, which `read_split` returns.

    `pattern`: the path of a network's predictions, with {} for the network; train writes those of all but training
    images. StudyError that lists every image of the split that is missing, listed twice, of another label or without a
    probability in [0, 1].
    """
    probabilities = {}
    problems = []
    for model in networks:
        path = pattern.format(model)
        table = read_columns(path, {"image": str, "split": str, "label": int, "probability": float})
        columns = (table[name].tolist() for name in ("image", "split", "label", "probability"))
        rows = [(image, label, value) for image, own, label, value in zip(*columns, strict=True) if own == split]
        predicted: dict[str, tuple[int, float]] = {}
        for image, label, value in rows:
            if image in predicted:
                problems.append(f"{path}: {image} is listed twice")
            predicted.setdefault(image, (label, value))
        known = set(films.images)
        problems += [f"{path}: lacks {image}" for image in films.images if image not in predicted]
        problems += [f"{path}: {image} is not a {split} image" for image in sorted(predicted) if image not in known]
        expected = zip(films.images, films.labels_N.tolist(), strict=True)
        found = [(image, label, *predicted[image]) for image, label in expected if image in predicted]
        problems += [
            f"{path}: {image} has label {label}, the index {right}"
            for image, right, label, _ in found
            if label != right
        ]
        problems += [
            f"{path}: {image} has probability {value}, expected 0 to 1"
            for image, _, _, value in found
            if not 0 <= value <= 1
        ]
        probabilities[model] = np.array([value for *_, value in found])
    if problems:
        raise StudyError("predictions do not fit data/prepared/index.csv; run `dvc repro`", problems)
    return probabilities
