"""Training, images per second: ours against the usual way, as the paper's authors and most people write it.

The usual way, in its own process, is a plain float32 loop, torchvision transforms for each image in a DataLoader with
2 workers, a weighted sampler, AdamW, one-cycle schedule, clipping; images from JPEG files. Ours is src/train.py's loop,
run before and after it. Both train the same network on 224-pixel gray images, on the CPU. Not counted are start-up and
the first one to five steps of the usual way, which use batches that its workers made before the clock started. A batch
has 64 images as in the paper; fewer without bfloat16 in hardware, where a step of 64 takes half a minute and nothing is
required.
Run: python benchmarks/training_usual.py [<arch> ...] [--batch 64]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader, WeightedRandomSampler
from torchvision import datasets
from torchvision.transforms import v2

from measure import ROOT, Row, finish, timed
from sightline.networks.architectures import build_network

SIDE, IMAGES, WORKERS = 224, 400, 2
PAPER_BATCH = 64
FLOAT32_BATCH = {"alexnet": 64, "googlenet": 16, "resnet50": 8, "vgg16": 4}
STEPS = 2
# the workers keep four batches ready; that hardly shows where a step takes seconds and a batch a tenth of a second
WARMUP = {"alexnet": 5, "googlenet": 2, "resnet50": 1, "vgg16": 1}
MUST = {"alexnet": 2.7, "googlenet": 2.7, "resnet50": 4.5, "vgg16": 2.7}  # on a CPU that multiplies bfloat16


def main() -> None:
    if sys.argv[1:2] == ["--usual"]:
        print(usual(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("archs", nargs="*", metavar="arch", default=list(MUST))
    parser.add_argument("--batch", type=int)
    arguments = parser.parse_args()
    from sightline.networks.device import this_machine
    from sightline.networks.training import fit
    from sightline.stages import train
    from sightline.study.parameters import read_params

    os.environ["SIGHTLINE_CHECKPOINT_SECONDS"] = "1e9"
    os.environ["SIGHTLINE_DEVICE"] = "cpu"
    machine = this_machine()
    recipe = read_params(train.Params, ROOT / "profiles/paper.yaml")
    rows = []
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        write_images(Path(name))
        for arch in arguments.archs:
            batch = arguments.batch or (PAPER_BATCH if machine.precision == torch.bfloat16 else FLOAT32_BATCH[arch])
            rows.append(compare(arch, batch, machine, recipe, fit, Path(name)))
            print(f"{arch}: {rows[-1].ratio:.2f} times the usual way", file=sys.stderr, flush=True)
    finish(rows)


def write_images(folder: Path) -> None:
    """JPEG files like the data set's: gray stored as RGB, quality 75."""
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    for number in range(IMAGES):
        kind = ("NORMAL", "PNEUMONIA")[number % 2]
        (folder / kind).mkdir(exist_ok=True)
        smooth = 128 + 90 * np.sin(rows / rng.uniform(15, 60)) * np.cos(cols / rng.uniform(15, 60))
        gray = (smooth + rng.normal(0, 6, (SIDE, SIDE))).clip(0, 255).astype(np.uint8)
        Image.fromarray(gray).convert("RGB").save(folder / kind / f"{number}.jpeg", quality=75)


def compare(arch: str, batch: int, machine: Any, recipe: Any, fit: Callable[..., Any], folder: Path) -> Row:
    """The row of one architecture."""
    params = replace(recipe, train=replace(recipe.train, epochs=1, batch_size=batch))
    count = batch * STEPS
    images_N = torch.randint(256, (count + 2, SIDE, SIDE), dtype=torch.uint8)
    labels_N, rows_N = torch.arange(count + 2) % 2, torch.arange(count + 2)
    split = {"train": rows_N[:count], "val": rows_N[count:]}
    machine = machine.to_train(arch)
    network = machine.placed(build_network(arch, "gap", seed=0))

    def ours(rows_N: torch.Tensor = rows_N[:count]) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            data = arch, network, images_N, labels_N, {"train": rows_N, "val": split["val"]}
            fit(*data, params.train, params.augment, params.seed, machine, Path("unused"), "")

    ours(rows_N[:batch])  # the first step is slower
    run = timed(ours)
    before = run()
    command = [sys.executable, __file__, "--usual", arch, str(batch), str(folder)]
    theirs = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    seconds = (before + run()) / 2
    precision = str(machine.precision).removeprefix("torch.")
    must, ratio = MUST[arch], theirs / seconds
    return Row(
        what=f"training {arch}-gap, cpu, {precision}, batch {batch}",
        unit="images/s",
        ours=count / seconds,
        against="the usual way",
        other=count / theirs,
        ratio=ratio,
        must=f">= {must:g}x with bfloat16 in hardware",
        met=ratio >= must if machine.precision == torch.bfloat16 else None,
    )


def usual(arch: str, batch: int, folder: Path) -> float:
    """Seconds of STEPS steps of the usual loop, `batch` images each."""
    transforms = v2.Compose(
        [
            v2.Resize((SIDE, SIDE)),
            v2.RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1)),
            v2.ColorJitter(brightness=(0.7, 1.3), contrast=(0.7, 1.3), saturation=(0.7, 1.3), hue=0.1),
            v2.RandomAdjustSharpness(2, p=0.5),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
        ]
    )
    images = datasets.ImageFolder(folder, transforms)
    weights = (1 / np.bincount(images.targets)[images.targets]).tolist()
    sampler = WeightedRandomSampler(weights, (STEPS + WARMUP[arch] + 8) * batch)
    loader = DataLoader(images, batch, sampler=sampler, num_workers=WORKERS)
    network = build_network(arch, "gap", seed=0).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-4, total_steps=len(loader))
    begun = 0.0
    for step, (inputs, labels) in enumerate(loader, 1):
        loss = F.binary_cross_entropy_with_logits(network(inputs), labels.float())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        if step == WARMUP[arch]:
            begun = time.perf_counter()
        if step == WARMUP[arch] + STEPS:
            break
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
