"""A small valid document of each JSON format, of images im1 and im2 of 40 x 60 pixels (rows x columns)."""

from __future__ import annotations

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.readers import FORMATS, format_of

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


def png_text(values: np.ndarray) -> str:
    """A PNG in base64."""
    stored = BytesIO()
    Image.fromarray(values).save(stored, "PNG")
    return base64.b64encode(stored.getvalue()).decode("ascii")


CHESTX_DET: list[Any] = [
    {
        "file_name": "im1.png",
        "syms": ["opacity", "mass"],
        "boxes": [[10, 20, 30, 36], [2, 2, 8, 9]],
        "polygons": [[[10, 20], [30, 20], [30, 36], [10, 36]], []],
    },
    {"file_name": "im2.png", "syms": [], "boxes": [], "polygons": []},
]

PADCHEST_GR: list[Any] = [
    {
        "StudyID": "s1",
        "ImageID": "im1.png",
        "findings": [
            {
                "sentence_en": "Left opacity.",
                "abnormal": True,
                "labels": ["opacity"],
                "boxes": [[0.5, 0.25, 0.75, 0.5]],
                "extra_boxes": [[0.5, 0.25, 0.75, 0.75], [0, 0, 0.1, 0.1]],
            },
            {"sentence_en": "A mass.", "abnormal": True, "labels": ["mass"], "boxes": [[0.1, 0.5, 0.2, 0.6]]},
            {"sentence_en": "Heart of normal size.", "abnormal": False, "labels": [], "boxes": []},
        ],
    },
    {
        "StudyID": "s2",
        "ImageID": "im2.png",
        "findings": [{"sentence_en": "No finding.", "abnormal": False, "labels": [], "boxes": []}],
    },
]


def labelme(*shapes: dict[str, Any], name: str = "im1.png", **fields: Any) -> dict[str, Any]:
    """A document of labelme with these shapes."""
    plain = {"version": "5.5.0", "flags": {"bad film": False}, "imageData": None, "imageHeight": 40, "imageWidth": 60}
    return {**plain, "imagePath": name, "shapes": list(shapes), **fields}


def labelme_shape(kind: str | None, points: Any, label: str = "opacity", **fields: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **fields}


LABELME = labelme(
    labelme_shape("polygon", [[10, 20], [30, 20], [30, 36], [10, 36]]),
    labelme_shape("rectangle", [[50, 9.5], [41, 2]]),
    labelme_shape("circle", [[20, 10], [20, 15]], "mass"),
    labelme_shape("mask", [[50, 30], [53, 32]], mask=png_text(np.array([[0, 1, 1, 0]] * 3, np.uint8))),
)

VIA_REGIONS: dict[str, Any] = {
    "im1.png901": {
        "filename": "im1.png",
        "size": 901,
        "regions": [
            {
                "shape_attributes": {"name": "rect", "x": 14, "y": 10, "width": 12, "height": 12},
                "region_attributes": {"finding": "opacity", "sure": {"yes": True, "no": False}},
            },
            {
                "shape_attributes": {"name": "ellipse", "cx": 40, "cy": 20, "rx": 12, "ry": 5, "theta": 0.5},
                "region_attributes": {"finding": "mass"},
            },
            {
                "shape_attributes": {"name": "circle", "cx": 20, "cy": 30, "r": 5},
                "region_attributes": {"finding": "opacity"},
            },
        ],
        "file_attributes": {},
    },
    "im2.png902": {
        "filename": "im2.png",
        "size": 902,
        "regions": {
            "0": {
                "shape_attributes": {"name": "polygon", "all_points_x": [10, 30, 30], "all_points_y": [20, 20, 36]},
                "region_attributes": {"finding": "opacity"},
            }
        },
        "file_attributes": {"height": "40", "width": "60"},
    },
}
VIA_PROJECT: dict[str, Any] = {
    "_via_settings": {"ui": {}, "core": {}, "project": {"name": "films"}},
    "_via_img_metadata": VIA_REGIONS,
    "_via_attributes": {"region": {}, "file": {}},
}


def mdai_annotation(label: str, data: Any, by: str = "U1", image: str = "im1", **fields: Any) -> dict[str, Any]:
    uids = {"StudyInstanceUID": f"1.{image}", "SeriesInstanceUID": f"1.{image}.1", "SOPInstanceUID": image}
    size = {"height": 40, "width": 60} if data else {"height": None, "width": None}
    return {**uids, **size, "labelId": label, "createdById": by, "createdAt": "2026-01-02", "data": data, **fields}


def mdai(*annotations: dict[str, Any]) -> dict[str, Any]:
    """MD.ai's, with labels B box, P polygon, M mask of a mass, L line, N no finding, W opacity of a whole image."""
    labels = [
        {"id": "B", "name": "opacity", "annotationMode": "bbox", "scope": "INSTANCE"},
        {"id": "P", "name": "opacity", "annotationMode": "polygon", "scope": "INSTANCE"},
        {"id": "M", "name": "mass", "annotationMode": "mask", "scope": "INSTANCE"},
        {"id": "L", "name": "midline", "annotationMode": "line", "scope": "INSTANCE"},
        {"id": "N", "name": "No Finding", "annotationMode": None, "scope": "INSTANCE"},
        {"id": "W", "name": "opacity", "annotationMode": None, "scope": "INSTANCE"},
    ]
    return {
        "id": "project_1",
        "name": "films",
        "labelGroups": [{"id": "G", "name": "findings", "labels": labels}],
        "datasets": [
            {
                "id": "D1",
                "name": "films",
                "studies": [{"StudyInstanceUID": "1.im1", "number": 1}, {"StudyInstanceUID": "1.im2", "number": 2}],
                "annotations": list(annotations),
            }
        ],
    }


MDAI = mdai(
    mdai_annotation("B", {"x": 10, "y": 20, "width": 20, "height": 16}),
    mdai_annotation("P", {"vertices": [[10, 20], [30, 20], [30, 36]]}, by="U2"),
    mdai_annotation(
        "M",
        {"foreground": [[[2, 2], [20, 2], [20, 12], [2, 12]]], "background": [[[5, 5], [9, 5], [9, 9], [5, 9]]]},
        image="im2",
    ),
    mdai_annotation("N", None, by="U2", image="im2"),
)

DOCUMENTS: dict[str, Any] = {
    "chestx-det": CHESTX_DET,
    "labelme": LABELME,
    "mdai": MDAI,
    "padchest-gr": PADCHEST_GR,
    "via": VIA_PROJECT,
}
