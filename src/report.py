"""Writes the study's report, one offline page, and the paper's tables.

Reads data/prepared, data/consensus.npz, data/annotations.npz, data/saliency, data/models (CSV), data/alignment.csv,
metrics/, plots/ and all of params.yaml, which the page prints. The files of EVIDENCE and BY_NETWORK may be missing: the
page says so. Writes plots/report.html, plots/tables/table1 to table4, each as .csv and .tex, and metrics/summary.json.
Run: python src/report.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from sightline.experts.agreement import random_masks
from sightline.inputs import ANNOTATIONS, CONSENSUS, INDEX, PREPARED, SALIENCY, prepared_pixels, read_maps
from sightline.maps import scaled_maps
from sightline.report import gallery, page, strip, summary, tables
from sightline.report.contents import Strip, Study, Tile, printed_tables, require_models, study_tables
from sightline.report.versions import PACKAGES, installed_versions
from sightline.statistics.streams import stream
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, read_json, read_npz, sha256_of, write_csv, write_json, write_text
from sightline.study.models import Entry, Network, primary_method, runs_of
from sightline.study.parameters import read_params

SCORES = Path("data/alignment.csv")
METRICS = ("consensus", "alignment", "intervals", "classification")
EVIDENCE = ("ladder", "verdict", "comparisons", "families", "reliability", "shortcut", "multiverse")
BY_NETWORK = ("consistency", "faithfulness", "regions")  # folders of metrics/ with one file per network
TABLES: dict[str, dict[str, type]] = {  # below plots/
    "threshold_sweep": {"model": str, "method": str, "threshold": float, "iou": float},
    "calibration": {"model": str, "probability": float, "share": float, "low": float, "high": float},
    "agreement": {"image": str, "annotations": int, "iou": float, "random_iou": float},
    "professions": {"profession": str, "annotators": int, "annotations": int, "pairs": int, "iou": float},
}
HISTORY: dict[str, type] = {"epoch": int, "train_loss": float, "val_loss": float}


@dataclass(frozen=True, kw_only=True)
class Report:
    title: str
    paper_numbers: bool
    """Print the paper's numbers beside ours."""
    gallery: int
    """Images in the gallery."""

    def __post_init__(self) -> None:
        if self.gallery < 0:
            raise ValueError(f"gallery: expected at least 0, got {self.gallery}")


@dataclass(frozen=True, kw_only=True)
class Params:
    """The parameters that shape the page, which also prints all others: dvc.yaml declares every section."""

    seed: int
    threshold: float
    report: Report
    models: dict[str, Entry]


def main() -> None:
    params = replace(given := read_params(Params), models=runs_of(given.models))
    networks = [model for model, entry in params.models.items() if isinstance(entry, Network)]
    require_files([*params.models], networks)
    metrics = {name: read_json(f"metrics/{name}.json") for name in METRICS}
    plots = {name: read_csv(f"plots/{name}.csv", columns) for name, columns in TABLES.items()}
    measured: dict[str, Any] = metrics | plots  # by the names of the fields of Study
    measured |= {name: read_json(path) for name in EVIDENCE if Path(path := f"metrics/{name}.json").is_file()}
    for kind in BY_NETWORK:
        measured[kind] = {k: read_json(path) for k in networks if Path(path := f"metrics/{kind}/{k}.json").is_file()}
    consensus = read_npz(CONSENSUS)
    require_models(params.models, metrics, is_scored=bool(consensus["consensus"].any()))
    tiles, first = films(params, consensus)
    study = Study(
        title=params.report.title, threshold=params.threshold, models=params.models, index_sha256=sha256_of(INDEX),
        params=YAML(typ="safe").load(Path("params.yaml")), is_compared=params.report.paper_numbers,
        paper=json.loads((Path(__file__).parent / "sightline/report/paper.json").read_text()), **measured,
        index=read_csv(INDEX, {"image": str, "split": str, "label": int, "patient": str}),
        histories={model: read_csv(f"data/models/{model}.history.csv", HISTORY) for model in networks},
        specifications=read_specifications("plots/multiverse.csv"), gallery=tiles, strip=first,
        random_pair=random_pair(params.seed), versions=installed_versions(PACKAGES),
    )  # fmt: skip
    for name, (header, rows, caption) in printed_tables(study, numbers := study_tables(study)).items():
        write_csv(f"plots/tables/{name}.csv", getattr(numbers, name))
        write_text(f"plots/tables/{name}.tex", tables.latex(header, rows, caption.split(". ", 1)[1], f"tab:{name}"))
    write_text("plots/report.html", page.report(study, numbers))
    write_json("metrics/summary.json", short := summary.numbers(params.models, measured))
    if "SIGHTLINE_QUIET" not in os.environ:  # `make repro` prints these lines below DVC's last words
        print(summary.ending(short))


