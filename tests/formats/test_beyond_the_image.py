"""Shapes that reach beyond their image are refused in each format, and not cut at its border.

Films are of 40 x 60 pixels (rows x columns) where the file does not say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotation_files import CVAT_BOX, RECTANGLE, annotation, coco, cvat, cvat_image, polygon_of, shape, task
from mutations import json_bytes
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import FORMATS
from sightline.study.errors import StudyError
from tool_documents import CHESTX_DET, LABELME, MDAI, PADCHEST_GR, VIA_REGIONS

VINDR = "image_id,class_name,rad_id,x_min,y_min,x_max,y_max\na,opacity,R1,{}\n"
MS_CXR = "dicom_id,category_name,x,y,w,h,image_width,image_height\na,opacity,{},60,40\n"
NIH = "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,opacity,{}\n"
RSNA = "patientId,x,y,width,height,Target\na,{},1\n"
ELLIPSE = shape("ellipselabels", "Pneumonia", x=50, y=50, radiusX=20, radiusY=20, rotation=0)
POLYGON = shape("polygonlabels", "Pneumonia", points=[[0, 0], [90, 0], [90, 50]], closed=True)

CHEST = {"file_name": "im1.png", "syms": ["mass"], "polygons": [[]]}


def grown(document: Any, keys: tuple[str, ...], is_inside: bool = False) -> Any:
    """The document with all numbers under `keys` a hundred times as large."""
    if isinstance(document, dict):
        return {key: grown(value, keys, is_inside or key in keys) for key, value in document.items()}
    if isinstance(document, list):
        return [grown(item, keys, is_inside) for item in document]
    is_number = isinstance(document, int | float) and not isinstance(document, bool)
    return document * 100 if is_inside and is_number else document


def boxes(template: str, *boxes: str) -> list[str]:
    return [template.format(box) for box in boxes]


# what is right, and what is not on its image; of documents with several shapes one is enough
FILES: list[tuple[str, Any, Any]] = [
    ("chestx-det", CHESTX_DET, grown(CHESTX_DET, ("polygons",))),
    ("chestx-det", [{**CHEST, "boxes": [[2, 2, 8, 9]]}], [{**CHEST, "boxes": [[2, 2, 8, 1100]]}]),
    ("coco", coco({"segmentation": [polygon_of(0, 2, 0, 2)]}), coco({"segmentation": [polygon_of(0, 2, 0, 20)]})),
    ("coco", coco({"bbox": [1, 1, 2, 2]}), coco({"bbox": [1, 1, 2, 20]})),
    ("cvat", cvat(cvat_image(CVAT_BOX)), cvat(cvat_image(CVAT_BOX.replace('ybr="5.00"', 'ybr="50.00"')))),
    *(
        ("label-studio", [task(1, "a", annotation(1, [s]))], [task(1, "a", annotation(1, [grown(s, ("value",))]))])
        for s in (RECTANGLE, ELLIPSE, POLYGON)
    ),
    *(
        ("labelme", {**LABELME, "shapes": [s]}, {**LABELME, "shapes": [grown(s, ("points",))]})
        for s in LABELME["shapes"]
    ),
    ("mdai", MDAI, grown(MDAI, ("data",))),
    ("ms-cxr", *boxes(MS_CXR, "10,10,20,20", "100,100,200,200")),
    ("nih", *boxes(NIH, "10,10,20,20", "100,1000,20,200")),
    ("padchest-gr", PADCHEST_GR, grown(PADCHEST_GR, ("boxes",))),
    ("padchest-gr", PADCHEST_GR, grown(PADCHEST_GR, ("extra_boxes",))),
    ("rsna", *boxes(RSNA, "10,10,20,20", "900,10,200,20")),
    ("siim", "ImageId,EncodedPixels\na,5 10\n", "ImageId,EncodedPixels\na,5 1048576\n"),
    ("via", VIA_REGIONS, grown(VIA_REGIONS, ("shape_attributes",))),
    ("vindr", *boxes(VINDR, "10,10,20,30", "100,100,200,300")),
]


@pytest.mark.parametrize(("key", "right", "wrong"), FILES, ids=[f"{key}-{n}" for n, (key, *_) in enumerate(FILES)])
def test_a_shape_beyond_its_image_is_refused(tmp_path: Path, key: str, right: Any, wrong: Any) -> None:
    found = contents_or_refusal(tmp_path / "file", key, right)
    assert isinstance(found, FileContents)
    assert found.problems == []
    assert any(drawing.mask.any() for drawing in found.drawings)
    found = contents_or_refusal(tmp_path / "file", key, wrong)
    assert not isinstance(found, FileContents) or found.problems  # with a problem nothing of the file is used


def contents_or_refusal(path: Path, key: str, document: Any) -> FileContents | str:
    path.write_bytes(document.encode() if isinstance(document, str) else json_bytes(document))
    sizes = None if key in ("nih", "rsna", "siim") else dict.fromkeys(("a", "im1", "im2"), (40, 60))
    try:
        return FORMATS[key].read(path, ImportOptions(images=sizes, annotator="reader"))
    except StudyError as error:
        return str(error)
