"""Results by view, sex, band of age, site and whatever else params.yaml names: counts, values and intervals, no tests.

Reads data/prepared/index.csv, data/models/<key>.predictions.csv of the networks, data/verdict.csv and
metrics/verdict.json; writes metrics/subgroups.json, empty where the index has no such column.
Run: python src/subgroups.py
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sightline.columns import read_columns, wide
from sightline.inputs import INDEX, PREDICTIONS, Split, SplitFilms, read_probabilities, read_split
from sightline.statistics.blocks import Weigh
from sightline.statistics.settings import Bootstrap
from sightline.statistics.streams import stream
from sightline.statistics.subgroups import classified, contrasted, counts, levels_of
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import csv_columns, read_json, write_json
from sightline.study.models import Entry, classifying, primary_method, runs_of
from sightline.study.parameters import read_params

CONTRASTS, VERDICT = Path("data/verdict.csv"), Path("metrics/verdict.json")
USUAL = ("view", "sex", "age", "site")  # that a study may lack
PARTS: tuple[Split, ...] = ("test", "external")


@dataclass(frozen=True, kw_only=True)
class Subgroups:
    columns: str
    """Columns of the index, separated by blanks."""
    least: int
    """Films below which a level is counted and not estimated."""

    def __post_init__(self) -> None:
        if self.least < 2:
            raise ValueError(f"least: expected at least 2, got {self.least}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    bootstrap: Bootstrap
    subgroups: Subgroups
    models: dict[str, Entry]


class Contrasts(NamedTuple):
    """Each scored image's contrast by the verdict's score; float M by model, NaN where a model has none."""

    images: list[str]
    patients: list[str]
    by_model: dict[str, np.ndarray]


class Measured(NamedTuple):
    """What the study measured of its films."""

    films: dict[Split, SplitFilms]  # by part
    probabilities: dict[Split, dict[str, np.ndarray]]  # by part and network, in the order of `films`
    contrasts: Contrasts
    weigh: Weigh


def main() -> None:
    params = read_params(Params)
    if not (columns := chosen_columns(params.subgroups.columns.split(), csv_columns(INDEX))):
        write_json("metrics/subgroups.json", {})
        print("no column of data/prepared/index.csv makes subgroups")
        return
    index = read_columns(INDEX, {"image": str, "split": str, **dict.fromkeys(columns, str)})
    is_part = np.isin(index["split"], PARTS)
    runs = runs_of(params.models)
    networks = classifying(runs)
    films = {part: rows for part in PARTS if (rows := read_split(INDEX, part)).images or part == "test"}
    probabilities = {part: read_probabilities(networks, rows, PREDICTIONS, part) for part, rows in films.items()}
    verdict = read_json(VERDICT)
    measured = Measured(films, probabilities, primary_contrasts(list(runs), verdict), verdict.get("weigh", "patients"))
    results: dict[str, Any] = {"least": params.subgroups.least, "level": params.bootstrap.level, "columns": {}}
    results |= {"primary": verdict["primary"]} if verdict else {}
    for column in columns:
        level_N, levels = levels_of(column, index[column][is_part].tolist())
        images_of = {level: {*index["image"][is_part][np.array(level_N) == level].tolist()} for level in levels}
        results["columns"][column] = [
            {"level": level, **of_level(params, column, level, images_of[level], measured)} for level in levels
        ]
    write_json("metrics/subgroups.json", results)
    print("; ".join(f"{column}: {len(levels)} levels" for column, levels in results["columns"].items()))


def chosen_columns(named: list[str], present: list[str]) -> list[str]:
    """Those of the columns that the index has; StudyError for one that it lacks and that is not a usual one."""
    own = [name for name in present if name not in ("image", "split", "label", "patient", "source", "sha256")]
    unknown = []
    for name in named:
        if name not in own and name not in USUAL:
            close = difflib.get_close_matches(name, own, n=1)
            unknown.append(f"{name}{f'; did you mean {close[0]}?' if close else ''}")
    if unknown:
        raise StudyError(f"subgroups.columns: {INDEX} lacks these; it has {', '.join(own) or 'no others'}", unknown)
    return [name for name in dict.fromkeys(named) if name in own]


def primary_contrasts(models: list[str], verdict: dict[str, Any]) -> Contrasts:
    """The contrast of each model's map by its primary method, of the images in data/verdict.csv, by name."""
    table = read_columns(CONTRASTS, {"image": str, "patient": str, "candidate": str, "score": str, "d": float})
    methods = {model: list(verdict["models"][model]) for model in models if verdict.get("models", {}).get(model)}
    names = {f"{model}.{primary_method(own)}": model for model, own in methods.items()}
    is_own = (table["score"] == verdict.get("primary", "")) & np.isin(table["candidate"], list(names))
    own = {name: column[is_own] for name, column in table.items()}
    patient_of = dict(sorted(zip(own["image"].tolist(), own["patient"].tolist(), strict=True)))
    by_candidate = wide(own, "candidate", "d", list(patient_of))
    by_model = {model: by_candidate[candidate] for candidate, model in names.items() if candidate in by_candidate}
    return Contrasts(list(patient_of), list(patient_of.values()), by_model)


def of_level(params: Params, column: str, level: str, images: set[str], measured: Measured) -> dict[str, Any]:
    """`test`, `external` and `scored` of the level's images: counts, and `models` where there are enough films."""
    least, resamples, coverage = params.subgroups.least, params.bootstrap.resamples, params.bootstrap.level
    results: dict[str, Any] = {}
    for part, films in measured.films.items():
        is_own_N = np.array([image in images for image in films.images], bool)
        label_n, patients_n = films.labels_N[is_own_N], films.patients_N[is_own_N]
        results[part] = counts(label_n, patients_n)
        if len(label_n) >= least:
            results[part]["models"] = {
                key: classified(label_n, probability_N[is_own_N], patients_n, resamples, coverage,
                                stream(params.seed, "subgroups", "films", column, level, part))
                for key, probability_N in measured.probabilities[part].items()
            }  # fmt: skip
    scored = measured.contrasts
    is_own_M = np.array([image in images for image in scored.images], bool)
    patients_m = np.array(scored.patients, str)[is_own_M]
    results["scored"] = {"images": int(is_own_M.sum()), "patients": len(np.unique(patients_m))}
    if len(patients_m) >= least:
        results["scored"]["models"] = {
            key: contrasted(contrast_M[is_own_M], patients_m, measured.weigh, resamples, coverage,
                            stream(params.seed, "subgroups", "contrast", column, level))
            for key, contrast_M in scored.by_model.items()
        }  # fmt: skip
    return results


if __name__ == "__main__":
    run_stage(main)
