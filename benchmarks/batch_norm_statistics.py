"""How much stale batch-norm statistics matter: saved weights as they are, then with statistics measured again.

The new statistics are a plain average over 30 balanced, augmented training batches.

Run in a trained study: python benchmarks/batch_norm_statistics.py googlenet-scratch-gap resnet50-scratch-gap
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sightline.networks.augment import augmented, three_channels, unit_images
from sightline.networks.device import this_machine
from sightline.networks.training import auroc, balanced_batches, mean_loss, predicted_logits
from sightline.networks.weights_file import trained_network
from sightline.stages import train
from sightline.study.files import read_csv
from sightline.study.models import Network
from sightline.study.parameters import read_entry, read_params

BATCHES = 30


def main() -> None:
    params, machine = read_params(train.Params), this_machine()
    index = read_csv("data/prepared/index.csv", {"image": str, "split": str, "label": int})
    images_N = torch.from_numpy(np.load("data/prepared/images.npy")).to(machine.device)
    labels_N = torch.tensor(index.label.to_numpy(), device=machine.device)
    rows = {name: torch.tensor(np.flatnonzero(index.split == name)) for name in ("train", "val", "test")}
    for key in sys.argv[1:]:
        entry = read_entry(Network, "models", key)
        network = machine.placed(trained_network(Path(f"data/models/{key}.safetensors"), entry))
        for statistics in ("as trained", "measured again"):
            if statistics == "measured again":
                for module in network.modules():
                    if isinstance(module, nn.BatchNorm2d):
                        module.reset_running_stats()
                        module.momentum = None  # a plain average over all batches
                generator = torch.Generator(machine.device).manual_seed(params.seed)
                batches = balanced_batches(labels_N[rows["train"]], params.train.batch_size, generator)
                network.train()
                with torch.no_grad(), machine.autocast():
                    for batch in rows["train"][batches[:BATCHES]]:
                        network(three_channels(augmented(unit_images(images_N[batch]), params.augment, generator)))
            for split in ("val", "test"):
                logits = predicted_logits(network, images_N, rows[split], params.train.batch_size, machine)
                print(f"{key}, {statistics}, {split}: {line(logits, labels_N[rows[split]])}", flush=True)


def line(logits_N: Tensor, labels_N: Tensor) -> str:
    decided_N = logits_N >= 0
    accuracy = (decided_N == labels_N).float().mean()
    specificity = (~decided_N[labels_N == 0]).float().mean()
    loss, area = mean_loss(logits_N, labels_N), auroc(logits_N, labels_N)
    return f"loss {loss:.3f}, AUROC {area:.4f}, accuracy {accuracy:.4f}, specificity {specificity:.4f}"


if __name__ == "__main__":
    main()
