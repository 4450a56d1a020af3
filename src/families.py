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
import pandas as pd

from sightline.alignment.settings import Ladder
from sightline.inputs import INDEX, PREDICTIONS, read_patients, read_probabilities, read_test_images
from sightline.statistics.classification import METRICS, six_metrics
from sightline.statistics.families import family_summary, score_family
from sightline.statistics.resampling import resample_patient_counts
from sightline.statistics.settings import Bootstrap
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import read_csv, write_json
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
            test["patient"].to_numpy(), params.bootstrap.resamples, stream(params.seed, "families", "by patient")
        )
        alignment = read_csv(ALIGNMENT, {"image": str, "model": str, "method": str, "iou": float, "pointing": float})
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


def classification(runs: list[str], test: pd.DataFrame, counts_BN: np.ndarray, level: float) -> dict[str, Any]:
    """`<metric>`: its family; the variance over images is that of the seeds' mean under resamples of patients."""
    label_N = test["label"].to_numpy()
    weights_BN = np.concatenate([np.ones((1, len(test)), dtype=int), counts_BN])
    probabilities = read_probabilities(runs, test, PREDICTIONS)
    value_SB6 = np.stack([six_metrics(weights_BN, label_N, probability_N) for probability_N in probabilities.values()])
    degrees = max(test["patient"].nunique() - 1, 1)
    results = {}
    for column, metric in enumerate(METRICS):
        mean_B = value_SB6[:, 1:, column].mean(axis=0)
        mean_B = mean_B[~np.isnan(mean_B)]
        variance = float(mean_B.var(ddof=1)) if len(mean_B) > 1 else 0.0
        results[metric] = asdict(family_summary(value_SB6[:, 0, column], level, variance, degrees, SHARE))
    return results


def ladder_scores(primary: str) -> pd.DataFrame:
    """image, model, method and the primary metric of the models' maps, from data/ladder.csv."""
    table = read_csv(LADDER, {"image": str, "candidate": str, "kind": str, primary: float})
    scored = table[table["kind"] == "model"]
    names = scored["candidate"].str.rsplit(".", n=1, expand=True).reindex(columns=[0, 1])
    return scored.assign(model=names[0], method=names[1])[["image", "model", "method", primary]]


def image_scores(
    table: pd.DataFrame, runs: list[str], source: Path, metrics: list[str], level: float
) -> dict[str, dict[str, Any]]:
    """`<method>.<metric>`: its family, of the methods that all seeds have."""
    own = table[table["model"].isin(runs)]
    results: dict[str, dict[str, Any]] = {}
    for method, rows in own.groupby("method"):
        for metric in metrics:
            scores = rows.pivot(index="model", columns="image", values=metric).reindex(runs)
            patients_M = np.array(read_patients(scores.columns.tolist(), INDEX, source))
            results.setdefault(str(method), {})[metric] = asdict(
                score_family(scores.to_numpy(float), patients_M, level, RANGES.get(metric, SHARE))
            )
    return results


if __name__ == "__main__":
    run_stage(main)
