"""Other tools' files: hand-made ones as the tools write them, and the masks that one can count out on paper.

Each test draws in an 8 x 6 image (6 rows, 8 columns) unless it says otherwise. Names and fields follow, for Label
Studio, https://labelstud.io/guide/task_format and label-studio-converter's brush.py and converter.py; for CVAT,
https://docs.cvat.ai/docs/other/xml_format and cvat/apps/dataset_manager/formats/cvat.py; for COCO,
https://cocodataset.org/#format-data; for cheXlocalize, the files in sample/ of rajpurkarlab/cheXlocalize.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from annotation_files import (
    ASSIGNEE,
    BRUSH,
    COLS,
    CVAT_BOX,
    CVAT_MASK,
    META,
    RECTANGLE,
    ROWS,
    annotation,
    box,
    coco,
    cvat,
    cvat_image,
    packed,
    polygon_of,
    rgba,
    same,
    shape,
    task,
    written,
)
from sightline.formats.annotations import Annotation, ImportOptions
from sightline.formats.brush_rle import brush_mask
from sightline.formats.chexlocalize import read_chexlocalize
from sightline.formats.coco import coco_document, read_coco
from sightline.formats.cvat import read_cvat
from sightline.formats.label_studio import read_label_studio
from sightline.formats.rle import counts_from_text, counts_of
from sightline.formats.shapes import ellipse_mask, rectangle_mask
from sightline.study.errors import StudyError

# ---------------------------------------------------------------------------------------------------- Label Studio


def test_label_studios_own_example_of_run_lengths() -> None:
    """From its test_brush.py: these 18 values, with a run of single values one by one."""
    values = [1, 1, 1, 1, 2, 3, 5, 6, 7, 8, 4, 4, 4, 4, 4, 4, 4, 4]
    theirs = [0, 0, 0, 18, 57, 27, 252, 96, 32, 1, 0, 6, 0, 40, 0, 192, 3, 128, 17, 56, 32]
    assert packed(values) == theirs


@pytest.mark.parametrize("sizes", [(3, 4, 8, 16), (1, 2, 3, 5)])
def test_brush_run_lengths_come_back(sizes: tuple[int, ...]) -> None:
    mask = np.random.default_rng(3).random((37, 53)) < 0.4
    assert np.array_equal(brush_mask(packed(rgba(mask), sizes), 37, 53), mask)
    assert np.array_equal(brush_mask(packed(rgba(mask, (9, 8, 7, 1)), sizes), 37, 53), mask)
    assert not brush_mask(packed([0] * 37 * 53 * 4, sizes), 37, 53).any()


def test_brush_values_one_by_one() -> None:
    """The frontend writes RGBA of a stroke as literals: bit 0, count less 1, then all the values."""
    values = rgba(np.array([[True, False, True]]), (10, 20, 30, 40))
    bits = f"{12:032b}{7:05b}" + "".join(f"{size - 1:04b}" for size in (3, 4, 8, 16))
    bits += "0" + "01" + f"{12 - 1:04b}" + "".join(f"{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    stream = [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]
    assert brush_mask(stream, 1, 3).tolist() == [[True, False, True]]
    with pytest.raises(ValueError, match="ends too early"):
        brush_mask(stream[:-1], 1, 3)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("eJz", "not a list of bytes"),
        ([0, 0, 256], "not a list of bytes"),
        (packed(rgba(box(0, 1, 0, 1)))[:-2], "ends too early"),
        ([], "ends too early|holds 0 values"),
        (packed([0] * 96), "holds 96 values of 8 bits, expected 192 of 8: RGBA of 6 x 8"),
    ],
)
def test_broken_brushes_are_told(stream: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        brush_mask(stream, ROWS, COLS)


def test_label_studio_shapes(tmp_path: Path) -> None:
    """A brush, a polygon, a rectangle and an ellipse, by four annotators; percent of 8 and of 6 pixels."""
    polygon = shape("polygonlabels", "Pneumonia", points=[[0, 0], [100, 0], [100, 50], [0, 50]], closed=True)
    ellipse = shape("ellipselabels", "Pneumonia", x=50, y=50, radiusX=12.5, radiusY=50, rotation=0)
    tasks = [
        task(1, "s3://bucket/xrays/person1.jpeg", annotation(1, [BRUSH], by=10), annotation(2, [polygon], by=11)),
        task(2, "https://host/data/person2.png?token=a.b", annotation(3, [RECTANGLE], by={"id": 12, "email": "c@d"})),
        task(3, "/data/local-files/?d=set/person%203.png", annotation(4, [ellipse], by=10)),
    ]
    # centre (4, 3), radii 1 and 3: beside x = 4 centres are 0.5 away, so |y - 3| <= 3 * sqrt(3) / 2 = 2.6: all rows
    upright = box(0, 6, 3, 5)
    assert same(
        read_label_studio(written(tmp_path / "x.json", tasks), ImportOptions()),
        {
            ("person1", "10"): box(1, 4, 2, 6),
            ("person1", "11"): box(0, 3, 0, 8),
            ("person2", "c@d"): box(3, 5, 2, 6),
            ("person 3", "10"): upright,
        },
    )


def test_a_turned_rectangle_turns_about_its_corner_in_pixels() -> None:
    """Its corner at (6, 1), 4 wide and 2 high, a quarter clockwise: 2 to the left of the corner and 4 down."""
    turned = rectangle_mask((6, 1), (4, 2), 90, (6, 1), (ROWS, COLS))
    assert np.array_equal(turned, box(1, 5, 4, 6))


def test_a_turned_rectangle_and_ellipse_in_label_studio(tmp_path: Path) -> None:
    """Percent are of two different sides, so turning in percent would give another shape."""
    rectangle = {**RECTANGLE, "value": {**RECTANGLE["value"], "x": 75, "y": 100 / 6, "width": 50, "height": 200 / 6}}
    rectangle["value"]["rotation"] = 90
    ellipse = shape("ellipselabels", "Pneumonia", x=50, y=50, radiusX=37.5, radiusY=100 / 6, rotation=-90)
    tasks = [task(1, "a.png", annotation(1, [rectangle])), task(2, "b.png", annotation(2, [ellipse]))]
    expected = {("a", "10"): box(1, 5, 4, 6), ("b", "10"): ellipse_mask((4, 3), (1, 3), 0, (ROWS, COLS))}
    assert same(read_label_studio(written(tmp_path / "x.json", tasks), ImportOptions()), expected)


def test_shapes_of_an_annotation_are_united_and_repeats_are_not(tmp_path: Path) -> None:
    tasks = [task(1, "a.png", annotation(1, [BRUSH, RECTANGLE]), annotation(2, [RECTANGLE]))]
    found = read_label_studio(written(tmp_path / "x.json", tasks), ImportOptions())
    assert [drawing.source for drawing in found.drawings] == ["task 1, annotation 1", "task 1, annotation 2"]
    assert np.array_equal(found.drawings[0].mask, box(1, 4, 2, 6) | box(3, 5, 2, 6))
    assert np.array_equal(found.drawings[1].mask, box(3, 5, 2, 6))


def test_no_region_is_an_empty_mask_and_cancelled_ones_are_counted(tmp_path: Path) -> None:
    choice = {"type": "choices", "from_name": "c", "to_name": "img", "value": {"choices": ["normal"]}}
    tasks = [
        task(1, "a.png", annotation(1, [RECTANGLE], by=1), annotation(2, [], by=2), annotation(3, [choice], by=3)),
        task(2, "b.png", annotation(4, [], by=1), annotation(5, [RECTANGLE], by=2, was_cancelled=True)),
    ]
    path = written(tmp_path / "x.json", tasks)
    found = read_label_studio(path, ImportOptions(images={"a": (ROWS, COLS), "b": (12, 16)}))
    assert found.num_skipped == 1
    nothing = np.zeros((ROWS, COLS), bool)
    expected = {("a", "1"): box(3, 5, 2, 6), ("a", "2"): nothing, ("a", "3"): nothing}
    assert same(found, {**expected, ("b", "1"): np.zeros((12, 16), bool)})
    assert read_label_studio(path, ImportOptions(images={"a", "b"})).problems == [
        "task 2, annotation 4: no region, and nothing states the size of image 'b'"
    ]


def test_labels_that_do_not_count_leave_an_empty_mask(tmp_path: Path) -> None:
    effusion = shape("polygonlabels", "Effusion", points=[[0, 0], [100, 0], [100, 50]], closed=True)
    path = written(tmp_path / "x.json", [task(1, "a.png", annotation(1, [effusion]), annotation(2, [BRUSH], by=2))])
    found = read_label_studio(path, ImportOptions(labels=["Pneumonia"]))
    assert same(found, {("a", "10"): np.zeros((ROWS, COLS), bool), ("a", "2"): box(1, 4, 2, 6)})
    assert found.labels == {"Effusion", "Pneumonia"}


def test_json_min(tmp_path: Path) -> None:
    """One record an annotation, the task's data beside the shapes, each shape's value flat with its image's size."""
    flat = {**RECTANGLE["value"], "original_width": COLS, "original_height": ROWS}
    brush = {**BRUSH["value"], "original_width": COLS, "original_height": ROWS}
    common = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "lead_time": 3.1}
    records = [
        {"id": 1, "image": "/d/a.png", "tag": [flat], "grade": "clear", "annotator": 7, "annotation_id": 1, **common},
        {"id": 1, "image": "/d/a.png", "tag": [brush, flat], "annotator": 8, "annotation_id": 2, **common},
        {"id": 1, "image": "/d/a.png", "annotator": 9, "annotation_id": 3, **common},
    ]
    found = read_label_studio(written(tmp_path / "x.json", records), ImportOptions())
    masks = {("a", "7"): box(3, 5, 2, 6), ("a", "8"): box(1, 4, 2, 6) | box(3, 5, 2, 6)}
    assert same(found, {**masks, ("a", "9"): np.zeros((ROWS, COLS), bool)})
    assert found.drawings[0].created_at == "2026-01-01T00:00:00Z"


