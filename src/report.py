"""Writes the study's report, one offline page, and the paper's tables.

Reads what all stages wrote: data/prepared, data/consensus.npz, data/annotations.npz, data/saliency, data/models (CSV),
data/alignment.csv, metrics/ and plots/; and the whole of params.yaml, to print it. What is in EVIDENCE and below
metrics/faithfulness may be missing: the page says so. Writes plots/report.html and plots/tables/table1.csv to
table4.csv and table1.tex to table4.tex.
Run: python src/report.py
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from sightline.experts.agreement import random_masks
from sightline.maps import scaled_maps
from sightline.report import page, tables
from sightline.report.contents import Study, Tile, printed_tables, study_tables
from sightline.report.gallery import data_uri, filled, spread_images, tile
from sightline.report.versions import installed_versions
from sightline.report.words import primary_method
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, read_npz, sha256_of, write_csv, written_whole
from sightline.study.models import Entry, Network
from sightline.study.parameters import SECTIONS, read_params

PAPER = Path(__file__).parent / "sightline/report/paper.json"
METRICS = ("consensus", "alignment", "intervals", "classification")
EVIDENCE = ("ladder", "comparisons", "reliability", "shortcut", "multiverse")
PACKAGES = (  # that results hang on
    "sightline",
    "numpy",
    "pandas",
    "scipy",
    "pillow",
    "matplotlib",
    "torch",
    "torchvision",
    "safetensors",
    "dvc",
)
RANDOM_PAIR = 1  # tag of this stage's generator


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
    """What shapes the page. Every other section is printed on it, too: dvc.yaml declares them all."""

    seed: int
    threshold: float
    report: Report
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    require_files(params.models)
    metrics = {name: read_json(f"metrics/{name}.json") for name in METRICS}
    consensus = read_npz("data/consensus.npz")
    scored = consensus["images"][consensus["consensus"].any(axis=(1, 2))]
    require_models(params.models, metrics, bool(len(scored)))
    # Other sections than ours are not typed here: they are printed as they stand, without comments.
    listing = YAML(typ="safe").load(Path("params.yaml"))
    index = read_csv("data/prepared/index.csv", {"image": str, "split": str, "label": int, "patient": str})
    networks = [model for model, entry in params.models.items() if isinstance(entry, Network)]
    history = {"epoch": int, "train_loss": float, "val_loss": float}
    study = Study(
        title=params.report.title,
        threshold=params.threshold,
        models=params.models,
        params=listing,
        params_text=as_yaml({name: listing[name] for name in SECTIONS if name in listing}),
        paper=json.loads(PAPER.read_text()),
        is_compared=params.report.paper_numbers,
        index=index,
        index_sha256=sha256_of("data/prepared/index.csv"),
        **metrics,
        **{name: read_json(path) for name in EVIDENCE if Path(path := f"metrics/{name}.json").is_file()},
        specifications=read_specifications("plots/multiverse.csv"),
        faithfulness={
            model: read_json(path) for model in networks if Path(path := f"metrics/faithfulness/{model}.json").is_file()
        },
        sweep=read_csv("plots/threshold_sweep.csv", {"model": str, "method": str, "threshold": float, "iou": float}),
        agreement=read_csv(
            "plots/agreement.csv", {"image": str, "annotations": int, "iou": float, "random_iou": float}
        ),
        professions=read_csv(
            "plots/professions.csv",
            {"profession": str, "annotators": int, "annotations": int, "pairs": int, "iou": float},
        ),
        histories={model: read_csv(f"data/models/{model}.history.csv", history) for model in networks},
        gallery=gallery(params, index, consensus),
        random_pair=random_pair(params, index),
        versions=installed_versions(PACKAGES),
    )
    numbers = study_tables(study)
    for name, (header, rows, caption) in printed_tables(study, numbers).items():
        write_csv(f"plots/tables/{name}.csv", getattr(numbers, name))
        write_text(f"plots/tables/{name}.tex", tables.latex(header, rows, caption.split(". ", 1)[1], f"tab:{name}"))
    write_text("plots/report.html", page.report(study, numbers))


def require_files(models: Mapping[str, Entry]) -> None:
    """All inputs that are missing, at once."""
    networks = [model for model, entry in models.items() if isinstance(entry, Network)]
    paths = [
        "data/prepared/index.csv", "data/prepared/images.npy", "data/consensus.npz", "data/annotations.npz",
        "data/alignment.csv", "plots/threshold_sweep.csv", "plots/agreement.csv", "plots/professions.csv",
        *(f"metrics/{name}.json" for name in METRICS), *(f"data/saliency/{model}.npz" for model in models),
        *(f"data/models/{model}.history.csv" for model in networks),
    ]  # fmt: skip
    missing = [path for path in paths if not Path(path).is_file()]
    if missing:
        raise StudyError("the report lacks inputs; run the stages that write them (dvc repro)", missing)


def require_models(models: Mapping[str, Entry], metrics: Mapping[str, Any], is_scored: bool) -> None:
    """Every network is in the classification metrics; every model in the alignment, if any image could be scored."""
    cases = [
        f"metrics/classification.json: {model}: missing"
        for model, entry in models.items()
        if isinstance(entry, Network) and model not in metrics["classification"]
    ]
    cases += [
        f"metrics/alignment.json: {model}: missing"
        for model in models
        if is_scored and model not in metrics["alignment"]
    ]
    if cases:
        raise StudyError("metrics do not cover the models of params.yaml; run dvc repro", cases)


def read_json(path: str) -> dict[str, Any]:
    """The object in a JSON file; anything else is a StudyError."""
    try:
        values = json.loads(Path(path).read_text())
    except ValueError as error:
        raise StudyError(f"{path}: not readable as JSON ({error}); run the stage that writes it") from None
    if not isinstance(values, dict):
        raise StudyError(f"{path}: expected an object of names, got {type(values).__name__}")
    return values


def read_specifications(path: str) -> pd.DataFrame:
    """The specification curve; empty where its stage has not run or had nothing to rank."""
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()


def gallery(params: Params, index: pd.DataFrame, consensus: Mapping[str, np.ndarray]) -> list[tuple[str, list[Tile]]]:
    """The chosen images, each with its X-ray, its consensus and every model's map with its IoU."""
    scores = read_csv("data/alignment.csv", {"image": str, "model": str, "method": str, "iou": float})
    images = spread_images(scores, params.report.gallery)
    if not images:
        return []
    pictures = prepared_images(index, images, "data/alignment.csv")
    iou = scores.set_index(["image", "model", "method"])["iou"].to_dict()
    regions = {str(name): mask for name, mask in zip(consensus["images"], consensus["consensus"], strict=True)}
    absent = [f"data/consensus.npz: {image}" for image in images if image not in regions]
    chosen: dict[str, tuple[str, np.ndarray]] = {}
    for model in params.models:
        stored = read_npz(f"data/saliency/{model}.npz")
        row_of = {str(name): row for row, name in enumerate(stored.pop("images"))}
        method = primary_method(list(stored))
        absent += [f"data/saliency/{model}.npz: {image}" for image in images if image not in row_of]
        absent += [
            f"data/alignment.csv: {image}, {model}, {method}" for image in images if (image, model, method) not in iou
        ]
        chosen[model] = method, stored[method][[row_of[image] for image in images if image in row_of]]
    if absent:
        raise StudyError("images were scored that other files lack; run dvc repro", absent)
    tiles = {
        image: [(data_uri(tile(pictures[image])), f"X-ray {image}", "X-ray"),
                (data_uri(tile(pictures[image], regions[image])), f"consensus on {image}", "consensus")]
        for image in images
    }  # fmt: skip
    height, width = pictures[images[0]].shape[:2]
    for model, (method, raw) in chosen.items():
        words = tables.method_words(method)
        for image, map_HW in zip(images, scaled_maps(raw, height, width), strict=True):
            overlay = tile(pictures[image], regions[image], map_HW, params.threshold)
            value = iou[image, model, method]
            alt = f"{words} of {model} on {image}, IoU {value:.2f}"
            tiles[image].append((data_uri(overlay), alt, f"{model}\n{words}, IoU {value:.2f}"))
    return list(tiles.items())


