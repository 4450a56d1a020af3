"""Is accuracy related to alignment? Between architectures, and within them over seeds.

Reads metrics/classification.json and metrics/verdict.json; writes metrics/population.json, empty unless at least five
architectures have both an accuracy and a contrast.
Run: python src/population.py
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sightline.statistics.clustered_correlation import (
    LEAST_CLUSTERS,
    clustered_correlation,
    clusters_needed,
    power,
)
from sightline.statistics.settings import Bootstrap
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import read_json, write_json
from sightline.study.models import Entry, Network, classifying, entries_of_runs, primary_method, runs_of
from sightline.study.parameters import read_params

MEASURES = ("accuracy", "auroc")
DRAWS = 9_999  # permutations where there are too many to count all
RELATION = 0.5  # the rank correlation that the power is stated for
COLUMNS = ["run", "family", "architecture", *MEASURES, "contrast", "verdict"]


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    bootstrap: Bootstrap
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    verdicts = read_json("metrics/verdict.json")
    points = measured(params.models, read_json("metrics/classification.json"), verdicts)
    architectures = len({point["architecture"] for point in points})
    if architectures < LEAST_CLUSTERS:
        write_json("metrics/population.json", {})
        print(f"architectures with accuracy and contrast: {architectures}; fewer than {LEAST_CLUSTERS} say nothing")
        return
    level = params.bootstrap.level
    relations = {}
    for measure in MEASURES:
        rng = stream(params.seed, "population", "resamples and orders", measure)
        names = (measure, "contrast", "architecture", "family")
        x_R, y_R, cluster_R, family_R = (np.array([point[name] for point in points]) for name in names)
        resamples = params.bootstrap.resamples
        found = clustered_correlation(x_R, y_R, cluster_R, family_R, level, resamples, DRAWS, rng)
        relations[measure] = asdict(found)
        print(f"{measure} and contrast, between architectures: {found.between.rho:.2f}, p {found.between.p:.2g}")
    results = {
        "points": points,
        "families": summarised(points, verdicts),
        "relations": relations,
        "power": {
            "rho": RELATION, "power": power(RELATION, architectures, level),
            "needed": clusters_needed(RELATION, level=level),
        },
        "level": level,
        "primary": verdicts["primary"],
    }  # fmt: skip
    write_json("metrics/population.json", results)


def measured(
    models: dict[str, Entry], classification: dict[str, Any], verdicts: dict[str, Any]
) -> list[dict[str, Any]]:
    """COLUMNS by name, an entry for each run that has an accuracy and, by its primary method, a contrast.

    `architecture`: that of a network, whatever its init and head; a classifier trained elsewhere is its own.
    """
    runs, families = runs_of(models), entries_of_runs(models)
    rows = []
    for run in classifying(runs):
        metrics, judged = classification.get(run), verdicts.get("models", {}).get(run)
        if not metrics or not judged:
            continue
        own, entry = judged[primary_method(list(judged))], runs[run]
        values = [metrics[measure]["value"] for measure in MEASURES]
        values.append(own["contrast"][verdicts["primary"]]["value"])
        architecture = entry.arch if isinstance(entry, Network) else run
        if None not in values:
            rows.append((run, families.get(run, run), architecture, *values, own["verdict"]))
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def summarised(points: list[dict[str, Any]], verdicts: dict[str, Any]) -> list[dict[str, Any]]:
    """For each family its runs, mean and SD of each measure over them, and the verdict on them together.

    The contrast's interval is the verdict's: of all runs together, over patients and trainings.
    """
    rows = []
    for family in dict.fromkeys(point["family"] for point in points):
        own = [point for point in points if point["family"] == family]
        judged = verdicts["families"].get(family)
        if judged is None:  # one run
            methods = verdicts["models"][own[0]["run"]]
            judged = methods[primary_method(list(methods))]
        contrast = judged["contrast"][verdicts["primary"]]
        row = {"family": family, "architecture": own[0]["architecture"], "runs": [point["run"] for point in own]}
        row |= {name: mean_and_sd([point[name] for point in own]) for name in (*MEASURES, "contrast")}
        row["contrast"] |= {"low": contrast["low"], "high": contrast["high"]}
        rows.append(
            {**row, "ceiling": judged["ceiling"]["value"], "grid": judged["grid"], "verdict": judged["verdict"]}
        )
    return rows


def mean_and_sd(values: list[float]) -> dict[str, float]:
    """`value` and `sd`, NaN of one value."""
    return {"value": float(np.mean(values)), "sd": float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")}


if __name__ == "__main__":
    run_stage(main)
