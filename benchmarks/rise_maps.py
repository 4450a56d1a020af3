"""RISE with 4,000 masks per image, in four parts, in turn with as many forward passes in full batches.

Run: python benchmarks/rise_maps.py [<arch> ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from measure import finish, in_turn, rate_row, timed
from sightline.networks.architectures import build_network
from sightline.networks.device import saliency_machine
from sightline.saliency.perturbation import rise, rise_masks

SIDE, MASKS, CHUNK, CELLS, SHARE = 224, 4000, 64, 7, 0.5
PARTS = 4  # each in turn with the limit, since a machine's speed varies within a minute
PART = MASKS // PARTS
MUST = 0.9


def main() -> None:
    machine = saliency_machine()
    sync = torch.cuda.synchronize if machine.device.type == "cuda" else (lambda: None)
    rows = []
    for arch in sys.argv[1:] or ["alexnet"]:
        network = machine.placed(build_network(arch, "gap", seed=0)).eval()
        generator = torch.Generator().manual_seed(0)
        image = torch.rand(1, 1, SIDE, SIDE, generator=generator).expand(-1, 3, -1, -1)
        image = image.to(machine.device).contiguous(memory_format=machine.layout)
        batch = torch.rand(CHUNK, 3, SIDE, SIDE, generator=generator)
        batch = batch.to(machine.device, memory_format=machine.layout)

        def ours(network: torch.nn.Module = network, image: torch.Tensor = image) -> None:
            masks = rise_masks(PART, SIDE, SIDE, CELLS, SHARE, torch.Generator().manual_seed(1), machine.device)
            rise(network, image, masks, SHARE, chunk=CHUNK)

        def passes(network: torch.nn.Module = network, batch: torch.Tensor = batch) -> None:
            with torch.inference_mode():
                for start in range(0, PART, CHUNK):
                    network(batch[: PART - start])

        passes(network, batch[:CHUNK]) if machine.device.type == "cuda" else network(batch)
        against = f"{MASKS:,} forward passes"
        seconds = in_turn({"ours": timed(ours, sync), against: timed(passes, sync)}, PARTS, warmups=0)
        what = f"RISE, {arch}, {machine.device.type}, {MASKS:,} masks made and seen"
        rows.append(rate_row(what, "masks/s", PART, seconds, against, MUST))
    finish(rows)


if __name__ == "__main__":
    main()
