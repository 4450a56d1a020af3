"""The ranking of the models over layer x method x threshold rule x consensus rule x metric.

Reads data/annotations.npz (data/consensus.npz where there are no single annotations), data/saliency/<key>.npz and
<key>.others.npz of the networks, and the patients of data/prepared/index.csv; writes data/multiverse.csv
(specification x model), metrics/multiverse.json and plots/multiverse.csv, the specification curve.
Run: python src/multiverse.py
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sightline.alignment.multiverse import (
    METRICS,
    SOFT,
    crossfitted,
    dice,
    fixed_rule,
    raw_image_choices,
    specification_means,
    specifications,
)
from sightline.experts.consensus import merged, soft
from sightline.inputs import SALIENCY, read_consensus, read_maps, read_patients
from sightline.statistics.ranking import (
    FACTORS,
    Specification,
    by_margin,
    claim_shares,
    factor_shares,
    ranking_agreement,
    rankings,
    standings,
)
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_npz, write_csv, write_json
from sightline.study.models import Entry, Network
from sightline.study.parameters import read_params

FOLDS = 601  # tag of this stage's generator
OTHERS = "data/saliency/{}.others.npz"
OTHER_LAYER = {"exact": "paper", "paper": "exact"}
FINISHED = "finished"  # the consensus rule where only finished masks are given
CONSENSUS_RULES = ("mean", "at_least", "union", "intersection", "staple")
COLUMNS = [*FACTORS, "model", "score", "images"]
CURVE_COLUMNS = ["place", *FACTORS, "model", "standing", "rank"]
Candidate = tuple[str, str, str]  # model, layer, method


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


@dataclass(frozen=True)
class Regions:
    """What maps are held against, of M images sorted by name; R consensus rules."""

    images: list[str]
    rules: list[str]
    share_rule: str
    masks_MRHW: np.ndarray
    share_MHW: np.ndarray


def main() -> None:
    params = read_params(Params)
    models = list(params.models)
    regions = read_regions(params.multiverse.consensus_rules.split(), params.models)
    if not regions.images:
        write_csv("data/multiverse.csv", pd.DataFrame(columns=COLUMNS))
        write_csv("plots/multiverse.csv", pd.DataFrame(columns=CURVE_COLUMNS))
        write_json("metrics/multiverse.json", {})
        return
    maps = read_candidates(params.models, regions.images)
    scores, threshold_rules, flat_A = all_scores(params, regions, list(maps.values()))
    specs = specifications(
        list(dict.fromkeys((layer, method) for _, layer, method in maps)),
        threshold_rules,
        regions.rules,
        params.multiverse.metrics.split(),
        regions.share_rule,
    )
    score_SN, images_SN = specification_means(specs, list(maps), models, scores, regions.rules)
    metrics = summary(specs, models, score_SN)
    empty_R = (~regions.masks_MRHW.any(axis=(2, 3))).sum(axis=0)
    metrics["images"] = len(regions.images)
    metrics["empty_consensus"] = dict(zip(regions.rules, empty_R, strict=True))
    metrics["flat_maps"] = {
        model: sum(int(flat_A[row]) for row, (owner, _, _) in enumerate(maps) if owner == model) for model in models
    }
    write_csv("data/multiverse.csv", score_table(specs, models, score_SN, images_SN))
    write_csv("plots/multiverse.csv", curve_table(specs, models, score_SN))
    write_json("metrics/multiverse.json", metrics)
    print(
        f"{metrics['specifications']} specifications of {len(models)} models on {len(regions.images)} images; "
        f"mean Kendall's tau between rankings {metrics['ranking_agreement']:.2f}"
    )


def read_regions(rules: list[str], models: dict[str, Entry]) -> Regions:
    """Each image's region by every rule, of all annotated images, or the finished masks that are not empty.

    External maps may be of the images with a consensus region alone. So an image whose study consensus is empty is
    left out, and said so, if a model has no map of it; the others must have their maps (`read_maps`).
    """
    stored = read_npz("data/annotations.npz")
    names, consensus_MHW, finished_MHW = read_consensus()
    if not len(stored["images"]):
        return Regions(names, [FINISHED], FINISHED, consensus_MHW[:, None], finished_MHW)
    annotated = sorted({*stored["images"].tolist()})
    mapped = set(annotated)
    for model in models:
        mapped &= {*read_npz(SALIENCY.format(model))["images"].tolist()}
    images = [image for image in annotated if image in mapped or image in names]
    if len(images) < len(annotated):
        print(f"{len(annotated) - len(images)} images with an empty consensus have no map of some model: left out")
    by_image = [stored["masks"][stored["images"] == image] for image in images]
    grid = stored["masks"].shape[1:]
    masks = [merged(masks_RHW, rule) for masks_RHW in by_image for rule in rules]  # type: ignore[arg-type]
    return Regions(
        images,
        rules,
        SOFT,
        np.reshape(masks, (len(images), len(rules), *grid)).astype(bool),
        np.reshape([soft(masks_RHW) for masks_RHW in by_image], (len(images), *grid)),
    )


def read_candidates(models: dict[str, Entry], images: list[str]) -> dict[Candidate, np.ndarray]:
    """Raw maps of every model, layer and method. External maps stand with the study's target layer."""
    networks = [key for key, entry in models.items() if isinstance(entry, Network)]
    others = read_maps(networks, images, OTHERS) if networks else {}
    layers = {key: str(read_npz(OTHERS.format(key)).get("layer", "")) for key in networks}
    if not {*layers.values()} <= {*OTHER_LAYER} or len({*layers.values()}) > 1:
        cases = [f"{OTHERS.format(key)}: layer {layer or 'not stated'}" for key, layer in layers.items()]
        raise StudyError("the networks' maps are not of the same layers; run the stage saliency again", cases)
    other = next(iter(layers.values()), "paper")
    maps = {(model, OTHER_LAYER[other], method): raw for (model, method), raw in read_maps(models, images).items()}
    for (model, name), raw in others.items():
        if name.startswith(f"{other}."):
            maps[model, other, name.removeprefix(f"{other}.")] = raw
    return maps


