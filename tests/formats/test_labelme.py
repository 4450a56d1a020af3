"""labelme's JSON, pixel by pixel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bug_inputs import bug_input
from sightline.formats.annotations import ImportOptions
from sightline.formats.readers import read_files
from tool_documents import (
    BY_A,
    COLS,
    EMPTY,
    LABELME,
    OPACITY,
    ROWS,
    box,
    drawn,
    labelme,
    labelme_shape,
    png_text,
    read,
    same,
)


def test_labelme_reads_every_shape_that_has_an_area(tmp_path: Path) -> None:
    masks = drawn(read("labelme", LABELME, tmp_path))
    y, x = np.mgrid[:ROWS, :COLS] + 0.5
    disc = (y - 10) ** 2 + (x - 20) ** 2 <= 25
    expected = box(10, 20, 30, 36) | box(41, 2, 50, 9) | disc | box(51, 30, 53, 33)
    assert np.array_equal(masks["im1", "A"], expected)
    masks = drawn(read("labelme", LABELME, tmp_path, OPACITY))
    assert np.array_equal(masks["im1", "A"], box(10, 20, 30, 36) | box(41, 2, 50, 9) | box(51, 30, 53, 33))


def test_labelme_corners_in_any_order_give_one_rectangle(tmp_path: Path) -> None:
    for corners in ([[5, 6], [20, 30]], [[20, 30], [5, 6]], [[5, 30], [20, 6]], [[20, 6], [5, 30]]):
        document = labelme(labelme_shape("rectangle", corners))
        assert same(read("labelme", document, tmp_path), {("im1", "A"): box(5, 6, 20, 30)})
    document = labelme(labelme_shape("rectangle", [[5, 6], [20, 6], [20, 30], [5, 30]]))  # as newer tools write it
    assert same(read("labelme", document, tmp_path), {("im1", "A"): box(5, 6, 20, 30)})


def test_labelme_a_file_without_shapes_is_an_empty_reading(tmp_path: Path) -> None:
    assert same(read("labelme", labelme(), tmp_path), {("im1", "A"): EMPTY})
    other = labelme(labelme_shape("rectangle", [[1, 1], [9, 9]], "mass"))
    assert same(read("labelme", other, tmp_path, OPACITY), {("im1", "A"): EMPTY})


def test_labelme_takes_the_stem_of_a_path_of_any_system_and_old_files_sizes_from_the_images(tmp_path: Path) -> None:
    old = labelme(labelme_shape(None, [[5, 6], [20, 6], [20, 30], [5, 30]]), name="..\\films\\im2.png")
    del old["imageHeight"], old["imageWidth"]
    assert same(read("labelme", old, tmp_path), {("im2", "A"): box(5, 6, 20, 30)})
    (problem,) = read("labelme", old, tmp_path, ImportOptions(annotator="A")).problems
    assert "does not state the image's size" in problem


@pytest.mark.parametrize(
    ("shape", "named"),
    [
        (labelme_shape("line", [[1, 1], [9, 9]]), "a line marks no area; draw a polygon"),
        (labelme_shape("star", [[1, 1], [9, 9]]), "shape_type is 'star'"),
        (labelme_shape("circle", [[1, 1]]), "a circle of 1 points, expected 2"),
        (labelme_shape("circle", [[9, 9], [9, 9]]), "an ellipse with radii 0 and 0"),
        (labelme_shape("polygon", [[1, 1], [9, 9]]), "a polygon of 2 points"),
        (labelme_shape("polygon", [[1, 1], [9, "x"], [3, 3]]), "expected pairs of x and y"),
        (labelme_shape("rectangle", [[1, 1], [9, 99]]), "a box's y goes from 1 to 99, its image from 0 to 40"),
        (labelme_shape("mask", [[1, 1], [9, 9]], mask="%%%"), "its mask is not in base64"),
        (labelme_shape("mask", [[1, 1], [9, 9]], mask="AAAA"), "not a PNG"),
        (labelme_shape("mask", [[1, 1], [9, 9]], mask=png_text(np.ones((3, 3), np.uint8))), "a mask of 3 x 3 pixels"),
        (labelme_shape("mask", [[55, 1], [63, 9]], mask=png_text(np.ones((9, 9), np.uint8))), "leaves 60 x 40 pixels"),
        (labelme_shape("mask", [[1, 1], [9, 9]], mask=png_text(np.zeros((9, 9), np.uint8))), "marks no pixel"),
    ],
)
def test_labelme_names_the_wrong_shape(shape: dict[str, Any], named: str, tmp_path: Path) -> None:
    contents = read("labelme", labelme(labelme_shape("rectangle", [[1, 1], [9, 9]]), shape), tmp_path)
    assert contents.drawings == []
    (problem,) = contents.problems
    assert problem.startswith("image 'im1', shape 2 ('opacity'): ")
    assert named in problem
    ignored = {**shape, "label": "landmark"}
    assert read("labelme", labelme(ignored), tmp_path, OPACITY).problems == []


def test_a_folder_of_labelme_files_beside_their_images_is_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for name in ("im1", "im2"):
        (folder / f"{name}.json").write_text(json.dumps(labelme(LABELME["shapes"][0], name=f"{name}.png")))
        (folder / f"{name}.png").write_bytes(b"the film, which is not read")
    expected = {(name, "A"): box(10, 20, 30, 36) for name in ("im1", "im2")}
    assert same(read_files([folder], BY_A), expected)


def test_labelme_of_the_bug_report(tmp_path: Path) -> None:
    contents = read_files([bug_input("csv-boxes", tmp_path) / "labelme"], ImportOptions(annotator="A"))
    (drawing,) = contents.drawings
    assert (drawing.image, drawing.size) == ("im1", (48, 64))
    expected = np.zeros((48, 64), bool)
    for row in range(10, 22):  # the triangle (14, 10), (26, 10), (26, 22)
        expected[row, 14 + (row - 10) : 26] = True
    assert abs(int(drawing.mask.sum()) - 72) <= 6
    assert not (drawing.mask & ~expected).any()
