"""Training one network: the loop over epochs, `fit`, and its parts: batches, step, learning rate, evaluation.

Shapes: N images, B images of one batch, S steps of an epoch, V validation images, H W image grid.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from sightline.networks.augment import Augment, augmented_batches, three_channels, unit_images
from sightline.networks.checkpoint import resume_run, save_interval, save_run
from sightline.networks.device import Machine, set_rate
from sightline.networks.made_on import made_on
from sightline.statistics.streams import stream_seed
from sightline.study.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Train:
    """Section `train` of params.yaml."""

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


def fit(
    key: str,
    network: nn.Module,
    images_N: Tensor,
    labels_N: Tensor,
    split: Mapping[str, Tensor],
    train: Train,
    augment: Augment,
    seed: int,
    machine: Machine,
    checkpoint: Path,
    stamp: str,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Trains `network`; the weights of the epoch with the lowest validation loss, and one history row per epoch.

    A row has the epoch's numbers and `machine`, what `made_on` says of the machine that computed it.
    `images_N` (uint8) and `labels_N` are the study's, on the device; `split` holds the rows of `train` and `val`. Each
    epoch is a function of `seed`, its number and the state before it, so a resumed run equals an uninterrupted one bit
    for bit. The state is saved at `checkpoint` every `save_interval` seconds, at the end of an epoch; a checkpoint with
    the fingerprint `stamp` is where the run resumes. `network` keeps the weights of the last epoch. A loss that is not
    finite is a StudyError.
    """
    steps_per_epoch = max(1, len(split["train"]) // train.batch_size)
    steps = steps_per_epoch * train.epochs
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=torch.tensor(train.learning_rate, device=machine.device) if machine.replays else train.learning_rate,
        betas=(train.beta1, train.beta2),
        weight_decay=train.weight_decay,
        fused=True,
        capturable=machine.replays,
    )
    scaler = torch.amp.GradScaler(machine.device.type, enabled=machine.precision == torch.float16)
    record = made_on(machine)
    best, history = resume_run(checkpoint, stamp, network, optimizer, scaler)
    if history:
        print(f"{key}: resumes after epoch {len(history)}")

    step = training_step(network, optimizer, scaler, train.clip_norm, machine)
    first = len(history) * steps_per_epoch
    bar = tqdm(total=steps, initial=first, desc=key, unit="step", disable=None, smoothing=0.05)
    last_save = started = time.monotonic()
    for epoch in range(len(history), train.epochs):
        losses = [row["val_loss"] for row in history]
        if epochs_without_improvement(losses, train.min_improvement) >= train.patience:
            break
        torch.manual_seed(stream_seed(seed, "train", "dropout", epoch))  # dropout takes no generator of its own
        generator = torch.Generator(machine.device).manual_seed(stream_seed(seed, "train", "batches", epoch))
        batches_SB = split["train"][balanced_batches(labels_N[split["train"]], train.batch_size, generator)]
        network.train()
        total_loss = torch.zeros((), device=machine.device)  # summed there: no wait for the device inside the epoch
        inputs_of_steps = augmented_batches(images_N, batches_SB, augment, generator, machine)
        for number, (rows_B, inputs_B3HW) in enumerate(zip(batches_SB, inputs_of_steps, strict=True)):
            rate = one_cycle_rate(epoch * steps_per_epoch + number, steps, train.learning_rate, train.warmup)
            set_rate(optimizer, rate)
            total_loss += step(inputs_B3HW, labels_N[rows_B].float())
            bar.update()

        logits_V = predicted_logits(network, images_N, split["val"], train.batch_size, machine)
        labels_V = labels_N[split["val"]]
        row = {
            "epoch": epoch + 1,
            "learning_rate": rate,
            "train_loss": total_loss.item() / steps_per_epoch,
            "val_loss": mean_loss(logits_V, labels_V),
            "val_auroc": auroc(logits_V, labels_V),
            "val_accuracy": ((logits_V >= 0) == labels_V).float().mean().item(),
        }
        if not (math.isfinite(row["train_loss"]) and math.isfinite(row["val_loss"])):
            raise StudyError(f"{key}: the loss of epoch {epoch + 1} is not finite; lower train.learning_rate")
        if row["val_loss"] < min(losses, default=math.inf):
            best = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        history.append({**row, "machine": record})
        bar.set_postfix(val_loss=row["val_loss"], val_auroc=row["val_auroc"])
        if bar.disable:  # no terminal
            line = ", ".join(f"{name} {row[name]:.4f}" for name in ("train_loss", "val_loss", "val_auroc"))
            seconds = time.monotonic() - started
            print(f"{key}: epoch {epoch + 1} of {train.epochs}, {line}, {seconds:.0f} s so far", flush=True)
        if time.monotonic() - last_save >= save_interval():
            save_run(checkpoint, stamp, network, optimizer, scaler, best, history)
            last_save = time.monotonic()
    bar.close()
    return best, history