def test_an_uploads_prefix_goes_only_where_it_must(tmp_path: Path) -> None:
    tasks = [
        task(1, "/data/upload/2/42d46c4c-person1.png", annotation(1, [RECTANGLE])),
        task(2, "/data/upload/2/0badcafe-person2.png", annotation(2, [RECTANGLE])),
        task(3, "$undefined$", annotation(3, [RECTANGLE]), file_upload="deadbeef-person3.png"),
    ]
    path = written(tmp_path / "x.json", tasks)
    known = {"person1", "0badcafe-person2", "person2", "person3"}
    images = [drawing.image for drawing in read_label_studio(path, ImportOptions(images=known)).drawings]
    assert images == ["person1", "0badcafe-person2", "person3"]
    images = [drawing.image for drawing in read_label_studio(path, ImportOptions(images={"someone"})).drawings]
    assert images == ["42d46c4c-person1", "0badcafe-person2", "deadbeef-person3"]  # unknown ones keep their whole names


def test_every_wrong_label_studio_annotation_is_told(tmp_path: Path) -> None:
    def changed(base: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return {**copy.deepcopy(base), **fields}

    value = RECTANGLE["value"]
    wrong = [
        changed(RECTANGLE, original_width=0),
        changed(RECTANGLE, image_rotation=90),
        changed(RECTANGLE, value={**value, "width": "wide"}),
        changed(RECTANGLE, value={**value, "height": -1}),
        changed(RECTANGLE, value={"x": 1, "y": 2, "width": 3, "keypointlabels": ["Pneumonia"]}, type="keypointlabels"),
        shape("polygonlabels", "Pneumonia", points=[[0, 0], [1, 1]], closed=True),
        shape("polygonlabels", "Pneumonia", points=[[0, 0], [100, 0], [100, 50]], closed=False),
        shape("polygonlabels", "Pneumonia", points=[[0, 0], [100, 0], [100, 900]], closed=True),
        shape("ellipselabels", "Pneumonia", x=1, y=1, radiusX=0, radiusY=1),
        shape("brushlabels", "Pneumonia", format="rle", rle=[1, 2, 3]),
        {"type": "rectanglelabels"},
    ]
    annotations = [annotation(number, [item]) for number, item in enumerate(wrong)]
    annotations.append(annotation(11, [BRUSH, changed(RECTANGLE, original_width=9)]))
    annotations.insert(0, annotation(12, []) | {"result": None})
    annotations.insert(0, "annotation")  # type: ignore[arg-type]
    two = task(2, "a.png", annotation(13, [BRUSH]))
    two["data"]["lateral"] = "b.png"
    found = read_label_studio(written(tmp_path / "x.json", [task(1, "a.png", *annotations), two]), ImportOptions())
    assert not found.drawings
    beginnings = [
        "task 1, annotation None: result is None, expected list",
        "task 1, annotation 12: result is None, expected list",
        "task 1, annotation 0: image size 6 x 0, expected whole numbers from 1 to 16384",
        "task 1, annotation 1: was drawn on a rotated image",
        "task 1, annotation 2: width is 'wide', expected int or float",
        "task 1, annotation 3: a rectangle 4 wide and -0.06 high",
        "task 1, annotation 4: a keypointlabels marks no area that can be read",
        "task 1, annotation 5: a polygon of 2 points",
        "task 1, annotation 6: a polygon that was not closed",
        "task 1, annotation 7: a polygon's y goes from 0 to 54, its image from 0 to 6",
        "task 1, annotation 8: an ellipse with radii 0 and 0.06",
        "task 1, annotation 9: a brush's rle",
        "task 1, annotation 10: lacks 'value'",
        "task 1, annotation 11: its shapes are of images of two sizes, (6, 8) and (6, 9)",
        "task 2, annotation 13: its data names 2 images (image, lateral), and to_name 'img' is none of them",
    ]
    assert len(found.problems) == len(beginnings)
    assert all(line.startswith(start) for line, start in zip(found.problems, beginnings, strict=True))


# ------------------------------------------------------------------------------------------------------------ CVAT


def test_cvat_shapes(tmp_path: Path) -> None:
    polygon = '<polygon label="opacity" points="0.00,0.00;8.00,0.00;8.00,3.00;0.00,3.00" occluded="0"/>'
    ellipse = '<ellipse label="opacity" cx="4.00" cy="3.00" rx="3.00" ry="1.00" rotation="90.00"/>'
    turned = '<box label="opacity" xtl="2.00" ytl="2.00" xbr="6.00" ybr="4.00" rotation="90.00"/>'
    tag = '<tag label="normal" source="manual"/>'
    shapes = [CVAT_BOX, polygon, ellipse, turned, CVAT_MASK, CVAT_BOX + CVAT_MASK + tag, "", tag]
    images = "".join(cvat_image(s, f"set/{number}.png", number) for number, s in enumerate(shapes))
    found = read_cvat(written(tmp_path / "a.xml", cvat(images)), ImportOptions())
    # 3 x 2 pixels row by row: one outside, two inside, two outside, one inside: .## / ..#
    masked = box(2, 3, 6, 8) | box(3, 4, 7, 8)
    expected = {
        ("0", "anna"): box(3, 5, 2, 6),
        ("1", "anna"): box(0, 3, 0, 8),
        ("2", "anna"): box(0, 6, 3, 5),
        ("3", "anna"): box(1, 5, 3, 5),  # 4 x 2 about (4, 3), a quarter turned: 2 x 4
        ("4", "anna"): masked,
        ("5", "anna"): box(3, 5, 2, 6) | masked,
    }
    assert same(found, expected)
    assert {drawing.created_at for drawing in found.drawings} == {"2026-05-02 10:00:00+00:00"}


def test_cvat_project_names_the_annotator_of_each_task(tmp_path: Path) -> None:
    task_of = "<task><id>{0}</id><assignee><username>{1}</username><email></email></assignee></task>"
    tasks = task_of.format(1, "anna") + task_of.format(2, "ben")
    meta = f"<meta><project><id>1</id><tasks>{tasks}</tasks></project><dumped>2026-05-03</dumped></meta>"
    images = (
        cvat_image(CVAT_BOX, extra='subset="test" task_id="1"')
        + cvat_image(CVAT_MASK, extra='subset="test" task_id="2"')
        + cvat_image(CVAT_MASK, extra='subset="test" task_id="1"')
    )
    masked = box(2, 3, 6, 8) | box(3, 4, 7, 8)
    found = read_cvat(written(tmp_path / "a.xml", cvat(images, meta)), ImportOptions())
    assert same(found, {("a", "anna"): box(3, 5, 2, 6) | masked, ("a", "ben"): masked})


@pytest.mark.parametrize(
    ("meta", "annotator", "expected"),
    [
        (META.format(assignee=ASSIGNEE), "carla", "anna"),
        (META.format(assignee="<assignee></assignee>"), "carla", "carla"),
        (META.format(assignee=""), None, "admin"),
        ("", "carla", "carla"),
        ("<meta><job><id>3</id><assignee>dora</assignee></job></meta>", None, "dora"),
    ],
)
def test_who_drew_in_cvat(tmp_path: Path, meta: str, annotator: str | None, expected: str) -> None:
    path = written(tmp_path / "a.xml", cvat(cvat_image(CVAT_BOX), meta))
    assert same(read_cvat(path, ImportOptions(annotator=annotator)), {("a", expected): box(3, 5, 2, 6)})


def test_every_wrong_cvat_shape_is_told(tmp_path: Path) -> None:
    mask = '<mask label="opacity" rle="{}" left="{}" top="0" width="2" height="2"/>'.format
    shapes = {
        '<polyline label="opacity" points="0,0;8,0"/>': "a polyline marks no area; use polygon, box, ellipse or mask",
        '<points label="opacity" points="0,0"/>': "a points marks no area; use polygon, box, ellipse or mask",
        '<skeleton label="opacity"/>': "a skeleton marks no area; use polygon, box, ellipse or mask",
        '<polygon label="opacity" points="0,0;8"/>': "a polygon's points are not pairs of numbers",
        '<polygon label="opacity" points="zero"/>': "points 'zero' are not x,y;x,y;...",
        '<box label="opacity" xtl="1" ytl="1" xbr="nan" ybr="2"/>': "xbr is 'nan', expected a number within 1e+09",
        '<box label="opacity" xtl="1.6" ytl="1.6" xbr="2.4" ybr="2.4"/>': "marks no pixel; remove it there",
        mask("1, 2", 0): "rle sums to 3, its box has 2 x 2 = 4",
        mask("4", 7): "a mask of 2 x 2 at (7, 0) is not inside 8 x 6",
        mask("a", 0): "rle 'a' is not a list of whole numbers",
        mask("4", 0.5): "left is '0.5', expected a whole number",
    }
    images = "".join(cvat_image(text, f"{number}.png", number) for number, text in enumerate(shapes))
    images += cvat_image(CVAT_BOX, "other/0.png", 20) + '<image id="21" name="w.png" width="1e9" height="6"></image>'
    found = read_cvat(written(tmp_path / "a.xml", cvat(images)), ImportOptions())
    assert not found.drawings
    assert len(found.problems) == len(shapes) + 2
    for number, (line, message) in enumerate(zip(found.problems, shapes.values(), strict=False)):
        assert line.startswith(f"image {number} ({number}.png), ")
        assert message in line
    assert "has the stem of image '0.png' too" in found.problems[-2]
    assert "image size 6 x 1000000000" in found.problems[-1]


BOMB = """<?xml version="1.0"?><!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<annotations>&b;</annotations>"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "declares a document type 'annotations', which CVAT never writes"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><annotations/>', "declares a document type"),
        ("<annotations>", "not an XML file of CVAT"),
        ("PK\x03\x04", "a ZIP; unpack it and name its annotations.xml"),
        ("<osm/>", "its root is <osm>"),
        ("<annotations><track id='0'/></annotations>", "export it as `CVAT for images 1.1`"),
        ('<?xml version="1.0" encoding="klingon"?><annotations/>', "not an XML file of CVAT"),
    ],
)
def test_what_is_no_cvat_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        read_cvat(written(tmp_path / "a.xml", text), ImportOptions())


def test_the_standard_parser_would_take_the_bomb() -> None:
    """Small ones pass expat's own guard, which looks at growth from 8 MiB on: our refusal is what stops them."""
    assert (ElementTree.fromstring(BOMB).text or "") == "ha" * 8


# ------------------------------------------------------------------------------------------------------------ COCO


def test_coco_segmentations(tmp_path: Path) -> None:
    """Several polygons, run lengths plain and compressed, and a box alone."""
    mask = box(1, 4, 2, 6)
    compressed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    segmentations: list[dict[str, Any]] = [
        {"segmentation": [polygon_of(0, 2, 0, 2), polygon_of(4, 6, 6, 8)], "iscrowd": 0},
        {"segmentation": {"size": [ROWS, COLS], "counts": counts_of(mask)}, "iscrowd": 1},
        {"segmentation": {"size": [ROWS, COLS], "counts": compressed["counts"].decode()}, "iscrowd": 1},
        {"segmentation": [], "bbox": [2, 3, 4, 2]},
    ]
    document = coco(*({**s, "annotator": who} for s, who in zip(segmentations, ("w", "x", "y", 4), strict=True)))
    expected = {("a", "w"): box(0, 2, 0, 2) | box(4, 6, 6, 8), ("a", "x"): mask, ("a", "y"): mask}
    found = read_coco(written(tmp_path / "c.json", document), ImportOptions())
    assert same(found, {**expected, ("a", "4"): box(3, 5, 2, 6)})


def test_who_drew_in_coco(tmp_path: Path) -> None:
    first, second = ({"segmentation": [polygon_of(0, 2, 0, 2)]}, {"segmentation": [polygon_of(4, 6, 6, 8)]})
    path = written(tmp_path / "c.json", coco({**first, "attributes": {"occluded": False, "annotator": "ben"}}, second))
    masks = box(0, 2, 0, 2), box(4, 6, 6, 8)
    assert same(read_coco(path, ImportOptions()), {("a", "ben"): masks[0], ("a", "anna"): masks[1]})
    assert same(read_coco(path, ImportOptions(annotator="c")), {("a", "ben"): masks[0], ("a", "c"): masks[1]})
    path = written(tmp_path / "c.json", coco(first, {**second, "category_id": 2}, info={}))
    assert read_coco(path, ImportOptions()).num_nameless == 2
    assert same(read_coco(path, ImportOptions(annotator="c")), {("a", "c"): masks[0] | masks[1]})
    assert same(read_coco(path, ImportOptions(annotator="c", labels=["device"])), {("a", "c"): masks[1]})


@pytest.mark.parametrize("seed", range(20))
def test_compressed_counts_are_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows, cols = rng.integers(1, 200, 2)
    mask = rng.random((rows, cols)) < rng.choice([0.0, 0.02, 0.5, 1.0])
    if seed % 2:
        mask = np.repeat(np.repeat(mask, 7, axis=0), 9, axis=1)
    text = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
    counts = counts_from_text(text)
    assert counts == counts_of(mask)


def test_every_wrong_coco_annotation_is_told(tmp_path: Path) -> None:
    good = {"segmentation": [polygon_of(0, 2, 0, 2)]}
    size = [ROWS, COLS]
    wrong = {
        "image_id 9 is not among the images": {**good, "image_id": 9},
        "category_id 9 is not among the categories": {**good, "category_id": 9},
        "bbox is not x, y, width, height": {"bbox": [1, 2]},
        "lacks 'bbox'": {},
        "marks no pixel": {"segmentation": {"size": size, "counts": [48]}},
        "run lengths of an image of [8, 6]": {"segmentation": {"size": [8, 6], "counts": [48]}},
        "run lengths sum to 47": {"segmentation": {"size": size, "counts": [47]}},
        "run lengths sum to 0": {"segmentation": {"size": size, "counts": ""}},
        "not whole numbers": {"segmentation": {"size": size, "counts": [-1, 49]}},
        "wrong character 'é'": {"segmentation": {"size": size, "counts": "é"}},
        "wrong character 'o'": {"segmentation": {"size": size, "counts": "ooooooooo"}},
        "end too early": {"segmentation": {"size": size, "counts": "P"}},
        "a polygon is not a list of x, y, x, y, ...": {"segmentation": [[1, 2, 3]]},
        "a polygon's x goes from 0 to 800": {"segmentation": [polygon_of(0, 2, 0, 800)]},
    }
    document = coco(*({**item, "annotator": str(n)} for n, item in enumerate(wrong.values())))
    document["images"] += [
        {"id": 5, "file_name": "b.png", "width": 1, "height": 1},
        {"id": 6, "file_name": "other/a.png", "width": 1, "height": 1},
        {"id": 7, "file_name": "c.png", "width": 1.5, "height": 1},
        {"id": 8},
    ]
    found = read_coco(written(tmp_path / "c.json", document), ImportOptions())
    assert not found.drawings
    expected = [
        "image 2: id 5 belongs to an earlier image too",
        "image 3: has the name 'a' of image 5; names must differ",
        "image 4: image size 1 x 1.5",
        "image 5: lacks 'file_name'",
        *(f"annotation {number}: {message}" for number, message in enumerate(wrong, start=1)),
    ]
    told = sorted(found.problems, key=lambda line: (line.startswith("a"), int(line.split(":")[0].split()[1])))
    assert len(told) == len(expected)
    for line, start in zip(told, expected, strict=True):
        place, message = start.split(": ", 1)
        assert line.startswith(f"{place}: ")
        assert message in line


@pytest.mark.parametrize("document", [[], {}, {"images": [], "annotations": {}}, "{", "\x00"])
def test_what_is_no_coco_file_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(StudyError, match=r"not a COCO file|not a JSON document"):
        read_coco(written(tmp_path / "c.json", document), ImportOptions())


def rows_to_export() -> list[Annotation]:
    rng = np.random.default_rng(7)
    fields = {"profession": "radiologist", "created_at": "2026-11-23T21:00:00Z"}
    small, large = ((rng.random((ROWS, COLS)) < 0.5) for _ in range(2)), rng.random((30, 20)) < 0.5
    first, second = small
    return [
        Annotation(annotation="b-1", image="b", annotator="r-2", mask=large, **fields),
        Annotation(annotation="a-1", image="a", annotator="r-1", mask=first, **fields),
        Annotation(annotation="a-1-repeat", image="a", annotator="r-1", mask=second, **fields),
        Annotation(annotation="a-2", image="a", annotator="r-2", mask=np.zeros((ROWS, COLS), bool), **fields),
    ]


def test_coco_export_is_what_pycocotools_reads() -> None:
    rows = rows_to_export()
    document = coco_document(rows, "pneumonia")
    assert json.loads(json.dumps(document)) == document
    assert coco_document(rows[::-1], "pneumonia") == document
    assert document["images"] == [
        {"id": 1, "file_name": "a.png", "width": COLS, "height": ROWS},
        {"id": 2, "file_name": "b.png", "width": 20, "height": 30},
    ]
    assert document["categories"] == [{"id": 1, "name": "pneumonia", "supercategory": ""}]
    by_name = {row.annotation: row for row in rows}
    assert [a["attributes"]["annotation"] for a in document["annotations"]] == ["a-1", "a-1-repeat", "b-1"]
    for item in document["annotations"]:
        mask = by_name[item["attributes"]["annotation"]].mask
        assert np.array_equal(coco_mask.decode(item["segmentation"]).astype(bool), mask)
        assert item["area"] == mask.sum() == coco_mask.area(item["segmentation"])
        drawn_rows, drawn_cols = np.nonzero(mask)
        left, top = drawn_cols.min(), drawn_rows.min()
        assert item["bbox"] == [left, top, drawn_cols.max() - left + 1, drawn_rows.max() - top + 1]
        assert (item["iscrowd"], item["category_id"]) == (1, 1)
    assert document["info"]["no_region"] == [
        {
            "image_id": 1, "annotation": "a-2", "annotator": "r-2", "profession": "radiologist",
            "created_at": "2026-11-23T21:00:00Z",
        }
    ]  # fmt: skip


def test_coco_export_comes_back_exactly(tmp_path: Path) -> None:
    rows = rows_to_export()
    found = read_coco(written(tmp_path / "c.json", coco_document(rows, "pneumonia")), ImportOptions())
    assert found.problems == []
    back = sorted(found.drawings, key=lambda d: (d.image, d.annotator, d.source))
    expected = sorted(rows, key=lambda row: (row.image, row.annotator, row.annotation))
    for drawing, row in zip(back, expected, strict=True):
        kept = (drawing.image, drawing.annotator, drawing.profession, drawing.created_at)
        assert kept == (row.image, row.annotator, row.profession, row.created_at)
        assert np.array_equal(drawing.mask, row.mask)


def test_an_image_of_two_sizes_is_no_coco() -> None:
    rows = rows_to_export()
    odd = Annotation(
        annotation="x", image="a", annotator="r-3", profession="", created_at="", mask=np.ones((2, 2), bool)
    )
    with pytest.raises(StudyError, match=r"image 'a': masks of \(6, 8\) and \(2, 2\)"):
        coco_document([*rows, odd], "pneumonia")


# ---------------------------------------------------------------------------------------------------- cheXlocalize

CHEX = "patient64622_study1_view1_frontal"


def test_chexlocalize_segmentations(tmp_path: Path) -> None:
    """Every finding has a mask; what is not there is a mask without a pixel, as PVWX6 is of 2320 x 2828."""
    opacity, edema = box(1, 4, 2, 6), box(0, 1, 0, 8)
    nothing = coco_mask.encode(np.zeros((ROWS, COLS), np.uint8, order="F"))["counts"].decode()
    assert sum(counts_from_text("PVWX6")) == 2320 * 2828

    def packed_of(mask: np.ndarray) -> dict[str, Any]:
        counts = coco_mask.encode(np.asfortranarray(mask, np.uint8))["counts"].decode()
        return {"size": [ROWS, COLS], "counts": counts}

    document = {
        CHEX: {"Airspace Opacity": packed_of(opacity), "Edema": packed_of(edema)},
        "patient64541_study1_view1_frontal": {"Airspace Opacity": {"size": [ROWS, COLS], "counts": nothing}},
    }
    path = written(tmp_path / "gt.json", document)
    one = read_chexlocalize(path, ImportOptions(labels=["Airspace Opacity"], annotator="board"))
    assert same(one, {(CHEX, "board"): opacity})
    two = read_chexlocalize(path, ImportOptions(labels=["Airspace Opacity", "Edema"], annotator="board"))
    assert same(two, {(CHEX, "board"): opacity | edema})
    assert read_chexlocalize(path, ImportOptions(labels=["Edema"])).num_nameless == 1
    with pytest.raises(StudyError, match="choose findings with --finding: Airspace Opacity, Edema"):
        read_chexlocalize(path, ImportOptions(annotator="board"))


def test_chexlocalize_polygons(tmp_path: Path) -> None:
    """img_size is rows and columns; a finding is a list of polygons, a polygon a list of [x, y]."""
    polygons = [[[0, 0], [2, 0], [2, 2], [0, 2]], [[6, 4], [8, 4], [8, 6], [6, 6]]]
    document = {
        CHEX: {"img_size": [ROWS, COLS], "Edema": polygons},
        "patient64541_study1_view1_frontal": {"img_size": [ROWS, COLS], "Cardiomegaly": polygons[:1]},
    }
    path = written(tmp_path / "gt.json", document)
    found = read_chexlocalize(path, ImportOptions(labels=["Edema"], annotator="board"))
    assert same(found, {(CHEX, "board"): box(0, 2, 0, 2) | box(4, 6, 6, 8)})
    assert found.labels == {"Edema", "Cardiomegaly"}


def test_chexlocalize_names_images_without_a_drawing(tmp_path: Path) -> None:
    """An empty finding is not told from one that nobody looked for, so it is no empty reading; its image is known."""
    nothing, plain = {"size": [ROWS, COLS], "counts": [48]}, {"size": [ROWS, COLS], "counts": [0, 6, 42]}
    document = {"a": {"Edema": plain}, "b": {"Edema": nothing}, "c.jpg": {"Cardiomegaly": plain}, "d": {}}
    path = written(tmp_path / "gt.json", document)
    found = read_chexlocalize(path, ImportOptions(labels=["Edema"], annotator="board"))
    assert same(found, {("a", "board"): box(0, 6, 0, 1)})
    assert found.images == {"a", "b", "c", "d"}
    path = written(tmp_path / "gt.json", {**document, "a.png": document["a"], " ": document["a"]})
    found = read_chexlocalize(path, ImportOptions(labels=["Edema"], annotator="board"))
    assert found.problems == ["a.png: has the name 'a' of an earlier image", ": has no name"]
    with pytest.raises(StudyError, match=r"choose findings with --finding: A B, Edema$"):
        read_chexlocalize(written(path, {"a": {"A\nB": plain, "Edema": plain}}), ImportOptions())


def test_every_wrong_chexlocalize_image_is_told(tmp_path: Path) -> None:
    wrong = {
        "image size 0 x 8": {"img_size": [0, 8], "Edema": [[[0, 0], [1, 0], [1, 1]]]},
        "image size None x None": {"img_size": [8], "Edema": [[[0, 0], [1, 0], [1, 1]]]},
        "a polygon of 2 points": {"img_size": [ROWS, COLS], "Edema": [[[0, 0], [1, 0]]]},
        "Edema marks no pixel": {"img_size": [ROWS, COLS], "Edema": [[[0, 0], [0.2, 0], [0.2, 0.2]]]},
        "Edema is [[[0, 0]]], expected dict": {"Edema": [[[0, 0]]]},
        "run lengths sum to 3": {"Edema": {"size": [ROWS, COLS], "counts": [3]}},
    }
    document = {f"patient{number}": entry for number, entry in enumerate(wrong.values())}
    found = read_chexlocalize(
        written(tmp_path / "gt.json", document), ImportOptions(labels=["Edema"], annotator="board")
    )
    assert not found.drawings
    for number, (line, message) in enumerate(zip(found.problems, wrong, strict=True)):
        assert line.startswith(f"patient{number}: ")
        assert message in line
