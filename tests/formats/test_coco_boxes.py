"""COCO as other tools write it: boxes, names of images, ids, categories. Images of 6 rows and 8 columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation_files import COLS, ROWS, box, coco, polygon_of, same, written
from bug_inputs import bug_input
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.coco import read_coco
from sightline.study.errors import StudyError

NOTHING = np.zeros((ROWS, COLS), bool)
SQUARE = {"segmentation": [polygon_of(0, 2, 0, 2)]}


def read(tmp_path: Path, document: Any, **options: Any) -> FileContents:
    return read_coco(written(tmp_path / "c.json", document), ImportOptions(**options))


def box_of(*numbers: float, **fields: Any) -> dict[str, Any]:
    return {"segmentation": [], "bbox": list(numbers), "iscrowd": 0, **fields}


CORNERS = "; it fits as two corners, but COCO's is x, y, width, height"


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (box_of(5, 2, 8, 6), f"bbox: a rectangle's x goes from 5 to 13, its image from 0 to 8{CORNERS}"),
        (box_of(3, 5, 6, 6), f"bbox: a rectangle's y goes from 5 to 11, its image from 0 to 6{CORNERS}"),
        (box_of(5, 2, 9, 6), "bbox: a rectangle's x goes from 5 to 14, its image from 0 to 8"),  # no corners either
        (box_of(5, 2, -1, 1), "bbox: a rectangle -1 wide and 1 high"),
        (box_of(1, 2, 3, 4, area=4), "bbox has the area 4 as two corners"),
        (box_of(0.2, 0.3, 0.4, 0.5), "bbox lies within one pixel; COCO counts in pixels, not in fractions"),
        (box_of(0, 0, 1, 1), "bbox lies within one pixel"),
        ({"segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]}, "a polygon lies within one pixel"),
        (box_of(0, 0, 0, 0), "marks no pixel; remove it"),
        (box_of(0, 0, float("nan"), 1), "bbox is nan, expected a number"),
        (box_of(0, 0, 10**400, 1), "bbox is 1000"),
        ({"segmentation": [[0, 0, 10**400, 0, 1, 1]]}, "a polygon's points are not pairs of numbers"),
        ({"segmentation": [[]]}, "a polygon of 0 points"),
        ({"segmentation": [[0, 0, "1", 0, 1, 1]]}, "a polygon is not a list of x, y, x, y, ..."),
        ({"segmentation": [0, 0, 1, 0, 1, 1]}, "a polygon is not a list of x, y, x, y, ..."),
        (box_of(0, 0, 2, 2, attributes={"rotation": "steep"}), "rotation is 'steep', expected int or float"),
    ],
)
def test_boxes_and_polygons_that_are_something_else_are_refused(
    tmp_path: Path, annotation: dict[str, Any], message: str
) -> None:
    found = read(tmp_path, coco(annotation))
    assert found.drawings == []
    (problem,) = found.problems
    assert problem.startswith(f"annotation 1: {message}")


def test_a_box_by_its_area(tmp_path: Path) -> None:
    """An area that fits both or neither tells nothing: 3 x 4 from (1, 2) is 12 as sides and 4 as corners."""
    for area in (12, 12.05, 0, 7):
        assert same(read(tmp_path, coco(box_of(1, 2, 3, 4, area=area))), {("a", "anna"): box(2, 6, 1, 4)})


def test_two_corners_in_the_shared_input(tmp_path: Path) -> None:
    found = read_coco(bug_input("coco-bbox-corners", tmp_path) / "result.json", ImportOptions())
    message = f"annotation 1: bbox: a rectangle's x goes from 50 to 125, its image from 0 to 80{CORNERS}"
    assert (found.problems, found.drawings) == ([message], [])


def test_cvats_rotation_turns_a_box_about_its_centre(tmp_path: Path) -> None:
    """4 x 2 about (4, 3), a quarter turned: 2 x 4, as in CVAT's own format."""
    turned = box_of(2, 2, 4, 2, attributes={"occluded": False, "rotation": 90.0})
    assert same(read(tmp_path, coco(turned)), {("a", "anna"): box(1, 5, 3, 5)})


@pytest.mark.parametrize("name", ["images\\1/90fbb0c7-a.png", "/label-studio/data/upload/3/90fbb0c7-a.png", "x/a.jpg"])
def test_names_of_label_studios_coco_are_those_of_its_json(tmp_path: Path, name: str) -> None:
    image = {"id": 5, "file_name": name, "width": COLS, "height": ROWS}
    document = coco(SQUARE, images=[image])
    assert same(read(tmp_path, document, images={"a", "b"}), {("a", "anna"): box(0, 2, 0, 2)})
    assert read(tmp_path, document).images == {"a" if name == "x/a.jpg" else "90fbb0c7-a"}
    assert read(tmp_path, document, images={"b"}).images == read(tmp_path, document).images


def test_names_of_the_shared_input(tmp_path: Path) -> None:
    path = bug_input("coco-from-label-studio", tmp_path) / "result.json"
    (drawing,) = read_coco(path, ImportOptions(images={"scan1": (60, 80), "scan2": (60, 80)})).drawings
    assert (drawing.image, drawing.annotator, int(drawing.mask.sum())) == ("scan1", "reader one", 30 * 20)


