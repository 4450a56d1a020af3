"""`sightline annotate import`: into the folder under pseudonyms, beside what it holds, all or nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bug_inputs import bug_input
from sightline.annotate.imports import import_files
from sightline.annotate.pseudonyms import named_readers, pseudonyms
from sightline.experts.annotation_reader import read_annotations
from sightline.experts.votes import valid_votes
from sightline.formats.annotations import Annotation, ImportOptions
from sightline.formats.coco import coco_document, read_coco
from sightline.formats.mask_png import png_mask
from sightline.formats.readers import FORMATS
from sightline.study.errors import StudyError, collapsed
from studies import run, sightline

ROWS, COLS = 6, 8


def written(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def rectangle(x: float, y: float, width: float, height: float, rows: int = ROWS, cols: int = COLS) -> dict[str, Any]:
    """A rectangle of Label Studio, in percent."""
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": 0, "rectanglelabels": ["Pneumonia"]}
    return {
        "id": "Dx_aB91ISN", "from_name": "tag", "to_name": "img", "type": "rectanglelabels", "origin": "manual",
        "original_width": cols, "original_height": rows, "image_rotation": 0, "value": value,
    }  # fmt: skip


def annotation(number: int, result: list[dict[str, Any]], by: Any = 10, **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "completed_by": by, "result": result, "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-03-09T22:16:08.728353Z", **fields,
    }  # fmt: skip


def task(number: int, image: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"id": number, "data": {"image": image}, "annotations": list(annotations), "predictions": [], "drafts": []}


RECTANGLE = rectangle(25.0, 50.0, 50.0, 100 / 3)


def import_file(format: str | None, path: Path, to: Path, reader: str | None = None, **options: Any) -> dict[str, int]:
    """The counts of an import of one file."""
    named = {name: options.pop(name) for name in ("images", "labels", "size") if name in options}
    chosen = ImportOptions(annotator=reader, **named)
    return import_files([path], to, chosen, format=format, **options).counts


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "annotations.csv", dtype=str, keep_default_na=False)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_import_writes_pseudonyms_alone_and_the_pipeline_reads_them(tmp_path: Path) -> None:
    """A filled rectangle of 32 x 48 in 64 x 64, which cleaning leaves but for its rim."""
    sizes = {"original_width": 64, "original_height": 64}
    rectangle = {**RECTANGLE, **sizes, "value": {**RECTANGLE["value"], "x": 12.5, "y": 25, "width": 75, "height": 50}}
    tasks = [
        task(1, "a.png", annotation(1, [rectangle], by={"id": 2, "email": "zoe@host", "first_name": "Zoe"})),
        task(2, "b.png", annotation(2, [rectangle], by={"id": 1, "email": "adam@host"}), annotation(3, [], by=5)),
        task(3, "b.png", annotation(4, [rectangle], by={"id": 1, "email": "adam@host"})),
    ]
    to = tmp_path / "annotations"
    done = import_file(
        "label-studio", written(tmp_path / "x.json", tasks), to, images={"a", "b", "c"}, profession="resident"
    )
    assert done == {"annotations": 4, "images": 2, "annotators": 3, "without a region": 1, "skipped": 0}
    table = pd.read_csv(to / "annotations.csv")
    assert table[["annotation", "image", "annotator", "profession"]].to_numpy().tolist() == [
        ["a-annotator03", "a", "annotator03", "resident"],
        ["b-annotator01", "b", "annotator01", "resident"],
        ["b-annotator02", "b", "annotator02", "resident"],
        ["b-annotator02-2", "b", "annotator02", "resident"],
    ]
    expected = np.zeros((64, 64), bool)
    expected[16:48, 8:56] = True
    assert np.array_equal(png_mask(to / "masks" / "a-annotator03.png")[0], expected)
    for path in to.rglob("*"):
        assert path.is_dir() or not any(name in path.read_bytes() for name in (b"zoe", b"Zoe", b"adam", b"host"))
    index = pd.DataFrame({"image": ["a", "b"], "split": "test", "source": ["phantom:0", "phantom:1"]})
    annotations, masks = read_annotations(to, index, (64, 64))
    assert annotations.annotation.tolist() == table.annotation.tolist()
    assert masks.any(axis=(1, 2)).tolist() == [True, False, True, True]
    assert (masks[0] ^ expected).sum() <= 0.02 * expected.sum()


def test_import_tells_all_that_is_wrong_and_writes_nothing(tmp_path: Path) -> None:
    nameless = annotation(9, [RECTANGLE]) | {"completed_by": None}
    other = {**RECTANGLE, "original_width": 9}
    turned = {**RECTANGLE, "original_width": ROWS, "original_height": COLS}
    tasks = [
        task(1, "a.png", annotation(1, [RECTANGLE], by=1), annotation(2, [other], by=2), nameless),
        task(2, "stranger.png", annotation(3, [RECTANGLE])),
        task(3, "b.png", annotation(4, [turned])),
        task(4, "c.png", annotation(5, [{**RECTANGLE, "image_rotation": 90}])),
        task(5, ".png", annotation(6, [RECTANGLE])),
    ]
    to = tmp_path / "annotations"
    known = {"a": (ROWS, COLS), "b": (ROWS, COLS), "c": (ROWS, COLS)}
    path = written(tmp_path / "x.json", tasks)
    with pytest.raises(StudyError) as caught:
        import_file("label-studio", path, to, images=known, labels=["Pnuemonia", "Pneumonia"])
    assert caught.value.cases == [
        "task 4, annotation 5: was drawn on a rotated image; rotate it back in Label Studio and export again",
        "1 annotation without a reader; name one with --reader",
        "label 'Pnuemonia' is not in the file; did you mean 'Pneumonia'?",
        "task 1, annotation 2: image 'a' has 6 x 9 (rows x columns) here and 6 x 8 (rows x columns) in task 1, "
        "annotation 1",
        "task 2, annotation 3: image 'stranger' is not among the study's images",
        "task 3, annotation 4: image 'b' has 8 x 6 (rows x columns) here, the study's has 6 x 8 (rows x columns); it "
        "looks turned by 90 degrees: turn it, or exchange its rows and columns, to fit the film as displayed",
        "task 5, annotation 6: image '.png' is not among the study's images",
    ]
    assert not to.exists()


def test_import_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="format 'labelstudio' cannot be read; did you mean 'label-studio'"):
        import_file("labelstudio", tmp_path / "x", tmp_path / "to")
    for name in FORMATS:
        with pytest.raises(StudyError, match="gone: no such file or folder"):
            import_file(name, tmp_path / "gone", tmp_path / "to", reader="a", labels=["x"])
    with pytest.raises(StudyError, match="holds no annotation that counts"):
        import_file("label-studio", written(tmp_path / "x.json", []), tmp_path / "to")
    with pytest.raises(StudyError, match="not a list of tasks; export the project as JSON or JSON-MIN"):
        import_file("label-studio", written(tmp_path / "x.json", {}), tmp_path / "to")


def test_the_same_file_again_is_refused_and_replace_writes_it_again(tmp_path: Path) -> None:
    path, to = written(tmp_path / "x.json", [task(1, "a.png", annotation(1, [RECTANGLE]))]), tmp_path / "to"
    import_file("label-studio", path, to)
    before = contents(to)
    with pytest.raises(StudyError, match=r"x.json: is in .*to already; .* --replace") as caught:
        import_file("label-studio", path, to)
    assert caught.value.cases == ["1 drawing of one reader, of 'a', are those of annotator01"]
    assert contents(to) == before
    import_file("label-studio", path, to, replace=True)
    assert contents(to) == before


def test_pseudonyms_are_in_the_order_of_the_names() -> None:
    assert pseudonyms(["zoe", "adam", "zoe"]) == {"adam": "annotator01", "zoe": "annotator02"}
    assert pseudonyms(str(n) for n in range(100, 200))["199"] == "annotator100"
    assert pseudonyms(str(n) for n in range(100, 200))["100"] == "annotator001"


def test_numbers_go_on_after_those_in_the_folder() -> None:
    assert pseudonyms(["zoe", "adam"], ["annotator02", "r-7"]) == {"adam": "annotator03", "zoe": "annotator04"}
    assert pseudonyms(["zoe"], ["annotator99"]) == {"zoe": "annotator100"}
    assert pseudonyms(["zoe"], ["r-7"]) == {"zoe": "annotator01"}


@pytest.mark.parametrize(
    ("names", "reader", "taken", "expected"),
    [
        (["anna"], None, ["annotator01"], {"anna": "annotator02"}),
        (["anna"], "bob", ["annotator01"], {"anna": "annotator02"}),
        (["anna"], "annotator01", ["annotator01"], {"anna": "annotator01"}),
        (["annotator01"], "annotator01", ["annotator01"], {"annotator01": "annotator01"}),
        (["anna", "r-7"], "r-7", ["r-7"], {"anna": "annotator01", "r-7": "r-7"}),  # drawings that name nobody are r-7's
        (["anna", "bob"], "bob", [], {"anna": "annotator01", "bob": "annotator02"}),
    ],
)
def test_whom_the_user_names(names: list[str], reader: str | None, taken: list[str], expected: dict[str, str]) -> None:
    assert named_readers(names, reader, taken) == expected


def test_one_name_makes_no_one_reader_of_two_and_unknown_pseudonyms_are_told() -> None:
    with pytest.raises(StudyError, match="--reader bob: the file names 2 readers, who would become one"):
        named_readers(["anna", "zoe"], "bob", [])
    with pytest.raises(StudyError, match="no reader of this pseudonym; did you mean 'annotator01'"):
        named_readers(["anna"], "annotator05", ["annotator01"])


def test_problems_that_differ_in_their_place_alone_are_told_three_times() -> None:
    many = [f"row {number}: image is unknown" for number in range(9)]
    assert collapsed([*many, "label: none"]) == [
        *many[:3], "... and 6 more of the last kind: image is unknown", "label: none",
    ]  # fmt: skip
    assert collapsed(many[:4]) == many[:4]


# ---------------------------------------------------------------------------------------------- beside what is there


def cvat(path: Path, who: str, *boxes: tuple[str, int, int, int, int]) -> Path:
    """A CVAT job of one reader on images of 60 x 80 (rows x columns); boxes are image, left, top, right, bottom."""
    images = "".join(
        f'<image id="{number}" name="{image}" width="80" height="60"><box label="Opacity" occluded="0" '
        f'xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}" z_order="0"></box></image>'
        for number, (image, left, top, right, bottom) in enumerate(boxes)
    )
    head = (
        "<version>1.1</version><meta><job><id>1</id><size>1</size>"
        f"<assignee><username>{who}</username></assignee><labels><label><name>Opacity</name></label></labels></job>"
        "<dumped>2026-05-12 10:00:00.0+00:00</dumped></meta>"
    )
    return written(path, f"<annotations>{head}{images}</annotations>")


def mask(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    drawn = np.zeros((60, 80), bool)
    drawn[top:bottom, left:right] = True
    return drawn


def masks_in(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.asarray(Image.open(path)) == 255 for path in (folder / "masks").iterdir()}


def check_two_readers(folder: Path) -> None:
    table = table_of(folder)
    assert table[["annotation", "image", "annotator", "drawn"]].to_numpy().tolist() == [
        ["scan1-annotator01", "scan1", "annotator01", "region"],
        ["scan1-annotator02", "scan1", "annotator02", "region"],
    ]
    masks = masks_in(folder)
    np.testing.assert_array_equal(masks["scan1-annotator01"], mask(20, 30, 40, 45))
    np.testing.assert_array_equal(masks["scan1-annotator02"], mask(50, 5, 60, 15))


def test_a_second_colleague_stands_beside_the_first_without_a_study(tmp_path: Path) -> None:
    cvat(tmp_path / "job11.xml", "anna", ("scan1.png", 20, 30, 40, 45))
    cvat(tmp_path / "job12.xml", "bruno", ("scan1.png", 50, 5, 60, 15))
    for arguments in (["cvat", "job11.xml"], ["job12.xml"]):
        done = sightline(tmp_path, "annotate", "import", *arguments, "--to", "imported")
        assert (done.returncode, done.stderr) == (0, "")
        assert "cleanup" not in done.stdout
    assert "readers, in the order of their names in the file: annotator02\n" in done.stdout
    check_two_readers(tmp_path / "imported")
    before = contents(tmp_path / "imported")
    for name in ("job11.xml", "job12.xml"):
        done = sightline(tmp_path, "annotate", "import", name, "--to", "imported")
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {name}: is in imported already")
    assert contents(tmp_path / "imported") == before
    for path in (tmp_path / "imported").rglob("*"):
        assert path.is_dir() or not any(name in path.read_bytes() for name in (b"anna", b"bruno"))


@pytest.mark.parametrize(
    "words", [["job11.xml", "job12.xml"], ["jobs"], ["cvat", "jobs"], ["--format", "cvat", "jobs"]]
)
def test_several_files_or_a_folder_at_once(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "jobs").mkdir()
    for folder in (tmp_path, tmp_path / "jobs"):
        cvat(folder / "job11.xml", "anna", ("scan1.png", 20, 30, 40, 45))
        cvat(folder / "job12.xml", "bruno", ("scan1.png", 50, 5, 60, 15))
    done = sightline(tmp_path, "annotate", "import", *words, "--to", "imported")
    assert (done.returncode, done.stderr) == (0, "")
    check_two_readers(tmp_path / "imported")


def test_the_reported_exports_of_two_replicas_give_two_readers(tmp_path: Path) -> None:
    folder = bug_input("cvat-replica-exports", tmp_path)
    run(folder, "prepare")
    for name in ("job11.xml", "job12.xml"):
        assert sightline(folder, "annotate", "import", "cvat", name, "--to", "imported").returncode == 0
    check_two_readers(folder / "imported")
    again = sightline(folder, "annotate", "import", "cvat", "job11.xml", "job12.xml", "--to", "both")
    assert again.returncode == 0
    check_two_readers(folder / "both")


def test_a_grown_file_would_repeat_the_reader_who_is_there(tmp_path: Path) -> None:
    """Exported again with a later date, as CVAT dates its exports, and with a second reader."""
    anna = annotation(1, [RECTANGLE], by="anna")
    path, to = written(tmp_path / "x.json", [task(1, "a.png", anna)]), tmp_path / "to"
    import_file(None, path, to)
    before = contents(to)
    later = anna | {"created_at": "2026-03-10T08:00:00Z"}
    ben = annotation(2, [rectangle(0, 0, 50, 50)], by="ben")
    with pytest.raises(StudyError) as caught:
        import_file(None, written(tmp_path / "y.json", [task(1, "a.png", later, ben)]), to)
    assert caught.value.cases == ["1 drawing of one reader, of 'a', are those of annotator01"]
    assert contents(to) == before
    import_file(None, written(tmp_path / "z.json", [task(1, "a.png", ben)]), to)
    assert table_of(to).annotator.tolist() == ["annotator01", "annotator02"]


def test_two_readers_who_both_saw_nothing_are_two(tmp_path: Path) -> None:
    to = tmp_path / "to"
    for name, who in (("x.json", "anna"), ("y.json", "ben")):
        tasks = [task(1, "a.png", annotation(1, [], by=who) | {"created_at": ""})]
        import_file("label-studio", written(tmp_path / name, tasks), to, images={"a": (ROWS, COLS)})
    assert table_of(to).annotator.tolist() == ["annotator01", "annotator02"]
    assert not any(mask_HW.any() for mask_HW in masks_in(to).values())


def test_a_readers_second_reading_joins_the_first(tmp_path: Path) -> None:
    cvat(tmp_path / "may.xml", "anna", ("a.png", 20, 30, 40, 45))
    cvat(tmp_path / "june.xml", "anna", ("a.png", 21, 30, 40, 45), ("b.png", 1, 2, 3, 4))
    words = ("--to", "to", "--reader", "annotator01")
    assert sightline(tmp_path, "annotate", "import", "may.xml", "--to", "to").returncode == 0
    assert sightline(tmp_path, "annotate", "import", "june.xml", *words).returncode == 0
    assert table_of(tmp_path / "to").annotation.tolist() == ["a-annotator01", "a-annotator01-2", "b-annotator01"]
    np.testing.assert_array_equal(masks_in(tmp_path / "to")["a-annotator01-2"], mask(21, 30, 40, 45))
    again = sightline(tmp_path, "annotate", "import", "june.xml", *words)
    assert "2 drawings of one reader, of 'a' and others, are those of annotator01" in again.stderr


def test_the_folders_own_rows_and_files_stay(tmp_path: Path) -> None:
    """A folder written by hand: strokes, other names, a column of its own."""
    (tmp_path / "to" / "masks").mkdir(parents=True)
    Image.fromarray(mask(1, 1, 9, 9)).save(tmp_path / "to" / "masks" / "s1.png")
    (tmp_path / "to" / "annotations.csv").write_text(
        "annotation,image,annotator,profession,mask,created_at,site\ns1,scan1,R1,student,s1.png,2026-01-01,Turin\n"
    )
    cvat(tmp_path / "job.xml", "anna", ("scan1.png", 20, 30, 40, 45))
    assert sightline(tmp_path, "annotate", "import", "job.xml", "--to", "to").returncode == 0
    assert (tmp_path / "to" / "annotations.csv").read_text().splitlines() == [
        "annotation,image,annotator,profession,mask,created_at,site,drawn",
        "s1,scan1,R1,student,s1.png,2026-01-01,Turin,",
        "scan1-annotator01,scan1,annotator01,,scan1-annotator01.png,2026-05-12 10:00:00.0+00:00,,region",
    ]


def test_a_colleagues_turned_masks_do_not_come_beside_the_first(tmp_path: Path) -> None:
    to = tmp_path / "to"
    import_file(None, written(tmp_path / "x.json", [task(1, "a.png", annotation(1, [RECTANGLE], by=1))]), to)
    before = contents(to)
    turned = rectangle(10, 10, 20, 20, rows=COLS, cols=ROWS)
    with pytest.raises(StudyError) as caught:
        import_file(None, written(tmp_path / "y.json", [task(1, "a.png", annotation(1, [turned], by=2))]), to)
    assert caught.value.cases == [
        "task 1, annotation 1: image 'a' has 8 x 6 (rows x columns) here, 6 x 8 (rows x columns) there"
    ]
    assert contents(to) == before


# ------------------------------------------------------------------------------------------- images, sizes, findings


def test_sizes_come_from_a_folder_of_images(tmp_path: Path) -> None:
    cvat(tmp_path / "job.xml", "anna", ("scan1.png", 20, 30, 40, 45), ("scan2.png", 20, 30, 40, 45))
    (tmp_path / "films" / "deeper").mkdir(parents=True)
    Image.new("L", (160, 120)).save(tmp_path / "films" / "deeper" / "scan1.png")
    done = sightline(tmp_path, "annotate", "import", "job.xml", "--to", "to", "--images", "films")
    assert "image 'scan2' is not among the study's images" in done.stderr
    assert not (tmp_path / "to").exists()
    done = sightline(tmp_path, "annotate", "import", "job.xml", "--to", "to", "--images", "films", "--known-only")
    assert done.stdout.startswith(
        "note: images of the file that are not among yours were left out: 1\nto: 1 annotation,"
    )
    Image.new("L", (60, 80)).save(tmp_path / "films" / "scan2.png")
    done = sightline(tmp_path, "annotate", "import", "job.xml", "--to", "to", "--images", "films", "--replace")
    assert "image 'scan2' has 60 x 80 (rows x columns) here, the study's has 80 x 60 (rows x columns)" in done.stderr
    (tmp_path / "films" / "scan1.png").write_text("no")
    done = sightline(tmp_path, "annotate", "import", "job.xml", "--images", "films")
    assert "films/scan1.png: not a readable image" in done.stderr


def test_a_file_that_names_nobody_and_one_without_sizes(tmp_path: Path) -> None:
    """cheXlocalize's run lengths have sizes and no reader; Label Studio's empty reading has a reader and no size."""
    packed = {"a.png": {"Opacity": {"size": [6, 8], "counts": [6, 6, 36]}, "Edema": {"size": [6, 8], "counts": [48]}}}
    written(tmp_path / "gt.json", packed)
    words = ("annotate", "import", "gt.json", "--to", "to")
    assert (
        "1 annotation without a reader; name one with --reader"
        in sightline(tmp_path, *words, "--finding", "Opacity").stderr
    )
    done = sightline(tmp_path, *words, "--labels", "Opacity", "--reader", "board")
    assert (done.returncode, done.stderr) == (0, "")
    assert table_of(tmp_path / "to").annotator.tolist() == ["annotator01"]
    written(tmp_path / "empty.json", [task(1, "b.png", annotation(1, []))])
    told = sightline(tmp_path, "annotate", "import", "empty.json", "--to", "to")
    assert told.returncode == 1


def test_an_image_size_is_rows_by_columns(tmp_path: Path) -> None:
    cvat(tmp_path / "job.xml", "anna", ("scan1.png", 20, 30, 40, 45))
    for text in ("60", "60 80", "0x80", "60x-80", "60x80x3"):
        done = sightline(tmp_path, "annotate", "import", "job.xml", "--image-size", text)
        assert (done.returncode, done.stderr.startswith("error: --image-size: ")) == (1, True), text
    done = sightline(tmp_path, "annotate", "import", "job.xml", "--to", "to", "--image-size", "60x80")
    assert done.returncode == 0


def test_unknown_files_say_what_they_look_like_and_what_is_accepted(tmp_path: Path) -> None:
    written(tmp_path / "table.csv", "a,b\n1,2\n")
    done = sightline(tmp_path, "annotate", "import", "table.csv")
    assert done.stderr.startswith(
        "error: table.csv: a CSV with the columns a, b; bring a table of boxes, or COCO; accepted are "
    )
    for title in ("COCO's JSON", "CVAT for images 1.1", "Label Studio's JSON"):
        assert title in done.stderr
    assert sightline(tmp_path, "annotate", "import", "gone.xml").stderr == "error: gone.xml: no such file or folder\n"


def test_a_time_that_is_none_is_left_out_and_refused_where_it_tells_readings_apart(tmp_path: Path) -> None:
    """`01/12/2026 09:00` may be of December or of January."""
    once = annotation(1, [RECTANGLE]) | {"created_at": "01/12/2026 09:00"}
    again = annotation(2, [rectangle(0, 0, 50, 50)]) | {"created_at": "2026-11-30T09:00:00Z"}
    written(tmp_path / "x.json", [task(1, "a.png", once)])
    done = sightline(tmp_path, "annotate", "import", "x.json", "--to", "to")
    assert done.stdout.startswith("note: times that are not written as ISO 8601 were left out: 1\n")
    assert table_of(tmp_path / "to").created_at.tolist() == [""]
    written(tmp_path / "y.json", [task(1, "a.png", once, again)])
    told = sightline(tmp_path, "annotate", "import", "y.json", "--to", "two")
    assert "time '01/12/2026 09:00' is not ISO 8601, and the reader has several annotations of image 'a'" in told.stderr
    assert not (tmp_path / "two").exists()


def test_a_public_table_of_boxes_and_a_reader_who_saw_nothing(tmp_path: Path) -> None:
    """VinDr's table, whose pixels are those of films of 60 x 80 (rows x columns); one film is not ours."""
    written(
        tmp_path / "train.csv",
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\na1,Lung Opacity,7,R8,20,30,40,45\n"
        "a1,Nodule/Mass,8,R8,0,0,9,9\na1,No finding,14,R9,,,,\nz9,Lung Opacity,7,R8,1,2,3,4\n",
    )
    (tmp_path / "films").mkdir()
    Image.new("L", (80, 60)).save(tmp_path / "films" / "a1.png")
    by_film = ("--images", "films", "--known-only", "--to", "one")
    by_user = ("--image-size", "60x80", "--to", "two")
    for words in (by_film, by_user):
        done = sightline(tmp_path, "annotate", "import", "train.csv", "--finding", "Lung Opacity", *words)
        assert (done.returncode, done.stderr) == (0, "")
        masks = masks_in(tmp_path / words[-1])
        np.testing.assert_array_equal(masks["a1-annotator01"], mask(20, 30, 40, 45))
        assert not masks["a1-annotator02"].any()
    assert len(masks) == 3
    told = sightline(tmp_path, "annotate", "import", "train.csv", "--finding", "Lung Opacity", "--to", "three")
    assert "the file does not state the image's size; give --images, or --image-size ROWSxCOLS" in told.stderr


