"""How often the shortcut meter flags a network that had no marker to find, and one that had.

Trains small networks on phantoms without a marker (12 seeds x 2 architectures) and on phantoms where a marker betrays
90% of the pneumonias (4 seeds x 2) at 128 pixels, and a few AlexNets at 224, where feature grids are finer. Writes the
meter's numbers for each network's test films to
benchmarks/results/shortcut_alarms.csv. The meter's least effects were chosen from the rows at 128 pixels without a
marker; tests/alignment/test_shortcut_alarms.py applies them again. With `--maps FOLDER` the maps are kept there, and
networks that have maps there are not trained again.

Run: OMP_NUM_THREADS=1 python benchmarks/shortcut_alarms.py --maps maps
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from sightline.alignment.outside_lungs import near_lungs, relevance_shares, uniform_shares
from sightline.alignment.shortcut import Suspicion, suspicion
from sightline.images.phantom import phantom_image
from sightline.maps import scaled_maps
from sightline.networks.architectures import build_network
from sightline.networks.augment import Augment, three_channels, unit_images
from sightline.networks.device import this_machine
from sightline.networks.training import Train, fit
from sightline.saliency.cam import saliency_maps
from sightline.statistics.streams import stream
from sightline.study.files import write_csv

TRAINING, VALIDATION, TEST = 336, 64, 200  # films, half of them with pneumonia
SMALL, LARGE = 128, 224  # pixels of a side: the shipped phantom study's and the paper's
SHORTCUT = 0.9  # share of the pneumonias that carry the marker
DRAWS = 2000  # as in params.yaml
NUMBERS = [field.name for field in fields(Suspicion)]
RESULTS = Path(__file__).parent / "results" / "shortcut_alarms.csv"
RECIPE = Train(
    epochs=3, batch_size=16, learning_rate=2e-4, warmup=0.3, weight_decay=1e-4, beta1=0.9, beta2=0.95, clip_norm=0.5,
    patience=3, min_improvement=0.01,
)  # fmt: skip
AUGMENT = Augment(
    rotation=15, translation=0.1, scale_low=0.9, scale_high=1.1, jitter_low=0.7, jitter_high=1.3, hue=0.1, sharpen=0.5,
    interpolation="bilinear",
)  # fmt: skip


def studies() -> list[tuple[int, int, float, tuple[str, ...]]]:
    """Side, seed, share of the pneumonias with the marker, and the architectures trained on these films."""
    both, one = ("alexnet", "googlenet"), ("alexnet",)
    return [
        *((SMALL, seed, 0.0, both) for seed in range(12)),
        *((SMALL, seed, SHORTCUT, both) for seed in range(4)),
        *((LARGE, seed, 0.0, one) for seed in range(2)),
        *((LARGE, seed, SHORTCUT, one) for seed in range(3)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--maps", type=Path, help="folder that keeps the maps of trained networks")
    folder: Path = parser.parse_args().maps or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for side, seed, shortcut, architectures in studies():
        paths = {arch: folder / f"{arch}-{side}-{seed}-{shortcut}.npz" for arch in architectures}
        missing = [arch for arch, path in paths.items() if not path.is_file()]
        films = drawn(side, seed, shortcut) if missing else {}
        for arch in missing:
            np.savez_compressed(paths[arch], **trained_maps(arch, seed, films))
        for arch, path in paths.items():
            with np.load(path) as stored:
                found = measured(dict(stored), side, seed)
            rows.append({"side": side, "architecture": arch, "seed": seed, "shortcut": shortcut, **found})
    write_csv(RESULTS, pd.DataFrame(rows).round(6))
    for (side, shortcut), group in pd.DataFrame(rows).groupby(["side", "shortcut"]):
        signs = [Suspicion(**{name: row[name] for name in NUMBERS}) for _, row in group.iterrows()]
        counts = sum(sign.is_flagged for sign in signs), sum(not sign.can_tell for sign in signs)
        print(f"{side} pixels, marker on {shortcut:.0%}: {counts[0]} of {len(signs)} flagged, {counts[1]} cannot tell")


def measured(maps: dict[str, np.ndarray], side: int, seed: int) -> dict[str, float]:
    """Accuracy, and the numbers of the meter, for one network's test films; each film is a patient of its own."""
    is_called = maps["probabilities"] >= 0.5
    rng = stream(seed, "shortcut alarms", "draws")
    scaled_NHW, near_NHW = scaled_maps(maps["maps"], side, side), near_lungs(maps["lungs"])
    excess_N = relevance_shares(scaled_NHW, near_NHW)["outside"] - uniform_shares(near_NHW)["outside"]
    signs = suspicion(scaled_NHW, near_NHW, excess_N, np.arange(len(is_called)), is_called, DRAWS, rng)
    return {"accuracy": float((is_called == maps["labels"]).mean()), **asdict(signs)}


def drawn(side: int, seed: int, shortcut: float) -> dict[str, np.ndarray]:
    """Films of one study: `images` uint8 N x H x W, `labels` N, `lungs` bool N x H x W, `marked` bool N."""
    number = TRAINING + VALIDATION + TEST
    items = [phantom_image(seed, film, film % 2, side, side, shortcut) for film in range(number)]
    return {
        "images": np.stack([item.image for item in items]),
        "labels": np.arange(number) % 2,
        "lungs": np.stack([item.lungs for item in items]),
        "marked": np.array([item.shortcut_marked for item in items]),
    }


def trained_maps(arch: str, seed: int, films: dict[str, np.ndarray]) -> dict[str, Any]:
    """One network's raw Grad-CAM maps and probabilities of the test films, with their labels, lungs and markers."""
    machine = this_machine()
    training = machine.to_train(arch)
    network = training.placed(build_network(arch, "gap", seed, None))
    images_N, labels_N = torch.from_numpy(films["images"]), torch.from_numpy(films["labels"])
    split = {"train": torch.arange(TRAINING), "val": torch.arange(TRAINING, TRAINING + VALIDATION)}
    with tempfile.TemporaryDirectory() as name:
        best, _ = fit(
            f"{arch}, seed {seed}", network, images_N, labels_N, split, RECIPE, AUGMENT, seed, training,
            Path(name) / "checkpoint", "none",
        )  # fmt: skip
    network.load_state_dict(best)
    network.eval()
    test = slice(TRAINING + VALIDATION, None)
    raws, logits = [], []
    for batch_BHW in images_N[test].split(20):
        batch_B3HW = three_channels(unit_images(batch_BHW), machine.layout)
        raws.append(saliency_maps(network, arch, batch_B3HW, "exact")["gradcam"].numpy())
        with torch.no_grad():
            logits.append(network(batch_B3HW))
    return {
        "maps": np.concatenate(raws),
        "probabilities": torch.cat(logits).double().sigmoid().numpy(),
        **{name: films[name][test] for name in ("labels", "lungs", "marked")},
    }


if __name__ == "__main__":
    main()
