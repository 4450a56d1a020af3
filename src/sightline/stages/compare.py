"""Tests that respect pairs and groups, with p-values adjusted by Holm within families that are named beforehand.

Families: AUROC of each pair of networks (DeLong, images clustered by patient); the ladder's primary metric of each pair
of models, by Grad-CAM where there is one (sign flips by patient); Pointing Game of each map against its chance (exact).
In no family: Pointing Game of each pair (McNemar's exact test; sign flips where patients have several images).
Reads data/ladder.csv, data/consensus.npz, data/models/<key>.predictions.csv and data/prepared/index.csv; writes
metrics/comparisons.json.
Run: python src/compare.py
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sightline import inputs
from sightline.alignment.settings import Ladder
from sightline.columns import read_columns, wide
from sightline.statistics.delong import delong_clustered, delong_test
from sightline.statistics.exact_tests import grouped_pointing_p, mcnemar_exact
from sightline.statistics.holm import holm
from sightline.statistics.resampling import hierarchical_weights, paired_difference
from sightline.statistics.significance import two_sided_sign_flip_p
from sightline.statistics.streams import stream
from sightline.study.errors import run_stage
from sightline.study.files import write_json
from sightline.study.models import Entry, classifying, primary_method, runs_of
from sightline.study.parameters import read_params

Scores = dict[str, np.ndarray]  # of the maps by candidate, M images


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    ladder: Ladder
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    networks = classifying(runs_of(params.models))
    metrics: dict[str, Any] = {"auroc": auroc_pairs(networks), "alignment": {}, "pointing": {}, "methods": {}}
    images, masks_MHW, _ = inputs.read_consensus(inputs.CONSENSUS)
    if images:
        primary = params.ladder.primary
        text = dict.fromkeys(("image", "candidate", "kind"), str)
        table = read_columns("data/ladder.csv", {**text, primary: float, "pointing": float})
        patients = np.array(inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS))
        scored = {name: column[table["kind"] == "model"] for name, column in table.items()}
        values, hits = (wide(scored, "candidate", metric, images) for metric in (primary, "pointing"))
        by_model = candidates_by_model(list(values), list(runs_of(params.models)))
        chosen = [chosen_candidate(model, candidates) for model, candidates in by_model.items() if candidates]
        metrics["alignment"] = alignment_pairs(values, hits, list(combinations(chosen, 2)), patients, params)
        within = [pair for candidates in by_model.values() for pair in combinations(candidates, 2)]
        metrics["methods"] = alignment_pairs(values, hits, within, patients, params)
        metrics["pointing"] = pointing_tests(hits, masks_MHW.mean(axis=(1, 2)), patients)
        metrics["primary"] = primary
        is_single = len(np.unique(patients)) == len(patients)
        metrics["pointing_pairs_test"] = "McNemar's exact test" if is_single else "sign flips by patient"
    write_json("metrics/comparisons.json", metrics)
    families = {name: metrics[name] for name in ("auroc", "alignment", "pointing")}
    counts = {name: sum(row["p_holm"] < 0.05 for row in family.values()) for name, family in families.items()}
    print(", ".join(f"{name}: {num} of {len(families[name])} below 0.05 after Holm" for name, num in counts.items()))


def candidates_by_model(candidates: list[str], models: list[str]) -> dict[str, list[str]]:
    """`<model>.<method>` names by model; a model's key may hold dots, so the longest key that fits is its model."""
    by_model: dict[str, list[str]] = {model: [] for model in models}
    for candidate in candidates:
        by_model[max((m for m in models if candidate.startswith(f"{m}.")), key=len)].append(candidate)
    return by_model


def chosen_candidate(model: str, candidates: list[str]) -> str:
    """The model's map by its primary method."""
    return f"{model}.{primary_method([name.removeprefix(f'{model}.') for name in candidates])}"


def auroc_pairs(networks: list[str]) -> dict[str, Any]:
    """`<a> - <b>`: difference of the AUROCs on the test images and its p-value."""
    if len(networks) < 2:
        return {}
    test = inputs.read_test_images(inputs.INDEX)
    probability_AN = np.array([*inputs.read_probabilities(networks, test, inputs.PREDICTIONS).values()])
    auroc_A, covariance_AA = delong_clustered(test.labels_N, probability_AN, test.patients_N)
    p_AA = delong_test(auroc_A, covariance_AA)
    results = {
        f"{networks[a]} - {networks[b]}": {"difference": auroc_A[a] - auroc_A[b], "p": p_AA[a, b]}
        for a, b in combinations(range(len(networks)), 2)
    }
    return adjusted(results)


def alignment_pairs(
    values: Scores, hits: Scores, pairs: list[tuple[str, str]], patients: np.ndarray, params: Params
) -> dict[str, Any]:
    """`<a> - <b>`: paired difference with its interval, p by sign flips, and `p_pointing` as said above."""
    if not pairs:
        return {}
    settings, results = params.ladder, {}
    rng = stream(params.seed, "compare", "resamples")
    weights_BM = hierarchical_weights(patients, settings.resamples, rng, deepest="patients")
    num_patients = len(np.unique(patients))

    def flips() -> np.random.Generator:
        return stream(params.seed, "compare", "sign flips")

    for one, other in pairs:
        a_M, b_M, hit_a_M, hit_b_M = values[one], values[other], hits[one], hits[other]
        spread = paired_difference(a_M[None], b_M, weights_BM, settings.level, num_patients)
        results[f"{one} - {other}"] = {
            "difference": spread.estimate[0],
            "low": spread.low[0],
            "high": spread.high[0],
            "p": two_sided_sign_flip_p(a_M - b_M, patients, settings.permutations, flips),
            "p_pointing": mcnemar_exact(hit_a_M, hit_b_M)
            if num_patients == len(patients)
            else two_sided_sign_flip_p(hit_a_M - hit_b_M, patients, settings.permutations, flips),
        }
    return adjusted(results)


def pointing_tests(hits: Scores, chance_M: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """`<model>.<method>`: hits, hits expected by chance, and the exact one-sided p-value."""
    return adjusted(
        {
            candidate: {
                "hits": row.sum(),
                "expected": chance_M.sum(),
                "images": len(row),
                "p": grouped_pointing_p(row, chance_M, patients),
            }
            for candidate, row in hits.items()
        }
    )


def adjusted(results: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """The family with `p_holm` beside `p`."""
    for row, p in zip(results.values(), holm(np.array([row["p"] for row in results.values()])), strict=True):
        row["p_holm"] = float(p)
    return {str(name): row for name, row in results.items()}


if __name__ == "__main__":
    run_stage(main)
