"""The parts of the training loop: batches, learning rate, evaluation. The loop itself is src/train.py.

Shapes: N images, B images of one batch, H W image grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline.networks.augment import Augment, augmented, three_channels, unit_images
from sightline.networks.device import Machine


def balanced_batches(labels_N: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
    """int64 steps x batch_size: the rows of one epoch's batches, exactly half of them of each label.

    An epoch has as many steps as full batches fit into the images (at least one). Each class gives its images in
    random order, again from the start in a new order when they are used up: the minority class is resampled, evenly.
    Raises ValueError for an odd batch size or a class without images.
    Paper: section 3.3 asks for equal proportions; the code draws with replacement, equal only on average.
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


def augmented_batches(
    images_N: Tensor, batches_SB: Tensor, strengths: Augment, generator: torch.Generator, machine: Machine
) -> Iterator[Tensor]:
    """Of each step's rows their images, augmented anew: B x 3 x H x W in the machine's layout and precision.

    `images_N` is the study's uint8 array on the device. Augmented in float32, then rounded as autocast would; the draws
    are by `machine.batches_at_once`.
    """
    for rows_PB in batches_SB.split(machine.batches_at_once):
        part = augmented(unit_images(images_N[rows_PB.flatten()]), strengths, generator)
        yield from three_channels(part.to(machine.precision), machine.layout).split(rows_PB.shape[1])


def training_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    clip_norm: float,
    machine: Machine,
) -> Callable[[Tensor, Tensor], Tensor]:
    """One step as a function of a batch's inputs and float32 labels, B; it returns the loss, a scalar on the device.

    Binary cross-entropy in float32, the whole gradient clipped to `clip_norm`. Batches must all have one size.
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


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate; where it is a tensor, which a recorded step reads, in its place."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def one_cycle_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """The learning rate of `step`, 0 to steps - 1: cosine from peak / 25 up to `peak` in the warm-up share of the
    steps, then down to peak / 250,000 at the last (Smith & Topin 2019, with PyTorch's OneCycleLR's constants).
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
    """float32 logits of the images in `rows`, on the device; not augmented, dropout off.

    `images_N` is the study's uint8 array on the device. Runs under the machine's autocast; a Machine of float32
    gives float32.
    """
    network.eval()
    logits = []
    for part in rows.split(batch_size):
        with machine.autocast():
            # channels-last whatever the weights' layout is: a forward pass of VGG-16 takes a fifth less (NOTES.md)
            logits.append(network(three_channels(unit_images(images_N[part]))).float())
    return torch.cat(logits) if logits else torch.zeros(0, device=images_N.device)


def mean_loss(logits_N: Tensor, labels_N: Tensor) -> float:
    """Mean binary cross-entropy of the logits, the paper's validation loss; NaN without images."""
    return F.binary_cross_entropy_with_logits(logits_N, labels_N.float()).item() if len(logits_N) else math.nan


def auroc(logits_N: Tensor, labels_N: Tensor) -> float:
    """Area under the ROC curve, ties counted half; NaN if a class is absent."""
    positive, negative = logits_N[labels_N == 1], logits_N[labels_N == 0].sort().values
    if not len(positive) or not len(negative):
        return math.nan
    below = torch.searchsorted(negative, positive, side="left") + torch.searchsorted(negative, positive, side="right")
    return below.double().mean().item() / 2 / len(negative)
