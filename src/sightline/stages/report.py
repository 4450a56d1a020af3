"""Writes the study's report, one offline page, and the paper's tables.

Reads data/prepared, data/consensus.npz, data/annotations.npz, data/lungs.npz, data/saliency, data/models (CSV, JSON),
data/alignment.csv, data/verdict.csv, metrics/, plots/ and all of params.yaml, which the page prints. The files of
EVIDENCE and BY_NETWORK may be missing: the page says so. Writes plots/report.html, plots/report/films.csv, with it the
films that the page has no room for, plots/cards, plots/tables/table1 to table4 (.csv, .tex) and metrics/summary.json.
Run: python src/report.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from sightline import inputs
from sightline.experts.agreement import random_masks
from sightline.maps import scaled_maps
from sightline.report import cards, films, made, page, summary, tables
from sightline.report.contents import EVIDENCE, Study, printed_tables, require_models, study_tables
from sightline.report.viewer import films_frame, write_beside
from sightline.statistics.streams import stream
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, read_json, read_npz, sha256_of, write_csv, write_json, write_text
from sightline.study.models import Entry, classifying, runs_of, trained_here
from sightline.study.parameters import read_params
from sightline.study.versions import installed_versions

SCORES, CONTRASTS, BESIDE = map(Path, ("data/alignment.csv", "data/verdict.csv", "plots/report"))
PAPER = Path(__file__).parents[1] / "report/paper.json"
METRICS = ("consensus", "alignment", "intervals", "classification")
BY_NETWORK = ("consistency", "faithfulness", "regions", "models")  # folders of metrics/, one file per classifier
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
    paper_numbers: bool  # print the paper's numbers beside ours
    films: int
    """Films in the viewer; those with a consensus region are all in it."""

    def __post_init__(self) -> None:
        if self.films < 0:
            raise ValueError(f"films: expected at least 0, got {self.films}")


@dataclass(frozen=True, kw_only=True)
class Params:
    """The parameters that shape the page, which also prints all others: dvc.yaml declares every section."""

    seed: int
    threshold: float
    report: Report
    models: dict[str, Entry]


def main() -> None:
    params = replace(given := read_params(Params), models=runs_of(given.models))
    require_files(params.models, networks := classifying(params.models))
    metrics = {name: read_json(f"metrics/{name}.json") for name in METRICS}
    plots = {name: read_csv(f"plots/{name}.csv", columns) for name, columns in TABLES.items()}
    measured: dict[str, Any] = metrics | plots  # by the names of the fields of Study
    measured |= {name: read_json(path) for name in EVIDENCE if Path(path := f"metrics/{name}.json").is_file()}
    measured["exclusions"] = read_json(left_out) if (left_out := inputs.PREPARED / "exclusions.json").is_file() else {}
    for kind in BY_NETWORK:
        measured[kind] = {k: read_json(p) for k in networks if Path(p := f"metrics/{kind}/{k}.json").is_file()}
    measured["checks"] = measured.pop("models")  # of classifiers trained elsewhere
    measured["made"] = {k: read_json(p) for k in networks if Path(p := inputs.MADE.format(k)).is_file()}
    consensus = read_npz(inputs.CONSENSUS)
    require_models(params.models, metrics, is_scored=bool(consensus["consensus"].any()))
    values = YAML(typ="safe").load(Path("params.yaml"))
    known = {"consensus": consensus, "data": values["data"], "primary": measured.get("verdict", {}).get("primary", "")}
    sources = film_sources(params, networks, measured, **known)
    shown = films.pictures(sources, params.report.films)
    rng = stream(params.seed, "report", "random mask")
    study = Study(
        title=params.report.title, threshold=params.threshold, models=params.models, params=values, **measured,
        paper=json.loads(PAPER.read_text()), is_compared=params.report.paper_numbers,
        index=read_csv(inputs.INDEX, {"image": str, "split": str, "label": int, "patient": str}),
        index_sha256=sha256_of(inputs.INDEX), specifications=read_specifications("plots/multiverse.csv"),
        histories={key: read_csv(f"data/models/{key}.history.csv", HISTORY) for key in trained_here(params.models)},
        gallery=shown.gallery, strip=shown.strip, films=shown.viewer, versions=installed_versions(made.PACKAGES),
        random_pair=films.random_pair(sources, lambda area, *grid: random_masks(rng, np.array([area]), *grid)[0]),
    )  # fmt: skip
    numbers = study_tables(study)
    for name, (header, rows, caption) in printed_tables(study, numbers).items():
        write_csv(f"plots/tables/{name}.csv", getattr(numbers, name))
        write_text(f"plots/tables/{name}.tex", tables.latex(header, rows, caption.split(". ", 1)[1], f"tab:{name}"))
    write_csv(BESIDE / "films.csv", films_frame(study.films))
    write_beside(BESIDE, study.films)
    write_text("plots/report.html", page.report(study, numbers))
    for name, text in cards.cards(study, numbers).items():
        write_text(f"plots/cards/{name}.md", text)
    write_json("metrics/summary.json", short := summary.numbers(params.models, measured))
    if "SIGHTLINE_QUIET" not in os.environ:  # `make repro` prints these lines below DVC's last words
        print(summary.ending(short))


def require_files(models: Mapping[str, Entry], networks: list[str]) -> None:
    """StudyError that lists all missing inputs at once."""
    paths = [
        *map(str, (inputs.INDEX, inputs.PREPARED / "images.npy", inputs.CONSENSUS, inputs.ANNOTATIONS, inputs.LUNGS)),
        *map(str, (SCORES, CONTRASTS)), *(f"plots/{name}.csv" for name in TABLES),
        *(f"metrics/{name}.json" for name in METRICS), *map(inputs.PREDICTIONS.format, networks),
        *map(inputs.SALIENCY.format, models), *(f"data/models/{name}.history.csv" for name in trained_here(models)),
    ]  # fmt: skip
    if missing := [path for path in paths if not Path(path).is_file()]:
        raise StudyError("the report lacks inputs; run the stages that write them (dvc repro)", missing)


def read_specifications(path: str) -> pd.DataFrame:
    """The specification curve; empty where its stage has not run or had nothing to rank."""
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()


def film_sources(params: Params, networks: list[str], measured: dict[str, Any], **known: Any) -> films.Sources:
    """What the stages wrote of the films; `known` is read already."""
    test, (height, width) = inputs.read_test_images(inputs.INDEX), inputs.prepared_grid(inputs.PREPARED)
    return films.Sources(
        annotations=read_npz(inputs.ANNOTATIONS), lungs=read_npz(inputs.LUNGS), threshold=params.threshold, **known,
        maps={model: read_npz(inputs.SALIENCY.format(model)) for model in params.models},
        scaled=partial(scaled_maps, height=height, width=width),
        pixels=partial(inputs.prepared_pixels, folder=inputs.PREPARED, source=inputs.INDEX),
        test=pd.DataFrame({"label": test.labels_N}, test.images), agreement=measured["agreement"],
        probabilities=inputs.read_probabilities(networks, test, inputs.PREDICTIONS),
        alignment=read_csv(SCORES, {"image": str, "model": str, "method": str, "iou": float}),
        contrasts=read_csv(CONTRASTS, {"image": str, "candidate": str, "score": str, "own": float, "d": float}),
    )  # fmt: skip


if __name__ == "__main__":
    run_stage(main)
