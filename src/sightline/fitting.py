"""The parts of the training loop: batches, learning rate, evaluation. The loop itself is src/train.py.

Shapes: N images, B images of one batch, H W image grid.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sightline.augment import three_channels, unit_images
from sightline.device import Machine


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
