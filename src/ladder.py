"""Every map against the baseline ladder and on the human scale, by every threshold-free metric.

Reads data/consensus.npz, data/annotations.npz, data/lungs.npz, data/prepared/, data/saliency/<key>.npz (and
<key>.others.npz of the networks); writes data/ladder.csv (image x candidate), metrics/ladder.json and
plots/ladder.csv. No threshold has a part in it.
Run: python src/ladder.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from sightline import inputs
from sightline.alignment.ladder import Study
from sightline.alignment.threshold_free import METRICS
from sightline.study.errors import run_stage
from sightline.study.files import read_npz, write_csv, write_json
from sightline.study.models import Entry, Network
from sightline.study.parameters import read_params

Primary = Literal["mass", "rank", "ap", "auroc", "shuffled_auroc", "nss", "cc", "sim", "pointing", "area_iou"]


@dataclass(frozen=True, kw_only=True)
class Ladder:
    draws: int
    """Random maps, other images' regions and other images' annotations an image; their mean score counts."""
    tolerance: float
    """Of Pointing Game with tolerance, share of the shorter side."""
    primary: Primary
    """The metric of the tests, to be chosen before looking at results."""
    resamples: int
    level: float
    """Coverage of the intervals."""
    permutations: int
    """Sign flips of the tests."""

    def __post_init__(self) -> None:
        if min(self.draws, self.resamples, self.permutations) < 1:
            raise ValueError("draws, resamples, permutations: expected at least 1 each")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance: expected between 0 and 1, got {self.tolerance}")
        if not 0 < self.level < 1:
            raise ValueError(f"level: expected between 0 and 1, got {self.level}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    ladder: Ladder
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    images, masks_MHW, shares_MHW = inputs.read_consensus(inputs.CONSENSUS)
    if not images:
        write_csv("data/ladder.csv", pd.DataFrame(columns=["image", "candidate", "kind", *METRICS]))
        write_csv("plots/ladder.csv", pd.DataFrame(columns=PLOT_COLUMNS))
        write_json("metrics/ladder.json", {})
        return
    patients = np.array(inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS))
    pixels_MHW = inputs.prepared_images(images, inputs.PREPARED, inputs.CONSENSUS)
    lungs_MHW, kind = inputs.stored_lungs(images, inputs.LUNGS, inputs.CONSENSUS)
    maps = inputs.read_maps(params.models, images, inputs.SALIENCY)
    networks = [key for key, entry in params.models.items() if isinstance(entry, Network)]
    untrained = {
        (key, name.removeprefix("untrained.")): raw
        for (key, name), raw in (inputs.read_maps(networks, images, inputs.OTHERS) if networks else {}).items()
        if name.startswith("untrained.")
    }
    study = Study(
        params.seed, params.ladder, images, patients, masks_MHW, shares_MHW, pixels_MHW, lungs_MHW, maps, untrained
    )
    names, scores = study.ladder_scores()
    write_csv("data/ladder.csv", study.table(names, scores))
    metrics = study.summary(names, scores)
    metrics["human_scale"] = study.human_scale(read_npz(inputs.ANNOTATIONS))
    metrics["lungs"] = inputs.WORDS[kind]
    write_json("metrics/ladder.json", metrics)
    write_csv("plots/ladder.csv", plot_table(metrics))
    print(f"{len(images)} images, {len(maps)} kinds of map, {len(names)} baselines; lungs: {inputs.WORDS[kind]}")


PLOT_COLUMNS = ["candidate", "kind", "metric", "value", "low", "high"]


def plot_table(metrics: dict[str, Any]) -> pd.DataFrame:
    """Long: a row for each candidate and metric."""
    rows = [
        (f"{model}.{method}", "model", metric, row["value"], row["low"], row["high"])
        for model, methods in metrics["models"].items()
        for method, by_metric in methods.items()
        for metric, row in by_metric.items()
        if metric in METRICS
    ]
    rows += [
        (name, "baseline", metric, value, np.nan, np.nan)
        for name, by_metric in metrics["baselines"].items()
        for metric, value in by_metric.items()
    ]
    return pd.DataFrame(rows, columns=PLOT_COLUMNS)


if __name__ == "__main__":
    run_stage(main)
