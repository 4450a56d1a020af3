"""Scores every saliency map against the consensus: IoU at the threshold, Pointing Game, chance, random maps.

Reads data/consensus.npz, data/saliency/<key>.npz of every model and the patients of data/prepared/index.csv; writes
data/alignment.csv (image x model x method), metrics/alignment.json and plots/threshold_sweep.csv.
Run: python src/align.py
"""

from __future__ import annotations

from dataclasses import dataclass

from sightline.alignment.at_threshold import score_maps, summarise
from sightline.columns import write_columns
from sightline.inputs import CONSENSUS, INDEX, SALIENCY, read_consensus, read_maps, read_patients
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import write_json
from sightline.study.models import Entry, runs_of
from sightline.study.parameters import read_params

ALIGNMENT = "data/alignment.csv"


@dataclass(frozen=True, kw_only=True)
class Align:
    random_maps: int
    """Random maps, each cut to the area of the map that it replaces."""

    def __post_init__(self) -> None:
        if self.random_maps < 1:
            raise ValueError(f"random_maps: expected at least 1, got {self.random_maps}")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    threshold: float
    """Values of a scaled map at or above it are salient."""
    align: Align
    models: dict[str, Entry]

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed: expected at least 0, got {self.seed}")
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold: expected above 0 and at most 1, got {self.threshold}")


def main() -> None:
    params = read_params(Params)
    images, masks_MHW, _ = read_consensus(CONSENSUS)
    patients = read_patients(images, INDEX, CONSENSUS)
    maps = read_maps(runs_of(params.models), images, SALIENCY) if images else {}  # without a consensus no map is needed
    rng = stream(params.seed, "align", "random maps")
    table, sweep = score_maps(maps, images, masks_MHW, params.threshold, params.align.random_maps, rng)
    write_columns(ALIGNMENT, table)
    write_columns("plots/threshold_sweep.csv", sweep)
    write_json("metrics/alignment.json", summarise(table, sweep, patients))


if __name__ == "__main__":
    run_stage(main)
