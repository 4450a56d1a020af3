"""Hand-made maps, masks and annotations in folders, and `sightline score` on them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sightline.formats.annotations import Annotation
from sightline.scoring.command import add_arguments, run
from sightline.study.errors import StudyError

ROWS, COLS = 8, 12
IMAGES = ["a1", "a2", "b1", "c1"]


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((ROWS, COLS), bool)
    mask[top:bottom, left:right] = True
    return mask


MASKS = {"a1": box(0, 2, 0, 3), "a2": box(1, 4, 1, 5), "b1": box(4, 8, 6, 12), "c1": box(2, 3, 2, 4)}
MAPS = {image: np.random.default_rng(row).integers(0, 9, (ROWS, COLS)) / 8.0 for row, image in enumerate(IMAGES)}


def png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def mask_folder(folder: Path, masks: dict[str, np.ndarray] = MASKS) -> Path:
    for image, mask in masks.items():
        png(folder / f"{image}.png", 255 * mask)
    return folder


def map_folder(folder: Path, maps: dict[str, np.ndarray] = MAPS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for image, values in maps.items():
        np.save(folder / f"{image}.npy", values)
    return folder


def score(tmp_path: Path, *words: object) -> tuple[dict[str, Any], pd.DataFrame, str]:
    """What the command writes: scores.json, scores.csv, report.html."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = tmp_path / "out"
    primary = [] if "--primary" in words else ["--primary", "mass"]
    run(parser.parse_args([*map(str, words), *primary, "--out", str(out)]))
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "scores.csv", "scores.json", "verdict.csv"]
    return (
        json.loads((out / "scores.json").read_text()),
        pd.read_csv(out / "scores.csv"),
        (out / "report.html").read_text(),
    )


def refusal(tmp_path: Path, *words: object) -> str:
    with pytest.raises(StudyError) as raised:
        score(tmp_path, *words)
    assert not (tmp_path / "out").exists(), "a refused study writes nothing"
    return str(raised.value)


def annotation_rows() -> list[Annotation]:
    """Three readers an image: the region, the region one column wider, the region without its first row."""
    rows = []
    for image, mask in MASKS.items():
        wide = mask | np.roll(mask, 1, axis=1)
        less = mask.copy()
        less[np.flatnonzero(mask.any(axis=1))[0]] = mask.sum(axis=1).max() == 2
        for reader, drawn in enumerate((mask, wide, less & mask)):
            rows.append(
                Annotation(
                    annotation=f"{image}-{reader}", image=image, annotator=f"r{reader}", profession="",
                    created_at=f"2026-01-0{reader + 1}T00:00:00Z", mask=drawn,
                )
            )  # fmt: skip
    return rows
