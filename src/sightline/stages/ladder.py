"""Every map against the baseline ladder and on the human scale, by every threshold-free metric.

Reads data/consensus.npz, data/annotations.npz, data/lungs.npz, data/prepared/, data/saliency/<key>.npz (and
<key>.others.npz of the networks); writes data/ladder.csv (image x candidate), metrics/ladder.json and
plots/ladder.csv. No threshold is involved.
Run: python src/ladder.py
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sightline import inputs
from sightline.alignment.ladder import MapsAndRegions, score_images, score_table
from sightline.alignment.ladder_summary import ladder_summary, resampled_images
from sightline.alignment.metrics import METRICS
from sightline.alignment.settings import Ladder
from sightline.columns import from_rows, write_columns
from sightline.study.errors import run_stage
from sightline.study.files import write_json
from sightline.study.models import Entry, classifying, primary_method, runs_of
from sightline.study.parameters import read_params

BOUNDARY = ("hd95", "assd", "nsd")
PLOT_COLUMNS = ["candidate", "kind", "metric", "value", "low", "high"]
Key = tuple[str, str]  # model and method


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    ladder: Ladder
    models: dict[str, Entry]


def main() -> None:
    params = read_params(Params)
    images, masks_MHW, shares_MHW = inputs.read_consensus(inputs.CONSENSUS)
    maps = inputs.read_maps(runs_of(params.models), images, inputs.SALIENCY) if images else {}
    if not maps:  # no consensus, or no model
        write_columns("data/ladder.csv", dict.fromkeys(("image", "candidate", "kind", *METRICS), ()))
        write_columns("plots/ladder.csv", dict.fromkeys(PLOT_COLUMNS, ()))
        write_json("metrics/ladder.json", {})
        return
    lungs_MHW, kind = inputs.stored_lungs(images, inputs.LUNGS, inputs.CONSENSUS)
    readers_MRHW, others_MRHW, names_MR = inputs.read_readers(images, inputs.ANNOTATIONS)
    untrained = inputs.read_untrained(classifying(runs_of(params.models)), images, inputs.OTHERS)
    study = MapsAndRegions(
        seed=params.seed,
        settings=params.ladder,
        images=images,
        patients_M=np.array(inputs.read_patients(images, inputs.INDEX, inputs.CONSENSUS)),
        masks_MHW=masks_MHW,
        shares_MHW=shares_MHW,
        readers_MRHW=readers_MRHW,
        others_MRHW=others_MRHW,
        reader_names_MR=names_MR,
        maps={candidate(key): raw for key, raw in maps.items()},
        untrained={candidate(key): raw for key, raw in untrained.items()},
        pixels_MHW=inputs.prepared_images(images, inputs.PREPARED, inputs.CONSENSUS),
        lungs_MHW=lungs_MHW,
    )
    scores = score_images(study, rules=["area_matched"])
    metrics = summarise(study, list(maps), ladder_summary(study, scores, resampled_images(study), family(list(maps))))
    metrics |= (facts := inputs.lungs_facts(lungs_MHW, kind))
    write_columns("data/ladder.csv", score_table(study, scores))
    write_json("metrics/ladder.json", metrics)
    write_columns("plots/ladder.csv", plot_table(metrics))
    counts = f"{len(images)} images, {len(maps)} kinds of map, {len(scores.baselines)} baselines"
    print(f"{counts}; lungs: {facts['lungs']}")


def candidate(key: Key) -> str:
    return ".".join(key)


def family(keys: list[Key]) -> list[str]:
    """One map per model, by its primary method; other methods are exploratory."""
    methods: dict[str, list[str]] = {}
    for model, method in keys:
        methods.setdefault(model, []).append(method)
    return [candidate((model, primary_method(own))) for model, own in methods.items()]


def summarise(study: MapsAndRegions, keys: list[Key], summary: dict[str, Any]) -> dict[str, Any]:
    """`models.<model>.<method>`, `baselines.<name>` and `human_scale.<metric>.models.<model>.<method>`."""
    models: dict[str, Any] = {}
    for model, method in keys:
        entry = summary["candidates"][candidate((model, method))]
        binary = entry.pop("binary")["area_matched"]
        entry["boundary"] = {metric: binary[metric]["value"] for metric in BOUNDARY}
        models.setdefault(model, {})[method] = entry
    for scale in summary["human_scale"].values():
        places, scale["models"] = scale.pop("candidates"), {}
        for model, method in keys:
            scale["models"].setdefault(model, {})[method] = places[candidate((model, method))]
    return {
        "models": models,
        "baselines": {
            name: {metric: mean["value"] for metric, mean in by_metric.items()}
            for name, by_metric in summary["baselines"].items()
        },
        "human_scale": summary["human_scale"],
        "primary": study.settings.primary,
        "images": len(study.images),
        "tolerance_pixels": study.tolerance,
    }


def plot_table(metrics: dict[str, Any]) -> dict[str, list[Any]]:
    """PLOT_COLUMNS by name, long: a row for each candidate and metric."""
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
    return from_rows(rows, PLOT_COLUMNS)


if __name__ == "__main__":
    run_stage(main)
