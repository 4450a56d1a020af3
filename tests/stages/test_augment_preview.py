"""The contact sheet: originals in the first column, half of the rows for each label, one sheet for each seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sightline.stages.augment_preview import GAP, ROWS, VARIANTS, contact_sheet, sheet_rows
from studies import stage, study


def test_each_pixel_is_in_its_place() -> None:
    images = torch.arange(2 * 3).view(2, 3, 1, 1, 1).expand(2, 3, 1, 4, 5) / 255
    sheet = contact_sheet(images)
    assert sheet.shape == (2 * (4 + GAP), 3 * (5 + GAP))
    for row in range(2):
        for column in range(3):
            top, left = row * (4 + GAP), column * (5 + GAP)
            assert (sheet[top : top + 4, left : left + 5] == row * 3 + column).all()
    assert (sheet[4 : 4 + GAP] == 255).all()
    assert contact_sheet(torch.zeros(2, 3, 3, 4, 5)).shape == (2 * (4 + GAP), 3 * (5 + GAP), 3)


def test_rows_are_training_images_of_both_labels() -> None:
    split = np.array(["train", "val", "test"] * 20)
    label = np.arange(60) // 3 % 2
    rows = sheet_rows(split, label, seed=0)
    assert len(set(rows)) == ROWS
    assert set(split[rows]) == {"train"}
    assert label[rows].tolist() == [0] * (ROWS // 2) + [1] * (ROWS // 2)
    assert sheet_rows(np.array(["test"] * 60), label, seed=0).size == ROWS


def test_the_stage_shows_the_originals(tmp_path: Path) -> None:
    folder = study(tmp_path)
    assert stage("prepare", folder).returncode == 0
    assert stage("augment_preview", folder).returncode == 0
    first = (folder / "plots/augment_preview.png").read_bytes()
    sheet = np.asarray(Image.open(folder / "plots/augment_preview.png"))
    assert sheet.shape == (ROWS * (64 + GAP), (VARIANTS + 1) * (64 + GAP))
    images = np.load(folder / "data/prepared/images.npy")
    assert any(np.array_equal(sheet[:64, :64], image) for image in images)
    assert stage("augment_preview", folder).returncode == 0
    assert (folder / "plots/augment_preview.png").read_bytes() == first