def test_a_file_in_the_folders_place_is_told_before_anything_is_read(tmp_path: Path) -> None:
    written(tmp_path / "results.txt", "mine")
    for to in ("results.txt", "results.txt/deeper"):
        done = sightline(tmp_path, "annotate", "import", "gone.xml", "--to", to)
        assert (done.returncode, done.stderr) == (1, "error: results.txt: is a file; name a folder\n")


def test_a_hidden_second_reading_stays_one_through_coco(tmp_path: Path) -> None:
    """The page's COCO file, imported: after "cannot judge", after "none", and where the clock stepped back."""
    large, small, empty = np.zeros((3, ROWS, COLS), bool)
    large[1:4, 1:5] = small[1:3, 1:3] = True
    made = [  # image, repeat, mask, day
        *(("cannot", 1, large, 2), ("none", 0, empty, 1), ("none", 1, large, 2)),
        *(("clock", 0, small, 2), ("clock", 1, large, 1)),
    ]
    rows = [
        Annotation(
            annotation=f"{image}.r-abcdef" + ".r2" * repeat, image=image, annotator="r-abcdef", profession="",
            created_at=f"2026-12-{day:02}T09:00:00Z", mask=mask, repeat=repeat,
        )
        for image, repeat, mask, day in made
    ]  # fmt: skip
    path, to = written(tmp_path / "ours.json", coco_document(rows, "opacity")), tmp_path / "annotations"
    import_file("coco", path, to)
    index = pd.DataFrame({"image": ["cannot", "none", "clock"], "split": "test", "source": None})
    table, masks = read_annotations(to, index, (ROWS, COLS))
    assert sorted(zip(table.image, table.repeat, strict=True)) == sorted((image, str(r)) for image, r, *_ in made)
    for empty_votes in (False, True):
        votes = valid_votes(table, masks, empty_votes)
        assert votes.table.image.tolist() == (["none", "clock"] if empty_votes else ["clock"])
        np.testing.assert_array_equal(votes.masks_AHW[-1], small)
        assert votes.num_alone == 1


@pytest.mark.parametrize(
    ("attributes", "repeat"),
    [
        ({"annotation": "a.r-abcdef.r2", "repeat": 1}, "1"),
        ({"annotation": "a.r-abcdef.r2", "repeat": "1"}, "1"),  # as a tool passed it on
        ({"annotation": "a.r-abcdef"}, ""),  # of an earlier version
        ({"repeat": 1}, ""),  # another tool's attribute
        ({"annotation": "a", "repeat": True}, ""),
    ],
)
def test_a_coco_attribute_repeat_counts_in_our_files_alone(
    tmp_path: Path, attributes: dict[str, Any], repeat: str
) -> None:
    row = Annotation(annotation="a", image="a", annotator="x", profession="", created_at="", mask=np.ones((4, 4), bool))
    document = coco_document([row], "opacity")
    document["annotations"][0]["attributes"] = {"annotator": "x", **attributes}
    (drawing,) = read_coco(written(tmp_path / "one.json", document), ImportOptions()).drawings
    assert drawing.repeat == repeat
