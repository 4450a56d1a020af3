"""A classifier trained outside Sightline, brought in as four kinds of file, against what its own script says of it.

`trained_outside.py` has trained a densenet121 on real X-rays and stored its probabilities and pytorch-grad-cam's maps.
Here its state dict, its Lightning-like checkpoint, its .pt2 and its ONNX file become entries of a study of test films
alone, whose regions are given; the stages run one after the other in this process. Probabilities must equal the
script's to 1e-5, Grad-CAM pytorch-grad-cam's to 1e-5; checks and verdicts are printed as they are. ONNX gives no
Grad-CAM: its maps are by occlusion, hundreds of passes per film, on few films in a study of its own.

Run: python benchmarks/own_model_proof.py <images> <folder of regions> <trained_outside.py's folder> [--out proof.json]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np
import pandas as pd
from ruamel.yaml import YAML

from sightline.study.errors import run_stage
from sightline.study.models import primary_method

ROOT = Path(__file__).parents[1]
CODE = """\
import torchvision
from sightline.own_models.weights import load_weights

size, channels, value_range = 224, 3, (0, 1)
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def load():
    return load_weights(torchvision.models.densenet121(num_classes=1), "models/{file}").eval()
"""
CARD = """\
size: 224
channels: 3
mean: [0.485, 0.456, 0.406]
std: [0.229, 0.224, 0.225]
value_range: [0, 1]
output: logit
"""
CODED = {"state-dict": "weights.pt", "checkpoint": "lightning.ckpt"}
EXPORTED = {"pt2": "model.pt2", "onnx": "model.onnx"}
PATIENTS = r"^(?:(person\d+)_(bacteria|virus)|((?:NORMAL2-)?IM-\d+))"  # in the data set's file names
AFTER_MAPS = ("lungs", "consensus", "align", "bootstrap", "ladder", "verdict")
TOLERANCE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("regions", type=Path, help="folder of PNG, white where the experts see something")
    parser.add_argument("outside", type=Path, help="the folder that trained_outside.py wrote")
    parser.add_argument("--films", type=int, default=40, help="test films of each class, those with a region included")
    parser.add_argument("--few", type=int, default=4, help="films without a region in the study of the ONNX file")
    parser.add_argument("--only", choices=[*CODED, *EXPORTED], nargs="+", default=[*CODED, *EXPORTED])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as name:
        for folder, files, films, methods in (
            ("gradients", [key for key in arguments.only if key != "onnx"], arguments.films, ""),
            ("passes", [key for key in arguments.only if key == "onnx"], arguments.few, "occlusion"),
        ):
            if files:
                results |= proof(arguments, Path(name, folder), files, films, methods)
    print(json.dumps(results, indent=2))
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")
    wrong = [key for key, result in results.items() if not result["equal"]]
    if wrong:
        raise SystemExit(f"differs from its own script by more than {TOLERANCE}: {', '.join(wrong)}")


def proof(
    arguments: argparse.Namespace, folder: Path, entries: list[str], films: int, methods: str
) -> dict[str, dict[str, Any]]:
    """What each entry's check, probabilities, maps and verdict are, in a study of the `entries` written to `folder`."""
    regions = sorted(path.stem for path in arguments.regions.glob("*.png"))
    write_study(arguments, folder, entries, regions, films, methods)
    seconds = {"prepare": stage(folder, "prepare")}
    for key in entries:
        for name in ("predict", "saliency", "consistency"):
            seconds[f"{name} {key}"] = stage(folder, name, key)
    for name in AFTER_MAPS:
        seconds[name] = stage(folder, name)
    verdicts = json.loads((folder / "metrics/verdict.json").read_text())["models"]
    results = {}
    for key in entries:
        result = compared(folder, key, arguments.outside)
        check = json.loads((folder / f"metrics/models/{key}.json").read_text())
        own = {name: round(value, 1) for name, value in seconds.items() if name.split()[1:] in ([], [key])}
        verdict = verdicts[key][primary_method(result["methods"])]
        told = {name: verdict[name] for name in ("verdict", "sentence", "power")}
        results[key] = {**result, "check": check["status"], **told, "seconds": own}
    return results


