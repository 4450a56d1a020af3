"""Images and labels from a source -> one uint8 array and one index; for the phantom also its readers and its truth.

Writes images.npy, index.csv, exclusions.json (films listed and left out), truth.npz, lungs.npz (of all phantoms) and
annotations/ to data/prepared.
Run: python src/prepare.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sightline.images.annotators import write_annotations
from sightline.images.film_warnings import check_levels, film_warnings, warning_counts, warning_lines
from sightline.images.folder import folder_files
from sightline.images.index import index_lines, study_index
from sightline.images.listing import (
    Listing,
    exclusion_counts,
    exclusion_lines,
    with_depths,
    with_facts,
    with_patients,
    with_views,
)
from sightline.images.phantom_study import Phantom, phantom_annotations, phantom_files, truth_arrays, write_phantoms
from sightline.images.pixel_file import keep_images, write_decoded
from sightline.images.source import Data
from sightline.images.table import table_films
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import write_csv, write_json, write_npz
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
        prepare_films(params)


def prepare_films(params: Params) -> None:
    data = params.data
    if data.source == "table":
        listing = table_films(data)
    else:
        listing = Listing.of_files(folder_files(data.root, data.negative, data.positive))
    films = write_decoded(OUT / "images.npy", listing.files, data)
    listing = with_facts(listing, [film.facts for film in films])
    listing = with_depths(listing, [film.depth for film in films])
    listing, is_kept_N = with_views(listing, data.kept_views)
    keep_images(OUT / "images.npy", is_kept_N)
    films = [film for film, is_kept in zip(films, is_kept_N, strict=True) if is_kept]
    warnings = film_warnings(films)
    check_levels(warnings, [file.image for file in listing.files], data.few_levels)
    write_index(params, with_patients(listing, data.patient_pattern), [film.sha256 for film in films], warnings)
    write_annotations(OUT / "annotations", [])
    write_npz(OUT / "truth.npz", **truth_arrays({}, data))
    write_lungs([], np.zeros((0, data.height, data.width), bool))


def prepare_phantom(params: Params) -> None:
    data, phantom, seed = params.data, params.phantom, params.seed
    files = phantom_files(phantom)
    hashes, truth, lungs_NHW = write_phantoms(OUT / "images.npy", files, phantom, data, seed)
    write_index(params, Listing.of_files(files, [file.image for file in files]), hashes)
    write_npz(OUT / "truth.npz", **truth_arrays(truth, data))
    write_lungs([file.image for file in files], lungs_NHW)
    write_annotations(OUT / "annotations", phantom_annotations(files, truth, phantom, seed))


def write_lungs(images: list[str], lungs_NHW: np.ndarray) -> None:
    write_npz(OUT / "lungs.npz", images=np.array(images, str), lungs=lungs_NHW)


def write_index(
    params: Params, listing: Listing, hashes: list[str], warnings: dict[str, list[int]] | None = None
) -> None:
    """Writes index.csv, row i for row i of images.npy, and exclusions.json; prints what the study holds."""
    rng = stream(params.seed, "prepare", "validation")
    index = study_index(listing.files, listing.patients, hashes, params.data, rng, listing.columns)
    write_csv(OUT / "index.csv", index)
    counts, warnings = exclusion_counts(len(index), listing.excluded), warnings or {}
    write_json(OUT / "exclusions.json", {**counts, "warnings": warning_counts(warnings)})
    lines = [
        *exclusion_lines(counts),
        *index_lines(index, params.data),
        *warning_lines(warnings, index["image"].tolist()),
    ]
    print("\n".join(lines))


if __name__ == "__main__":
    run_stage(main)