def random_pair(params: Params, index: pd.DataFrame) -> list[Tile]:
    """The annotation of median area and a random mask of that area on the same image; nothing without annotations."""
    stored = read_npz("data/annotations.npz")
    if not len(stored["images"]):
        return []
    areas = stored["masks"].sum(axis=(1, 2))
    row = int(np.argsort(areas, kind="stable")[len(areas) // 2])
    image = str(stored["images"][row])
    picture = prepared_images(index, [image], "data/annotations.npz")[image]
    rng = np.random.default_rng([params.seed, RANDOM_PAIR])
    chance = random_masks(rng, areas[row : row + 1], *stored["masks"].shape[1:])[0]
    annotator = f"annotation by {stored['annotators'][row]} ({stored['professions'][row]})"
    return [
        (data_uri(filled(picture, stored["masks"][row])), f"{annotator} of {image}", annotator),
        (data_uri(filled(picture, chance)), f"random mask on {image}", "random mask of the same area"),
    ]


def prepared_images(index: pd.DataFrame, images: Sequence[str], source: str) -> dict[str, np.ndarray]:
    """Pixels by image name; an image of `source` that the index lacks is a StudyError."""
    row_of = {image: row for row, image in enumerate(index["image"])}
    unknown = [f"{source}: {image}" for image in images if image not in row_of]
    if unknown:
        raise StudyError("data/prepared/index.csv lacks images that were scored; run dvc repro", unknown)
    pixels = np.load("data/prepared/images.npy", mmap_mode="r", allow_pickle=False)
    return {image: np.asarray(pixels[row_of[image]]) for image in images}


def as_yaml(values: dict[str, Any]) -> str:
    """`values` as YAML, one line each."""
    text = io.StringIO()
    writer = YAML(typ="safe")
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(values, text)
    return text.getvalue()


def write_text(path: str, text: str) -> None:
    """Writes UTF-8 text, whole or not at all."""
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run_stage(main)
