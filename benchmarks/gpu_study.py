"""The paper's recipe on real images on one device, without DVC: our scratch models for its Tables 4 and 3, or others.

For each seed, the stages' code runs in one process: prepare (the split), then for each model train, saliency, the
alignment with finished expert regions and the verdict. Results are written after each model: accuracy, F1, AUROC,
specificity (with recall and precision) and their intervals, seconds, IoU and Pointing Game of CAM and Grad-CAM with
chance and intervals, and Grad-CAM's contrast with its verdict; once per model also images per second against the bare
step (on a CPU only of the paper's architectures); from five architectures on, how accuracy and AUROC go with the
contrast. `--minutes` ends the run before a model that would not fit any more; another run with the same `--out`
continues with what is missing.

Run: python benchmarks/gpu_study.py IMAGES REGIONS --out results.json [--models ...] [--seeds 0 1 2] [--minutes 9]
IMAGES holds train/ and test/ with NORMAL and PNEUMONIA, REGIONS one PNG for each annotated test image. A model is named
ARCH-INIT-HEAD, with any architecture of torchvision: densenet121-scratch-gap.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np
from ruamel.yaml import YAML

import training
from measure import PACKAGES, ROOT, device_words
from sightline.networks.device import this_machine
from sightline.stages import align, bootstrap, consensus, consistency, lungs, prepare, saliency, train, verdict
from sightline.stages.population import DRAWS, MEASURES
from sightline.statistics.clustered_correlation import LEAST_CLUSTERS, clustered_correlation
from sightline.statistics.streams import stream
from sightline.study.files import rounded
from sightline.study.models import Network
from sightline.study.versions import installed_versions

SCRATCH = (
    "alexnet-scratch-gap", "alexnet-scratch-fc", "googlenet-scratch-gap", "resnet50-scratch-gap", "vgg16-scratch-gap",
    "vgg16-scratch-fc",
)  # fmt: skip


def main() -> None:
    arguments = parsed()
    out: Path = arguments.out.resolve()
    results: dict[str, Any] = json.loads(out.read_text()) if out.is_file() else {}
    deadline = time.monotonic() + 60 * arguments.minutes
    longest = 0.0
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
            missing = [key for key in arguments.models if f"{key}, seed {seed}" not in results.get("models", {})]
            if not missing:
                continue
            write_params(arguments, seed, missing)
            prepare.main()
            lungs.main()
            consensus.main()
            for key in missing:
                if time.monotonic() + longest > deadline:
                    print(f"stops before {key}, seed {seed}: no time left")
                    return
                begun = time.monotonic()
                models = results.setdefault("models", {})
                models[f"{key}, seed {seed}"] = one_model(arguments, seed, key)
                longest = max(longest, time.monotonic() - begun)
                write(out, results, arguments)
                if key not in results.setdefault("speed", {}) and has_speed(key):
                    results["speed"][key] = speed(key)
                    write(out, results, arguments)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=lambda text: Path(text).resolve())
    parser.add_argument("regions", type=lambda text: Path(text).resolve())
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", nargs="+", type=model_key, default=list(SCRATCH), metavar="ARCH-INIT-HEAD")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's, to try the script")
    parser.add_argument("--side", type=int, help="pixels, instead of the recipe's 224, to try the script")
    return parser.parse_args()


def model_key(text: str) -> str:
    """The key itself, if it names a network that can be built."""
    try:
        entry_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: expected ARCH-INIT-HEAD ({error})") from None
    return text


def entry_of(key: str) -> dict[str, Any]:
    """The entry of `models` that the key names; ValueError where it names none."""
    if ":" in key:  # no key of params.yaml
        raise ValueError("architectures of torchvision only")
    arch, init, head = key.rsplit("-", 2)
    entry: dict[str, Any] = {"arch": arch, "init": init, "head": head}
    if head not in ("gap", "fc"):
        raise ValueError(f"no head {head!r}")
    Network(**entry)
    return entry


def write_params(arguments: argparse.Namespace, seed: int, models: list[str]) -> None:
    """params.yaml: the paper profile with these images, regions and models."""
    yaml = YAML()
    params = yaml.load(ROOT / "profiles/paper.yaml")
    params["seed"] = seed
    params["data"]["root"] = str(arguments.images)
    params["consensus"].update(source="masks", folder=str(arguments.regions))
    params["models"] = {key: entry_of(key) for key in models}
    if arguments.epochs:
        params["train"]["epochs"] = arguments.epochs
    if arguments.side:
        params["data"].update(height=arguments.side, width=arguments.side)
    yaml.dump(params, Path("params.yaml"))


def one_model(arguments: argparse.Namespace, seed: int, key: str) -> dict[str, Any]:
    """Trains and scores one model; its part of the results."""
    write_params(arguments, seed, [key])
    train_seconds = seconds_of(train.main, key)
    map_seconds = seconds_of(saliency.main, key)
    align.main()
    bootstrap.main()
    seconds_of(consistency.main, key)  # off, but the verdict reads its file
    verdict.main()
    classification = json.loads(Path("metrics/classification.json").read_text())[key]
    alignment = json.loads(Path("metrics/alignment.json").read_text())[key]
    intervals = json.loads(Path("metrics/intervals.json").read_text())[key]
    judged = json.loads(Path("metrics/verdict.json").read_text())
    own = judged["models"][key]["gradcam"]
    history = Path(f"data/models/{key}.history.csv").read_text().splitlines()
    shutil.rmtree("data/models")
    print(f"{key}, seed {seed}: {train_seconds:.0f} s, accuracy {classification['accuracy']['value']:.3f}", flush=True)
    return {
        "classification": classification,
        "alignment": {method: {**row, "intervals": intervals[method]} for method, row in alignment.items()},
        "contrast": {**own["contrast"][judged["primary"]], "ceiling": own["ceiling"]["value"]},
        "verdict": own["verdict"],
        "epochs": len(history) - 1,
        "history": history,
        "train_seconds": train_seconds,
        "saliency_seconds": map_seconds,
    }


def relations(models: dict[str, Any]) -> dict[str, Any]:
    """`accuracy` and `auroc` with the contrast, between architectures and within a model over seeds; {} for too few.

    `models`: results by "<key>, seed <number>"; those without a contrast are left out.
    """
    known = {name: own for name, own in models.items() if own.get("contrast", {}).get("value") is not None}
    keys = [name.split(",")[0] for name in known]
    architectures = [key.rsplit("-", 2)[0] for key in keys]
    if len(set(architectures)) < LEAST_CLUSTERS:
        return {}
    contrast_R = np.array([own["contrast"]["value"] for own in known.values()])
    found = {}
    for measure in MEASURES:
        x_R = np.array([own["classification"][measure]["value"] for own in known.values()])
        rng = stream(0, "gpu_study", "resamples and orders", measure)
        labels = np.array(architectures), np.array(keys)
        found[measure] = asdict(clustered_correlation(x_R, contrast_R, *labels, 0.95, 1000, DRAWS, rng))
    return found


def has_speed(key: str) -> bool:
    """Whether `speed` knows this architecture: on a CPU it needs a batch that runs in minutes."""
    return this_machine().device.type != "cpu" or entry_of(key)["arch"] in training.BATCH


def speed(key: str) -> dict[str, dict[str, float | None]]:
    """Images per second of training and of the bare step; once for each model, since no seed changes it."""
    entry = entry_of(key)
    rows = training.compare(entry["arch"], entry["head"], this_machine())
    return {
        row.against: {"images_per_second": row.ours, "limit": row.other, "share_of_limit": row.ratio} for row in rows
    }


def seconds_of(stage: Callable[[], None], key: str) -> float:
    """Runs a stage's main on one model, as `python src/<stage>.py <key>` would."""
    before = sys.argv
    sys.argv = [stage.__module__, key]
    begun = time.monotonic()
    try:
        stage()
    finally:
        sys.argv = before
    return time.monotonic() - begun


def write(out: Path, results: dict[str, Any], arguments: argparse.Namespace) -> None:
    machine = this_machine()
    results |= {
        "relations": relations(results.get("models", {})),
        "command": "python benchmarks/gpu_study.py",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": device_words(),
        "device": machine.device.type,
        "precision": str(machine.precision).removeprefix("torch."),
        "versions": installed_versions(PACKAGES),
        "recipe_changed": {name: getattr(arguments, name) for name in ("epochs", "side") if getattr(arguments, name)},
    }
    beside = out.with_suffix(".partial")
    beside.write_text(json.dumps(rounded(results), indent=1, sort_keys=True) + "\n")
    beside.replace(out)


if __name__ == "__main__":
    main()
