"""Where maps look without asking any expert: relevance outside the lungs, in corners and borders, on all test images.

Reads data/saliency/<key>.npz, data/models/<key>.predictions.csv of the networks, data/lungs.npz and
data/prepared/index.csv; writes metrics/shortcut.json.
Run: python src/shortcut.py
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightline.alignment.shortcut import by_outcome, relevance_shares, suspicion, uniform_shares
from sightline.inputs import WORDS, read_maps, stored_lungs
from sightline.maps import scaled_maps
from sightline.statistics.means import mean_known
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, read_npz, write_json
from sightline.study.models import Entry, Network
from sightline.study.parameters import read_params

DRAWS = 701  # tag of this stage's generator


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    draws: int
    """Permutations by patient of the two tests."""

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"draws: expected at least 1, got {self.draws}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    shortcut: Shortcut
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    index = read_csv("data/prepared/index.csv", {"image": str, "split": str, "label": int, "patient": str})
    test = index[index["split"] == "test"].set_index("image").sort_index()
    lungs = {}
    metrics: dict[str, Any] = {"models": {}}
    for model, entry in params.models.items():
        images = test.index.tolist() if isinstance(entry, Network) else mapped_images(model, test)
        lungs_MHW, kind = stored_lungs(images)
        lungs[kind] = WORDS[kind]
        rows = test.loc[images]
        probabilities = read_probabilities(model, images) if isinstance(entry, Network) else None
        uniform = {name: mean_known(values) for name, values in uniform_shares(lungs_MHW).items()}
        for (_, method), raw in read_maps([model], images).items():
            maps_MHW = scaled_maps(raw, *lungs_MHW.shape[1:])
            shares = relevance_shares(maps_MHW, lungs_MHW)
            rng = np.random.default_rng([params.seed, DRAWS])  # the same for every model
            found = suspicion(maps_MHW, lungs_MHW, rows["patient"].to_numpy(), params.shortcut.draws, rng)
            metrics["models"].setdefault(model, {})[method] = {
                "images": len(images),
                "shares": {name: mean_known(values) for name, values in shares.items()},
                "uniform": uniform,
                "by_outcome": None
                if probabilities is None
                else by_outcome(shares, rows["label"].to_numpy(), probabilities),
                "suspicion": {**asdict(found), "is_flagged": found.is_flagged},
            }
    metrics["lungs"] = ", ".join(lungs.values())
    write_json("metrics/shortcut.json", metrics)
    flagged = [
        f"{model}.{method}"
        for model, methods in metrics["models"].items()
        for method, found in methods.items()
        if found["suspicion"]["is_flagged"]
    ]
    print(f"flagged: {', '.join(flagged) or 'none'}")


def mapped_images(model: str, test: pd.DataFrame) -> list[str]:
    """The test images that a folder of external maps covers; it need not cover all."""
    return sorted(set(read_npz(f"data/saliency/{model}.npz")["images"].tolist()) & set(test.index))


def read_probabilities(model: str, images: list[str]) -> np.ndarray:
    """The network's probabilities of label 1, float64 in the order of `images`."""
    path = f"data/models/{model}.predictions.csv"
    rows = read_csv(path, {"image": str, "split": str, "probability": float})
    found = rows[rows["split"] == "test"].set_index("image")["probability"]
    missing = [f"{path}: lacks {image}" for image in images if image not in found.index]
    if missing:
        raise StudyError("predictions do not cover the test images; run `dvc repro`", missing)
    return found[images].to_numpy(float)


if __name__ == "__main__":
    run_stage(main)
