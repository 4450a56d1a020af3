"""Training, images per second: the train stage's loop against the bare step on one fixed tensor.

Ours is `training.fit`: balanced sampling, augmentation, schedule, clipping, evaluations of one image. The limit is the
same network, batch, precision, optimiser and clipping, on a tensor that already lies on the device; on a GPU it is also
recorded and replayed as ours is, which is the harder limit. A batch has 64 images as in the paper; on a CPU fewer for
the larger networks, so that a run takes minutes. The end of an epoch (the evaluation, the copy of the best weights)
counts as ours: on a CPU once after a few steps, on a GPU in two epochs of the paper's 73 steps.
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
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from measure import ROOT, Row, finish, in_turn, rate_row, timed
from sightline.networks.architectures import build_network
from sightline.networks.device import Machine, replayed, this_machine
from sightline.networks.training import fit
from sightline.stages import train
from sightline.study.parameters import read_params

SIDE = 224
BATCH = {"alexnet": 64, "googlenet": 16, "resnet50": 8, "vgg16": 4}  # on a CPU
STEPS = {"alexnet": 2, "googlenet": 3, "resnet50": 3, "vgg16": 3}
ROUNDS = {"alexnet": 3, "googlenet": 3, "resnet50": 3, "vgg16": 2}
GPU_BATCH, GPU_STEPS, GPU_ROUNDS, GPU_EPOCHS = 64, 73, 2, 2
BARE, RECORDED = "the bare step", "the bare step, recorded"
VARIANTS = ("alexnet-gap", "googlenet-gap", "resnet50-gap", "vgg16-gap")
MUST, MUST_ALEXNET_CPU = 0.95, 0.85


def main() -> None:
    # each in its own process, as in the stage: after three networks in one process VGG-16 was a tenth slower
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, max_tasks_per_child=1) as pool:
        finish([row for rows in pool.map(alone, sys.argv[1:] or VARIANTS) for row in rows])


def alone(variant: str) -> list[Row]:
    """The rows of one architecture, in a process that does nothing else."""
    os.environ["SIGHTLINE_CHECKPOINT_SECONDS"] = "1e9"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # a stage's paths are relative to the study
        rows = compare(*variant.split("-"), this_machine())
    ratios = ", ".join(f"{row.ratio:.3f} of {row.against}" for row in rows)
    print(f"{variant}: {ratios}", file=sys.stderr, flush=True)
    return rows


def compare(arch: str, head: str, machine: Machine) -> list[Row]:
    """The rows of one architecture: against the bare step, on a GPU also against the recorded one."""
    is_cpu = machine.device.type == "cpu"
    batch, steps, rounds = (BATCH[arch], STEPS[arch], ROUNDS[arch]) if is_cpu else (GPU_BATCH, GPU_STEPS, GPU_ROUNDS)
    epochs = 1 if is_cpu else GPU_EPOCHS
    if is_cpu and machine.precision == torch.bfloat16:
        steps *= 2  # since they take half the time
    recipe = read_params(train.Params, ROOT / "profiles/paper.yaml")
    params = replace(recipe, train=replace(recipe.train, epochs=epochs, batch_size=batch, patience=epochs))
    generator = torch.Generator().manual_seed(0)
    count = batch * steps
    images_N = torch.randint(256, (count + 1, SIDE, SIDE), generator=generator, dtype=torch.uint8).to(machine.device)
    labels_N = (torch.arange(count + 1) % 2).to(machine.device)
    rows_N = torch.arange(count + 1, device=machine.device)
    machine = machine.to_train(arch)
    network = machine.placed(build_network(arch, head, seed=0))
    fixed = torch.rand(batch, 3, SIDE, SIDE, generator=generator)
    fixed = fixed.to(machine.device, memory_format=machine.layout)
    labels = labels_N[:batch].float()

    def ours(train_N: torch.Tensor = rows_N[:count]) -> None:
        split = {"train": train_N, "val": rows_N[count:]}
        with contextlib.redirect_stdout(io.StringIO()):
            data = f"{arch}-{head}", network, images_N, labels_N, split
            fit(*data, params.train, params.augment, params.seed, machine, Path("unused"), "")

    def limit(record: bool = False) -> None:
        settings = params.train
        betas = settings.beta1, settings.beta2
        optimizer = torch.optim.AdamW(
            network.parameters(),
            settings.learning_rate,
            betas,
            weight_decay=settings.weight_decay,
            fused=True,
            capturable=record,
        )

        def bare(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            with machine.autocast():
                logits = network(inputs)
            loss = F.binary_cross_entropy_with_logits(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimizer.step()
            return loss.detach()

        step = replayed(bare) if record else bare
        network.train()
        for _ in range(epochs * steps):
            step(fixed, labels)

    sync = (lambda: None) if is_cpu else torch.cuda.synchronize
    ours(rows_N[:batch])  # the first step and the first evaluation are slower
    functions = {"ours": timed(ours, sync), BARE: timed(limit, sync)}
    if machine.replays:
        functions[RECORDED] = timed(partial(limit, record=True), sync)
    seconds = in_turn(functions, rounds, warmups=0)
    must = MUST_ALEXNET_CPU if is_cpu and arch == "alexnet" else MUST
    precision = str(machine.precision).removeprefix("torch.")
    what = f"training {arch}-{head}, {machine.device.type}, {precision}, batch {batch}"
    rows = [rate_row(what, "images/s", count * epochs, seconds, BARE, must)]
    if machine.replays:
        rows.append(rate_row(what, "images/s", count * epochs, seconds, RECORDED))
    return rows


if __name__ == "__main__":
    main()
