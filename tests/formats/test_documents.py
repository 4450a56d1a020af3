"""Documents of other tools, pixel by pixel: ChestX-Det, PadChest-GR, labelme, VIA and MD.ai."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bug_inputs import bug_input
from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.readers import FORMATS, format_of, read_files
from sightline.study.errors import StudyError
from tool_documents import (
    CHESTX_DET,
    DOCUMENTS,
    LABELME,
    MDAI,
    PADCHEST_GR,
    VIA_PROJECT,
    VIA_REGIONS,
    labelme,
    labelme_shape,
    mdai,
    mdai_annotation,
    png_text,
)

ROWS, COLS = 40, 60
BY_A = ImportOptions(annotator="A", images={"im1": (ROWS, COLS), "im2": (ROWS, COLS)})
OPACITY = ImportOptions(annotator="A", images={"im1": (ROWS, COLS), "im2": (ROWS, COLS)}, labels=["opacity"])


def read(format: str, document: Any, tmp_path: Path, options: ImportOptions = BY_A) -> FileContents:
    """What the reader makes of a document, which is recognised as its format."""
    path = tmp_path / "document.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert format_of(path) == format
    return FORMATS[format].read(path, options)


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((ROWS, COLS), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def drawn(contents: FileContents) -> dict[tuple[str, str], np.ndarray]:
    """Masks by image and annotator; nothing may be wrong."""
    assert contents.problems == []
    assert contents.num_nameless == 0
    masks = {(drawing.image, drawing.annotator): drawing.mask for drawing in contents.drawings}
    assert len(masks) == len(contents.drawings)
    return masks


def same(contents: FileContents, expected: dict[tuple[str, str], np.ndarray]) -> bool:
    masks = drawn(contents)
    return masks.keys() == expected.keys() and all(np.array_equal(masks[key], expected[key]) for key in expected)


EMPTY = np.zeros((ROWS, COLS), bool)


@pytest.mark.parametrize("format", sorted(DOCUMENTS))
def test_each_document_is_recognised_as_one_format_and_names_its_images_and_labels(format: str, tmp_path: Path) -> None:
    contents = read(format, DOCUMENTS[format], tmp_path)
    assert contents.images == ({"im1"} if format == "labelme" else {"im1", "im2"})
    assert {"opacity", "mass"} <= contents.labels


@pytest.mark.parametrize("format", ["chestx-det", "labelme", "via"])
def test_a_format_that_names_nobody_asks_for_the_reader(format: str, tmp_path: Path) -> None:
    contents = read(format, DOCUMENTS[format], tmp_path, ImportOptions(size=(ROWS, COLS)))
    assert contents.drawings == []
    assert contents.num_nameless == (1 if format == "labelme" else 2)


# ------------------------------------------------------------------------------------------------------ ChestX-Det


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


# ------------------------------------------------------------------------------------------------------ PadChest-GR


def test_padchest_gr_has_two_readers_with_stable_names(tmp_path: Path) -> None:
    contents = read("padchest-gr", PADCHEST_GR, tmp_path)
    expected = {
        ("im1", "reader1"): box(30, 10, 45, 20) | box(6, 20, 12, 24),
        ("im1", "reader2"): box(30, 10, 45, 30) | box(0, 0, 6, 4),
        ("im2", "reader1"): EMPTY,  # a normal study; whether a second reader saw it is not known
    }
    assert same(contents, expected)
    only_mass = ImportOptions(images=BY_A.images, labels=["mass"])
    masks = drawn(read("padchest-gr", PADCHEST_GR, tmp_path, only_mass))
    assert np.array_equal(masks["im1", "reader1"], box(6, 20, 12, 24))
    assert not masks["im1", "reader2"].any()  # read the study and marked no mass: counts for presence


def test_padchest_gr_without_sizes_has_a_fine_grid_where_sizes_do_not_matter(tmp_path: Path) -> None:
    contents = read("padchest-gr", PADCHEST_GR, tmp_path, ImportOptions(is_size_needed=False))
    masks = drawn(contents)
    one, two = masks["im1", "reader1"], masks["im1", "reader2"]
    union = 0.25 * 0.5 + 0.1 * 0.1 + 0.1 * 0.1
    assert (one & two).sum() / (one | two).sum() == pytest.approx(0.25 * 0.25 / union, abs=1e-9)
    unknown = read("padchest-gr", PADCHEST_GR, tmp_path, ImportOptions())
    assert unknown.drawings == []
    assert unknown.problems == [
        "study 1 ('im1.png'): the file does not state the image's size; name the images, or their size "
        "(and 1 more like it)"
    ]


def test_padchest_gr_leaves_out_boxes_of_what_is_not_abnormal(tmp_path: Path) -> None:
    document = copy.deepcopy(PADCHEST_GR)
    document[0]["findings"][2]["boxes"] = [[0.2, 0.2, 0.8, 0.8]]
    contents = read("padchest-gr", document, tmp_path)
    assert same(contents, drawn(read("padchest-gr", PADCHEST_GR, tmp_path)))
    assert contents.notes == ["1 findings that are not abnormal have boxes; these were left out"]


@pytest.mark.parametrize(
    ("boxes", "named"),
    [
        ([[0.5, 0.2, 0.7, 1.2]], "expected shares of the sides from 0 to 1"),
        ([[300, 200, 500, 400]], "expected shares of the sides from 0 to 1"),
        ([[0.5, 0.2, 0.4, 0.3]], "a box -6 wide and 4 high"),
        ([[0.5, 0.2, 0.4]], r"expected \[x1, y1, x2, y2\]"),
        ({"a": 1}, r"boxes are \{'a': 1\}"),
    ],
)
def test_padchest_gr_names_the_wrong_box(boxes: Any, named: str, tmp_path: Path) -> None:
    document = copy.deepcopy(PADCHEST_GR)
    document[0]["findings"][0]["boxes"] = boxes
    (problem,) = read("padchest-gr", document, tmp_path).problems
    assert problem.startswith("study 1 ('im1.png')")
    with pytest.raises(AssertionError, match=named):
        raise AssertionError(problem)


# ---------------------------------------------------------------------------------------------------------- labelme


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


# -------------------------------------------------------------------------------------------------------------- VIA


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
        "1 images have no region and were left out: the file lists them whether or not they were read"
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


# ------------------------------------------------------------------------------------------------------------ MD.ai


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
    assert problem == "image 'im1': the file does not state its size; name the images, or their size"


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


# --------------------------------------------------------------------------------------------------------- together


def test_names_with_accents_join_in_either_spelling(tmp_path: Path) -> None:
    document = labelme(labelme_shape("rectangle", [[1, 1], [9, 9]]), name="rö.png")
    assert read("labelme", document, tmp_path).images == {"rö"}


@pytest.mark.parametrize("format", ["chestx-det", "padchest-gr", "mdai", "labelme", "via"])
def test_another_document_is_refused_in_one_line(format: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    for text in ('{"a": 1}' if format in ("chestx-det", "padchest-gr") else "[1, 2]", "{", ""):
        path.write_text(text)
        with pytest.raises(StudyError) as refused:
            FORMATS[format].read(path, BY_A)
        assert "\n" not in str(refused.value)
        assert str(refused.value).startswith(f"{path}: not ")


def test_repeats_of_one_mistake_are_one_line(tmp_path: Path) -> None:
    document = [{**CHESTX_DET[0], "file_name": f"{number}.png", "boxes": []} for number in range(500)]
    (problem,) = read("chestx-det", document, tmp_path).problems
    assert problem.endswith("(and 499 more like it)")


def test_a_drawing_is_kept_as_run_lengths_of_the_whole_image(tmp_path: Path) -> None:
    (drawing,) = read("labelme", labelme(labelme_shape("rectangle", [[5, 6], [20, 30]])), tmp_path).drawings
    again = Drawing.of(box(5, 6, 20, 30), image="im1", annotator="A", created_at="", source="")
    assert np.array_equal(drawing.counts, again.counts)
