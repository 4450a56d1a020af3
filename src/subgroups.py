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
import pandas as pd

from sightline.inputs import INDEX, PREDICTIONS, Split, read_probabilities, read_split
from sightline.statistics.blocks import Weigh
from sightline.statistics.settings import Bootstrap
from sightline.statistics.streams import stream
from sightline.statistics.subgroups import classified, contrasted, counts, levels_of
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import csv_columns, read_csv, read_json, write_json
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


class Measured(NamedTuple):
    """What the study measured of its films."""

    films: dict[Split, pd.DataFrame]  # by part: label and patient, by image
    probabilities: dict[Split, dict[str, np.ndarray]]  # by part and network, in the order of `films`
    contrasts: pd.DataFrame  # as `primary_contrasts` returns them
    weigh: Weigh


def main() -> None:
    params = read_params(Params)
    columns = chosen_columns(params.subgroups.columns.split(), csv_columns(INDEX))
    if not columns:
        write_json("metrics/subgroups.json", {})
        print("no column of data/prepared/index.csv makes subgroups")
        return
    index = read_csv(INDEX, {"image": str, "split": str, **dict.fromkeys(columns, str)})
    index = index[index["split"].isin(PARTS)].set_index("image")
    runs = runs_of(params.models)
    networks = classifying(runs)
    films = {part: rows for part in PARTS if len(rows := read_split(INDEX, part)) or part == "test"}
    probabilities = {part: read_probabilities(networks, rows, PREDICTIONS, part) for part, rows in films.items()}
    verdict = read_json(VERDICT)
    measured = Measured(films, probabilities, primary_contrasts(list(runs), verdict), verdict.get("weigh", "patients"))
    results: dict[str, Any] = {"least": params.subgroups.least, "level": params.bootstrap.level, "columns": {}}
    results |= {"primary": verdict["primary"]} if verdict else {}
    for column in columns:
        level_N, levels = levels_of(column, index[column].tolist())
        level_of = pd.Series(level_N, index=index.index)
        results["columns"][column] = [
            {"level": level, **of_level(params, column, level, level_of[level_of == level].index, measured)}
            for level in levels
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


def primary_contrasts(models: list[str], verdict: dict[str, Any]) -> pd.DataFrame:
    """Each scored image's contrast by the verdict's score, a column for each model, beside its `patient`."""
    rows = read_csv(CONTRASTS, {"image": str, "patient": str, "candidate": str, "score": str, "d": float})
    methods = {model: list(verdict["models"][model]) for model in models if verdict.get("models", {}).get(model)}
    names = {f"{model}.{primary_method(own)}": model for model, own in methods.items()}
    rows = rows[(rows["score"] == verdict.get("primary")) & rows["candidate"].isin(list(names))]
    wide = rows.assign(model=rows["candidate"].map(names)).pivot(
        index=["image", "patient"], columns="model", values="d"
    )
    return wide.reset_index("patient")


def of_level(params: Params, column: str, level: str, images: pd.Index, measured: Measured) -> dict[str, Any]:
    """`test`, `external` and `scored` of the level's images: counts, and `models` where there are enough films."""
    least, resamples, coverage = params.subgroups.least, params.bootstrap.resamples, params.bootstrap.level
    results: dict[str, Any] = {}
    for part, rows in measured.films.items():
        is_own_N = rows.index.isin(images)
        label_n, patients_n = rows["label"].to_numpy()[is_own_N], rows["patient"].to_numpy()[is_own_N]
        results[part] = counts(label_n, patients_n)
        if len(label_n) >= least:
            results[part]["models"] = {
                key: classified(label_n, probability_N[is_own_N], patients_n, resamples, coverage,
                                stream(params.seed, "subgroups", "films", column, level, part))
                for key, probability_N in measured.probabilities[part].items()
            }  # fmt: skip
    own = measured.contrasts[measured.contrasts.index.isin(images)]
    results["scored"] = {"images": len(own), "patients": own["patient"].nunique()}
    if len(own) >= least:
        results["scored"]["models"] = {
            key: contrasted(own[key].to_numpy(), own["patient"].to_numpy(), measured.weigh, resamples, coverage,
                            stream(params.seed, "subgroups", "contrast", column, level))
            for key in own.columns.drop("patient")
        }  # fmt: skip
    return results


if __name__ == "__main__":
    run_stage(main)