def all_scores(
    params: Params, regions: Regions, maps: Sequence[np.ndarray]
) -> tuple[dict[tuple[str, str], np.ndarray], list[str], np.ndarray]:
    """Scores by (threshold rule, metric), M x A x R each; the threshold rules; flat maps of each candidate, int A."""
    settings = params.multiverse
    by_image, sweeps = [], []
    flat_A = np.zeros(len(maps), int)
    for row, (masks_RHW, share_HW) in enumerate(zip(regions.masks_MRHW, regions.share_MHW, strict=True)):
        found, sweep_ART, is_flat_A = raw_image_choices(
            maps, row, masks_RHW, share_HW, settings.fixed, settings.top_share
        )
        by_image.append(found)
        sweeps.append(sweep_ART)
        flat_A += is_flat_A
    scores = {key: np.stack([found[key] for found in by_image]) for key in by_image[0]}
    rules = [*map(fixed_rule, settings.fixed), "otsu", "top_share", "area_matched"]
    patients = np.array(read_patients(regions.images))
    folds = min(settings.folds, len(np.unique(patients)))
    if folds < 2:
        print("a single patient: no cross-fitted threshold")
        return scores, rules, flat_A
    sweep_MART, rng = np.stack(sweeps), np.random.default_rng([params.seed, FOLDS])
    scores["crossfit", "iou"] = crossfitted(sweep_MART, patients, folds, rng)
    scores["crossfit", "dice"] = crossfitted(dice(sweep_MART), patients, folds, rng)
    return scores, [*rules, "crossfit"], flat_A


def summary(specs: Sequence[Specification], models: Sequence[str], score_SN: np.ndarray) -> dict[str, Any]:
    """How often each claim holds, under which choices, and what the ranking hangs on.

    `specifications` counts those that rank at least two models. `models.<model>`: mean, best and worst rank and the
    share of its specifications in which it is first alone. `pairs."a > b"`: in which share of `n` specifications
    that have both a scores higher, ties half; `by`, the same at each level of each factor; `factors`, the share of
    the variance of their difference that each factor explains, and at the top level of all pairs together.
    """
    rank_SN = rankings(score_SN)
    share_NN, number_NN = claim_shares(score_SN)
    pooled, factors = factor_shares(score_SN, specs)
    levels = [
        (factor, level, claim_shares(score_SN[[spec[place] == level for spec in specs]])[0])
        for place, factor in enumerate(FACTORS)
        for level in dict.fromkeys(spec[place] for spec in specs)
    ]
    pairs: dict[str, Any] = {}
    for row, col in np.argwhere(number_NN > 0):
        by: dict[str, dict[str, float]] = {factor: {} for factor in FACTORS}
        for factor, level, level_NN in levels:
            by[factor][level] = level_NN[row, col]
        pairs[f"{models[row]} > {models[col]}"] = {
            "share": share_NN[row, col],
            "n": number_NN[row, col],
            "by": by,
            "factors": {factor: values_NN[row, col] for factor, values_NN in factors.items()},
        }
    ranked = {
        model: rank_SN[~np.isnan(rank_SN[:, col]), col]
        for col, model in enumerate(models)
        if not np.isnan(rank_SN[:, col]).all()
    }
    return {
        "specifications": int((~np.isnan(rank_SN)).any(axis=1).sum()),
        "models": {
            model: {
                "specifications": len(ranks),
                "mean_rank": ranks.mean(),
                "best_rank": ranks.min(),
                "worst_rank": ranks.max(),
                "first": (ranks == 1).mean(),
            }
            for model, ranks in ranked.items()
        },
        "leaders": [models[col] for col in by_margin(score_SN)[1]],
        "pairs": pairs,
        "ranking_agreement": ranking_agreement(score_SN),
        "factors": pooled,
    }


def score_table(
    specs: Sequence[Specification], models: Sequence[str], score_SN: np.ndarray, images_SN: np.ndarray
) -> pd.DataFrame:
    """One row for each specification and model that has maps for it, and at least one image with a consensus."""
    rows = [
        (*spec, model, score_SN[row, col], images_SN[row, col])
        for row, spec in enumerate(specs)
        for col, model in enumerate(models)
        if images_SN[row, col]
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def curve_table(specs: Sequence[Specification], models: Sequence[str], score_SN: np.ndarray) -> pd.DataFrame:
    """The specification curve: `place` counts specifications from the leader's largest margin over the runner-up."""
    standing_SN, rank_SN = standings(score_SN), rankings(score_SN)
    rows = [
        (place, *specs[row], model, standing_SN[row, col], rank_SN[row, col])
        for place, row in enumerate(by_margin(score_SN)[0], 1)
        for col, model in enumerate(models)
        if not np.isnan(rank_SN[row, col])
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS)


if __name__ == "__main__":
    run_stage(main)
