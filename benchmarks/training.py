"""Training, images a second: src/train.py's own loop against the bare step on one fixed tensor.

Ours is `train.fit` over one epoch: balanced sampling, augmentation, schedule, clipping, an evaluation of two images.
The limit is the same network, batch, precision, optimiser and clipping, on a tensor that lies on the device already.
A batch is 64 as in the paper; on a CPU less for the larger networks, so that a run takes minutes. An epoch's end (the
evaluation, the best weights' copy) counts as ours, over a few steps where an epoch of the paper's study has 73.
Run: python benchmarks/training.py [<arch>-<head> ...]
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import train
from measure import ROOT, Row, finish, in_turn, rate_row, timed
from sightline.device import Machine, machine
from sightline.networks import build_network
from sightline.parameters import read_params

SIDE = 224
BATCH = {"alexnet": 64, "googlenet": 16, "resnet50": 8, "vgg16": 4}  # on a CPU
STEPS = {"alexnet": 2, "googlenet": 3, "resnet50": 4, "vgg16": 3}
ROUNDS = {"alexnet": 3, "googlenet": 4, "resnet50": 4, "vgg16": 3}
GPU_BATCH, GPU_STEPS, GPU_ROUNDS = 64, 40, 7
VARIANTS = ("alexnet-gap", "googlenet-gap", "resnet50-gap", "vgg16-gap")
MUST, MUST_ALEXNET_CPU = 0.95, 0.85


def main() -> None:
    # each in a process of its own, as the stage is: on the heap that three networks left, VGG-16 was a tenth slower
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as pool:
        finish(list(pool.map(alone, sys.argv[1:] or VARIANTS)))


def alone(variant: str) -> Row:
    """One architecture's row, in a process that does nothing else."""
    os.environ["SIGHTLINE_CHECKPOINT_SECONDS"] = "1e9"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # a stage's paths are the project's
        row = compare(*variant.split("-"), machine())
    print(f"{variant}: {row.ratio:.3f} of the limit", file=sys.stderr, flush=True)
    return row


def compare(arch: str, head: str, here: Machine) -> Row:
    """One architecture's row."""
    is_cpu = here.device.type == "cpu"
    batch, steps, rounds = (BATCH[arch], STEPS[arch], ROUNDS[arch]) if is_cpu else (GPU_BATCH, GPU_STEPS, GPU_ROUNDS)
    recipe = read_params(train.Params, ROOT / "profiles/paper.yaml")
    params = replace(recipe, train=replace(recipe.train, epochs=1, batch_size=batch))
    generator = torch.Generator().manual_seed(0)
    count = batch * steps
    images_N = torch.randint(256, (count + 2, SIDE, SIDE), generator=generator, dtype=torch.uint8).to(here.device)
    labels_N = (torch.arange(count + 2) % 2).to(here.device)
    rows_N = torch.arange(count + 2, device=here.device)
    split = {"train": rows_N[:count], "val": rows_N[count:]}
    here = here.to_train(arch)
    network = here.placed(build_network(arch, head, seed=0))
    fixed = torch.rand(batch, 3, SIDE, SIDE, generator=generator)
    fixed = fixed.to(here.device, memory_format=here.layout)
    labels = labels_N[:batch].float()

    def ours() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            train.fit(f"{arch}-{head}", network, images_N, labels_N, split, params, here, "")

    def limit(steps: int = steps) -> None:
        settings = params.train
        betas = settings.beta1, settings.beta2
        optimizer = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, betas, weight_decay=settings.weight_decay, fused=True
        )
        network.train()
        for _ in range(steps):
            with here.autocast():
                logits = network(fixed)
            loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimizer.step()

    sync = (lambda: None) if is_cpu else torch.cuda.synchronize
    against = "the bare step"
    limit(1)  # the first step is slower
    seconds = in_turn({"ours": timed(ours, sync), against: timed(limit, sync)}, rounds, warmups=0)
    must = MUST_ALEXNET_CPU if is_cpu and arch == "alexnet" else MUST
    precision = str(here.precision).removeprefix("torch.")
    what = f"training {arch}-{head}, {here.device.type}, {precision}, batch {batch}"
    return rate_row(what, "images/s", count, seconds, against, must)


if __name__ == "__main__":
    main()
