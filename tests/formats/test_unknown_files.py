"""Files of no known format: one line says what they look like, what to do, and what is accepted."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from bug_inputs import bug_input
from sightline.formats.readers import accepted, files_at, format_of
from sightline.study.errors import StudyError

VOC = """<annotation><folder>xr</folder><filename>1.png</filename><size><width>80</width><height>60</height></size>
<object><name>opacity</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>
</annotation>"""
XML = '<?xml version="1.0"?>\n'
AS_VINDR = "name its columns as VinDr-CXR does"
COCO = "export COCO"


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "<x/>")
    return buffer.getvalue()


UNKNOWN = {
    "1.xml": (XML + VOC, f"Pascal VOC's XML of one image; {COCO}"),
    "page.xml": ("<html><body/></html>", "an XML document <html>; export `CVAT for images 1.1` or COCO"),
    "1.txt": ("0 0.5 0.5 0.2 0.1\n1 0.25 0.125 .1 1\n", f"YOLO's boxes, in fractions of an image's sides; {COCO}"),
    "notes.txt": ("the left one is larger\n", f"a .txt file; {COCO}"),
    "boxes.txt": ('[{"a": 1}]', "a .txt file that looks like JSON; name it .json if it is"),
    "export": ("<annotations/>", "a file without a suffix that looks like XML; name it .xml if it is"),
    "report.docx": (zipped("word/document.xml"), "a Word file; save its table as CSV UTF-8"),
    "table.xlsx": (zipped("xl/workbook.xml"), "an Excel workbook; save its sheet as CSV UTF-8"),
    "export.zip": (zipped("annotations.xml"), "a ZIP; unpack it and name the file in it"),
    "export.xml": (zipped("annotations.xml"), "a ZIP; unpack it and name the file in it"),
    "labels.nii.gz": (b"\x1f\x8b\x08\x00", "a NIfTI volume; a radiograph has no orientation in it"),
    "labels.gz": (b"\x1f\x8b\x08\x00", "a gzip file; unpack it and name the file in it"),
    "a.npy": (b"\x93NUMPY", "an array; bring masks as PNG, one per image"),
    "empty.json": ("", "not a JSON document"),
    "empty.csv": ("", "an empty file; export it again"),
    "empty": (b"\0" * 20, "an empty file; export it again"),
    "broken.json": ('{"images": [', "not a JSON document (Expecting value: line 1 column 13 (char 12)); export"),
    "results.json": ('[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]', "COCO's results, a"),
    "old.json": ('[{"id": 1, "data": {}, "completions": []}]', "an export of Label Studio before 1.0; open it in a"),
    "tasks.json": ('[{"id": 1, "data": {"image": "a.png"}}]', "Label Studio's tasks without annotations; export the"),
    "map.geojson.json": ('{"type": "FeatureCollection", "features": []}', f"GeoJSON; {COCO}"),
    "half.json": ('{"annotations": []}', "keys annotations; COCO needs `images` beside `annotations`"),
    "keys.json": ('{"a": 1, "b\\nc": 2}', f"a JSON object with the keys a, b c; {COCO}"),
    "list.json": ("[]", f"an empty JSON list; {COCO}"),
    "texts.json": ('["a"]', f"a JSON list without objects; {COCO}"),
    "number.json": ("3", f"a JSON number; {COCO}"),
    "boxes.csv": ("film,x1,y1,x2,y2\n1,2,3,4,5\n", f"a CSV of boxes with the columns film, x1, y1, x2, y2; {AS_VINDR}"),
    "semicolons.csv": ("film;xmin;ymin;xmax;ymax\n", "a CSV of boxes with the columns film, xmin, ymin, xmax, ymax"),
    "labels.csv": ("film,Pneumonia\n1,0\n", "a CSV with the columns film, Pneumonia; bring a table of boxes, or COCO"),
    "ls.csv": ("image,annotation_id,annotator,lead_time\n", "Label Studio's CSV; export JSON, which holds all shapes"),
    "annotations.csv": ("annotation,image,annotator,mask\n", "the table of a folder of annotations; name its folder"),
    "latin.csv": ("film,H\u00f6he\n".encode("latin-1"), "line 1 is not UTF-8 (byte 0xf6); save the table as CSV UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_file_says_what_it_is_and_what_to_do(tmp_path: Path, name: str) -> None:
    content, message = UNKNOWN[name]
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(StudyError) as caught:
        format_of(path)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{path}: ")
    assert message in line
    is_read = not message.startswith(("not a JSON", "line 1 is"))
    assert line.endswith(f"; accepted are {accepted()}") or not is_read


def test_images_are_no_annotations(tmp_path: Path) -> None:
    Image.new("L", (4, 3)).save(tmp_path / "1.jpg")
    Image.new("L", (4, 3)).save(tmp_path / "2.jpg")
    with pytest.raises(StudyError, match=r"1\.jpg: a \.jpg file, which is an image; name the readers' file, or a"):
        format_of(tmp_path / "1.jpg")
    with pytest.raises(StudyError, match=r"a folder of \.jpg files, which are images; name the readers' file instead"):
        files_at(tmp_path)


def test_folders_of_unknown_files(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="an empty folder; put the readers' files in it; accepted are"):
        files_at(tmp_path)
    for number in range(20):
        (tmp_path / f"{number}.xml").write_text(XML + VOC)
    with pytest.raises(StudyError) as caught:
        files_at(tmp_path)
    assert f"({tmp_path / '0.xml'}: Pascal VOC's XML of one image; {COCO}" in str(caught.value)
    assert "\n" not in str(caught.value)
    (tmp_path / "result.json").write_text('{"images": [], "annotations": []}')
    with pytest.raises(StudyError) as caught:
        files_at(tmp_path)
    assert len(caught.value.cases) == 11
    assert caught.value.cases[-1] == "... and 10 more"
    with pytest.raises(StudyError, match="gone: no such file or folder"):
        format_of(tmp_path / "gone")


@pytest.mark.parametrize("name", ["csv-boxes", "via-json"])
def test_the_shared_inputs_are_of_a_format_or_named(tmp_path: Path, name: str) -> None:
    for path in bug_input(name, tmp_path).rglob("*"):
        if path.suffix in (".csv", ".json"):
            line = told(path)
            assert not line or "; accepted are" in line


def told(path: Path) -> str:
    """The refusal of a file of no known format, "" of any other."""
    try:
        return format_of(path) and ""
    except StudyError as error:
        return str(error)
