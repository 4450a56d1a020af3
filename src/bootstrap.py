"""Puts intervals on what was measured: classification on the test images, alignment on the images with a consensus.

Reads data/models/<key>.predictions.csv of every network, data/prepared/index.csv and data/alignment.csv; writes
metrics/classification.json, metrics/intervals.json and plots/classification.csv.
Run: python src/bootstrap.py
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightline.statistics.classification import METRICS, six_metrics
from sightline.statistics.means import weighted_means
from sightline.statistics.resampling import percentile_interval, resample_counts, resample_patient_counts
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_csv, write_json
from sightline.study.models import Entry, Network
from sightline.study.parameters import read_params

BY_IMAGE, BY_PATIENT, BY_ALIGNED_PATIENT = 1, 2, 3  # tags of this stage's generators


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    resamples: int
    level: float
    """Coverage of the percentile intervals."""

    def __post_init__(self) -> None:
        if self.resamples < 1:
            raise ValueError(f"resamples: expected at least 1, got {self.resamples}")
        if not 0 < self.level < 1:
            raise ValueError(f"level: expected between 0 and 1, got {self.level}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    bootstrap: Bootstrap
    models: dict[str, Entry]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")


def main() -> None:
    params = read_params(Params)
    index = read_csv("data/prepared/index.csv", {"image": str, "split": str, "label": int, "patient": str})
    index = index.set_index("image").sort_index()  # the same resamples whatever the order of the rows
    networks = [key for key, entry in params.models.items() if isinstance(entry, Network)]
    test = index[index["split"] == "test"]
    probabilities = read_probabilities(networks, test)
    alignment = read_csv(
        "data/alignment.csv", {"image": str, "model": str, "method": str, "iou": float, "pointing": float}
    )
    classification = classification_intervals(probabilities, test, params)
    write_json("metrics/classification.json", classification)
    write_json("metrics/intervals.json", alignment_intervals(alignment, index["patient"], params))
    rows = [
        {"model": model, "metric": metric, **{name: row[name] for name in ("value", "low", "high")}}
        for model, metrics in classification.items()
        for metric, row in metrics.items()
    ]
    write_csv("plots/classification.csv", pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high"]))


def read_probabilities(networks: Iterable[str], test: pd.DataFrame) -> dict[str, np.ndarray]:
    """Each network's probabilities of label 1, float64 N in the order of `test`, the index's test images."""
    probabilities = {}
    problems = []
    for model in networks:
        path = f"data/models/{model}.predictions.csv"
        rows = read_csv(path, {"image": str, "split": str, "label": int, "probability": float})
        rows = rows[rows["split"] == "test"]
        problems += [f"{path}: {image} stands there twice" for image in rows["image"][rows["image"].duplicated()]]
        rows = rows.drop_duplicates("image").set_index("image")
        problems += [f"{path}: lacks {image}" for image in test.index.difference(rows.index)]
        problems += [f"{path}: {image} is no test image" for image in rows.index.difference(test.index)]
        rows = rows.reindex(test.index.intersection(rows.index))
        for image in rows.index[rows["label"] != test["label"].reindex(rows.index)]:
            problems.append(f"{path}: {image} has label {rows['label'][image]}, the index {test['label'][image]}")
        for image in rows.index[~rows["probability"].between(0, 1)]:
            problems.append(f"{path}: {image} has probability {rows['probability'][image]}, expected 0 to 1")
        probabilities[model] = rows["probability"].to_numpy()
    if problems:
        raise StudyError("predictions do not fit data/prepared/index.csv; run `dvc repro`", problems)
    return probabilities


def classification_intervals(
    probabilities: dict[str, np.ndarray], test: pd.DataFrame, params: Params
) -> dict[str, Any]:
    """`<model>.<metric>`: value on the test images, intervals by image and by patient, and the bootstrap mean.

    Paper: prints the bootstrap mean and half the interval's width. The resamples are the same for every model.
    """
    if not probabilities:
        return {}
    resamples, level = params.bootstrap.resamples, params.bootstrap.level
    label_N = test["label"].to_numpy()
    by_image_BN = resample_counts(len(test), resamples, np.random.default_rng([params.seed, BY_IMAGE]))
    by_patient_BN = resample_patient_counts(
        test["patient"].to_numpy(), resamples, np.random.default_rng([params.seed, BY_PATIENT])
    )
    weights_BN = np.concatenate([np.ones((1, len(test)), dtype=int), by_image_BN, by_patient_BN])
    results: dict[str, Any] = {}
    for model, probability_N in probabilities.items():
        values_B6 = six_metrics(weights_BN, label_N, probability_N)
        results[model] = {}
        for metric, values_B in zip(METRICS, values_B6.T, strict=True):
            image_B, patient_B = values_B[1 : resamples + 1], values_B[resamples + 1 :]
            low, high = percentile_interval(image_B, level)
            patient_low, patient_high = percentile_interval(patient_B, level)
            known = image_B[~np.isnan(image_B)]
            results[model][metric] = {
                "value": values_B[0],
                "low": low,
                "high": high,
                "bootstrap_mean": known.mean() if known.size else float("nan"),
                "patient_low": patient_low,
                "patient_high": patient_high,
            }
    return results


def alignment_intervals(alignment: pd.DataFrame, patient_of: pd.Series, params: Params) -> dict[str, Any]:
    """`<model>.<method>.{iou,pointing}`: mean over images and its interval, resampled by patient."""
    images = sorted(alignment["image"].unique())
    unknown = [f"data/alignment.csv: {image}" for image in images if image not in patient_of.index]
    if unknown:
        raise StudyError("data/prepared/index.csv lacks images of the alignment; run `dvc repro`", unknown)
    if not images:
        return {}
    rng = np.random.default_rng([params.seed, BY_ALIGNED_PATIENT])
    counts_BM = resample_patient_counts(patient_of[images].to_numpy(), params.bootstrap.resamples, rng)
    results: dict[str, Any] = {}
    for (model, method), rows in alignment.groupby(["model", "method"], sort=False):
        scores = rows.set_index("image").reindex(images)
        intervals = {}
        for score in ("iou", "pointing"):
            value_M = scores[score].to_numpy()
            low, high = percentile_interval(weighted_means(value_M[None], counts_BM)[:, 0], params.bootstrap.level)
            intervals[score] = {"value": rows[score].mean(), "low": low, "high": high}
        results.setdefault(str(model), {})[method] = intervals
    return results


if __name__ == "__main__":
    run_stage(main)
