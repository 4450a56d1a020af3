"""The verdict: does each model look where the experts look in this patient, as far as this study can tell?

Reads data/consensus.npz, data/annotations.npz, data/lungs.npz, data/prepared/index.csv, data/saliency/<key>.npz and, of
networks, data/saliency/<key>.others.npz, data/models/<key>.predictions.csv and data/consistency/<key>.npz; writes
data/verdict.csv (own, row, col and d of each map, score and image), metrics/verdict.json and plots/verdict.csv. No
threshold of a map is involved.
Run: python src/verdict.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline import inputs
from sightline.columns import write_columns
from sightline.judging.films import Films
from sightline.judging.repeatability import verdict_repeatability
from sightline.judging.results import verdicts
from sightline.judging.scored import score_films
from sightline.judging.settings import Verdict
from sightline.judging.tables import CONTRAST_COLUMNS, by_model, contrast_table, plot_table
from sightline.study.errors import run_stage
from sightline.study.files import read_npz, write_json
from sightline.study.models import Entry, classifying, families_of, primary_method, runs_of
from sightline.study.parameters import read_params

Key = tuple[str, str]  # model and method
CONSISTENCY = "data/consistency/{}.npz"
CALLED_POSITIVE = 0.5  # least probability


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    verdict: Verdict
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    runs = runs_of(params.models)
    networks = classifying(runs)
    images, masks_MHW, shares_MHW = inputs.read_consensus(inputs.CONSENSUS)
    maps = inputs.read_maps(runs, images, inputs.SALIENCY) if images else {}
    if not maps:  # no consensus, or no model
        write_columns("data/verdict.csv", dict.fromkeys(CONTRAST_COLUMNS, ()))
        write_columns("plots/verdict.csv", plot_table({}))
        write_json("metrics/verdict.json", {})
        return
    lungs_MHW, kind = inputs.stored_lungs(images, inputs.LUNGS, inputs.CONSENSUS)
    readers = inputs.read_readers(images, inputs.ANNOTATIONS)
    untrained = inputs.read_untrained(networks, images, inputs.OTHERS)
    films = Films(
        seed=params.seed,
        images=images,
        patients_M=np.array(inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS)),
        masks_MHW=masks_MHW,
        shares_MHW=shares_MHW,
        readers_MRHW=readers.masks_MRHW,
        others_MRHW=readers.others_MRHW,
        reader_names_MR=readers.names_MR,
        maps={candidate(key): raw for key, raw in maps.items()},
        untrained={candidate(key): raw for key, raw in untrained.items()},
        lungs_MHW=lungs_MHW,
        anatomy=inputs.ANATOMY[kind],
    )
    primary = primary_of(list(maps))
    seeds = {entry: [candidate(primary[run]) for run in own] for entry, own in families_of(params.models).items()}
    called = called_positive(networks, images)
    scored = score_films(films, params.verdict)
    results = verdicts(
        films, scored, params.verdict, [candidate(key) for key in primary.values()], seeds,
        {candidate(key): called[key[0]] for key in maps if key[0] in called}, names_of(list(maps), primary),
    )  # fmt: skip
    for name, repeated in perturbed(networks, films, params.verdict).items():
        results["candidates"][name]["repeatability"] = repeated
    write_columns("data/verdict.csv", contrast_table(films, scored, params.verdict))
    write_columns("plots/verdict.csv", plot_table(results))
    write_json("metrics/verdict.json", {**by_model(results, list(maps)), **inputs.lungs_facts(lungs_MHW, kind)})
    for key in primary.values():
        print(results["candidates"][candidate(key)]["sentence"])


def candidate(key: Key) -> str:
    return ".".join(key)


def primary_of(keys: list[Key]) -> dict[str, Key]:
    """By model the map that is tested: one method per model, so that the family has one test for each."""
    methods: dict[str, list[str]] = {}
    for model, method in keys:
        methods.setdefault(model, []).append(method)
    return {model: (model, primary_method(own)) for model, own in methods.items()}


def names_of(keys: list[Key], primary: dict[str, Key]) -> dict[str, str]:
    """A model's primary map goes by the model's name."""
    return {candidate(key): key[0] if primary[key[0]] == key else f"{key[0]} ({key[1]})" for key in keys}


def perturbed(networks: list[str], films: Films, settings: Verdict) -> dict[str, dict[str, Any]]:
    """By candidate, how often the verdict stays under the perturbations of the stage consistency, where it is on."""
    found = {}
    for key in networks:
        stored = read_npz(CONSISTENCY.format(key))
        images = stored.pop("images").tolist()
        if images:
            height, width = stored.pop("cells").tolist()
            found[candidate((key, "gradcam"))] = verdict_repeatability(films, settings, images, stored, (height, width))
    return found


def called_positive(networks: list[str], images: list[str]) -> dict[str, np.ndarray]:
    """By network bool M: the images that it calls positive."""
    test = inputs.read_test_images(inputs.INDEX)
    rows = inputs.rows_of(images, test.images, inputs.INDEX, inputs.CONSENSUS)
    probabilities = inputs.read_probabilities(networks, test, inputs.PREDICTIONS)
    return {key: of_network[rows] >= CALLED_POSITIVE for key, of_network in probabilities.items()}


if __name__ == "__main__":
    run_stage(main)
