"""Networks with several seeds: each metric's mean over the trainings, and how far these lie apart.

Reads data/models/<key>.predictions.csv, data/alignment.csv, data/ladder.csv and data/prepared/index.csv; writes
metrics/families.json, empty where no entry of `models` has several seeds.
Run: python src/families.py
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sightline.alignment.settings import Ladder
from sightline.columns import Columns, read_columns
from sightline.inputs import INDEX, PREDICTIONS, SplitFilms, read_patients, read_probabilities, read_test_images
from sightline.statistics.classification import METRICS, six_metrics
from sightline.statistics.families import family_summary, score_family
from sightline.statistics.resampling import resample_patient_counts
from sightline.statistics.settings import Bootstrap
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import write_json
from sightline.study.models import Entry, families_of
from sightline.study.parameters import read_params

ALIGNMENT, LADDER = Path("data/alignment.csv"), Path("data/ladder.csv")
SHARE = (0.0, 1.0)  # the range of a metric but of these
RANGES = {"nss": (-np.inf, np.inf), "cc": (-1.0, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    bootstrap: Bootstrap
    ladder: Ladder
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    families = families_of(params.models)
    results: dict[str, Any] = {}
    if families:
        test = read_test_images(INDEX)
        counts_BN = resample_patient_counts(
            test.patients_N, params.bootstrap.resamples, stream(params.seed, "families", "by patient")
        )
        alignment = read_columns(
            ALIGNMENT, {"image": str, "model": str, "method": str, "iou": float, "pointing": float}
        )
        ladder = ladder_scores(params.ladder.primary)
        for key, runs in families.items():
            results[key] = {
                "runs": runs,
                "classification": classification(runs, test, counts_BN, params.bootstrap.level),
                "alignment": image_scores(alignment, runs, ALIGNMENT, ["iou", "pointing"], params.bootstrap.level),
                "ladder": image_scores(ladder, runs, LADDER, [params.ladder.primary], params.ladder.level),
            }
    write_json("metrics/families.json", results)
    print("; ".join(f"{key}: {len(runs)} seeds" for key, runs in families.items()) or "no model has several seeds")


def classification(runs: list[str], test: SplitFilms, counts_BN: np.ndarray, level: float) -> dict[str, Any]:
    """`<metric>`: its family; the variance over images is that of the seeds' mean under resamples of patients."""
    label_N = test.labels_N
    weights_BN = np.concatenate([np.ones((1, len(label_N)), dtype=int), counts_BN])
    probabilities = read_probabilities(runs, test, PREDICTIONS)
    value_SB6 = np.stack([six_metrics(weights_BN, label_N, probability_N) for probability_N in probabilities.values()])
    degrees = max(len(np.unique(test.patients_N)) - 1, 1)
    results = {}
    for column, metric in enumerate(METRICS):
        mean_B = value_SB6[:, 1:, column].mean(axis=0)
        mean_B = mean_B[~np.isnan(mean_B)]
        variance = float(mean_B.var(ddof=1)) if len(mean_B) > 1 else 0.0
        results[metric] = asdict(family_summary(value_SB6[:, 0, column], level, variance, degrees, SHARE))
    return results


def ladder_scores(primary: str) -> Columns:
    """image, model, method and the primary metric of the models' maps, from data/ladder.csv."""
    table = read_columns(LADDER, {"image": str, "candidate": str, "kind": str, primary: float})
    is_model = table.pop("kind") == "model"
    scored = {name: column[is_model] for name, column in table.items()}
    names = [name.rpartition(".") for name in scored.pop("candidate").tolist()]
    models, methods = np.array([name[0] for name in names], str), np.array([name[2] for name in names], str)
    return {**scored, "model": models, "method": methods}


def image_scores(
    table: Columns, runs: list[str], source: Path, metrics: list[str], level: float
) -> dict[str, dict[str, Any]]:
    """`<method>.<metric>`: its family, of the methods that all seeds have."""
    is_own = np.isin(table["model"], runs)
    results: dict[str, dict[str, Any]] = {}
    for method in sorted(set(table["method"][is_own].tolist())):
        rows = np.flatnonzero(is_own & (table["method"] == method))
        images, image_n = np.unique(table["image"][rows], return_inverse=True)
        run_n = [runs.index(model) for model in table["model"][rows].tolist()]
        patients_M = np.array(read_patients(images.tolist(), INDEX, source))
        for metric in metrics:
            score_SM = np.full((len(runs), len(images)), np.nan)
            score_SM[run_n, image_n] = table[metric][rows]
            results.setdefault(method, {})[metric] = asdict(
                score_family(score_SM, patients_M, level, RANGES.get(metric, SHARE))
            )
    return results


if __name__ == "__main__":
    run_stage(main)