def require_files(models: list[str], networks: list[str]) -> None:
    """StudyError that lists all missing inputs at once."""
    paths = [
        *map(str, (INDEX, PREPARED / "images.npy", CONSENSUS, ANNOTATIONS, SCORES)),
        *(f"plots/{name}.csv" for name in TABLES), *(f"metrics/{name}.json" for name in METRICS),
        *map(SALIENCY.format, models), *(f"data/models/{name}.history.csv" for name in networks),
    ]  # fmt: skip
    if missing := [path for path in paths if not Path(path).is_file()]:
        raise StudyError("the report lacks inputs; run the stages that write them (dvc repro)", missing)


def read_specifications(path: str) -> pd.DataFrame:
    """The specification curve; empty where its stage has not run or had nothing to rank."""
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()


def films(params: Params, consensus: Mapping[str, np.ndarray]) -> tuple[list[tuple[str, list[Tile]]], Strip]:
    """The gallery, of images spread over the scores, and the first screen's films, by each model's primary method."""
    scores = read_csv(SCORES, {"image": str, "model": str, "method": str, "iou": float})
    spread, few = gallery.spread_images(scores, params.report.gallery), strip.quartile_images(scores)
    if not (images := list(dict.fromkeys([*few, *spread]))):
        return [], strip.strip_of([])
    pixels, raw = prepared_pixels(images, PREPARED, SCORES), read_maps(params.models, images, SALIENCY)
    chosen = [(model, primary_method([method for name, method in raw if name == model])) for model in params.models]
    maps = {key: scaled_maps(raw[key], *pixels.shape[1:3]) for key in chosen}
    regions = dict(zip(consensus["images"].tolist(), consensus["consensus"], strict=True))
    tiles = dict(gallery.model_tiles(images, pixels, regions, maps, scores, params.threshold))
    by_image = [{model: own[n] for (model, _), own in maps.items()} for n in range(len(few))]
    first = strip.strip_of((image, pixels[n], regions[image], by_image[n]) for n, image in enumerate(few))
    return [(image, tiles[image]) for image in spread], first


def random_pair(seed: int) -> list[Tile]:
    """The annotation of median area and a random mask of that area on the same image; nothing without annotations."""
    stored = read_npz(ANNOTATIONS)
    if not len(stored["images"]):
        return []
    areas = stored["masks"].sum(axis=(1, 2))
    row = int(np.argsort(areas, kind="stable")[len(areas) // 2])
    chance = random_masks(stream(seed, "report", "random mask"), areas[[row]], *stored["masks"].shape[1:])[0]
    image, annotator, profession = (str(stored[name][row]) for name in ("images", "annotators", "professions"))
    pixels = prepared_pixels([image], PREPARED, ANNOTATIONS)[0]
    return gallery.pair_tiles(image, pixels, f"annotation by {annotator} ({profession})", stored["masks"][row], chance)


if __name__ == "__main__":
    run_stage(main)
