"""The command `sightline explain`: saliency maps and predictions of a classifier on a folder of films.

sightline explain MODEL IMAGES --out MAPS [--card CARD.yaml] [--methods gradcam cam ...] [--size ROWSxCOLS] ...

Writes MAPS/maps.npz, which `sightline score` reads (`images`, and one array M x h x w a method, raw and signed), and
MAPS/predictions.csv (image, probability of the positive class). M images, H W the films' grid, h w a map's.
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sightline.counts import counted
from sightline.explaining.films import films_in
from sightline.explaining.opening import Model, model_at
from sightline.networks.augment import three_channels, unit_images
from sightline.networks.device import Machine, saliency_machine
from sightline.saliency.methods import lacking, method_named, saliency
from sightline.statistics.streams import stream_seed
from sightline.study.errors import StudyError, collapsed
from sightline.study.files import not_written, refuse_unwritable, write_csv, write_npz

BATCH = 16
FEW = 4  # films on which the evidence of a classifier trained elsewhere is found


def run(arguments: argparse.Namespace) -> None:
    """Computes everything, then writes the folder, whole or not at all."""
    out: Path = arguments.out
    if out.exists():
        raise StudyError(f"{out}: is there already; name a new folder, or delete it")
    refuse_unwritable(out)
    methods = list(dict.fromkeys(arguments.methods))
    for name in methods:
        method_named(name)
    model = model_at(arguments.model, arguments.card)
    size = _size(arguments.size, model, arguments.model)
    color = bool(model.color if arguments.color is None else arguments.color)
    names, films_N = films_in(arguments.images, size, color)
    maps, logits_M = explained(
        model, films_N, names, methods, arguments.target_class == "negative", arguments.seed, saliency_machine()
    )
    predictions = pd.DataFrame({"image": names, "probability": 1 / (1 + np.exp(-logits_M))})
    _write(out, names, maps, predictions)
    print(f"{arguments.model}: {counted(len(names), 'film')} of {size[0]} x {size[1]} pixels")
    for note in model.notes:
        print(f"{arguments.model}: {note}")
    print(f"wrote {out / 'maps.npz'} ({', '.join(methods)}) and {out / 'predictions.csv'}")


def explained(
    model: Model, films_N: np.ndarray, names: list[str], methods: list[str], negative: bool, seed: int, machine: Machine
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Raw maps, float32 M x h x w by method, and the positive class's logits, float64 M.

    `films_N`: uint8 M x H x W, or M x H x W x 3. `negative`: the maps explain the negative class, whose logit is the
    positive one's with its sign turned. StudyError that lists maps and logits that are NaN or infinite, and before any
    map where a method needs what the classifier lacks.
    """
    few = three_channels(unit_images(torch.from_numpy(films_N[:FEW])))
    network = model.open(few)
    reasons = [f"{name}: {reason}" for name in methods if (reason := lacking(method_named(name), network))]
    if reasons:
        raise StudyError("methods that cannot be used on this model", reasons)
    network = machine.placed(network)
    generator = torch.Generator(machine.device).manual_seed(stream_seed(seed, "explain", "maps"))
    parts: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    logits = []
    if negative:
        network = network.negated()
    for start in range(0, len(films_N), BATCH):
        pixels = torch.from_numpy(films_N[start : start + BATCH]).to(machine.device)
        batch = three_channels(unit_images(pixels), machine.layout)
        with torch.no_grad():
            logits.append(network(batch).double().cpu().numpy())
        with machine.autocast():
            for name in methods:
                parts[name].append(saliency(name, network, batch, generator).cpu().numpy())
    maps = {name: np.concatenate(batches) for name, batches in parts.items()}
    logits_M = np.concatenate(logits) * (-1 if negative else 1)
    broken = [f"output of {names[row]}" for row in np.flatnonzero(~np.isfinite(logits_M))]
    broken += [
        f"{name} of {names[row]}"
        for name, maps_Mhw in maps.items()
        for row in np.flatnonzero(~np.isfinite(maps_Mhw).all(axis=(1, 2)))
    ]
    if broken:
        raise StudyError("NaN or infinite values; nothing was written", collapsed(broken))
    return maps, logits_M


def _size(text: str | None, model: Model, path: Path) -> tuple[int, int]:
    if text is None:
        if model.size is None:
            raise StudyError(f"{path}: does not say which size of films it saw; add --size ROWSxCOLS")
        return model.size
    sides = re.fullmatch(r"(\d+)x(\d+)", text)
    if not sides or not int(sides[1]) or not int(sides[2]):
        raise StudyError(f"--size {text}: expected ROWSxCOLS, such as 224x224")
    return int(sides[1]), int(sides[2])


def _write(out: Path, names: list[str], maps: dict[str, np.ndarray], predictions: pd.DataFrame) -> None:
    beside = out.with_name(f".{out.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)  # what a killed run left
    try:
        write_npz(beside / "maps.npz", images=np.array(names), **maps)
        write_csv(beside / "predictions.csv", predictions)
        beside.rename(out)
    except OSError as error:
        raise not_written(out, error) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
