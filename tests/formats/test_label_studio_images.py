"""Label Studio: which image a region belongs to, and numbers that are no percent. Images of 6 rows and 8 columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation_files import BRUSH, COLS, RECTANGLE, ROWS, annotation, box, packed, rgba, same, shape, task, written
from bug_inputs import bug_input
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.file_names import image_at
from sightline.formats.label_studio import read_label_studio
from sightline.study.errors import StudyError

NOTHING = np.zeros((ROWS, COLS), bool)


def read(tmp_path: Path, tasks: Any, **options: Any) -> FileContents:
    return read_label_studio(written(tmp_path / "x.json", tasks), ImportOptions(**options))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/data/local-files/?d=xr/scan#2.png", "scan#2"),
        ("/data/local-files/?d=xr/scan%232.png", "scan#2"),
        ("http://localhost:8080/data/local-files/?d=xr%2Fscan%202.png", "scan 2"),
        ("/data/local-files/?d=xr/a&b.png", "a&b"),
        ("/data/local-files/?d=xr/a.png&x=1", "a"),
        ("/data/local-files/?d=xr/a+b.png", "a+b"),
        ("/data/local-files/?d=xr\\Thorax.PNG", "Thorax"),
        ("/data/upload/2/scan#2.png", "scan#2"),
        ("/data/upload/2/scan?.png", "scan?"),
        ("https://host/a/person2.png?token=b.c", "person2"),
        ("https://host/a/person2.png?next=/b/person3.png", "person2"),
        ("https://host/a/person%202.png#page", "person 2"),
        ("s3://bucket/set/scan#2.png", "scan#2"),
        ("s3://bucket/set/scan 2.png?versionId=3", "scan 2"),
        ("images/100%25.png", "100%25"),
        ("C:\\films\\scan#2.dcm", "scan#2"),
        ("/films/no suffix", "no suffix"),
        ("/films/e\u0301tude.png", "\u00e9tude"),
        ("/films/e%CC%81tude.png", "\u00e9tude"),
    ],
)
def test_the_image_at_an_address(address: str, expected: str) -> None:
    assert image_at(address) == expected
    assert image_at(address, {expected, "another"}) == expected


@pytest.mark.parametrize(
    ("address", "known", "expected"),
    [
        ("/data/local-files/?d=xr/scan#2.png", {"scan"}, "scan#2"),  # unknown, and never scan
        ("/data/upload/1/0badcafe-scan#2.png", {"scan"}, "0badcafe-scan#2"),
        ("/data/upload/1/0badcafe-scan#2.png", {"scan#2", "scan"}, "scan#2"),
        ("images/100%25.png", {"100%"}, "100%"),
        ("images/100%25.png", {"100%", "100%25"}, "100%25"),
        ("/data/local-files/?d=xr/a+b.png", {"a b"}, "a b"),
        ("images\\1/90fbb0c7-scan1.png", {"scan1"}, "scan1"),
        ("../../label-studio/data/media/upload/3/90fbb0c7-scan1.png", {"scan1"}, "scan1"),
        ("images/90fbb0c7-scan1.png", {"scan1", "90fbb0c7-scan1"}, "90fbb0c7-scan1"),
        ("images/90FBB0C7-scan1.png", {"scan1"}, "90FBB0C7-scan1"),  # an upload's digits are lower case
        ("images/90fbb0c7-90fbb0c7-scan1.png", {"scan1"}, "90fbb0c7-90fbb0c7-scan1"),
    ],
)
def test_known_images_choose_among_the_readings_of_an_address(address: str, known: set[str], expected: str) -> None:
    assert image_at(address, known) == expected


def test_a_hash_in_the_shared_input(tmp_path: Path) -> None:
    path = bug_input("ls-hash-in-name", tmp_path) / "export.json"
    sizes = {"scan": (60, 80), "scan#2": (60, 80)}
    (drawing,) = read_label_studio(path, ImportOptions(images=sizes)).drawings
    assert (drawing.image, int(drawing.mask.sum())) == ("scan#2", 20 * 15)


def views(*annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    return {**task(1, "unused", *annotations), "data": data}


def on(to_name: str, region: dict[str, Any] = RECTANGLE, **fields: Any) -> dict[str, Any]:
    return {**region, "to_name": to_name, **fields}


TWO = {"frontal": "/data/upload/1/aaaaaaaa-a.png", "lateral": "/data/upload/1/bbbbbbbb-b.png"}
OTHER = "regions on images that are not the study's, other views of a task, were left out: 1"


def test_a_region_of_another_view_is_no_region_of_this_one(tmp_path: Path) -> None:
    tasks = [views(annotation(1, [on("lateral")]), annotation(2, [on("frontal", BRUSH)], by=2), **TWO)]
    found = read(tmp_path, tasks, images={"a": (ROWS, COLS)})
    assert same(found, {("a", "10"): NOTHING, ("a", "2"): box(1, 4, 2, 6)})
    assert found.notes == [OTHER]
    assert found.images == {"a", "bbbbbbbb-b"}
    both = read(tmp_path, tasks, images={"a": (ROWS, COLS), "b": (ROWS, COLS)})
    masks = {("a", "10"): NOTHING, ("b", "10"): box(3, 5, 2, 6), ("a", "2"): box(1, 4, 2, 6), ("b", "2"): NOTHING}
    assert same(both, masks)
    assert both.notes == []


def test_views_of_unknown_images_are_all_read(tmp_path: Path) -> None:
    found = read(tmp_path, [views(annotation(1, [on("lateral"), on("frontal", BRUSH)]), **TWO)])
    assert same(found, {("aaaaaaaa-a", "10"): box(1, 4, 2, 6), ("bbbbbbbb-b", "10"): box(3, 5, 2, 6)})
    one = read(tmp_path, [views(annotation(1, [on("lateral")]), **TWO)])
    assert same(one, {("bbbbbbbb-b", "10"): box(3, 5, 2, 6)})
    assert one.notes == ["readings of a task's other view, without a region and of unknown size, were left out: 1"]


def test_images_in_a_list_are_told_apart_by_item_index(tmp_path: Path) -> None:
    pages = {"pages": ["a.png", "b.png"]}
    tasks = [views(annotation(1, [on("pages", item_index=0), on("pages", BRUSH, item_index=1)]), **pages)]
    assert same(read(tmp_path, tasks), {("a", "10"): box(3, 5, 2, 6), ("b", "10"): box(1, 4, 2, 6)})
    by_tag = [views(annotation(1, [on("img", item_index=1)]), **pages)]
    assert read(tmp_path, by_tag, images={"b": (ROWS, COLS)}).drawings[0].image == "b"
    wrong = [on("pages"), on("pages", item_index=2), on("pages", item_index="x")]
    found = read(tmp_path, [views(*(annotation(n, [region]) for n, region in enumerate(wrong)), **pages)])
    assert found.problems == [
        "task 1, annotation 0: pages holds 2 images, and a region does not say on which it lies",
        "task 1, annotation 1: item_index 2 is none of the 2 images of pages",
        "task 1, annotation 2: item_index x is none of the 2 images of pages",
    ]


def test_a_region_whose_image_is_not_stated_is_refused(tmp_path: Path) -> None:
    known = {"a": (ROWS, COLS)}
    none = "and to_name '{}' is none of them"
    # tags are named unlike the data; two tags, of which one shows something without an image's suffix
    assert none.format("img") in read(tmp_path, [views(annotation(1, [on("img")]), **TWO)], images=known).problems[0]
    two_tags = annotation(1, [on("img"), on("second")])
    assert none.format("img") in read(tmp_path, [views(two_tags, image="a.png", other="id 7")]).problems[0]
    report = views(annotation(1, [on("report")]), image="a.png", report="id 7")
    assert none.format("report") in read(tmp_path, [report], images=known).problems[0]
    flat = {**RECTANGLE["value"], "original_width": COLS, "original_height": ROWS}
    record = {"id": 1, **TWO, "tag": [flat], "annotator": 7, "annotation_id": 1}
    assert none.format("") in read(tmp_path, [record], images=known).problems[0]
    assert same(read(tmp_path, [{**record, "tag": []}], images=known), {("a", "7"): NOTHING})


def test_the_same_image_under_two_keys_is_one(tmp_path: Path) -> None:
    tasks = [views(annotation(1, [on("img")]), image="/data/upload/1/aaaaaaaa-a.png", original="a.png")]
    assert same(read(tmp_path, tasks, images={"a": (ROWS, COLS)}), {("a", "10"): box(3, 5, 2, 6)})


def test_two_views_of_the_shared_input(tmp_path: Path) -> None:
    path = bug_input("ls-two-views-one-task", tmp_path) / "export.json"
    found = read_label_studio(path, ImportOptions(images={"scan1": (60, 80), "scan2": (60, 80)}))
    assert found.problems == []
    assert found.notes == [OTHER]
    areas = {drawing.image: int(drawing.mask.sum()) for drawing in found.drawings}
    assert areas == {"scan1": 0, "scan2": 20 * 15}


def times_100(region: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {**region, "value": {**region["value"], **{key: region["value"][key] * 100 for key in keys}}}


def test_numbers_beyond_100_percent_are_refused_for_each_shape(tmp_path: Path) -> None:
    ellipse = shape("ellipselabels", "Pneumonia", x=50, y=50, radiusX=12.5, radiusY=50, rotation=0)
    polygon = shape("polygonlabels", "Pneumonia", points=[[0, 0], [100, 0], [100, 5000]], closed=True)
    point = shape("keypointlabels", "Pneumonia", x=5000, y=50, width=1)
    wide = {**RECTANGLE, "value": {**RECTANGLE["value"], "x": 20, "width": 120}}
    larger = {**BRUSH, "value": {**BRUSH["value"], "rle": packed(rgba(np.ones((12, 16), bool)))}}
    wrong = [
        (times_100(RECTANGLE, "x", "y", "width", "height"), "a rectangle's x goes from 200 to 600, its image from 0"),
        (wide, "a rectangle's x goes from 1.6 to 11.2, its image from 0 to 8; its numbers are percent"),
        (times_100(ellipse, "x", "y", "radiusX", "radiusY"), "an ellipse's x goes from 300 to 500, its image from 0"),
        (polygon, "a polygon's y goes from 0 to 300, its image from 0 to 6; its numbers are percent of the image's"),
        (point, "a keypointlabels marks no area"),
        (larger, "a brush's rle holds 768 values of 8 bits, expected 192"),
    ]
    found = read(tmp_path, [task(n, "a.png", annotation(n, [region])) for n, (region, _) in enumerate(wrong)])
    assert found.drawings == []
    for number, (line, (_, message)) in enumerate(zip(found.problems, wrong, strict=True)):
        assert line.startswith(f"task {number}, annotation {number}: {message}")
    assert found.problems[0].endswith("; its numbers are percent of the image's sides and reach 5000")


def test_numbers_beyond_100_percent_of_the_shared_input(tmp_path: Path) -> None:
    path = bug_input("ls-x100-rectangle", tmp_path) / "export.json"
    found = read_label_studio(path, ImportOptions(images={f"scan{n}": (60, 80) for n in (1, 2, 3)}))
    assert [line.split(":")[0] for line in found.problems] == ["task 1, annotation 11", "task 3, annotation 13"]
    assert [(drawing.image, int(drawing.mask.sum())) for drawing in found.drawings] == [("scan2", 20 * 15)]


def test_a_shape_without_a_pixel_is_no_empty_reading(tmp_path: Path) -> None:
    """A click that draws a rectangle of no width is refused; a brush that was erased again is left out with a note."""
    click = {**RECTANGLE, "value": {**RECTANGLE["value"], "width": 0}}
    erased = {**BRUSH, "value": {**BRUSH["value"], "rle": packed(rgba(NOTHING))}}
    found = read(tmp_path, [task(1, "a.png", annotation(1, [RECTANGLE, click]))])
    assert found.problems == ["task 1, annotation 1: a rectanglelabels marks no pixel; remove it in Label Studio"]
    found = read(tmp_path, [task(1, "a.png", annotation(1, [RECTANGLE, erased]))])
    assert same(found, {("a", "10"): box(3, 5, 2, 6)})
    assert found.notes == ["brushes without a pixel, erased again, were left out: 1"]


def test_predictions_and_drafts_are_nobodys_and_accepted_ones_are_noted(tmp_path: Path) -> None:
    model = {"id": 5, "model_version": "v1", "score": 0.9, "result": [BRUSH]}
    proposed = {**RECTANGLE, "origin": "prediction"}
    tasks = [
        task(1, "a.png", annotation(1, [proposed]), predictions=[model], drafts=[{"result": [BRUSH]}]),
        task(2, "b.png", predictions=[model]),
    ]
    found = read(tmp_path, tasks)
    assert same(found, {("a", "10"): box(3, 5, 2, 6)})
    assert found.images == {"a", "b"}
    assert found.notes == [
        "regions are a model's proposals that a reader accepted as they were; such readers are not independent: 1"
    ]


def test_a_region_of_two_results_is_one_region_with_its_labels(tmp_path: Path) -> None:
    """The tags Rectangle and Labels: the shape once without labels and once with them, under one id."""
    value = {key: item for key, item in RECTANGLE["value"].items() if key != "rectanglelabels"}
    plain = {**RECTANGLE, "id": "r1", "type": "rectangle", "value": value}
    labelled = {**RECTANGLE, "id": "r1", "type": "labels", "value": {**value, "labels": ["Effusion"]}}
    span = {"id": "s1", "type": "labels", "to_name": "img", "value": {"start": 3, "end": 9, "labels": ["Effusion"]}}
    tasks = [task(1, "a.png", annotation(1, [plain, labelled, span]))]
    assert same(read(tmp_path, tasks, labels=["Effusion"]), {("a", "10"): box(3, 5, 2, 6)})
    assert same(read(tmp_path, tasks, labels=["Pneumonia"]), {("a", "10"): NOTHING})
    found = read(tmp_path, [task(1, "a.png", annotation(1, [plain]))], labels=["Pneumonia"])
    assert found.notes == ["regions without a label were left out, since labels were chosen: 1"]


def test_messages_are_single_lines(tmp_path: Path) -> None:
    odd = task(1, "a.png", annotation(1, [{"type": "x\ny", "value": {}, "original_width": 8, "original_height": 6}]))
    odd["id"] = "two\nlines\x1b[31m"
    (problem,) = read(tmp_path, [odd]).problems
    assert problem.startswith("task two lines [31m, annotation 1: a x y marks no area")


def test_what_a_json_document_hides_is_refused(tmp_path: Path) -> None:
    document = json.dumps([task(1, "a.png", annotation(1, [RECTANGLE]))])
    twice = document.replace('"result": [', '"result": [], "result": [')
    with pytest.raises(StudyError, match=r"not a JSON document .has the key 'result' twice in one object"):
        read(tmp_path, twice)
    with pytest.raises(StudyError, match="surrogates not allowed"):
        read(tmp_path, document.replace("a.png", "\\ud800.png"))
    (tmp_path / "x.json").write_text(document, encoding="utf-16")  # as PowerShell writes it
    found = read_label_studio(tmp_path / "x.json", ImportOptions())
    assert same(found, {("a", "10"): box(3, 5, 2, 6)})
