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
import pandas as pd

from sightline import inputs
from sightline.alignment.ladder import MapsAndRegions, score_images, score_table
from sightline.alignment.ladder_summary import ladder_summary, resampled_images
from sightline.alignment.metrics import METRICS
from sightline.alignment.settings import Ladder
from sightline.study.errors import run_stage
from sightline.study.files import read_npz, write_csv, write_json
from sightline.study.models import Entry, Network, primary_method, runs_of
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
        write_csv("data/ladder.csv", pd.DataFrame(columns=["image", "candidate", "kind", *METRICS]))
        write_csv("plots/ladder.csv", pd.DataFrame(columns=PLOT_COLUMNS))
        write_json("metrics/ladder.json", {})
        return
    lungs_MHW, kind = inputs.stored_lungs(images, inputs.LUNGS, inputs.CONSENSUS)
    readers_MRHW, others_MRHW, names_MR = read_readers(images)
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
        untrained={candidate(key): raw for key, raw in read_untrained(runs_of(params.models), images).items()},
        pixels_MHW=inputs.prepared_images(images, inputs.PREPARED, inputs.CONSENSUS),
        lungs_MHW=lungs_MHW,
    )
    scores = score_images(study, rules=["area_matched"])
    metrics = summarise(study, list(maps), ladder_summary(study, scores, resampled_images(study), family(list(maps))))
    metrics |= (facts := inputs.lungs_facts(lungs_MHW, kind))
    write_csv("data/ladder.csv", score_table(study, scores))
    write_json("metrics/ladder.json", metrics)
    write_csv("plots/ladder.csv", plot_table(metrics))
    counts = f"{len(images)} images, {len(maps)} kinds of map, {len(scores.baselines)} baselines"
    print(f"{counts}; lungs: {facts['lungs']}")


def candidate(key: Key) -> str:
    return ".".join(key)


def read_readers(images: list[str]) -> tuple[list[np.ndarray], list[np.ndarray], list[list[str]]]:
    """By image the readers' masks, for each reader the others' consensus, bool R x H x W each, and their names."""
    stored = read_npz(inputs.ANNOTATIONS)
    rows_of: dict[str, list[int]] = {image: [] for image in images}
    for row, image in enumerate(stored["images"].tolist()):
        rows_of.get(image, []).append(row)  # images with an empty consensus are not scored
    rows_by_image = [np.array(rows, dtype=int) for rows in rows_of.values()]
    masks, others, names = ([stored[key][rows] for rows in rows_by_image] for key in ("masks", "others", "annotators"))
    return masks, others, [names_R.tolist() for names_R in names]


def read_untrained(models: dict[str, Entry], images: list[str]) -> dict[Key, np.ndarray]:
    """Raw maps of the same networks untrained."""
    networks = [model for model, entry in models.items() if isinstance(entry, Network)]
    maps = inputs.read_maps(networks, images, inputs.OTHERS) if networks else {}
    prefix = "untrained."
    return {(key, name.removeprefix(prefix)): raw for (key, name), raw in maps.items() if name.startswith(prefix)}


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
