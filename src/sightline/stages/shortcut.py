"""Where maps look, without annotations: relevance outside the lungs, in corners and borders, on all test images.

The signs of a shortcut compare the images that a network calls positive, at probability 0.5, with the others. Maps made
elsewhere come without answers: there the images' labels stand in for them (`called_by` says which). Without lung masks
the estimated body stands in, and no model is judged: a marker on the patient lies inside the body, and what lies
outside is mostly air, so neither a flag nor its absence would mean anything.

Reads data/saliency/<key>.npz, data/models/<key>.predictions.csv of the networks, data/lungs.npz and
data/prepared/index.csv; writes metrics/shortcut.json.
Run: python src/shortcut.py
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sightline import inputs
from sightline.alignment.on_feature_grid import Outside, looks
from sightline.alignment.outside_lungs import by_outcome, near_lungs, uniform_shares
from sightline.alignment.shortcut import suspicion_of_peaks
from sightline.processes import in_processes, keep_freed_memory
from sightline.statistics.means import mean_known
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import read_npz, write_json
from sightline.study.models import Classifying, Entry, runs_of
from sightline.study.parameters import read_params

CUT = 0.5  # probability at or above which a network calls an image positive
VERDICTS = ("can_tell", "by_excess", "by_concentration", "is_flagged")


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    draws: int
    """Exchanges of the answers between patients, for the two tests."""

    def __post_init__(self) -> None:
        if self.draws < 1:
            raise ValueError(f"draws: expected at least 1, got {self.draws}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    shortcut: Shortcut
    models: dict[str, Entry]


@dataclass(frozen=True, kw_only=True)
class Places:
    """What all models share."""

    test: inputs.SplitFilms
    outside: Outside
    """What is neither lungs nor near them (`near_lungs`)."""
    uniform: dict[str, np.ndarray]
    """`uniform_shares`, N each."""
    kind: inputs.LungKind


def main() -> None:
    keep_freed_memory()
    params = read_params(Params)
    test = inputs.read_test_images(inputs.INDEX)
    lungs_NHW, kind = inputs.stored_lungs(test.images, inputs.LUNGS, inputs.INDEX)
    near_NHW, runs = near_lungs(lungs_NHW), runs_of(params.models)
    places = Places(test=test, outside=Outside(near_NHW), uniform=uniform_shares(near_NHW), kind=kind)
    models = dict(zip(runs, in_processes(model_signs, (places, params), list(runs.items())), strict=True))
    write_json("metrics/shortcut.json", {"models": models, **inputs.lungs_facts(lungs_NHW, kind)})
    flagged = [
        f"{model}.{method}"
        for model, methods in models.items()
        for method, row in methods.items()
        if row["suspicion"]["is_flagged"]
    ]
    print(f"flagged: {', '.join(flagged) or 'none'}")


def model_signs(work: tuple[Places, Params], run: tuple[str, Entry]) -> dict[str, Any]:
    """Of each method: where the model's maps look, and the signs of a shortcut."""
    (places, params), (model, entry) = work, run
    test = places.test
    images = test.images if isinstance(entry, Classifying) else mapped_images(model, test)
    rows = inputs.rows_of(images, test.images, inputs.INDEX, inputs.INDEX)
    is_whole = len(images) == len(test.images)
    near_MHW = places.outside.near_NHW if is_whole else places.outside.near_NHW[rows]
    uniform = places.uniform if is_whole else {name: share_N[rows] for name, share_N in places.uniform.items()}
    predicted = inputs.read_probabilities([model], test, inputs.PREDICTIONS) if isinstance(entry, Classifying) else {}
    labels_M, patients_M = test.labels_N[rows], test.patients_N[rows]
    is_called_M = predicted[model] >= CUT if predicted else labels_M == 1
    results: dict[str, Any] = {}
    for (_, method), raw in inputs.read_maps([model], images, inputs.SALIENCY).items():
        shares, peaks = looks(raw, places.outside, np.array(rows, int), uniform)
        excess_M = shares["outside"] - uniform["outside"]
        rng = stream(params.seed, "shortcut", "draws")  # the same for every model
        signs = suspicion_of_peaks(peaks, near_MHW, excess_M, patients_M, is_called_M, params.shortcut.draws, rng)
        results[method] = {
            "images": len(images),
            "shares": {name: mean_known(values) for name, values in shares.items()},
            "uniform": {name: mean_known(values) for name, values in uniform.items()},
            "by_outcome": by_outcome(shares, labels_M, predicted[model], CUT) if predicted else None,
            "called_by": "network" if predicted else "label",
            "suspicion": asdict(signs) | {name: places.kind != "body" and getattr(signs, name) for name in VERDICTS},
        }
    return results


def mapped_images(model: str, test: inputs.SplitFilms) -> list[str]:
    """The test images that a folder of external maps covers, which need not be all of them."""
    return sorted(set(read_npz(inputs.SALIENCY.format(model))["images"].tolist()) & set(test.images))


if __name__ == "__main__":
    run_stage(main)
