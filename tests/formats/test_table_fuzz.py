"""Broken copies of each table: contents or a refusal in one line, never a traceback."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from mutations import answered, mutated_bytes, mutated_table
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import FORMATS

TABLES = {
    "vindr": "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\na1,Lung Opacity,7,R8,10,20,30,40\n"
    "a1,Lung Opacity,7,R8,25,30,50,45\na1,ILD,5,R1,12,20,30,40\na1,No finding,14,R9,,,,\na2,No finding,14,R8,,,,\n",
    "rsna": "patientId,x,y,width,height,Target\np1,264.0,152.0,213.0,379.0,1\np1,562.0,152.0,256.0,453.0,1\np2,,,,,0\n",
    "nih": "Image Index,Finding Label,Bbox [x,y,w,h],,,\na1.png,Infiltrate,225.08,547.01,86.77,79.18\n"
    "a2.png,Mass,1,2,3,4\n",
    "ms-cxr": "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n"
    "d1,Pneumonia,opacity,f/d1.jpg,31,14,6,4,254,300,test\nd2,Edema,edema,f/d2.jpg,1,1,2,2,9,8,val\n",
    "siim": "ImageId, EncodedPixels\n1.2.3,557374 2 1015 8 1009 14\n1.2.3,5 2\n1.2.4, -1\n",
}
ELLIPSES = "xmin,ymin,xmax,ymax,certainty,Atelectasis,Consolidation\n20,90,150,140,4,False,True\n1,2,3,4,1,True,False\n"
METADATA = "id,dicom_id,image_size_x,image_size_y\nP102R000001,d1,254,300\n"
NUMBERS = [50, pytest.param(1000, marks=pytest.mark.slow)]  # 1,000 take half a minute


def broken(name: str, text: str, num: int) -> list[bytes]:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return [mutated_table(text, rng) if number % 2 else mutated_bytes(text.encode(), rng) for number in range(num)]


@pytest.mark.parametrize("num", NUMBERS)
@pytest.mark.parametrize("name", TABLES)
def test_broken_tables(name: str, num: int, tmp_path: Path) -> None:
    options = [
        ImportOptions(annotator="x", size=(1024, 1024)),
        ImportOptions(annotator="x", is_size_needed=False),
        ImportOptions(images={"a1": (60, 80)}, labels={"ILD"}),
    ]
    num_read = 0
    for row, content in enumerate(broken(name, TABLES[name], num)):
        chosen = options[row % len(options)]
        found = answered(lambda path, of=chosen: FORMATS[name].read(path, of), tmp_path / "table.csv", content)
        num_read += isinstance(found, FileContents)
    assert 0 < num_read < num  # both answers occur


@pytest.mark.parametrize("num", NUMBERS)
@pytest.mark.parametrize("which", ["ellipses", "metadata"])
def test_broken_readings(which: str, num: int, tmp_path: Path) -> None:
    folder = tmp_path / "P102R000001"
    folder.mkdir()
    files = {"ellipses": folder / "anomaly_location_ellipses.csv", "metadata": tmp_path / "metadata_phase_1.csv"}
    files["ellipses"].write_text(ELLIPSES)
    files["metadata"].write_text(METADATA)
    for content in broken(which, ELLIPSES if which == "ellipses" else METADATA, num):
        answered(lambda _: FORMATS["reflacx"].read(tmp_path, ImportOptions()), files[which], content)


@pytest.mark.parametrize("name", TABLES)
def test_a_strange_cell_loses_no_drawing_in_silence(name: str, tmp_path: Path) -> None:
    """Nor a box of a drawing of several."""
    options = ImportOptions(annotator="x", size=(1024, 1024))
    rows = [line.split(",") for line in TABLES[name].strip().split("\n")]
    path = tmp_path / "table.csv"
    path.write_text(TABLES[name])
    whole = FORMATS[name].read(path, options)
    for row, column in np.ndindex(min(3, len(rows) - 1), len(rows[0])):
        for strange in ("", "nan", "12 px"):
            changed = [list(cells) for cells in rows]
            changed[row + 1][column : column + 1] = [strange]
            content = "\n".join(",".join(cells) for cells in changed).encode()
            found = answered(lambda path: FORMATS[name].read(path, options), path, content)
            if not isinstance(found, FileContents) or found.problems or found.num_nameless > whole.num_nameless:
                continue
            is_told = found.notes != whole.notes
            assert is_told or len(found.drawings) >= len(whole.drawings), (row, column, strange)
            assert is_told or num_pixels(found) >= num_pixels(whole), (row, column, strange)


def num_pixels(contents: FileContents) -> int:
    return sum(int(drawing.counts[1::2].sum()) for drawing in contents.drawings)
