"""The ranking of the models over layer x method x threshold rule x consensus rule x metric.

Reads data/annotations.npz (data/consensus.npz where there are no single annotations), data/saliency/<key>.npz and
<key>.others.npz of the networks, and the patients of data/prepared/index.csv; writes data/multiverse.csv
(specification x model), metrics/multiverse.json and plots/multiverse.csv, the specification curve.
Run: python src/multiverse.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline import inputs
from sightline.alignment.multiverse import CROSSFIT, METRICS, Regions, merged_regions, study_choices
from sightline.alignment.specifications import COLUMNS, CURVE_COLUMNS, Candidate, multiverse_results, repeated_targets
from sightline.columns import write_columns
from sightline.statistics.streams import stream
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_npz, write_json
from sightline.study.models import Entry, runs_of, trained_here
from sightline.study.parameters import read_params

OTHER_LAYER = {"exact": "paper", "paper": "exact"}
FINISHED = "finished"  # the consensus rule where only finished masks are given
CONSENSUS_RULES = ("mean", "at_least", "union", "intersection", "staple")


@dataclass(frozen=True, kw_only=True)
class Multiverse:
    thresholds: str
    """Fixed thresholds, separated by spaces, each above 0 and at most 1."""
    top_share: float
    """Of the pixels, for the threshold rule of that name."""
    consensus_rules: str
    """Of mean (half of the annotations), at_least (two), union, intersection and staple, separated by spaces."""
    metrics: str
    """Of sightline.alignment.multiverse.METRICS, separated by spaces."""
    folds: int
    """Parts of the patients, for the cross-fitted threshold; not more than there are patients."""

    def __post_init__(self) -> None:
        if not self.fixed or any(not 0 < value <= 1 for value in self.fixed) or len({*self.fixed}) < len(self.fixed):
            raise ValueError(f"thresholds: expected different numbers above 0 and at most 1, got {self.thresholds!r}")
        if not 0 < self.top_share <= 1:
            raise ValueError(f"top_share: expected above 0 and at most 1, got {self.top_share}")
        for name, choices in (("consensus_rules", CONSENSUS_RULES), ("metrics", METRICS)):
            words = getattr(self, name).split()
            if not words or not {*words} <= {*choices} or len({*words}) < len(words):
                raise ValueError(f"{name}: expected some of {', '.join(choices)}, each once, got {' '.join(words)!r}")
        if self.folds < 2:
            raise ValueError(f"folds: expected at least 2, got {self.folds}")

    @property
    def fixed(self) -> list[float]:
        try:
            return [float(word) for word in self.thresholds.split()]
        except ValueError:
            raise ValueError(f"thresholds: expected numbers separated by spaces, got {self.thresholds!r}") from None


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    multiverse: Multiverse
    models: dict[str, Entry]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")


def main() -> None:
    params = read_params(Params)
    settings, models = params.multiverse, runs_of(params.models)
    regions = read_regions(settings.consensus_rules.split(), models)
    if not regions.images:
        write(dict.fromkeys(COLUMNS, ()), dict.fromkeys(CURVE_COLUMNS, ()), {})
        return
    maps = read_candidates(models, regions.images)
    repeated = repeated_targets(maps)
    for (layer, method), other in repeated.items():
        print(f"{method} at layer {layer} shows the same maps as {other[1]} at layer {other[0]}: counted once")
    choices = study_choices(
        list(maps.values()),
        regions,
        np.array(inputs.read_patients(regions.images, inputs.INDEX, inputs.CONSENSUS)),
        fixed=settings.fixed,
        top_share=settings.top_share,
        folds=settings.folds,
        rng=stream(params.seed, "multiverse", "folds"),
    )
    if CROSSFIT not in choices.threshold_rules:
        print("a single patient: no cross-fitted threshold")
    names = settings.metrics.split()
    scores, curve, metrics = multiverse_results(list(models), list(maps), regions, choices, names, repeated)
    write(scores, curve, metrics)
    print(
        f"{metrics['specifications']} specifications of {len(models)} models on {len(regions.images)} images; "
        f"mean Kendall's tau between rankings {metrics['ranking_agreement']:.2f}"
    )


def write(scores: dict[str, Any], curve: dict[str, Any], metrics: dict[str, Any]) -> None:
    write_columns("data/multiverse.csv", scores)
    write_columns("plots/multiverse.csv", curve)
    write_json("metrics/multiverse.json", metrics)


def read_regions(rules: list[str], models: dict[str, Entry]) -> Regions:
    """Each image's region by every rule, of all annotated images, or the finished masks that are not empty.

    External maps may be of the images with a consensus region alone. So an image whose study consensus is empty is
    left out, with a line that counts such images, if a model has no map of it; the others must have their maps.
    """
    stored = read_npz(inputs.ANNOTATIONS)
    names, consensus_MHW, share_MHW = inputs.read_consensus(inputs.CONSENSUS)
    if not len(stored["images"]):
        return Regions(names, [FINISHED], FINISHED, consensus_MHW[:, None], share_MHW)
    annotated = sorted({*stored["images"].tolist()})
    mapped = set(annotated)
    for model in models:
        mapped &= {*read_npz(inputs.SALIENCY.format(model))["images"].tolist()}
    images = [image for image in annotated if image in mapped or image in names]
    if len(images) < len(annotated):
        print(f"{len(annotated) - len(images)} images with an empty consensus have no map of some model: left out")
    return merged_regions(images, stored["images"], stored["masks"], rules)


def read_candidates(models: dict[str, Entry], images: list[str]) -> dict[Candidate, np.ndarray]:
    """Raw maps of every model, layer and method. External maps count as maps of the study's target layer."""
    networks = trained_here(models)
    other_maps = inputs.read_maps(networks, images, inputs.OTHERS) if networks else {}
    layers = {key: str(read_npz(inputs.OTHERS.format(key)).get("layer", "")) for key in networks}
    if not {*layers.values()} <= {*OTHER_LAYER} or len({*layers.values()}) > 1:
        cases = [f"{inputs.OTHERS.format(key)}: layer {layer or 'not stated'}" for key, layer in layers.items()]
        raise StudyError("the networks' maps are not of the same layers; run the stage saliency again", cases)
    other = next(iter(layers.values()), "paper")
    study_maps = inputs.read_maps(models, images, inputs.SALIENCY)
    maps = {(model, OTHER_LAYER[other], method): raw for (model, method), raw in study_maps.items()}
    for (model, name), raw in other_maps.items():
        if name.startswith(f"{other}."):
            maps[model, other, name.removeprefix(f"{other}.")] = raw
    return maps


if __name__ == "__main__":
    run_stage(main)
