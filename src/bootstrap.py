"""Intervals of the results: classification on the test and external images, alignment on the images with a consensus.

Reads data/models/<key>.predictions.csv of every network, data/prepared/index.csv and data/alignment.csv; writes
metrics/classification.json, metrics/intervals.json, plots/classification.csv and plots/calibration.csv.
Run: python src/bootstrap.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sightline.inputs import INDEX, PREDICTIONS, read_patients, read_probabilities, read_split
from sightline.statistics.calibration import CURVE_COLUMNS, calibration
from sightline.statistics.classification import metric_intervals
from sightline.statistics.decision import Validation, decisions
from sightline.statistics.exact_tests import hit_rate_interval
from sightline.statistics.means import weighted_means
from sightline.statistics.resampling import percentile_interval, resample_counts, resample_patient_counts
from sightline.statistics.settings import Bootstrap, Classification
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import read_csv, write_csv, write_json
from sightline.study.models import Entry, classifying, runs_of
from sightline.study.parameters import read_params

ALIGNMENT = Path("data/alignment.csv")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    bootstrap: Bootstrap
    classification: Classification
    models: dict[str, Entry]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")


def main() -> None:
    params = read_params(Params)
    test, validation = read_split(INDEX, "test"), read_split(INDEX, "val")
    networks = classifying(runs_of(params.models))
    probabilities = read_probabilities(networks, test, PREDICTIONS)
    on_validation = read_probabilities(networks, validation, PREDICTIONS, "val")
    alignment = read_csv(ALIGNMENT, {"image": str, "model": str, "method": str, "iou": float, "pointing": float})
    classification = classification_intervals(probabilities, test, params)
    rows = [
        {"model": model, "metric": metric, **{name: row[name] for name in ("value", "low", "high")}}
        for model, metrics in classification.items()
        for metric, row in metrics.items()
    ]
    write_csv("plots/classification.csv", pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high"]))
    points: list[dict[Any, Any]] = []
    external = external_intervals(networks, params)
    for model, probability_N in probabilities.items():
        classification[model] |= external.get(model, {})
        more, curve = calibration_and_decisions(probability_N, test, on_validation[model], validation, params)
        classification[model] |= more
        points += curve.assign(model=model).to_dict("records")
    write_csv("plots/calibration.csv", pd.DataFrame(points, columns=["model", *CURVE_COLUMNS]))
    write_json("metrics/classification.json", classification)
    write_json("metrics/intervals.json", alignment_intervals(alignment, params))


def classification_intervals(
    probabilities: dict[str, np.ndarray], images: pd.DataFrame, params: Params, *split: str
) -> dict[str, Any]:
    """The six metrics of each model on `images`, by resamples that all models share; `split`: its name if not test."""
    patients_N, resamples = images["patient"].to_numpy(), params.bootstrap.resamples
    by_image_BN = resample_counts(len(images), resamples, stream(params.seed, "bootstrap", "by image", *split))
    by_patient_BN = resample_patient_counts(
        patients_N, resamples, stream(params.seed, "bootstrap", "by patient", *split)
    )
    label_N, level = images["label"].to_numpy(), params.bootstrap.level
    return metric_intervals(probabilities, label_N, by_image_BN, by_patient_BN, level)


def external_intervals(networks: list[str], params: Params) -> dict[str, Any]:
    """`<model>.external`: number of images, accuracy and AUROC on the external films; {} in a study without any."""
    external = read_split(INDEX, "external")
    if external.empty:
        return {}
    measured = classification_intervals(
        read_probabilities(networks, external, PREDICTIONS, "external"), external, params, "external"
    )
    return {
        model: {"external": {"images": len(external), **{name: metrics[name] for name in ("accuracy", "auroc")}}}
        for model, metrics in measured.items()
    }


def calibration_and_decisions(
    probability_N: np.ndarray, test: pd.DataFrame, on_validation_V: np.ndarray, validation: pd.DataFrame, params: Params
) -> tuple[dict[str, Any], pd.DataFrame]:
    """A network's `calibration` and `decision`, and its calibration curve; the resamples are the same for all."""
    chosen, resamples, level = params.classification, params.bootstrap.resamples, params.bootstrap.level
    label_N, patients_N = test["label"].to_numpy(), test["patient"].to_numpy()
    by_patient = stream(params.seed, "bootstrap", "calibration by patient")
    weights_BN = resample_patient_counts(patients_N, resamples, by_patient)
    rng = stream(params.seed, "bootstrap", "calibrated labels")
    summary, curve = calibration(label_N, probability_N, patients_N, weights_BN, chosen.bins, level, rng)
    by_patient = stream(params.seed, "bootstrap", "validation by patient")
    weights_BV = resample_patient_counts(validation["patient"].to_numpy(), resamples, by_patient)
    images = Validation(validation["label"].to_numpy(), on_validation_V, weights_BV)
    decision = decisions(images, label_N, probability_N, patients_N, chosen.sensitivity, level)
    return {"calibration": summary, "decision": decision}, curve


def alignment_intervals(alignment: pd.DataFrame, params: Params) -> dict[str, Any]:
    """`<model>.<method>.{iou,pointing}`: mean over images and its interval.

    IoU: percentiles of resampled patients. Pointing Game: exact, by patient (`exact_tests.hit_rate_interval`), since a
    resample of no hits has no hits and would give an interval of no width.
    """
    images = sorted(alignment["image"].unique())
    if not images:
        return {}
    patients = np.array(read_patients(images, INDEX, ALIGNMENT))
    rng = stream(params.seed, "bootstrap", "alignment by patient")
    counts_BM = resample_patient_counts(patients, params.bootstrap.resamples, rng)
    results: dict[str, Any] = {}
    for (model, method), rows in alignment.groupby(["model", "method"], sort=False):
        scores = rows.set_index("image").reindex(images)
        iou_M, hits_M = scores["iou"].to_numpy(), scores["pointing"].to_numpy()
        ends = {
            "iou": percentile_interval(weighted_means(iou_M[None], counts_BM)[:, 0], params.bootstrap.level),
            "pointing": hit_rate_interval(hits_M, patients, params.bootstrap.level),
        }
        intervals = {
            score: {"value": rows[score].mean(), "low": low, "high": high} for score, (low, high) in ends.items()
        }
        results.setdefault(str(model), {})[method] = intervals
    return results


if __name__ == "__main__":
    run_stage(main)
