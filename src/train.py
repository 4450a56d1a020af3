"""One network of the grid: fits it, keeps the weights of the best validation epoch, predicts validation and test.

Run: python src/train.py alexnet-scratch-gap
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from sightline.networks.architectures import Classifier, build_network, num_parameters
from sightline.networks.augment import Augment
from sightline.networks.checkpoint import (
    fingerprint,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
    write_tensors,
)
from sightline.networks.device import Machine, machine
from sightline.networks.imagenet import imagenet_weights
from sightline.networks.training import (
    augmented_batches,
    auroc,
    balanced_batches,
    mean_loss,
    one_cycle_rate,
    predicted_logits,
    set_rate,
    training_step,
)
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, write_csv
from sightline.study.models import Network
from sightline.study.parameters import read_entry, read_params

PREPARED = Path("data/prepared")
MODELS = Path("data/models")
CHECKPOINTS = Path("data/checkpoints")


@dataclass(frozen=True, kw_only=True)
class Train:
    epochs: int
    batch_size: int
    learning_rate: float
    warmup: float
    weight_decay: float
    beta1: float
    beta2: float
    clip_norm: float
    patience: int
    min_improvement: float

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.patience < 1:
            raise ValueError("epochs, patience: at least 1")
        if self.batch_size < 2 or self.batch_size % 2:
            raise ValueError(f"batch_size: must be even, half of each class, got {self.batch_size}")
        if not (self.learning_rate > 0 and self.clip_norm > 0 and self.weight_decay >= 0):
            raise ValueError("learning_rate, clip_norm, weight_decay: above 0 (weight_decay may be 0)")
        if not 0 < self.warmup < 1 or not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1):
            raise ValueError("warmup, beta1, beta2: shares below 1")


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    augment: Augment
    train: Train


def main() -> None:
    if len(sys.argv) != 2:
        raise StudyError("name one model of params.yaml: python src/train.py <arch>-<init>-<head>")
    key = sys.argv[1]
    params = read_params(Params)
    entry: Network = read_entry(Network, "models", key)
    here = machine().to_train(entry.arch)
    index = read_csv(PREPARED / "index.csv", {"image": str, "split": str, "label": int})
    if not (index.split == "train").any():
        raise StudyError(f"{PREPARED}/index.csv: no training image; this study has test images alone")
    images_N = torch.from_numpy(np.load(PREPARED / "images.npy")).to(here.device)
    labels_N = torch.tensor(index.label.to_numpy(), device=here.device)
    split = {name: torch.tensor(np.flatnonzero(index.split == name), device=here.device) for name in ("train", "val")}
    pretrained = imagenet_weights(entry.arch) if entry.init == "imagenet" else None
    network = build_network(entry.arch, entry.head, params.seed, pretrained)
    here.placed(network)

    config = {"model": asdict(entry), **asdict(params), "precision": str(here.precision), "device": here.device.type}
    stamp = fingerprint(config, [PREPARED / "images.npy", PREPARED / "index.csv"])
    best, history = fit(key, network, images_N, labels_N, split, params, here, stamp)
    network.load_state_dict(best)

    rows = torch.tensor(np.flatnonzero(index.split != "train"), device=here.device)
    exact = replace(here, precision=torch.float32)  # once, so that probabilities do not carry bfloat16's 8 bits
    logits = predicted_logits(network, images_N, rows, params.train.batch_size, exact).cpu()
    predictions = index.loc[rows.cpu().numpy(), ["image", "split", "label"]]
    predictions["probability"] = logits.double().sigmoid().numpy()
    config |= {"num_parameters": num_parameters(network), "torch": torch.__version__}
    metadata = {"config": json.dumps(config, sort_keys=True)}
    write_tensors(MODELS / f"{key}.safetensors", network.state_dict(), metadata)
    write_csv(MODELS / f"{key}.history.csv", pd.DataFrame(history))
    write_csv(MODELS / f"{key}.predictions.csv", predictions)
    (CHECKPOINTS / f"{key}.safetensors").unlink(missing_ok=True)


def fit(
    key: str,
    network: Classifier,
    images_N: Tensor,
    labels_N: Tensor,
    split: dict[str, Tensor],
    params: Params,
    here: Machine,
    stamp: str,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """The weights of the epoch with the lowest validation loss, and one row per epoch.

    Every epoch is a function of the seed, its number and the state before it, so a resumed run equals an
    uninterrupted one.
    """
    train = params.train
    steps_per_epoch = max(1, len(split["train"]) // train.batch_size)
    steps = steps_per_epoch * train.epochs
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=torch.tensor(train.learning_rate, device=here.device) if here.replays else train.learning_rate,
        betas=(train.beta1, train.beta2),
        weight_decay=train.weight_decay,
        fused=True,
        capturable=here.replays,
    )
    scaler = torch.amp.GradScaler(here.device.type, enabled=here.precision == torch.float16)
    history: list[dict[str, Any]] = []
    best: dict[str, Tensor] = {}
    first, best_loss, loss_to_beat, waited = 0, math.inf, math.inf, 0

    path = CHECKPOINTS / f"{key}.safetensors"
    every = float(os.environ.get("SIGHTLINE_CHECKPOINT_SECONDS") or 60)
    saved = load_checkpoint(path, stamp)
    if saved:
        tensors, state = saved
        network.load_state_dict(tensors["network"])
        best = tensors["best"]
        restore_optimizer(optimizer, tensors["optimizer"])
        scaler.load_state_dict(state["scaler"])
        first, history = state["epoch"], state["history"]
        best_loss, loss_to_beat, waited = state["best_loss"], state["loss_to_beat"], state["waited"]
        print(f"{key}: goes on after epoch {first}")

    step = training_step(network, optimizer, scaler, train.clip_norm, here)
    bar = tqdm(total=steps, initial=first * steps_per_epoch, desc=key, unit="step", disable=None, smoothing=0.05)
    last_save = started = time.monotonic()
    for epoch in range(first, train.epochs):
        if waited >= train.patience:
            break
        torch.manual_seed(params.seed * 1_000_003 + epoch)  # dropout takes no generator of its own
        generator = torch.Generator(here.device).manual_seed(params.seed * 1_000_003 + epoch)
        batches = split["train"][balanced_batches(labels_N[split["train"]], train.batch_size, generator)]
        network.train()
        total_loss = torch.zeros((), device=here.device)  # summed there: no wait for the device inside the epoch
        rate = 0.0
        inputs_of_steps = augmented_batches(images_N, batches, params.augment, generator, here)
        for number, (rows, inputs) in enumerate(zip(batches, inputs_of_steps, strict=True)):
            rate = one_cycle_rate(epoch * steps_per_epoch + number, steps, train.learning_rate, train.warmup)
            set_rate(optimizer, rate)
            total_loss += step(inputs, labels_N[rows].float())
            bar.update()

        logits_V = predicted_logits(network, images_N, split["val"], train.batch_size, here)
        labels_V = labels_N[split["val"]]
        row = {
            "epoch": epoch + 1,
            "learning_rate": rate,
            "train_loss": total_loss.item() / steps_per_epoch,
            "val_loss": mean_loss(logits_V, labels_V),
            "val_auroc": auroc(logits_V, labels_V),
            "val_accuracy": ((logits_V >= 0) == labels_V).float().mean().item(),
        }
        history.append(row)
        if not (math.isfinite(row["train_loss"]) and math.isfinite(row["val_loss"])):
            raise StudyError(f"{key}: the loss of epoch {epoch + 1} is not finite; lower train.learning_rate")
        waited += 1
        if row["val_loss"] < loss_to_beat - train.min_improvement:
            loss_to_beat, waited = row["val_loss"], 0
        if row["val_loss"] < best_loss:
            best_loss = row["val_loss"]
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        bar.set_postfix(val_loss=row["val_loss"], val_auroc=row["val_auroc"])
        if bar.disable:  # no terminal
            line = ", ".join(f"{name} {row[name]:.4f}" for name in ("train_loss", "val_loss", "val_auroc"))
            seconds = time.monotonic() - started
            print(f"{key}: epoch {epoch + 1} of {train.epochs}, {line}, {seconds:.0f} s so far", flush=True)
        if time.monotonic() - last_save >= every:
            tensors = {"network": network.state_dict(), "best": best, "optimizer": optimizer_tensors(optimizer)}
            state = {
                "epoch": epoch + 1,
                "history": history,
                "best_loss": best_loss,
                "loss_to_beat": loss_to_beat,
                "waited": waited,
                "scaler": scaler.state_dict(),
            }
            save_checkpoint(path, tensors, state, stamp)
            last_save = time.monotonic()
    bar.close()
    return best, history


if __name__ == "__main__":
    run_stage(main)
