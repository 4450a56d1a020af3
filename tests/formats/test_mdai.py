"""MD.ai's JSON, pixel by pixel."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sightline.formats.annotations import ImportOptions
from tool_documents import (
    COLS,
    EMPTY,
    MDAI,
    OPACITY,
    ROWS,
    box,
    mdai,
    mdai_annotation,
    read,
    same,
)


def test_mdai_reads_boxes_polygons_masks_and_no_finding_by_author(tmp_path: Path) -> None:
    triangle = np.zeros((ROWS, COLS), bool)
    for row in range(20, 36):
        triangle[row, math.ceil(10 + 1.25 * (row + 0.5 - 20) - 0.5) : 30] = True
    expected = {
        ("im1", "U1"): box(10, 20, 30, 36),
        ("im1", "U2"): triangle,
        ("im2", "U1"): box(2, 2, 20, 12) & ~box(5, 5, 9, 9),
        ("im2", "U2"): EMPTY,
    }
    contents = read("mdai", MDAI, tmp_path)
    assert same(contents, expected)
    assert {drawing.created_at for drawing in contents.drawings} == {"2026-01-02"}
    expected["im2", "U1"] = EMPTY  # marked a mass alone
    assert same(read("mdai", MDAI, tmp_path, OPACITY), expected)


def test_mdai_height_is_rows_on_a_film_that_is_not_square(tmp_path: Path) -> None:
    """The vendor's client fills an array of (width, height)."""
    document = mdai(mdai_annotation("B", {"x": 50, "y": 1, "width": 9, "height": 2}))
    contents = read("mdai", document, tmp_path, ImportOptions())
    assert [drawing.size for drawing in contents.drawings] == [(40, 60)]
    assert same(contents, {("im1", "U1"): box(50, 1, 59, 3)})


def test_mdai_a_finding_that_is_named_but_not_drawn_is_no_empty_reading(tmp_path: Path) -> None:
    document = mdai(
        mdai_annotation("W", None, by="U3"),
        mdai_annotation("M", {"foreground": [[[2, 2], [20, 2], [20, 12]]]}, by="U3"),
        mdai_annotation("B", {"x": 10, "y": 20, "width": 20, "height": 16}),
        mdai_annotation("W", None),
    )
    contents = read("mdai", document, tmp_path, OPACITY)
    assert same(contents, {("im1", "U1"): box(10, 20, 30, 36)})
    assert len(contents.notes) == 1
    assert contents.notes[0].startswith("labels of whole images mark no region and were left out: opacity (2)")


def test_mdai_images_may_be_named_by_the_uid_of_their_series(tmp_path: Path) -> None:
    options = ImportOptions(images={"1.im1.1": (ROWS, COLS), "1.im2.1": (ROWS, COLS)})
    assert read("mdai", MDAI, tmp_path, options).images == {"1.im1.1", "1.im2.1"}


def test_mdai_an_image_without_a_stated_size_gets_it_from_the_images_or_is_named(tmp_path: Path) -> None:
    document = mdai(mdai_annotation("N", None))
    assert same(read("mdai", document, tmp_path), {("im1", "U1"): EMPTY})
    (problem,) = read("mdai", document, tmp_path, ImportOptions()).problems
    assert problem == "image 'im1': the file does not state its size; give --images, or --image-size ROWSxCOLS"


@pytest.mark.parametrize(
    ("annotation", "named"),
    [
        (mdai_annotation("X", None), "labelId 'X' is in no label group"),
        (mdai_annotation("B", None), "a bbox without data"),
        (mdai_annotation("L", {"vertices": [[1, 1], [9, 9]]}), "a line marks no area"),
        (mdai_annotation("B", {"x": 3, "y": 4}), "a location marks no area"),
        (mdai_annotation("P", {"vertices": [[1, 1], [9, 9]]}), "a polygon of 2 points"),
        (mdai_annotation("B", {"x": 50, "y": 20, "width": 20, "height": 9}), "a box's x goes from 50 to 70"),
        (mdai_annotation("M", {"foreground": []}), "a mask without a foreground"),
        (
            mdai_annotation("B", {"x": 1, "y": 2, "width": 5, "height": 5}, width=70),
            "has 40 x 70 (rows x columns) here",
        ),
        (mdai_annotation("N", None), "says that image 'im1' has nothing, and its author marks a finding on it"),
    ],
)
def test_mdai_names_the_wrong_annotation(annotation: dict[str, Any], named: str, tmp_path: Path) -> None:
    good = mdai_annotation("B", {"x": 10, "y": 20, "width": 20, "height": 16})
    (problem,) = read("mdai", mdai(good, annotation), tmp_path).problems
    assert problem.startswith("annotation 2")
    assert named in problem
