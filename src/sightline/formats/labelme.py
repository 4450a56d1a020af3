"""labelme's JSON, one file per image -> a drawing.

A pixel belongs to a shape if its centre does. labelme itself also fills the pixels under a shape's outline. A rectangle
has two opposite corners in any order, a circle its centre and a point of its rim, a mask the corners of its box, both
within it, and a PNG in base64 whose pixels other than 0 are inside. labelme writes a file when its user saves it, so a
file without shapes is an empty reading. It names nobody. Format: wkentaro/labelme, labelme/utils/shape.py.
"""

from __future__ import annotations

import base64
import binascii
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import MAX_NUMBER, of_type, read_json, shown, size_from, text_of
from sightline.formats.gather import Gathering, Patch, cut_out
from sightline.formats.mask_png import png_values
from sightline.formats.shapes import boxes_mask, ellipse_mask, polygon_mask
from sightline.study.errors import StudyError

NO_AREA = ("point", "points", "line", "linestrip")


def read_labelme(path: Path, options: ImportOptions) -> FileContents:
    """The drawing of the file's image, all shapes that count united; what is wrong with shapes goes into `problems`.

    Points and lines mark no area, and are problems where their label counts.
    """
    document = read_json(path)
    gathering = Gathering(options)
    try:
        name, shapes = of_type(document, "imagePath", str), of_type(document, "shapes", list)
        image = gathering.image(name)
        gathering.size(image, _size_of(document, image, shapes, options))
    except ValueError as error:
        if not isinstance(document, dict) or not {"shapes", "imagePath"} & document.keys():
            raise StudyError(f"{path}: not a file of labelme: {error}") from None
        gathering.wrong("file", error)
        return gathering.finished()
    gathering.reading(image, "", f"image {image!r}")
    for place, shape in enumerate(shapes, start=1):
        where = f"image {image!r}, shape {place}"
        try:
            label = of_type(shape, "label", str)
            if gathering.counts([label]):
                gathering.shape(image, "", f"{where} ({shown(label)})", partial(_patch, shape))
        except ValueError as error:
            gathering.wrong(where, error, image)
    return gathering.finished()


def _size_of(document: Any, image: str, shapes: list[Any], options: ImportOptions) -> tuple[int, int]:
    """(rows, columns) as the file states them, else as the user or the image says: old files have none."""
    rows, cols = document.get("imageHeight"), document.get("imageWidth")
    if rows is not None or cols is not None:
        return size_from(rows, cols)
    points = [_points(shape) for shape in shapes if isinstance(shape, dict)]
    x, y = np.concatenate([np.ones((1, 2)), *points]).max(axis=0).tolist()
    return options.frame_of(image, reach=(y, x))


def _points(shape: dict[str, Any]) -> np.ndarray:
    """The points of a shape, float64 N x 2 as (x, y); ValueError unless they are pairs of numbers."""
    stated = of_type(shape, "points", list)
    try:
        points_N2 = np.asarray(stated, np.float64).reshape(len(stated), 2)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"points are {shown(stated)}, expected pairs of x and y") from None
    if not (np.abs(points_N2) <= MAX_NUMBER).all():  # written so that NaN fails
        raise ValueError(f"points are {shown(stated)}, expected numbers within {MAX_NUMBER:.0e}")
    return points_N2


def _patch(shape: dict[str, Any], size: tuple[int, int]) -> Patch:
    """Pixels of a shape; ValueError if it marks no area or is broken."""
    kind = text_of(shape, "shape_type") or "polygon"  # old files have null
    points_N2 = _points(shape)
    if kind in NO_AREA:
        raise ValueError(f"a {kind} marks no area; draw a polygon, rectangle, circle or mask, or choose other findings")
    if kind in ("polygon", "oriented_rectangle") or (kind == "rectangle" and len(points_N2) == 4):
        return cut_out(polygon_mask(points_N2, size))
    if kind not in ("rectangle", "circle", "mask"):
        raise ValueError(f"shape_type is {shown(kind)}, expected polygon, rectangle, circle or mask")
    if len(points_N2) != 2:
        raise ValueError(f"a {kind} of {len(points_N2)} points, expected 2")
    (x0, y0), (x1, y1) = points_N2.tolist()
    if kind == "circle":
        radius = math.hypot(x1 - x0, y1 - y0)
        return cut_out(ellipse_mask((x0, y0), (radius, radius), 0.0, size))
    if kind == "rectangle":
        return Patch(*boxes_mask([(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))], size))
    return _mask_patch(of_type(shape, "mask", str), (int(min(x0, x1)), int(min(y0, y1))), (abs(x1 - x0), abs(y1 - y0)))


def _mask_patch(encoded: str, corner: tuple[int, int], sides: tuple[float, float]) -> Patch:
    """The pixels other than 0 of a PNG in base64, with its first pixel at (x, y) = `corner`.

    ValueError where it is no PNG, or not of the `sides` (x, y) between its box's corners, which both belong to it.
    """
    try:
        mask_hw = png_values(base64.b64decode(encoded, validate=True)) > 0
    except binascii.Error:
        raise ValueError("its mask is not in base64") from None
    h, w = mask_hw.shape
    if abs(w - sides[0] - 1) > 1 or abs(h - sides[1] - 1) > 1:
        raise ValueError(f"a mask of {w} x {h} pixels in a box of {sides[0] + 1:g} x {sides[1] + 1:g}")
    return Patch(mask_hw, corner[1], corner[0])
