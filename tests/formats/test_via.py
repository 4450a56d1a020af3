"""The VGG Image Annotator's JSON, pixel by pixel."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bug_inputs import bug_input
from sightline.formats.annotations import ImportOptions
from sightline.formats.readers import read_files
from tool_documents import (
    COLS,
    EMPTY,
    OPACITY,
    ROWS,
    VIA_PROJECT,
    VIA_REGIONS,
    box,
    drawn,
    read,
    same,
)


def ellipse(centre: tuple[float, float], radii: tuple[float, float], theta: float) -> np.ndarray:
    """Computed from a canvas's definition: a point (a cos t, b sin t) is turned by theta from x towards y."""
    y, x = np.mgrid[:ROWS, :COLS] + 0.5
    along = (x - centre[0]) * math.cos(theta) + (y - centre[1]) * math.sin(theta)
    across = -(x - centre[0]) * math.sin(theta) + (y - centre[1]) * math.cos(theta)
    return (along / radii[0]) ** 2 + (across / radii[1]) ** 2 <= 1


@pytest.mark.parametrize("document", [VIA_REGIONS, VIA_PROJECT], ids=["region data", "project"])
def test_via_reads_both_files_and_both_versions_of_regions(document: dict[str, Any], tmp_path: Path) -> None:
    disc = ellipse((20, 30), (5, 5), 0)
    turned = ellipse((40, 20), (12, 5), 0.5)
    triangle = np.zeros((ROWS, COLS), bool)
    for row in range(20, 36):  # from (10, 20) down to (30, 36): x = 10 + 20 / 16 (y - 20)
        triangle[row, math.ceil(10 + 1.25 * (row + 0.5 - 20) - 0.5) : 30] = True
    expected = {("im1", "A"): box(14, 10, 26, 22) | disc | turned, ("im2", "A"): triangle}
    assert same(read("via", document, tmp_path), expected)
    expected["im1", "A"] = box(14, 10, 26, 22) | disc
    assert same(read("via", document, tmp_path, OPACITY), expected)


def via(*regions: dict[str, Any]) -> dict[str, Any]:
    return {"im1.png5": {"filename": "im1.png", "size": 5, "regions": list(regions), "file_attributes": {}}}


def region(shape: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes or {"finding": "opacity"}}


RECT = {"name": "rect", "x": 14, "y": 10, "width": 12, "height": 12}


@pytest.mark.parametrize(
    ("attributes", "is_opacity"),
    [
        ({"anything": "opacity"}, True),
        ({"findings": {"opacity": True, "mass": True}}, True),  # ticked boxes
        ({"findings": {"opacity": False, "mass": True}}, False),
        ({"note": "left", "finding": " opacity "}, True),
        ({"finding": "mass"}, False),
        ({}, False),
    ],
)
def test_via_the_label_is_the_value_of_any_attribute(
    attributes: dict[str, Any], is_opacity: bool, tmp_path: Path
) -> None:
    document = via({"shape_attributes": RECT, "region_attributes": attributes})
    expected = box(14, 10, 26, 22) if is_opacity else EMPTY
    assert same(read("via", document, tmp_path, OPACITY), {("im1", "A"): expected})
    assert same(read("via", document, tmp_path), {("im1", "A"): box(14, 10, 26, 22)})


def test_via_an_image_without_regions_may_never_have_been_looked_at(tmp_path: Path) -> None:
    document = {**via(region(RECT)), "im2.png6": {"filename": "im2.png", "size": 6, "regions": []}}
    contents = read("via", document, tmp_path)
    assert same(contents, {("im1", "A"): box(14, 10, 26, 22)})
    assert contents.images == {"im1", "im2"}
    assert contents.notes == [
        "images without a region were left out, since the file lists images whether or not they were read: 1"
    ]


def test_via_sizes_come_from_the_user_or_the_images_or_are_not_needed(tmp_path: Path) -> None:
    document = via(region(RECT))
    (problem,) = read("via", document, tmp_path, ImportOptions(annotator="A")).problems
    assert problem.startswith("image 'im1.png5': the file does not state the image's size")
    contents = read("via", document, tmp_path, ImportOptions(annotator="A", size=(30, 50)))
    assert [drawing.size for drawing in contents.drawings] == [(30, 50)]
    contents = read("via", document, tmp_path, ImportOptions(annotator="A", is_size_needed=False))
    assert [(drawing.size, int(drawing.mask.sum())) for drawing in contents.drawings] == [((22, 26), 144)]


@pytest.mark.parametrize(
    ("shape", "named"),
    [
        ({"name": "point", "cx": 3, "cy": 4}, "a point marks no area"),
        ({"name": "polyline", "all_points_x": [1, 2, 3], "all_points_y": [1, 2, 3]}, "a polyline marks no area"),
        ({"name": "star"}, "a shape 'star'"),
        ({"name": "circle", "cx": 20, "cy": 20}, "lacks 'r'"),
        ({"name": "circle", "cx": 20, "cy": 20, "r": 70}, "an ellipse's x goes from -50 to 90, its image from 0 to 60"),
        ({"name": "polygon", "all_points_x": [1, 2, 3], "all_points_y": [1, 2]}, "a polygon of 3 x and 2 y"),
        ({**RECT, "width": -3}, "a box -3 wide and 12 high"),
        ({**RECT, "x": "14"}, "x is '14', expected int or float"),
    ],
)
def test_via_names_the_wrong_region(shape: dict[str, Any], named: str, tmp_path: Path) -> None:
    contents = read("via", via(region(RECT), region(shape)), tmp_path)
    assert contents.drawings == []
    (problem,) = contents.problems
    assert problem.startswith("image 'im1.png5', region 2: ")
    assert named in problem
    other = region(shape, finding="landmark")
    assert read("via", via(region(RECT), other), tmp_path, OPACITY).problems == []


def test_both_via_files_of_the_bug_report_are_read_alike(tmp_path: Path) -> None:
    folder = bug_input("via-json", tmp_path)
    options = ImportOptions(annotator="A", images={f"im{number}": (48, 64) for number in (1, 2, 3)})
    for name in ("via_project.json", "via_region_data.json"):
        masks = drawn(read_files([folder / name], options))
        assert len(masks) == 3
        for mask in masks.values():
            assert mask.sum() == 144
            assert mask[10:22, 14:26].all()