def epochs_without_improvement(losses: Sequence[float], min_improvement: float) -> int:
    """How many epochs ago the loss last improved: fell more than `min_improvement` below its last improvement."""
    loss_to_beat, waited = math.inf, 0
    for loss in losses:
        waited += 1
        if loss < loss_to_beat - min_improvement:
            loss_to_beat, waited = loss, 0
    return waited


def balanced_batches(labels_N: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """int64 S x batch_size: the rows of one epoch's batches, each with exactly half of its images from each class.

    An epoch has as many steps as the images fill whole batches (at least one). Each class supplies its images in random
    order, and when they are used up starts over in a new order: the minority class is resampled evenly. Raises
    ValueError for an odd batch size or a class without images.
    Paper: section 3.3 asks for equal proportions; its code draws with replacement, so they are equal only on average.
    """
    if batch_size < 2 or batch_size % 2:
        raise ValueError(f"batch_size: must be even, half of each class, got {batch_size}")
    steps, half = max(1, len(labels_N) // batch_size), batch_size // 2
    halves = []
    for label in (0, 1):
        rows = torch.nonzero(labels_N == label).squeeze(1)
        if not len(rows):
            raise ValueError(f"no training image has label {label}")
        rounds = math.ceil(steps * half / len(rows))
        orders = [torch.randperm(len(rows), generator=generator, device=generator.device) for _ in range(rounds)]
        halves.append(rows[torch.cat(orders)[: steps * half].to(rows.device)].view(steps, half))
    return torch.cat(halves, dim=1)


def training_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    clip_norm: float,
    machine: Machine,
) -> Callable[[Tensor, Tensor], Tensor]:
    """One step, a function of a batch's inputs and its float32 labels, B; it returns the loss, a scalar on the device.

    Binary cross-entropy in float32, the norm of the whole gradient clipped to `clip_norm`. All batches must be of one
    size.
    """

    def step(inputs_B3HW: Tensor, labels_B: Tensor) -> Tensor:
        with machine.autocast():
            logits = network(inputs_B3HW)
        loss = F.binary_cross_entropy_with_logits(logits.float(), labels_B)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(network.parameters(), clip_norm)
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return machine.repeated(step)


def one_cycle_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """The learning rate of `step`, 0 to steps - 1, by the one-cycle schedule (Smith & Topin 2019).

    Cosine from peak / 25 to `peak` over the share `warmup` of the steps, then to peak / 250,000 at the last, as in
    PyTorch's OneCycleLR.
    """
    start, end = peak / 25, peak / 25e4
    top = warmup * steps - 1
    if step <= top:
        return _cosine(start, peak, step / top if top > 0 else 1.0)
    return _cosine(peak, end, (step - top) / (steps - 1 - top))


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


@torch.inference_mode()
def predicted_logits(network: nn.Module, images_N: Tensor, rows: Tensor, batch_size: int, machine: Machine) -> Tensor:
    """float32 logits of the images in `rows`, on the device, without augmentation or dropout; leaves eval mode on.

    `images_N` is the study's uint8 array on the device. Forward passes run in the machine's precision.
    """
    network.eval()
    logits = []
    for part in rows.split(batch_size):
        with machine.autocast():
            # channels-last whatever the weights' layout: a forward pass of VGG-16 takes a fifth less (NOTES.md)
            logits.append(network(three_channels(unit_images(images_N[part]))).float())
    return torch.cat(logits) if logits else torch.zeros(0, device=images_N.device)


def mean_loss(logits_N: Tensor, labels_N: Tensor) -> float:
    """Mean binary cross-entropy of the logits, the paper's validation loss; NaN without images."""
    return F.binary_cross_entropy_with_logits(logits_N, labels_N.float()).item() if len(logits_N) else math.nan


def auroc(logits_N: Tensor, labels_N: Tensor) -> float:
    """Area under the ROC curve, ties counted half; NaN without images of either class."""
    positive, negative = logits_N[labels_N == 1], logits_N[labels_N == 0].sort().values
    if not len(positive) or not len(negative):
        return math.nan
    below = torch.searchsorted(negative, positive, side="left") + torch.searchsorted(negative, positive, side="right")
    return below.double().mean().item() / 2 / len(negative)
