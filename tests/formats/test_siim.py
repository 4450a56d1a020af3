"""SIIM-ACR's relative run lengths, column by column, beside the challenge's own way of decoding them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import format_of, read_files

HEADER = "ImageId, EncodedPixels\n"


def read(path: Path, text: str, **options: object) -> FileContents:
    path.write_text(HEADER + text, encoding="utf-8")
    assert format_of(path) == "siim"
    return read_files([path], ImportOptions(annotator="x", **options))  # type: ignore[arg-type]


def decoded(cell: str, size: tuple[int, int]) -> np.ndarray:
    """Pixel by pixel: a gap from where the last run ended, then a run, down one column after the other."""
    mask_HW = np.zeros(size, bool)
    position = 0
    words = [int(word) for word in cell.split()]
    for gap, length in zip(words[::2], words[1::2], strict=True):
        position += gap
        for pixel in range(position, position + length):
            mask_HW[pixel % size[0], pixel // size[0]] = True
        position += length
    return mask_HW


def test_runs_are_relative_and_go_down_the_columns(tmp_path: Path) -> None:
    """In 4 x 3 pixels: 5 outside, 2 inside, 2 outside, 1 inside, 2 outside."""
    found = read(tmp_path / "train.csv", "1.2.3,5 2 2 1\n1.2.4, -1\n1.2.5,-1\n", size=(4, 3))
    assert found.problems == []
    masks = {drawing.image: drawing.mask.astype(int).tolist() for drawing in found.drawings}
    assert masks["1.2.3"] == [[0, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 0]]
    assert not np.any(masks["1.2.4"])
    assert not np.any(masks["1.2.5"])
    assert found.labels == {"Pneumothorax"}


def test_the_rows_of_a_film_are_united(tmp_path: Path) -> None:
    cells = ["557374 2 1015 8 1009 14", "557375 1 1015 4 400000 3", "0 1024 1024 5", "1048570 6"]
    text = "".join(f"1.2.3,{cell}\n" for cell in cells)
    (drawing,) = read(tmp_path / "train.csv", text).drawings
    assert np.array_equal(drawing.mask, np.logical_or.reduce([decoded(cell, (1024, 1024)) for cell in cells]))


def test_only_a_pneumothorax_counts(tmp_path: Path) -> None:
    (drawing,) = read(tmp_path / "train.csv", "1.2.3,5 2\n", labels={"Effusion"}).drawings
    assert not drawing.mask.any()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("1.2.3,5 2 2\n", "row 2: image '1.2.3': an odd number of run lengths"),
        ("1.2.3,5 2 5 9\n", "row 2: image '1.2.3': run lengths fill 21 pixels, the image has 12; each gap counts from"),
        ("1.2.3,5 x\n", "row 2: image '1.2.3': EncodedPixels is '5 x', expected -1 or whole numbers"),
        ("1.2.3,5 -2\n", "row 2: image '1.2.3': EncodedPixels is '5 -2'"),
        ("1.2.3,\n", "row 2: image '1.2.3': EncodedPixels is ''"),
        ("1.2.3,5 0\n", "row 2: image '1.2.3': its run lengths mark no pixel; enter -1"),
        ("1.2.3,5 2\n1.2.3,-1\n", "row 2: image '1.2.3' has both -1 and run lengths; remove one of them"),
        (",5 2\n", "row 2: its image has no name; enter it"),
    ],
)
def test_cells_that_cannot_be_right_are_problems(tmp_path: Path, rows: str, problem: str) -> None:
    (line,) = read(tmp_path / "train.csv", rows, size=(4, 3)).problems
    assert line.startswith(problem)
