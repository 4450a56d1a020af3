"""What a file or folder of no known format looks like, and what to do with it: one line for its user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sightline.formats.fields import one_line
from sightline.formats.peek import Peek
from sightline.names import SUFFIXES

EXPORT_COCO = "export COCO, which most tools write"
BY_SUFFIX = {
    ".docx": ("a Word file", "save its table as CSV UTF-8"),
    ".doc": ("a Word file", "save its table as CSV UTF-8"),
    ".odt": ("a text document", "save its table as CSV UTF-8"),
    ".pdf": ("a PDF", "bring the file from which it was made"),
    ".xlsx": ("an Excel workbook", "save its sheet as CSV UTF-8"),
    ".xls": ("an Excel workbook", "save its sheet as CSV UTF-8"),
    ".ods": ("a spreadsheet", "save its sheet as CSV UTF-8"),
    ".tsv": ("a table with tabs", "name it .csv"),
    ".npy": ("an array", "bring masks as PNG, one per image"),
    ".nii": ("a NIfTI volume", "a radiograph has no orientation in it; export the masks as PNG and look at them"),
    ".nrrd": ("an NRRD volume", "a radiograph has no orientation in it; export the masks as PNG and look at them"),
    ".mha": ("a MetaImage volume", "a radiograph has no orientation in it; export the masks as PNG and look at them"),
    ".yaml": ("a YAML file", EXPORT_COCO),
    ".yml": ("a YAML file", EXPORT_COCO),
}
BOX_COLUMNS = (
    {"x", "y", "width", "height"}, {"x", "y", "w", "h"}, {"xmin", "ymin", "xmax", "ymax"}, {"bbox"}, {"box"}, {"boxes"},
    {"x_min", "y_min", "x_max", "y_max"}, {"x1", "y1", "x2", "y2"}, {"left", "top", "right", "bottom"},
    {"left", "top", "width", "height"}, {"x0", "y0", "x1", "y1"}, {"bbox_x", "bbox_y"}, {"bx", "by", "bw", "bh"},
)  # fmt: skip
AS_VINDR = (
    "name its columns as VinDr-CXR does (image_id, class_name, rad_id, x_min, y_min, x_max, y_max, in pixels), "
    "one row per box"
)
YOLO_LINE = re.compile(r"\s*\d+(\s+(0|1|0?\.\d+|1\.0+)){4,}\s*")  # a class and fractions of the sides


def unknown(peek: Peek) -> str:
    """What it looks like and what to do, without the formats that are accepted. StudyError if it cannot be read."""
    what, remedy = _folder(peek) if peek.path.is_dir() else _file(peek)
    return f"{what}; {remedy}"


def _folder(peek: Peek) -> tuple[str, str]:
    kinds = sorted({Path(name).suffix.lower() or "nameless" for name in peek.names})
    if not kinds:
        return "an empty folder", "put the readers' files in it"
    what = f"a folder of {one_line(', '.join(kinds))} files"
    if set(kinds) <= SUFFIXES:
        return f"{what}, which are images", "name the readers' file instead"
    return what, "name the readers' file in it"


def _file(peek: Peek) -> tuple[str, str]:
    head = peek.head
    name = peek.path.name.lower()
    if not head.strip(b"\0 \t\r\n"):
        return "an empty file", "export it again"
    if peek.suffix in SUFFIXES and not peek.is_dicom:
        return f"a {peek.suffix} file, which is an image", "name the readers' file, or a folder of masks"
    if peek.suffix in BY_SUFFIX:
        return BY_SUFFIX[peek.suffix]
    if name.endswith(".nii.gz"):
        return BY_SUFFIX[".nii"]
    if head.startswith(b"PK\x03\x04"):
        return "a ZIP", "unpack it and name the file in it"
    if head.startswith(b"\x1f\x8b"):
        return "a gzip file", "unpack it and name the file in it"
    if peek.suffix == ".csv":
        return _csv(peek.columns)
    if peek.suffix == ".json":
        return _json(peek.document)
    if peek.root == "annotation":
        return "Pascal VOC's XML of one image", EXPORT_COCO
    if peek.root:
        return f"an XML document <{one_line(peek.root)}>", "export `CVAT for images 1.1` or COCO"
    if peek.is_dicom:
        return "a DICOM file", "export a DICOM segmentation, or COCO"
    return _text(peek)


def _csv(columns: list[str]) -> tuple[str, str]:
    lower = {column.lower() for column in columns}
    if {"annotation", "image", "annotator"} <= lower:
        return "the table of a folder of annotations", "name its folder"
    if {"annotation_id", "annotator", "lead_time"} & lower and "lead_time" in lower:
        return "Label Studio's CSV", "export JSON, which holds all shapes"
    shown = ", ".join(one_line(column, 30) for column in columns[:12]) + (", ..." if len(columns) > 12 else "")
    if any(names <= lower for names in BOX_COLUMNS):
        return f"a CSV of boxes with the columns {shown}", AS_VINDR
    return f"a CSV with the columns {shown or '(none)'}", "bring a table of boxes, or COCO"


def _json(document: Any) -> tuple[str, str]:
    first = document[0] if isinstance(document, list) and document else None
    if isinstance(first, dict):
        keys = first.keys()
        if {"image_id", "bbox"} <= keys or {"image_id", "segmentation"} <= keys:
            return "COCO's results, a model's detections", "bring the readers' annotations, with their images, as COCO"
        if "completions" in keys:
            return "an export of Label Studio before 1.0", "open it in a newer one and export JSON"
        if "data" in keys:
            return "Label Studio's tasks without annotations", "export the project as JSON"
        return f"a JSON list of objects with the keys {_listed(first)}", EXPORT_COCO
    if isinstance(document, dict):
        if document.get("type") == "FeatureCollection":
            return "GeoJSON", EXPORT_COCO
        if "annotations" in document:
            return f"a JSON object with the keys {_listed(document)}", "COCO needs `images` beside `annotations`"
        return f"a JSON object with the keys {_listed(document)}", EXPORT_COCO
    kind = {list: "an empty JSON list", str: "a JSON text", type(None): "an empty JSON document"}
    if isinstance(document, list) and document:
        return "a JSON list without objects", EXPORT_COCO
    return kind.get(type(document), "a JSON number"), EXPORT_COCO


def _listed(document: dict[str, Any]) -> str:
    return (
        ", ".join(one_line(key, 30) for key in list(document)[:8]) + (", ..." if len(document) > 8 else "") or "(none)"
    )


def _text(peek: Peek) -> tuple[str, str]:
    what = f"a {one_line(peek.suffix, 20)} file" if peek.suffix else "a file without a suffix"
    start = peek.head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lines = start.decode("utf-8", "replace").splitlines()
    if lines and all(YOLO_LINE.fullmatch(line) for line in lines[:20] if line.strip()):
        return "YOLO's boxes, in fractions of an image's sides", EXPORT_COCO
    if start.startswith((b"{", b"[")):
        return f"{what} that looks like JSON", "name it .json if it is"
    if start.startswith(b"<"):
        return f"{what} that looks like XML", "name it .xml if it is"
    return what, EXPORT_COCO