def write_study(
    arguments: argparse.Namespace, folder: Path, entries: list[str], regions: list[str], films: int, methods: str
) -> None:
    """A study of test films alone: the films with a region, and others of both classes, `films` of each in all."""
    for name in ("data/raw", "masks", "models"):
        (folder / name).mkdir(parents=True)
    test = pd.read_csv(arguments.outside / "test.csv", dtype={"image": str})
    chosen = [test[test["image"].isin(regions)]]
    for label, group in test[~test["image"].isin(regions)].groupby("label"):
        chosen.append(group.head(max(films - len(regions) * int(label), 2)))
    rows = pd.concat(chosen)
    words = {0: "NORMAL", 1: "PNEUMONIA"}
    for image, label in zip(rows["image"], rows["label"], strict=True):
        shutil.copy(arguments.images / "test" / words[label] / f"{image}.jpeg", folder / "data/raw")
    table = pd.DataFrame({"path": rows["image"] + ".jpeg", "label": rows["label"].map(words)})
    table.to_csv(folder / "data/raw/study.csv", index=False)
    for name in regions:
        shutil.copy(arguments.regions / f"{name}.png", folder / "masks")
    models: dict[str, dict[str, str]] = {}
    for key in entries:
        file = (CODED | EXPORTED)[key]
        shutil.copy(arguments.outside / file, folder / "models")
        if key in CODED:
            (folder / f"models/{key}.py").write_text(CODE.format(file=file))
            models[key] = {"code": f"models/{key}.py", "weights": f"models/{file}"}
        else:
            (folder / f"models/{key}.yaml").write_text(CARD)
            models[key] = {"export": f"models/{file}", "card": f"models/{key}.yaml"}
    yaml = YAML()
    params = yaml.load(ROOT / "profiles/demo.yaml")
    params["data"].update(source="table", patient_pattern=PATIENTS)
    params["consensus"].update(source="masks", folder="masks")
    params["saliency"]["methods"] = methods
    params["models"] = models
    yaml.dump(params, folder / "params.yaml")


def stage(folder: Path, name: str, *words: str) -> float:
    """Runs a stage in the study's folder, in this process; the seconds it took."""
    started = time.perf_counter()
    before = sys.argv
    sys.argv = [f"{name}.py", *words]
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
            run_stage(importlib.import_module(f"sightline.stages.{name}").main)
    finally:
        sys.argv = before
    return time.perf_counter() - started


def compared(folder: Path, key: str, outside: Path) -> dict[str, Any]:
    """The largest differences from the outside script's probabilities and maps, and whether they are equal."""
    own = pd.read_csv(folder / f"data/models/{key}.predictions.csv", dtype={"image": str}).set_index("image")
    told = pd.read_csv(outside / "test.csv", dtype={"image": str}).set_index("image").loc[own.index]
    probability = float((own["probability"] - told["probability"]).abs().max())
    result: dict[str, Any] = {"films": len(own), "probability_differs_by": probability}
    maps = np.load(folder / f"data/saliency/{key}.npz")
    result["methods"] = sorted(set(maps.files) - {"images"})
    equal = probability <= TOLERANCE
    if "gradcam" in maps.files:
        peer = np.load(outside / "maps.npz")
        rows = [maps["images"].tolist().index(image) for image in peer["image"]]
        for layer in ("relu", "norm5"):
            difference = np.abs(maps["gradcam"][rows] - peer[layer]).max()
            result[f"gradcam_differs_by_{layer}"] = float(difference)
            result[f"gradcam_differs_by_{layer}_of_largest"] = float(difference / np.abs(peer[layer]).max())
        equal = equal and result["gradcam_differs_by_relu"] <= TOLERANCE
    return {**result, "equal": bool(equal)}


if __name__ == "__main__":
    main()
