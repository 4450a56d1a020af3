"""Seconds of the stages that score maps, for the paper's size: 12 models, CAM and Grad-CAM, 50 images, 224 pixels.

Maps, predictions and annotations are synthetic; the work is that of a real study.
Run: python benchmarks/alignment_stages.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
STAGES = ("lungs", "consensus", "reliability", "align", "bootstrap", "ladder", "compare", "shortcut", "multiverse")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yaml = YAML()
        params = yaml.load(ROOT / "profiles/phantom.yaml")
        params["models"] = yaml.load(ROOT / "profiles/paper.yaml")["models"]
        params["data"].update(height=224, width=224)
        params["phantom"].update(train_images=40, test_images=624)
        yaml.dump(params, folder / "params.yaml")
        stage(folder, "prepare")
        index = pd.read_csv(folder / "data/prepared/index.csv")
        test = index[index.split == "test"]
        rng = np.random.default_rng(0)
        for part in ("models", "saliency"):
            (folder / "data" / part).mkdir()
        for model, entry in params["models"].items():
            side = 14 if entry["arch"] == "vgg16" else 7
            maps = {
                method: rng.normal(0.5, 1, (len(test), side, side)).astype(np.float32) for method in ("gradcam", "cam")
            }
            if entry["head"] == "fc":
                del maps["cam"]
            images = test.image.to_numpy().astype(str)
            others = {
                f"{kind}.{method}": raw[:, ::-1] for kind in ("paper", "untrained") for method, raw in maps.items()
            }
            np.savez(folder / f"data/saliency/{model}.npz", images=images, **maps)
            np.savez(folder / f"data/saliency/{model}.others.npz", images=images, layer=np.array("paper"), **others)
            predictions = test[["image", "split", "label"]].assign(probability=rng.random(len(test)))
            predictions.to_csv(folder / f"data/models/{model}.predictions.csv", index=False)
        total = 0.0
        for stage_name in STAGES:
            seconds = stage(folder, stage_name)
            total += seconds
            print(f"{stage_name:12s} {seconds:5.1f} s", flush=True)
        print(f"{'all':12s} {total:5.1f} s")


def stage(folder: Path, name: str) -> float:
    """Seconds of one stage as DVC runs it, start-up included."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, ROOT / f"src/{name}.py"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
