"""A study of any size in its own folder: the phantom's images and readers, made-up maps and predictions.

The stages that score maps do the work of a real study with it; their results mean nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from measure import ROOT

SCORING = ("lungs", "consensus", "reliability", "align", "bootstrap", "ladder", "compare", "shortcut", "multiverse")
LIGHT = (  # every stage from lungs to report that runs once in a study, in the pipeline's order
    *("lungs", "consensus", "reliability", "align", "bootstrap", "ladder", "verdict", "subgroups", "compare"),
    *("families", "population", "shortcut", "multiverse", "report"),
)


@dataclass(frozen=True)
class Spent:
    seconds: float
    cpu_seconds: float
    """Of all its threads and processes: what is left of the seconds when other jobs share the cores."""
    megabytes: float
    """Peak of the process's resident memory."""


def paper_models() -> dict[str, Any]:
    """The twelve variants."""
    return dict(YAML(typ="safe").load(ROOT / "profiles/paper.yaml")["models"])


def write_params(folder: Path, models: dict[str, Any], changes: dict[str, dict[str, Any]]) -> None:
    """params.yaml: the phantom study with these models and changed values."""
    yaml = YAML()
    params = yaml.load(ROOT / "profiles/phantom.yaml")
    params["models"] = models
    for section, values in changes.items():
        params[section].update(values)
    yaml.dump(params, folder / "params.yaml")


def make_up_maps(folder: Path, models: dict[str, Any]) -> None:
    """CAM and Grad-CAM of every test image by every model, both layers, untrained too; predictions and histories."""
    index = pd.read_csv(folder / "data/prepared/index.csv")
    test, predicted = index[index.split == "test"], index[index.split != "train"]
    rng = np.random.default_rng(0)
    for part in ("models", "saliency"):
        (folder / "data" / part).mkdir(parents=True, exist_ok=True)
    for model, entry in models.items():
        side = 14 if entry["arch"] == "vgg16" else 7
        methods = ("gradcam", "cam") if entry["head"] == "gap" else ("gradcam",)
        maps = {method: rng.normal(0.5, 1, (len(test), side, side)).astype(np.float32) for method in methods}
        images = test.image.to_numpy().astype(str)
        others = {f"{kind}.{method}": raw[:, ::-1] for kind in ("paper", "untrained") for method, raw in maps.items()}
        np.savez(folder / f"data/saliency/{model}.npz", images=images, **maps)
        np.savez(folder / f"data/saliency/{model}.others.npz", images=images, layer=np.array("paper"), **others)
        predictions = predicted[["image", "split", "label"]].assign(probability=rng.random(len(predicted)))
        predictions.to_csv(folder / f"data/models/{model}.predictions.csv", index=False)
        history = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.7, 0.5], "val_loss": [0.7, 0.6]})
        history.to_csv(folder / f"data/models/{model}.history.csv", index=False)


# A process inherits the peak memory of the one that starts it, so a small one starts it.
LAUNCH = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds, usage = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""


def stage(folder: Path, *command: str) -> Spent:
    """Runs `python src/<command>` in the folder, as DVC does: seconds, start-up included, and peak memory.

    The peak is that of the largest process.
    """
    script, *arguments = command
    words = [sys.executable, str(ROOT / f"src/{script}.py"), *arguments]
    done = subprocess.run([sys.executable, "-c", LAUNCH, *words], cwd=folder, stdout=subprocess.PIPE, text=True)
    code, seconds, cpu_seconds, kilobytes = json.loads(done.stdout)
    if code:
        raise SystemExit(f"{' '.join(command)} failed; see above")
    return Spent(seconds, cpu_seconds, kilobytes / 1024)
