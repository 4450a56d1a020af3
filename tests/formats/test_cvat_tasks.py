"""CVAT: who read an image when, in several tasks and files. Images of 6 rows and 8 columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation_files import ASSIGNEE, COLS, CVAT_BOX, CVAT_MASK, META, ROWS, box, cvat, cvat_image, same, written
from bug_inputs import bug_input
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.cvat import read_cvat
from sightline.formats.readers import read_files

NOTHING = np.zeros((ROWS, COLS), bool)
MASKED = box(2, 3, 6, 8) | box(3, 4, 7, 8)  # CVAT_MASK
MAY_4, MAY_9 = "2026-05-04 10:00:00+00:00", "2026-05-09 10:00:00+02:00"


def read(tmp_path: Path, text: str, **options: Any) -> FileContents:
    return read_cvat(written(tmp_path / "a.xml", text), ImportOptions(**options))


def project(*tasks: tuple[int, str, str]) -> str:
    """The meta of a project with tasks of id, assignee and last change."""
    listed = "".join(
        f"<task><id>{number}</id><assignee><username>{who}</username></assignee><updated>{at}</updated></task>"
        for number, who, at in tasks
    )
    return f"<meta><project><id>1</id><tasks>{listed}</tasks></project><dumped>2026-05-12</dumped></meta>"


def meta_of_job(number: int, assignee: str, updated: str = "") -> str:
    who = f"<assignee><username>{assignee}</username></assignee>" if assignee else "<assignee></assignee>"
    owner = "<owner><username>admin</username></owner>"
    return (
        f"<meta><job><id>{number}</id>{owner}{who}<updated>{updated}</updated></job><dumped>2026-05-12</dumped></meta>"
    )


@pytest.mark.parametrize(("first", "second"), [(MAY_4, MAY_9), ("", MAY_9), ("2026-05-04T10:00:00Z", "2026-05-09")])
@pytest.mark.parametrize("is_turned", [False, True])
def test_two_tasks_of_one_reader_are_two_readings_in_order_of_time(
    tmp_path: Path, first: str, second: str, is_turned: bool
) -> None:
    """The task without a time has that of the export, 12 May, and so comes last."""
    images = [cvat_image(CVAT_BOX, extra='task_id="5"'), cvat_image(CVAT_MASK, number=1, extra='task_id="6"')]
    meta = project((5, "anna", first), (6, "anna", second))
    found = read(tmp_path, cvat("".join(images[::-1] if is_turned else images), meta))
    assert [(drawing.image, drawing.annotator) for drawing in found.drawings] == [("a", "anna")] * 2
    expected = [MASKED, box(3, 5, 2, 6)] if not first else [box(3, 5, 2, 6), MASKED]
    assert all(np.array_equal(drawing.mask, mask) for drawing, mask in zip(found.drawings, expected, strict=True))
    assert found.drawings[0].created_at == (first or second)


def test_two_tasks_of_the_shared_input(tmp_path: Path) -> None:
    path = bug_input("cvat-two-tasks-one-reader", tmp_path) / "annotations.xml"
    found = read_cvat(path, ImportOptions())
    readings = [(d.image, d.annotator, d.created_at[:10], int(d.mask.sum())) for d in found.drawings]
    assert readings == [("scan1", "anna", "2026-05-04", 300), ("scan1", "anna", "2026-05-09", 100)]


def test_two_replicas_are_two_readers(tmp_path: Path) -> None:
    first = written(tmp_path / "job11.xml", cvat(cvat_image(CVAT_BOX), meta_of_job(11, "anna")))
    second = written(tmp_path / "job12.xml", cvat(cvat_image(CVAT_MASK), meta_of_job(12, "bruno")))
    both = {("a", "anna"): box(3, 5, 2, 6), ("a", "bruno"): MASKED}
    found = read_files([first, second], ImportOptions())
    assert same(found, both)
    assert [drawing.source for drawing in found.drawings] == [f"{first}: image 0 (a.png)", f"{second}: image 0 (a.png)"]
    assert same(read_files([tmp_path], ImportOptions()), both)


@pytest.mark.parametrize("name", ["anna", ""])
def test_two_replicas_of_one_name_or_none(tmp_path: Path, name: str) -> None:
    """One assignee has read twice. Without one, the owner of the task is not taken for either of the readers."""
    for number, shape in ((11, CVAT_BOX), (12, CVAT_MASK)):
        written(tmp_path / f"job{number}.xml", cvat(cvat_image(shape), meta_of_job(number, name, f"2026-05-{number}")))
    found = read_files([tmp_path], ImportOptions())
    if name:
        assert [(d.annotator, d.created_at, int(d.mask.sum())) for d in found.drawings] == [
            ("anna", "2026-05-11", 8),
            ("anna", "2026-05-12", 3),
        ]
    else:
        assert (found.drawings, found.num_nameless) == ([], 2)
        one = read_files([tmp_path / "job11.xml"], ImportOptions(annotator="carla"))
        assert same(one, {("a", "carla"): box(3, 5, 2, 6)})


def test_replicas_of_the_shared_input(tmp_path: Path) -> None:
    folder = bug_input("cvat-replica-exports", tmp_path)
    found = read_files([folder / "job11.xml", folder / "job12.xml"], ImportOptions(images={"scan1", "scan2"}))
    assert [(d.image, d.annotator, int(d.mask.sum())) for d in found.drawings] == [
        ("scan1", "anna", 300),
        ("scan1", "bruno", 100),
    ]


def test_other_findings_alone_are_an_empty_reading(tmp_path: Path) -> None:
    device = CVAT_BOX.replace('label="opacity"', 'label="device"')
    tag = '<tag label="normal" source="manual"/>'
    images = [cvat_image(shapes, f"{n}.png", n) for n, shapes in enumerate((CVAT_BOX + device, device, tag, ""))]
    found = read(tmp_path, cvat("".join(images)), labels=["opacity"])
    assert same(found, {("0", "anna"): box(3, 5, 2, 6), ("1", "anna"): NOTHING})
    assert found.images == {"0", "1", "2", "3"}
    assert found.notes == ["images carry tags about the whole image, which are not read: 1"]


def test_what_a_model_drew_and_an_owner_read_is_noted(tmp_path: Path) -> None:
    auto = CVAT_BOX.replace('source="manual"', 'source="auto"')
    found = read(tmp_path, cvat(cvat_image(auto + CVAT_MASK), META.format(assignee="")))
    assert same(found, {("a", "admin"): box(3, 5, 2, 6) | MASKED})
    assert found.notes == [
        "shapes made by a model (source auto); check that a reader confirmed them: 1",
        "images without an assignee count as read by the task's owner (if it was another, name the reader): 1",
    ]
    assert read(tmp_path, cvat(cvat_image(CVAT_BOX), META.format(assignee=ASSIGNEE))).notes == []


def test_shapes_beyond_their_image_are_refused(tmp_path: Path) -> None:
    shapes = {
        '<box label="x" xtl="1" ytl="1" xbr="80" ybr="5"/>': "a rectangle's x goes from 1 to 80, its image from 0 to 8",
        '<box label="x" xtl="6" ytl="1" xbr="2" ybr="5"/>': "a rectangle -4 wide and 4 high",
        '<ellipse label="x" cx="4" cy="3" rx="3" ry="30"/>': "an ellipse's y goes from -27 to 33",
        '<polygon label="x" points="0,0;8,0;8,60"/>': "a polygon's y goes from 0 to 60",
        '<mask label="x" rle="0, 4" left="7" top="0" width="2" height="2"/>': "is not inside 8 x 6",
    }
    images = [cvat_image(shape, f"{number}.png", number) for number, shape in enumerate(shapes)]
    found = read(tmp_path, cvat("".join(images)))
    assert found.drawings == []
    assert all(message in line for line, message in zip(found.problems, shapes.values(), strict=True))


def test_names_are_composed_and_messages_are_single_lines(tmp_path: Path) -> None:
    found = read(tmp_path, cvat(cvat_image(CVAT_BOX, "xr/e\u0301tude#2.png")))
    assert [drawing.image for drawing in found.drawings] == ["\u00e9tude#2"]
    (problem,) = read(tmp_path, cvat(cvat_image('<points label="a&#10;b"/>', "a&#10;b.png"))).problems
    assert problem == "image 0 (a b.png), points 'a b': a points marks no area; use polygon, box, ellipse or mask"
    assert read(tmp_path, cvat(cvat_image(CVAT_BOX, "xr/"))).drawings[0].image == "xr"
    assert read(tmp_path, cvat(cvat_image(CVAT_BOX, ""))).problems == ["image 0 (): has no name"]
