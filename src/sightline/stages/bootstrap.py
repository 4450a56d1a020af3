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

from sightline.alignment.at_threshold import intervals
from sightline.columns import from_rows, read_columns, write_columns
from sightline.inputs import INDEX, PREDICTIONS, SplitFilms, read_patients, read_probabilities, read_split
from sightline.processes import keep_freed_memory
from sightline.statistics.calibration import CURVE_COLUMNS, calibration
from sightline.statistics.classification import metric_intervals
from sightline.statistics.decision import Validation, decisions
from sightline.statistics.resampling import resample_counts, resample_patient_counts
from sightline.statistics.settings import Bootstrap, Classification
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import write_json
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
    keep_freed_memory()
    params = read_params(Params)
    test, validation = read_split(INDEX, "test"), read_split(INDEX, "val")
    networks = classifying(runs_of(params.models))
    probabilities = read_probabilities(networks, test, PREDICTIONS)
    on_validation = read_probabilities(networks, validation, PREDICTIONS, "val")
    classification = classification_intervals(probabilities, test, params)
    rows = [
        (model, metric, *(row[name] for name in ("value", "low", "high")))
        for model, metrics in classification.items()
        for metric, row in metrics.items()
    ]
    write_columns("plots/classification.csv", from_rows(rows, ("model", "metric", "value", "low", "high")))
    points: list[tuple[Any, ...]] = []
    external = external_intervals(networks, params)
    for model, probability_N in probabilities.items():
        classification[model] |= external.get(model, {})
        more, curve = calibration_and_decisions(probability_N, test, on_validation[model], validation, params)
        classification[model] |= more
        points += [(model, *(point[name] for name in CURVE_COLUMNS)) for point in curve]
    write_columns("plots/calibration.csv", from_rows(points, ("model", *CURVE_COLUMNS)))
    write_json("metrics/classification.json", classification)
    write_json("metrics/intervals.json", alignment_intervals(params))


def classification_intervals(
    probabilities: dict[str, np.ndarray], images: SplitFilms, params: Params, *split: str
) -> dict[str, Any]:
    """The six metrics of each model on `images`, by resamples that all models share; `split`: its name if not test."""
    patients_N, resamples = images.patients_N, params.bootstrap.resamples
    by_image_BN = resample_counts(len(patients_N), resamples, stream(params.seed, "bootstrap", "by image", *split))
    by_patient_BN = resample_patient_counts(
        patients_N, resamples, stream(params.seed, "bootstrap", "by patient", *split)
    )
    label_N, level = images.labels_N, params.bootstrap.level
    return metric_intervals(probabilities, label_N, by_image_BN, by_patient_BN, level)


def external_intervals(networks: list[str], params: Params) -> dict[str, Any]:
    """`<model>.external`: number of images, accuracy and AUROC on the external films; {} in a study without any."""
    external = read_split(INDEX, "external")
    if not external.images:
        return {}
    measured = classification_intervals(
        read_probabilities(networks, external, PREDICTIONS, "external"), external, params, "external"
    )
    return {
        model: {"external": {"images": len(external.images), **{name: metrics[name] for name in ("accuracy", "auroc")}}}
        for model, metrics in measured.items()
    }


def calibration_and_decisions(
    probability_N: np.ndarray, test: SplitFilms, on_validation_V: np.ndarray, validation: SplitFilms, params: Params
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """A network's `calibration` and `decision`, and its calibration curve; the resamples are the same for all."""
    chosen, resamples, level = params.classification, params.bootstrap.resamples, params.bootstrap.level
    label_N, patients_N = test.labels_N, test.patients_N
    by_patient = stream(params.seed, "bootstrap", "calibration by patient")
    weights_BN = resample_patient_counts(patients_N, resamples, by_patient)
    rng = stream(params.seed, "bootstrap", "calibrated labels")
    summary, curve = calibration(label_N, probability_N, patients_N, weights_BN, chosen.bins, level, rng)
    by_patient = stream(params.seed, "bootstrap", "validation by patient")
    weights_BV = resample_patient_counts(validation.patients_N, resamples, by_patient)
    images = Validation(validation.labels_N, on_validation_V, weights_BV)
    decision = decisions(images, label_N, probability_N, patients_N, chosen.sensitivity, level)
    return {"calibration": summary, "decision": decision}, curve


def alignment_intervals(params: Params) -> dict[str, Any]:
    """`<model>.<method>`: intervals of mean IoU and of the Pointing Game's share of hits, by patient."""
    kinds = {"image": str, "model": str, "method": str, "iou": float, "pointing": float}
    table, settings = read_columns(ALIGNMENT, kinds), params.bootstrap
    images = np.unique(table["image"]).tolist()
    by_name = dict(zip(images, read_patients(images, INDEX, ALIGNMENT), strict=True))
    rng = stream(params.seed, "bootstrap", "alignment by patient")
    return intervals(table, by_name, settings.resamples, settings.level, rng)


if __name__ == "__main__":
    run_stage(main)
