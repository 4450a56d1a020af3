"""Trains one network from one seed, keeps the best validation epoch's weights, predicts the other images.

Reads data/prepared/, and data/lung_films.npy for a network that sees the lungs alone; writes
data/models/<key>.safetensors, <key>.history.csv, <key>.predictions.csv and <key>.made.json, the machine and the library
versions. An interrupted run resumes from data/checkpoints/<key>.safetensors.

Run: python src/train.py alexnet-scratch-gap, or, where that model has several seeds, alexnet-scratch-gap-seed2
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sightline.films import FILMS
from sightline.networks.architectures import build_network, training_seed
from sightline.networks.augment import Augment
from sightline.networks.checkpoint import fingerprint
from sightline.networks.device import this_machine
from sightline.networks.imagenet import initial_weights
from sightline.networks.made_on import made_json
from sightline.networks.training import Train, fit, predicted_logits
from sightline.networks.weights_file import seen, write_network
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_csv, write_json
from sightline.study.models import read_network
from sightline.study.parameters import read_changed, read_params

INDEX = Path("data/prepared/index.csv")
MODELS = Path("data/models")
CHECKPOINTS = Path("data/checkpoints")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    augment: Augment
    train: Train


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError(
            "name one model of params.yaml, or a further seed: python -m sightline.stages.train <key>[-seed2]"
        )
    key = sys.argv[1]
    params = read_params(Params)
    entry, number = read_network(key)
    params = replace(params, train=read_changed(Train, "train", entry.train, f"models.{key}.train"))
    films = FILMS[entry.input]
    seed = training_seed(params.seed, number)
    machine = this_machine().to_train(entry.arch)
    index = read_csv(INDEX, {"image": str, "split": str, "label": int})
    if not (index.split == "train").any():
        raise StudyError(f"{INDEX}: no training image; this study has only test images")
    images_N = torch.from_numpy(np.load(films)).to(machine.device)
    labels_N = torch.tensor(index.label.to_numpy(), device=machine.device)
    split = {
        name: torch.tensor(np.flatnonzero(index.split == name), device=machine.device) for name in ("train", "val")
    }
    size = (images_N.shape[1], images_N.shape[2])
    source = "the ImageNet weights" if entry.init == "imagenet" else f"{entry.init}: its weights"
    pretrained = initial_weights(entry.arch, entry.init)
    network = machine.placed(build_network(entry.arch, entry.head, seed, pretrained, size, source))

    run = {
        **asdict(params),
        "precision": str(machine.precision),
        "device": machine.device.type,
        "seen": seen(images_N.shape[1:]),
    }
    run |= {"seed_number": number} if number > 1 else {}
    checkpoint = CHECKPOINTS / f"{key}.safetensors"
    stamp = fingerprint({"model": entry.variant, **run}, [films, INDEX])
    best, history = fit(
        key, network, images_N, labels_N, split, params.train, params.augment, seed, machine, checkpoint, stamp
    )
    network.load_state_dict(best)

    rows = torch.tensor(np.flatnonzero(index.split != "train"), device=machine.device)
    exact = replace(machine, precision=torch.float32)  # probabilities without the rounding to bfloat16's 8 bits
    logits = predicted_logits(network, images_N, rows, params.train.batch_size, exact).cpu()
    predictions = index.loc[rows.cpu().numpy(), ["image", "split", "label"]]
    predictions["probability"] = logits.double().sigmoid().numpy()
    write_network(MODELS / f"{key}.safetensors", network, entry, run)
    write_json(MODELS / f"{key}.made.json", made_json(row.pop("machine") for row in history))
    write_csv(MODELS / f"{key}.history.csv", pd.DataFrame(history))
    write_csv(MODELS / f"{key}.predictions.csv", predictions)
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    run_stage(main)
