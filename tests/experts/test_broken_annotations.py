"""Broken folders of annotations: a mask for each row, or a refusal of one line per case; never a traceback."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from mutations import mutated_bytes, mutated_table
from sightline.experts.annotation_reader import read_annotations, read_finished
from sightline.study.errors import StudyError

GRID = (24, 32)
INDEX = pd.DataFrame(
    {"image": ["a", "b", "c"], "split": ["test", "test", "train"], "source": ["phantom:0", "phantom:1", "phantom:2"]}
)
TABLE = """annotation,image,annotator,profession,mask,created_at,drawn
a-1,a,annotator01,resident,a-1.png,2026-05-04T10:00:00Z,region
a-2,a,annotator02,,a-2.png,2026-05-05T10:00:00+02:00,stroke
b-1,b,annotator01,resident,b-1.png,,region
"""
MODES = ["1", "L", "LA", "RGB", "RGBA", "P", "I;16"]
NUMBERS = [40, pytest.param(1000, marks=pytest.mark.slow)]  # 1,000 of each of the three take 20 s of one core


def png_of(mask: np.ndarray, mode: str = "L") -> bytes:
    white = Image.fromarray(mask.astype(np.uint8) * 255)
    wide = Image.fromarray(mask.astype(np.uint16) * 65535)
    stored = io.BytesIO()
    (wide if mode == "I;16" else white.convert(mode)).save(stored, "PNG")
    return stored.getvalue()


def masks() -> dict[str, np.ndarray]:
    """A filled box, an outline, and nothing."""
    box = np.zeros((48, 64), bool)
    box[10:30, 8:40] = True
    outline = Image.new("1", (64, 48))
    ImageDraw.Draw(outline).ellipse((12, 8, 50, 40), outline=1, width=3)
    return {"a-1.png": box, "a-2.png": np.asarray(outline), "b-1.png": np.zeros((48, 64), bool)}


def written(folder: Path) -> Path:
    (folder / "masks").mkdir()
    (folder / "annotations.csv").write_text(TABLE, encoding="utf-8")
    for name, mask in masks().items():
        (folder / "masks" / name).write_bytes(png_of(mask))
    return folder


def mutated_png(mask: np.ndarray, rng: np.random.Generator) -> bytes:
    """The mask in another mode, size or orientation, with other values, cut off or with bytes changed."""
    kind = rng.integers(5)
    if kind == 0:
        return mutated_bytes(png_of(mask, MODES[rng.integers(len(MODES))]), rng)
    if kind == 1:
        mask = mask[: rng.integers(1, 49), : rng.integers(1, 65)]
    elif kind == 2:
        mask = [mask.T, ~mask, mask[::-1], np.repeat(mask, 3, axis=0), mask[:1, :1]][rng.integers(5)]
    elif kind == 3:
        stored = io.BytesIO()
        values = rng.choice(np.array([0, 1, 2, 120, 127, 128, 254, 255], np.uint8), 2 + int(rng.integers(3)))
        Image.fromarray(values[rng.integers(0, len(values), mask.shape)]).save(
            stored, rng.choice(["PNG", "BMP", "TIFF"])
        )
        return stored.getvalue()
    return png_of(mask, MODES[rng.integers(len(MODES))])


def refused(error: StudyError) -> bool:
    """Asserts that the refusal has one line, and one for each case."""
    assert len(str(error).split("\n")) == 1 + len(error.cases), str(error)
    return True


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("num", NUMBERS)
@pytest.mark.parametrize("which", ["table", "mask"])
def test_broken_annotations_are_read_or_refused(tmp_path: Path, which: str, num: int) -> None:
    folder = written(tmp_path)
    num_read = 0
    for number in range(num):
        rng = np.random.default_rng([19, number])
        name = list(masks())[rng.integers(3)]
        path = folder / ("annotations.csv" if which == "table" else f"masks/{name}")
        whole = path.read_bytes()
        if which == "mask":
            path.write_bytes(mutated_png(masks()[name], rng))
        else:
            path.write_bytes(mutated_bytes(whole, rng) if number % 2 else mutated_table(TABLE, rng))
        try:
            table, masks_AHW = read_annotations(folder, INDEX, GRID, ["auto", "paper", "none"][number % 3])
        except StudyError as error:
            refused(error)
        else:
            num_read += 1
            assert masks_AHW.shape == (len(table), *GRID)
            assert masks_AHW.dtype == bool
            assert which == "table" or len(table) == 3
        path.write_bytes(whole)
    assert 0 < num_read < num


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("num", NUMBERS)
def test_broken_finished_masks_are_read_or_refused(tmp_path: Path, num: int) -> None:
    (tmp_path / "b.png").write_bytes(png_of(masks()["a-2.png"]))
    num_read = 0
    for number in range(num):
        rng = np.random.default_rng([20, number])
        (tmp_path / "a.png").write_bytes(mutated_png(masks()["a-1.png"], rng))
        try:
            found = read_finished(tmp_path, INDEX, GRID)
        except StudyError as error:
            refused(error)
        else:
            num_read += 1
            assert (found.images, found.masks_CHW.shape) == (["a", "b"], (2, *GRID))
    assert 0 < num_read < num
