"""Tests that respect what is paired and grouped, Holm-adjusted within families that are named before looking.

Families: AUROC of each pair of networks (DeLong, images clustered by patient); the ladder's primary metric of each pair
of models, by Grad-CAM where there is one (sign flips by patient); Pointing Game of each map against its chance (exact).
Reads data/ladder.csv, data/consensus.npz, data/models/<key>.predictions.csv and data/prepared/index.csv; writes
metrics/comparisons.json.
Run: python src/compare.py
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sightline.inputs import read_consensus, read_patients
from sightline.statistics.delong import delong_clustered, delong_test
from sightline.statistics.exact_tests import grouped_pointing_p, mcnemar_exact
from sightline.statistics.holm import holm
from sightline.statistics.resampling import hierarchical_weights, paired_difference
from sightline.statistics.significance import sign_flip_p
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_json
from sightline.study.models import Entry, Network
from sightline.study.parameters import read_params

RESAMPLES, FLIPS = 901, 902  # tags of this stage's generators


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Of section ladder; see src/ladder.py."""

    draws: int
    tolerance: float
    primary: str
    resamples: int
    level: float
    permutations: int


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    ladder: Ladder
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    networks = [key for key, entry in params.models.items() if isinstance(entry, Network)]
    metrics: dict[str, Any] = {"auroc": auroc_pairs(networks), "alignment": {}, "pointing": {}, "methods": {}}
    images, masks_MHW, _ = read_consensus()
    if images:
        table = read_csv("data/ladder.csv", {"image": str, "candidate": str, "kind": str})
        scored = table[table["kind"] == "model"]
        patients = np.array(read_patients(images))
        values = scored.pivot(index="candidate", columns="image", values=params.ladder.primary)[images]
        hits = scored.pivot(index="candidate", columns="image", values="pointing")[images]
        by_model = candidates_by_model(list(values.index), list(params.models))
        chosen = {model: chosen_method(found) for model, found in by_model.items() if found}
        pairs = [(one, other) for one, other in combinations(chosen.values(), 2)]
        metrics["alignment"] = alignment_pairs(values, hits, pairs, patients, params)
        within = [pair for found in by_model.values() for pair in combinations(found, 2)]
        metrics["methods"] = alignment_pairs(values, hits, within, patients, params)
        chance_M = masks_MHW.mean(axis=(1, 2))
        metrics["pointing"] = pointing_tests(hits, chance_M, patients)
        metrics["primary"] = params.ladder.primary
    write_json("metrics/comparisons.json", metrics)
    told = {name: sum(row["p_holm"] < 0.05 for row in metrics[name].values() if row["p_holm"] is not None)
            for name in ("auroc", "alignment", "pointing")}  # fmt: skip
    print(", ".join(f"{name}: {count} of {len(metrics[name])} below 0.05 after Holm" for name, count in told.items()))


def candidates_by_model(candidates: list[str], models: list[str]) -> dict[str, list[str]]:
    """`<model>.<method>` names by model; a model's key may hold dots, so the longest key that fits is its model."""
    found: dict[str, list[str]] = {model: [] for model in models}
    for candidate in candidates:
        found[max((m for m in models if candidate.startswith(f"{m}.")), key=len)].append(candidate)
    return found


def chosen_method(candidates: list[str]) -> str:
    """Grad-CAM, which every network has, or else the first by name."""
    return next((name for name in candidates if name.endswith(".gradcam")), sorted(candidates)[0])


def auroc_pairs(networks: list[str]) -> dict[str, Any]:
    """`<a> - <b>`: difference of the AUROCs on the test images and its p-value."""
    index = read_csv("data/prepared/index.csv", {"image": str, "split": str, "label": int, "patient": str})
    test = index[index["split"] == "test"].set_index("image").sort_index()
    if len(networks) < 2:
        return {}
    probabilities = []
    for model in networks:
        rows = read_csv(f"data/models/{model}.predictions.csv", {"image": str, "split": str, "probability": float})
        found = rows[rows["split"] == "test"].set_index("image")["probability"].reindex(test.index)
        if found.isna().any():
            raise StudyError(f"data/models/{model}.predictions.csv: lacks test images; run `dvc repro`")
        probabilities.append(found.to_numpy())
    labels, groups = test["label"].to_numpy(), test["patient"].to_numpy()
    auroc_A, covariance_AA = delong_clustered(labels, np.array(probabilities), groups)
    p_AA = delong_test(auroc_A, covariance_AA)
    results = {
        f"{networks[a]} - {networks[b]}": {"difference": auroc_A[a] - auroc_A[b], "p": p_AA[a, b]}
        for a, b in combinations(range(len(networks)), 2)
    }
    return adjusted(results)


def alignment_pairs(
    values: pd.DataFrame, hits: pd.DataFrame, pairs: list[tuple[str, str]], patients: np.ndarray, params: Params
) -> dict[str, Any]:
    """`<a> - <b>`: paired difference with its interval, p by sign flips, and McNemar's p for Pointing Game."""
    if not pairs:
        return {}
    settings, results = params.ladder, {}
    rng = np.random.default_rng([params.seed, RESAMPLES])
    weights_BM = hierarchical_weights(patients, settings.resamples, rng, deepest="patients")
    num_patients = len(np.unique(patients))
    for one, other in pairs:
        a_M, b_M = values.loc[one].to_numpy(float), values.loc[other].to_numpy(float)
        spread = paired_difference(a_M[None], b_M, weights_BM, settings.level, num_patients)
        tails = []
        for difference_M in (a_M - b_M, b_M - a_M):
            flips = np.random.default_rng([params.seed, FLIPS])
            tails.append(sign_flip_p(difference_M, patients, settings.permutations, flips))
        results[f"{one} - {other}"] = {
            "difference": spread.estimate[0],
            "low": spread.low[0],
            "high": spread.high[0],
            "p": min(1.0, 2 * min(tails)),
            "p_pointing_mcnemar": mcnemar_exact(hits.loc[one].to_numpy(float), hits.loc[other].to_numpy(float)),
        }
    return adjusted(results)


def pointing_tests(hits: pd.DataFrame, chance_M: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """`<model>.<method>`: hits, hits expected by chance, and the exact one-sided p-value."""
    return adjusted(
        {
            candidate: {
                "hits": row.sum(),
                "expected": chance_M.sum(),
                "images": len(row),
                "p": grouped_pointing_p(row.to_numpy(float), chance_M, patients),
            }
            for candidate, row in hits.iterrows()
        }
    )


def adjusted(results: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """The family with `p_holm` beside `p`."""
    for row, p in zip(results.values(), holm(np.array([row["p"] for row in results.values()])), strict=True):
        row["p_holm"] = float(p)
    return {str(name): row for name, row in results.items()}


if __name__ == "__main__":
    run_stage(main)
