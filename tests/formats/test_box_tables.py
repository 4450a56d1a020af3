"""Tables of boxes as public data sets write them: synthetic rows, and masks that one can count out on paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bug_inputs import bug_input
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import format_of, read_files
from sightline.formats.repeats import Repeats
from sightline.study.errors import StudyError

SIZES = {"a1": (60, 80), "a2": (60, 80)}
KAGGLE = """image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max
a1,Lung Opacity,7,R8,10,20,30,40
a1,Lung Opacity,7,R8,25,30,50,45
a1,Consolidation,4,R10,12,20,30,40
a1,No finding,14,R9,,,,
a2,No finding,14,R8,,,,
"""
RSNA = "patientId,x,y,width,height,Target\n"
NIH = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
MS_CXR = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, **options: object) -> FileContents:
    return read_files([path], ImportOptions(**options))  # type: ignore[arg-type]


def box(size: tuple[int, int], *corners: tuple[int, int, int, int]) -> np.ndarray:
    mask_HW = np.zeros(size, bool)
    for x0, y0, x1, y1 in corners:
        mask_HW[y0:y1, x0:x1] = True
    return mask_HW


def drawn(contents: FileContents) -> dict[tuple[str, str], np.ndarray]:
    assert contents.problems == []
    masks = {(drawing.image, drawing.annotator): drawing.mask for drawing in contents.drawings}
    assert len(masks) == len(contents.drawings)
    return masks


def same(found: dict[tuple[str, str], np.ndarray], expected: dict[tuple[str, str], np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[key], mask) for key, mask in expected.items())


# ------------------------------------------------------------------------------------------------------------ VinDr


def test_vindr_unites_a_readers_boxes_and_keeps_empty_readings(tmp_path: Path) -> None:
    found = read(written(tmp_path / "train.csv", KAGGLE), images=SIZES)
    expected = {
        ("a1", "R8"): box((60, 80), (10, 20, 30, 40), (25, 30, 50, 45)),
        ("a1", "R10"): box((60, 80), (12, 20, 30, 40)),
        ("a1", "R9"): box((60, 80)),
        ("a2", "R8"): box((60, 80)),
    }
    assert same(drawn(found), expected)
    assert (found.labels, found.images) == ({"Lung Opacity", "Consolidation"}, {"a1", "a2"})


def test_a_reader_of_other_findings_has_an_empty_reading(tmp_path: Path) -> None:
    found = read(written(tmp_path / "train.csv", KAGGLE), images=SIZES, labels={"Consolidation"})
    masks = drawn(found)
    assert {key: bool(mask.any()) for key, mask in masks.items()} == {
        ("a1", "R8"): False, ("a1", "R10"): True, ("a1", "R9"): False, ("a2", "R8"): False,
    }  # fmt: skip
    assert found.labels == {"Lung Opacity", "Consolidation"}


@pytest.mark.parametrize("column", ["rad_id", "rad_ID"])
def test_the_physionet_form_has_floats_and_no_class_id(tmp_path: Path, column: str) -> None:
    text = f"image_id,{column},class_name,x_min,y_min,x_max,y_max\na1.dicom,R1,Pneumonia,9.5,19.6,30.4,40.2\n"
    found = read(written(tmp_path / "annotations_train.csv", text), images=SIZES)
    assert same(drawn(found), {("a1", "R1"): box((60, 80), (9, 20, 30, 40))})


def test_the_consensus_of_the_test_set_goes_to_the_users_reader(tmp_path: Path) -> None:
    path = written(tmp_path / "test.csv", "image_id,class_name,x_min,y_min,x_max,y_max\na1,ILD,1,2,3,4\n")
    assert same(drawn(read(path, images=SIZES, annotator="panel")), {("a1", "panel"): box((60, 80), (1, 2, 3, 4))})
    assert read(path, images=SIZES).num_nameless == 1


def test_a_large_film_costs_no_mask(tmp_path: Path) -> None:
    text = KAGGLE.splitlines()[0] + "\na1,ILD,5,R1,100,200,2100,2900\n"
    found = read(written(tmp_path / "train.csv", text), images={"a1": (3000, 2500)})
    assert found.drawings[0].counts.nbytes < 40_000
    assert found.drawings[0].mask.sum() == 2000 * 2700


def test_sizes_come_from_the_images_or_the_user_or_do_not_matter(tmp_path: Path) -> None:
    path = written(tmp_path / "train.csv", KAGGLE)
    unknown = read(path)
    assert len(unknown.problems) == 1
    assert "'a1'" in unknown.problems[0]
    assert "size" in unknown.problems[0]
    assert unknown.problems[0].endswith("(and 1 more like it)")
    assert {drawing.size for drawing in read(path, size=(100, 90)).drawings} == {(100, 90)}
    free = read(path, is_size_needed=False)
    assert free.problems == []
    assert {(drawing.image, drawing.size) for drawing in free.drawings} == {("a1", (45, 50)), ("a2", (1, 1))}


def test_images_that_the_user_does_not_have_need_no_size(tmp_path: Path) -> None:
    found = read(written(tmp_path / "train.csv", KAGGLE), images={"a1": (60, 80)})
    assert {image for image, _ in drawn(found)} == {"a1"}
    assert found.images == {"a1", "a2"}
    assert found.notes == ["images of the file that are not among yours were left out: 1"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a1,ILD,5,R1,10,20,190,40", "row 2: image 'a1': a box's x goes from 10 to 190, its image from 0 to 80"),
        ("a1,ILD,5,R1,30,20,10,40", "row 2: a box -20 wide and 20 high"),
        ("a1,ILD,5,R1,30,20,30,40", "row 2: a box 0 wide"),
        ("a1,ILD,5,R1,30.6,20,31.4,40", "row 2: image 'a1': its boxes mark no pixel"),
        ("a1,ILD,5,R1,30,20,,40", "row 2: its box lacks a number"),
        ("a1,ILD,5,R1,inf,20,30,40", "row 2: its box reaches beyond 16384 pixels"),
        ("a1,ILD,5,R1,30,20,1e9,40", "row 2: its box reaches beyond 16384 pixels"),
        ("a1,ILD,5,R1,,,,", "row 2: 'ILD' without a box"),
        ("a1,,5,R1,1,2,3,4", "row 2: its finding has no name"),
        (",ILD,5,R1,1,2,3,4", "row 2: its image has no name"),
        ("a1,No finding,14,R1,1,2,3,4", "row 2: says that there is nothing to mark, yet has a box"),
        ("a1,No finding,14,R1,,,,\na1,ILD,5,R1,1,2,3,4", "row 2: says that image 'a1' has nothing to mark, but row 3"),
        ("a1.png,ILD,5,R1,1,2,3,4\nx/a1.jpg,ILD,5,R1,1,2,3,4", "image 'x/a1.jpg': has the name of 'a1.png'"),
    ],
)
def test_rows_that_cannot_be_right_are_problems_with_their_row(tmp_path: Path, row: str, problem: str) -> None:
    path = written(tmp_path / "train.csv", KAGGLE.splitlines()[0] + f"\n{row}\n")
    assert any(line.startswith(problem) for line in read(path, images=SIZES).problems), read(path, images=SIZES)


def test_kaggles_mark_of_no_box_is_none(tmp_path: Path) -> None:
    path = written(tmp_path / "train.csv", KAGGLE.splitlines()[0] + "\na1,no finding,14,R1,0,0,1,1\n")
    assert same(drawn(read(path, images=SIZES)), {("a1", "R1"): box((60, 80))})


def test_repeats_of_a_problem_are_one_line() -> None:
    repeats = Repeats()
    for row in range(2, 12_002):
        repeats.add(f"row {row}", f"image 'im{row}': a box's x goes from 10 to {row}, its image from 0 to 80")
    repeats.add("row 7", "its finding has no name; enter it")
    assert repeats.lines() == [
        "row 2: image 'im2': a box's x goes from 10 to 2, its image from 0 to 80 (and 11,999 more like it)",
        "row 7: its finding has no name; enter it",
    ]


# ------------------------------------------------------------------------------------------------------------- RSNA


def test_rsna_counts_in_1024_pixels(tmp_path: Path) -> None:
    text = RSNA + "p1,264.0,152.0,213.0,379.0,1\np1,562.0,152.0,256.0,453.0,1\np2,,,,,0\n"
    path = written(tmp_path / "stage_2_train_labels.csv", text)
    expected = {
        ("p1", "x"): box((1024, 1024), (264, 152, 477, 531), (562, 152, 818, 605)),
        ("p2", "x"): box((1024, 1024)),
    }
    assert same(drawn(read(path, annotator="x", images={"p1": (512, 512)})), expected)
    assert {drawing.size for drawing in read(path, annotator="x", size=(1100, 1200)).drawings} == {(1100, 1200)}
    assert read(path).num_nameless == 2
    assert same(drawn(read(path, annotator="x", labels={"Pneumonia"})), expected)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("p1,,,,,1", "row 2: Target 1 without a box; enter the box, or Target 0"),
        ("p1,1,2,3,4,0", "row 2: Target 0 with a box; remove the box, or enter Target 1"),
        ("p1,1,2,3,4,2", "row 2: Target is 2, expected 0 or 1"),
        ("p1,1,2,3,4,1\np1,,,,,0", "row 3: says that image 'p1' has nothing to mark, but row 2 marks a finding"),
        ("p1,1,2,3,4,1\np2,,,,,1\np3,1,2,-3,4,1", "row 4: a box -3 wide and 4 high"),
    ],
)
def test_rsna_rows_that_contradict_themselves_are_problems(tmp_path: Path, rows: str, problem: str) -> None:
    path = written(tmp_path / "labels.csv", f"{RSNA}{rows}\n")
    assert any(line.startswith(problem) for line in read(path, annotator="x").problems)


def test_the_classes_of_whole_films_are_refused_with_the_file_to_take(tmp_path: Path) -> None:
    path = written(tmp_path / "stage_2_detailed_class_info.csv", "patientId,class\np1,Normal\n")
    with pytest.raises(StudyError, match=r"no boxes; the boxes are in stage_2_train_labels\.csv"):
        read(path, annotator="x")


# -------------------------------------------------------------------------------------------------------------- NIH


@pytest.mark.parametrize("ending", ["", ",,,"])
@pytest.mark.parametrize("name", ["Infiltrate", "Infiltration"])
def test_nih_is_read_by_position_and_by_either_name(tmp_path: Path, ending: str, name: str) -> None:
    text = f"{NIH}a1.png,Infiltrate,225.08,547.01,86.77,79.18{ending}\na2.png,Mass,1,2,3,4{ending}\n"
    found = read(written(tmp_path / "BBox_List_2017.csv", text), annotator="x", labels={name})
    assert same(drawn(found), {("a1", "x"): box((1024, 1024), (225, 547, 312, 626))})
    assert found.labels == {"Infiltrate", "Mass", name}
    assert found.notes == [
        "images with boxes of other findings alone were left out, since the file does not say whether the asked "
        "finding was looked for there: 1",
        "NIH's BBox_List_2017.csv states no size: it counts in 1024 x 1024 pixels unless --image-size is given",
    ]


def test_nih_without_quirks_is_read_too(tmp_path: Path) -> None:
    text = "Image Index,Finding Label,x,y,w,h\na1.png,Mass,1,2,3,4\na1.png,Nodule,10,20,3,4\n"
    found = read(written(tmp_path / "boxes.csv", text), annotator="x")
    assert same(drawn(found), {("a1", "x"): box((1024, 1024), (1, 2, 4, 6), (10, 20, 13, 24))})


def test_nihs_labels_of_whole_films_are_no_boxes(tmp_path: Path) -> None:
    path = written(tmp_path / "Data_Entry_2017.csv", "Image Index,Finding Labels,Follow-up #\na1.png,Mass,0\n")
    with pytest.raises(StudyError, match=r"columns Image Index, Finding Labels, .*; bring a table of boxes"):
        format_of(path)


# ----------------------------------------------------------------------------------------------------------- MS-CXR


def test_ms_cxr_states_its_sizes(tmp_path: Path) -> None:
    text = (
        f"{MS_CXR}d1,Pneumonia,opacity,f/d1.jpg,31,14,6,4,254,300,test\n"
        "d1,Pneumonia,more,f/d1.jpg,1,4,6,4,254,300,test\nd2,Edema,edema,f/d2.jpg,1,1,2,2,9,8,val\n"
    )
    path = written(tmp_path / "MS_CXR_Local_Alignment_v1.1.0.csv", text)
    expected = {
        ("d1", "x"): box((300, 254), (31, 14, 37, 18), (1, 4, 7, 8)),
        ("d2", "x"): box((8, 9), (1, 1, 3, 3)),
    }
    assert same(drawn(read(path, annotator="x")), expected)
    assert {image for image, _ in drawn(read(path, annotator="x", labels={"Edema"}))} == {"d2"}


def test_ms_cxr_json_is_coco(tmp_path: Path) -> None:
    text = """{"info": {}, "categories": [{"id": 1, "name": "Edema"}],
        "images": [{"id": 7, "file_name": "d2.jpg", "path": "files/p1/s1/d2.jpg", "width": 9, "height": 8}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 1, 2, 2], "label_text": "edema"}]}"""
    path = written(tmp_path / "MS_CXR_Local_Alignment_v1.1.0.json", text)
    assert format_of(path) == "coco"
    assert same(drawn(read(path, annotator="x")), {("d2", "x"): box((8, 9), (1, 1, 3, 3))})


def test_ms_cxr_sizes_that_cannot_be_are_problems(tmp_path: Path) -> None:
    rows = "d1,Edema,,,1,1,2,2,9,8,t\nd1,Edema,,,1,1,2,2,9,9,t\nd2,Edema,,,1,1,2,2,9,0,t\nd3,Edema,,,1,1,2,2,,8,t\n"
    assert read(written(tmp_path / "m.csv", MS_CXR + rows), annotator="x").problems == [
        "row 3: image 'd1' has another size in an earlier row; correct one of them",
        "row 4: image size 0 x 9, expected whole numbers from 1 to 16384",
        "row 5: image size 8 x nan, expected whole numbers from 1 to 16384",
    ]


# ------------------------------------------------------------------------------------------------ the shared inputs


def test_the_boxes_of_the_bug_report_are_read(tmp_path: Path) -> None:
    folder = bug_input("csv-boxes", tmp_path)
    rsna = folder / "stage_2_train_labels.csv"
    found = drawn(read(rsna, annotator="x", size=(48, 64)))
    assert same(
        found,
        {
            ("im1", "x"): box((48, 64), (14, 10, 26, 22)),
            ("im2", "x"): box((48, 64), (20, 13, 32, 25)),
            ("im3", "x"): box((48, 64)),
        },
    )
    found = drawn(read(folder / "vindr", images=dict.fromkeys(("im1", "im2"), (48, 64))))
    assert same(
        found,
        {
            ("im1", "R1"): box((48, 64), (14, 10, 26, 22)),
            ("im1", "R2"): box((48, 64), (15, 10, 27, 22)),
            ("im2", "R1"): box((48, 64), (20, 13, 32, 25)),
        },
    )


def test_a_table_of_boxes_of_no_known_format_says_what_it_has_and_what_is_accepted(tmp_path: Path) -> None:
    path = written(tmp_path / "boxes.csv", "filename,class,xmin,ymin,xmax,ymax\na.png,mass,1,2,3,4\n")
    with pytest.raises(StudyError) as caught:
        format_of(path)
    text = str(caught.value)
    assert "a CSV of boxes with the columns filename, class, xmin, ymin, xmax, ymax; name its columns as VinDr" in text
    assert "COCO's JSON" in text
    assert "VinDr-CXR" in text


@pytest.mark.parametrize(("size", "is_needed", "count"), [(None, True, 1), ((512, 512), True, 0), (None, False, 0)])
def test_a_format_of_one_size_says_so_unless_the_size_is_given(
    tmp_path: Path, size: tuple[int, int] | None, is_needed: bool, count: int
) -> None:
    """On films of 224 pixels, boxes that count in 1,024 would be misplaced without a word."""
    path = written(tmp_path / "boxes.csv", "patientId,x,y,width,height,Target\np1,10,20,30,40,1\n")
    found = read_files([path], ImportOptions(annotator="x", size=size, is_size_needed=is_needed))
    assert len([note for note in found.notes if "counts in 1024 x 1024 pixels" in note]) == count
