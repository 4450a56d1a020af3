"""ChestX-Det's JSON, pixel by pixel."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.formats.annotations import ImportOptions
from tool_documents import (
    CHESTX_DET,
    COLS,
    EMPTY,
    ROWS,
    box,
    drawn,
    read,
    same,
)


def test_chestx_det_prefers_polygons_to_boxes_and_an_image_without_a_finding_is_read(tmp_path: Path) -> None:
    triangle = copy.deepcopy(CHESTX_DET)
    triangle[0]["polygons"][0] = [[10, 20], [30, 20], [10, 40]]
    masks = drawn(read("chestx-det", triangle, tmp_path, ImportOptions(annotator="A", size=(ROWS, COLS))))
    expected = box(2, 2, 8, 9)
    for row in range(20, 40):
        expected[row, 10 : 10 + (39 - row)] = True  # centres on the slope are beyond it
    assert np.array_equal(masks["im1", "A"], expected)
    assert not masks["im2", "A"].any()


def test_chestx_dets_pixels_are_those_of_nihs_1024_x_1024(tmp_path: Path) -> None:
    contents = read("chestx-det", CHESTX_DET, tmp_path, ImportOptions(annotator="A", images={"im1": (512, 512)}))
    assert {drawing.size for drawing in contents.drawings} == {(1024, 1024)}


def test_chestx_det_filters_findings_and_a_reader_of_other_findings_saw_none(tmp_path: Path) -> None:
    options = ImportOptions(annotator="A", size=(ROWS, COLS), labels=["mass"])
    assert same(read("chestx-det", CHESTX_DET, tmp_path, options), {("im1", "A"): box(2, 2, 8, 9), ("im2", "A"): EMPTY})
    other = ImportOptions(annotator="A", size=(ROWS, COLS), labels=["nodule"])
    assert same(read("chestx-det", CHESTX_DET, tmp_path, other), {("im1", "A"): EMPTY, ("im2", "A"): EMPTY})


def test_chestx_det10_has_no_polygons(tmp_path: Path) -> None:
    document = [{key: value for key, value in entry.items() if key != "polygons"} for entry in CHESTX_DET]
    options = ImportOptions(annotator="A", size=(ROWS, COLS))
    expected = box(10, 20, 30, 36) | box(2, 2, 8, 9)
    assert same(read("chestx-det", document, tmp_path, options), {("im1", "A"): expected, ("im2", "A"): EMPTY})


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"boxes": [[10, 20, 30, 36]]}, r"entry 1 \('im1.png'\): has 2 syms, 1 boxes and 2 polygons"),
        ({"file_name": "im2.png"}, r"is of the same image as entry 1"),
        ({"file_name": ""}, "its image has no name"),
        ({"syms": ["opacity", 3]}, "a sym is 3"),
        ({"boxes": [[1, 2, 3, 4], [2, 2, 8]]}, r"finding 2 \('mass'\): its box is \[2, 2, 8\]"),
        ({"polygons": [[[0, 0], [90, 0], [90, 9]], []]}, "a polygon's x goes from 0 to 90, its image from 0 to 60"),
    ],
)
def test_chestx_det_names_the_wrong_entry(change: dict[str, Any], named: str, tmp_path: Path) -> None:
    document = [{**CHESTX_DET[0], **change}, CHESTX_DET[1]]
    contents = read("chestx-det", document, tmp_path, ImportOptions(annotator="A", size=(ROWS, COLS)))
    assert len(contents.problems) == 1
    with pytest.raises(AssertionError, match=named):
        raise AssertionError(contents.problems[0])
