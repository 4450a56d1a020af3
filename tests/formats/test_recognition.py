"""Each format of experts' files is recognised as itself alone, and a reader refuses the files of the others."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from annotation_files import (
    ASSIGNEE,
    BRUSH,
    COLS,
    CVAT_BOX,
    META,
    RECTANGLE,
    ROWS,
    annotation,
    coco,
    cvat,
    cvat_image,
    polygon_of,
    task,
)
from mutations import json_bytes, mutated_bytes, mutated_json
from segmentations import segmentation
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.peek import Peek
from sightline.formats.readers import FORMATS, files_at, format_of, read_files
from sightline.study.errors import StudyError
from tool_documents import CHESTX_DET, LABELME, MDAI, PADCHEST_GR, VIA_PROJECT, VIA_REGIONS

FLAT = {**RECTANGLE["value"], "original_width": COLS, "original_height": ROWS}
PLAIN = {"size": [ROWS, COLS], "counts": [5, 3, 40]}
VINDR = "image_id,{}rad_id,x_min,y_min,x_max,y_max\n"
ELLIPSES = "xmin,ymin,xmax,ymax,certainty,Atelectasis,Consolidation\n1200,900,1500,1400,4,False,True\n"

# format -> file names and what they hold; the ends of the names say the forms apart
EXAMPLES: dict[str, dict[str, Any]] = {
    "chestx-det": {"train.json": CHESTX_DET},
    "chexlocalize": {
        "segmentations.json": {"p1_view1_frontal": {"opacity": PLAIN, "Edema": PLAIN}},
        "polygons.json": {"p1_view1_frontal": {"img_size": [6, 8], "opacity": [[[0, 0], [5, 0], [5, 5]]]}},
        "first.json": {"p0": {}, "p1": {"opacity": PLAIN}},
    },
    "coco": {"instances.json": coco({"segmentation": [polygon_of(0, 2, 0, 2)]})},
    "cvat": {"annotations.xml": cvat(cvat_image(CVAT_BOX), META.format(assignee=ASSIGNEE))},
    "dicom-seg": {"seg.dcm": b"", "seg": b""},
    "label-studio": {
        "project.json": [task(1, "im1.png", annotation(1, [BRUSH, RECTANGLE]))],
        "min.json": [{"id": 1, "image": "im1.png", "tag": [FLAT], "annotator": 7, "annotation_id": 1}],
    },
    "labelme": {"im1.json": LABELME},
    "mdai": {"mdai_annotations.json": MDAI},
    "ms-cxr": {
        "ms_cxr.csv": "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n"
        "d1,Pneumonia,right basilar opacity,files/p10/p1/s1/d1.jpg,310,1402,655,480,2544,3056,test\n"
    },
    "nih": {
        "BBox_List_2017.csv": "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "00000013_008.png,Infiltrate,225.08,547.01,86.77,79.18,,,\n"
    },
    "npz": {"masks.npz": b""},
    "padchest-gr": {"grounded_reports.json": PADCHEST_GR},
    "png": {"masks": {}},
    "reflacx": {"anomaly_location_ellipses.csv": ELLIPSES},
    "rsna": {
        "stage_2_train_labels.csv": "patientId,x,y,width,height,Target\np1,264.0,152.0,213.0,379.0,1\np2,,,,,0\n",
        "semicolons.csv": "\ufeffpatientId;x;y;width;height;Target\r\np1;264;152;213;379;1\r\n",
    },
    "siim": {"train-rle.csv": "ImageId, EncodedPixels\n1.2.3,557374 2 1015 8 1009 14\n1.2.4,-1\n"},
    "via": {"regions.json": VIA_REGIONS, "project.json": VIA_PROJECT},
    "vindr": {
        "kaggle.csv": "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
        "a1,Lung Opacity,7,R8,932,567,1197,896\na1,No finding,14,R9,,,,\n",
        "physionet.csv": "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\na1,R8,opacity,1.5,2,30,40\n",
        "pcxr.csv": "image_id,rad_ID,class_name,x_min,y_min,x_max,y_max,class_id\na1,R8,opacity,1.5,2,30,40,7\n",
    },
}
OPTIONS = ImportOptions(labels=["opacity"], annotator="x", size=(4000, 4000))
FILES = [(key, name) for key, files in EXAMPLES.items() for name in files]


def content_of(key: str, name: str) -> bytes:
    content, buffer = EXAMPLES[key][name], io.BytesIO()
    if key == "dicom-seg":
        segmentation([np.eye(4, 5) > 0]).save_as(buffer, enforce_file_format=True)
        return buffer.getvalue()
    if key == "npz":
        np.savez(buffer, im1=np.eye(4, 5) > 0)
        return buffer.getvalue()
    return content.encode() if isinstance(content, str) else json_bytes(content)


def put(folder: Path, key: str, name: str) -> Path:
    """The example in a folder; that of `png` is a folder itself."""
    path = folder / name
    if key == "png":
        path.mkdir(exist_ok=True)
        Image.fromarray(np.eye(4, 5) > 0).save(path / "im1.png")
    else:
        path.write_bytes(content_of(key, name))
    return path


def test_every_format_has_an_example() -> None:
    assert EXAMPLES.keys() == FORMATS.keys()
    assert list(FORMATS) == sorted(FORMATS)


@pytest.mark.parametrize(("key", "name"), FILES)
def test_an_example_is_of_one_format(tmp_path: Path, key: str, name: str) -> None:
    path = put(tmp_path, key, name)
    peek = Peek(path)
    assert [other for other, format in FORMATS.items() if format.fits(peek)] == [key]
    assert format_of(path) == key
    if key == "reflacx":  # its films are named above the folder of the reading
        columns = "id,dicom_id,image_size_x,image_size_y\n"
        (tmp_path / "metadata_phase_1.csv").write_text(f"{columns}{tmp_path.name},d1,2000,1800\n")
    found = read_files([path], OPTIONS)
    assert found.problems == []
    assert found.images


def test_a_folder_of_readings_is_of_a_format_and_a_folder_of_files_is_not(tmp_path: Path) -> None:
    readings = tmp_path / "readings"
    (readings / "P1R1").mkdir(parents=True)
    (readings / "P1R1" / "anomaly_location_ellipses.csv").write_text(ELLIPSES)
    assert files_at(readings) == [(readings, "reflacx")]
    both = tmp_path / "both"
    both.mkdir()
    for key, name in (("coco", "instances.json"), ("cvat", "annotations.xml")):
        put(both, key, name)
    (both / ".hidden").write_text("x")
    assert files_at(both) == [(both / "annotations.xml", "cvat"), (both / "instances.json", "coco")]


@pytest.mark.parametrize("reader", FORMATS)
def test_a_reader_refuses_the_files_of_other_formats(tmp_path: Path, reader: str) -> None:
    """In one line that begins with the file, or with problems; never with drawings, and never with nothing at all."""
    for key, name in FILES:
        if key == reader:
            continue
        path = put(tmp_path, key, name)
        found = contents_or_refusal(path, reader)
        if isinstance(found, FileContents):
            assert found.drawings == [], key
            assert found.problems, key
        else:
            assert found.startswith(f"{path}: "), key
            assert "\n" not in found or found.splitlines()[1].startswith("  "), key


def contents_or_refusal(path: Path, reader: str) -> FileContents | str:
    try:
        return read_files([path], OPTIONS, reader)
    except StudyError as error:
        return str(error)


def test_an_unknown_format_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="format 'labelstudio' cannot be read; did you mean 'label-studio'"):
        read_files([tmp_path], ImportOptions(), "labelstudio")


@pytest.mark.parametrize(("key", "name"), [(key, name) for key, name in FILES if key != "png"])
def test_a_broken_example_is_recognised_or_refused(tmp_path: Path, key: str, name: str) -> None:
    path, whole = tmp_path / name, content_of(key, name)
    for number in range(40):
        rng = np.random.default_rng([17, number])
        is_document = name.endswith(".json") and number % 2
        path.write_bytes(
            json_bytes(mutated_json(EXAMPLES[key][name], rng)) if is_document else mutated_bytes(whole, rng)
        )
        told = format_or_refusal(path)
        assert told in FORMATS or (told.startswith(f"{path}: ") and "\n" not in told)


def format_or_refusal(path: Path) -> str:
    try:
        return format_of(path)
    except StudyError as error:
        return str(error)
