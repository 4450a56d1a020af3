"""Broken copies of each table: contents or a refusal in one line, never a traceback."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from mutations import answered, mutated_bytes
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
    return [mutated_bytes(text.encode(), rng) for _ in range(num)]


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
