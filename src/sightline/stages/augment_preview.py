"""A contact sheet of what training sees: each row shows an image and augmented variants of it.

Reads data/prepared/; writes plots/augment_preview.png.

Run: python src/augment_preview.py
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sightline.networks.augment import Augment, augmented, unit_images
from sightline.statistics.streams import stream, stream_seed
from sightline.study.errors import StudyError, run_stage
from sightline.study.files import read_csv, written_whole
from sightline.study.parameters import read_params

PREPARED = Path("data/prepared")
ROWS, VARIANTS, GAP = 6, 5, 4  # images on the sheet, variants of each, white pixels between them


@dataclass(frozen=True, kw_only=True)
class Params:
    seed: int
    augment: Augment


def main() -> None:
    params = read_params(Params)
    index = read_csv(PREPARED / "index.csv", {"image": str, "split": str, "label": int})
    rows = sheet_rows(index.split.to_numpy(), index.label.to_numpy(), params.seed)
    images_N = np.load(PREPARED / "images.npy", mmap_mode="r")
    originals = unit_images(torch.from_numpy(images_N[rows]))
    generator = torch.Generator().manual_seed(stream_seed(params.seed, "augment-preview", "variants"))
    variants = [augmented(originals.clone(), params.augment, generator) for _ in range(VARIANTS)]
    sheet = contact_sheet(torch.stack([originals, *variants], dim=1))
    with written_whole("plots/augment_preview.png") as beside:
        Image.fromarray(sheet).save(beside, format="PNG", optimize=True)


def sheet_rows(split_N: np.ndarray, label_N: np.ndarray, seed: int) -> np.ndarray:
    """Random training images, half of the rows for each label; test images if the study has no training images."""
    rng = stream(seed, "augment-preview", "rows")
    part = "train" if (split_N == "train").any() else "test"
    chosen = [rng.permutation(np.flatnonzero((split_N == part) & (label_N == label)))[: ROWS // 2] for label in (0, 1)]
    rows = np.concatenate(chosen)
    if not len(rows):
        raise StudyError(f"{PREPARED}/index.csv: no image to show")
    return rows


def contact_sheet(images_RVCHW: torch.Tensor) -> np.ndarray:
    """The sheet, uint8 H' x W' (gray) or H' x W' x 3: R images down, V variants across, white gaps between them."""
    pixels = images_RVCHW.mul(255).round().to(torch.uint8).permute(0, 1, 3, 4, 2)
    padded = torch.nn.functional.pad(pixels, (0, 0, 0, GAP, 0, GAP), value=255)
    count, across, height, width, channels = padded.shape
    sheet = padded.permute(0, 2, 1, 3, 4).reshape(count * height, across * width, channels)
    return sheet.numpy().squeeze(2) if channels == 1 else sheet.numpy()


if __name__ == "__main__":
    run_stage(main)
