"""Predicts all films but the training films by a classifier that was trained elsewhere, and checks it on them.

Reads data/prepared/, data/lung_films.npy for a model that sees the lungs alone, and the model's own files; writes
data/models/<key>.predictions.csv and <key>.made.json, as train does, and metrics/models/<key>.json, what `sightline
model check` finds on all labelled validation and test films. A check that fails does not stop the stage: the report
shows it.
Run: python src/predict.py ours
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import torch

from sightline.films import FILMS
from sightline.inputs import INDEX, MADE, PREDICTIONS
from sightline.model_check.findings import conclusion, findings
from sightline.model_command.checking import BATCH, checked, checking_machine, films_at, loaded
from sightline.networks.made_on import made_json, made_on
from sightline.networks.training import predicted_logits
from sightline.statistics.settings import Classification
from sightline.study.errors import StudyError, collapsed, run_stage
from sightline.study.files import read_csv, write_csv, write_json
from sightline.study.models import Network, read_classifying
from sightline.study.parameters import read_params

CHECK = "metrics/models/{}.json"


@dataclass(frozen=True, kw_only=True)
class Params:
    classification: Classification


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python -m sightline.stages.predict <key>")
    key = sys.argv[1]
    params = read_params(Params)
    entry, _ = read_classifying(key)
    if isinstance(entry, Network):
        raise StudyError(f"models.{key}: is trained by this study: python -m sightline.stages.train {key}")
    index = read_csv(INDEX, {"image": str, "split": str, "label": int, "patient": str})
    others = index[index["split"] != "train"].reset_index(names="row")
    images_N = np.load(FILMS[entry.input], mmap_mode="r", allow_pickle=False)[others["row"].to_numpy()]
    labelled = np.flatnonzero(others["split"].isin(["val", "test"]))
    films = films_at(index, others["row"].to_numpy()[labelled], FILMS[entry.input], len(labelled))
    machine = checking_machine()
    network = loaded(entry, machine)
    rows = torch.arange(len(others), device=machine.device)
    pixels_N = torch.from_numpy(images_N).to(machine.device)
    logits = predicted_logits(network, pixels_N, rows, BATCH, machine).cpu()
    require_finite(key, logits.numpy(), others["image"].tolist())
    predictions = others[["image", "split", "label"]].assign(probability=logits.double().sigmoid().numpy())
    check = checked(network, films, logits.numpy()[labelled], params.classification.bins, machine)
    write_csv(PREDICTIONS.format(key), predictions)
    write_json(MADE.format(key), made_json([made_on(machine)]))
    write_json(CHECK.format(key), check)
    print(f"{key}: {conclusion(check)}")
    for finding in findings(check):
        if finding.status in ("fails", "warning"):
            print(f"  {finding.status}: {finding.words} {finding.remedy}".rstrip())


def require_finite(key: str, logits_N: np.ndarray, images: list[str]) -> None:
    """StudyError that names the films whose output is NaN or infinite: they have no probability."""
    broken = [f"{images[row]}: the output is {logits_N[row]}" for row in np.flatnonzero(~np.isfinite(logits_N))]
    if broken:
        raise StudyError(
            f"models.{key}: no prediction of {len(broken)} of {len(images)} films; look for NaN in its weights and for "
            "films that its preprocess divides by 0",
            collapsed(broken),
        )


if __name__ == "__main__":
    run_stage(main)