def test_ids_are_one_as_numbers_and_as_text(tmp_path: Path) -> None:
    """pandas writes 5.0 for 5, other tools "5"; text ids are common in medical sets."""
    document = coco(
        {**SQUARE, "image_id": "5", "category_id": "1"},
        {"segmentation": [polygon_of(4, 6, 6, 8)], "image_id": 5.0, "category_id": 1.0},
        {**SQUARE, "image_id": "p/7"},
    )
    document["images"][0] |= {"width": 8.0, "height": 6.0}
    document["images"].append({"id": "p/7", "file_name": "b.png", "width": COLS, "height": ROWS})
    expected = {("a", "anna"): box(0, 2, 0, 2) | box(4, 6, 6, 8), ("b", "anna"): box(0, 2, 0, 2)}
    assert same(read(tmp_path, document, labels=["opacity"]), expected)
    found = read(tmp_path, coco({**SQUARE, "image_id": 5.5}, {**SQUARE, "image_id": None}))
    assert found.problems == [
        "annotation 1: image_id is 5.5, expected a whole number or a text",
        "annotation 2: image_id is None, expected int or float or str",
    ]


def test_an_image_that_is_listed_twice(tmp_path: Path) -> None:
    """Word for word it is one image; with another id or size it is refused, since marks of two ids may be readings."""
    document = coco(SQUARE)
    document["images"] *= 2
    assert same(read(tmp_path, document), {("a", "anna"): box(0, 2, 0, 2)})
    document["images"][1] = {**document["images"][0], "id": 6}
    assert "image 2: has the name 'a' of image 5" in read(tmp_path, document).problems[0]
    document["images"][1] = {**document["images"][0], "width": 9}
    assert read(tmp_path, document).problems == ["image 2: id 5 belongs to an earlier image too"]
    document["images"][1] = {**document["images"][0], "id": 6, "file_name": " "}
    assert read(tmp_path, document).problems == ["image 2: its file_name is empty"]


def test_categories_that_exist_twice(tmp_path: Path) -> None:
    two_ids = [{"id": 1, "name": "opacity"}, {"id": 2, "name": "opacity"}, {"id": 1, "name": "opacity"}]
    document = coco(SQUARE, {"segmentation": [polygon_of(4, 6, 6, 8)], "category_id": 2}, categories=two_ids)
    expected = {("a", "anna"): box(0, 2, 0, 2) | box(4, 6, 6, 8)}
    assert same(read(tmp_path, document, labels=["opacity"]), expected)
    with pytest.raises(StudyError, match="category 1 has two names, 'opacity' and 'device'"):
        read(tmp_path, coco(SQUARE, categories=[{"id": 1, "name": "opacity"}, {"id": "1", "name": "device"}]))


def test_other_findings_alone_are_an_empty_reading(tmp_path: Path) -> None:
    """A reader who marked a device on b saw no opacity there; nobody read c."""
    document = coco(SQUARE, {**SQUARE, "image_id": 6, "category_id": 2, "attributes": {"annotator": "ben"}})
    document["images"] += [
        {"id": number, "file_name": f"{name}.png", "width": COLS, "height": ROWS}
        for number, name in ((6, "b"), (7, "c"))
    ]
    found = read(tmp_path, document, labels=["opacity"])
    assert same(found, {("a", "anna"): box(0, 2, 0, 2), ("b", "ben"): NOTHING})
    assert found.images == {"a", "b", "c"}
    assert read(tmp_path, document, labels=["device"], images={"a", "b"}).images == {"a", "b", "c"}


def test_crowds_count_and_detections_are_noted(tmp_path: Path) -> None:
    document = coco({**SQUARE, "iscrowd": 1}, {**box_of(2, 3, 4, 2), "score": 0.8}, {**SQUARE, "score": 0.3})
    found = read(tmp_path, document)
    assert same(found, {("a", "anna"): box(0, 2, 0, 2) | box(3, 5, 2, 6)})
    assert found.notes == ["annotations with a score, as a model's detections have; check that a reader drew them: 2"]


def test_annotations_without_a_category_are_noted_where_labels_are_chosen(tmp_path: Path) -> None:
    document = coco(SQUARE, categories=[])
    assert same(read(tmp_path, document), {("a", "anna"): box(0, 2, 0, 2)})
    found = read(tmp_path, document, labels=["opacity"])
    assert found.notes == ["annotations without a category were left out, since labels were chosen: 1"]


def test_an_entry_of_no_region_without_a_name_is_counted(tmp_path: Path) -> None:
    entries = [
        {"image_id": 5, "annotator": " "},
        {"image_id": 5, "annotator": "zoe"},
        {"image_id": 9, "annotator": "z"},
    ]
    found = read(tmp_path, coco(info={"no_region": entries}))
    assert (found.num_nameless, found.problems) == (1, ["info.no_region 3: image_id 9 is not among the images"])
    assert [(drawing.annotator, drawing.mask.any()) for drawing in found.drawings] == [("zoe", False)]


def test_the_tool_that_wrote_the_file_is_no_reader(tmp_path: Path) -> None:
    document = coco(SQUARE, info={"contributor": "Label Studio", "date_created": "2026-05-04 10:00:00.5"})
    assert read(tmp_path, document).num_nameless == 1
    assert same(read(tmp_path, document, annotator="carla"), {("a", "carla"): box(0, 2, 0, 2)})
