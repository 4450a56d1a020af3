"""Images and labels from a source -> one uint8 array and one index; for the phantom also its readers and its truth.

Writes images.npy, index.csv, truth.npz, lungs.npz (of all phantoms) and annotations/ to data/prepared.
Run: python src/prepare.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sightline.images.annotators import write_annotations
from sightline.images.folder import ImageFile, folder_files
from sightline.images.index import index_lines, study_index
from sightline.images.phantom_study import Phantom, phantom_annotations, phantom_files, truth_arrays, write_phantoms
from sightline.images.pixel_file import write_decoded
from sightline.images.source import Data
from sightline.images.split import patients_of
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import write_csv, write_npz
from sightline.study.parameters import read_params

OUT = Path("data/prepared")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    data: Data
    phantom: Phantom

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: at least 0, got {self.seed}")


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
    hashes = write_decoded(OUT / "images.npy", files, data)
    write_index(params, files, patients, hashes)
    write_annotations(OUT / "annotations", [])
    write_npz(OUT / "truth.npz", **truth_arrays({}, data))
    write_lungs([], np.zeros((0, data.height, data.width), bool))


def prepare_phantom(params: Params) -> None:
    data, phantom, seed = params.data, params.phantom, params.seed
    files = phantom_files(phantom)
    hashes, truth, lungs_NHW = write_phantoms(OUT / "images.npy", files, phantom, data, seed)
    write_index(params, files, [file.image for file in files], hashes)
    write_npz(OUT / "truth.npz", **truth_arrays(truth, data))
    write_lungs([file.image for file in files], lungs_NHW)
    write_annotations(OUT / "annotations", phantom_annotations(files, truth, phantom, seed))


def write_lungs(images: list[str], lungs_NHW: np.ndarray) -> None:
    write_npz(OUT / "lungs.npz", images=np.array(images, str), lungs=lungs_NHW)


def write_index(params: Params, files: list[ImageFile], patients: list[str], hashes: list[str]) -> None:
    """Writes index.csv, row i for row i of images.npy, and prints what the study holds."""
    rng = stream(params.seed, "prepare", "validation")
    index = study_index(files, patients, hashes, params.data, rng)
    write_csv(OUT / "index.csv", index)
    print("\n".join(index_lines(index, params.data)))


if __name__ == "__main__":
    run_stage(main)
