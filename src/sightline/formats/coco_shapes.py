"""The pixels of one annotation of a COCO file: polygons, run lengths, or a box where there is no segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np

from sightline.formats.fields import number, of_type
from sightline.formats.rle import segmentation_mask
from sightline.formats.shapes import polygon_mask, rectangle_mask

CLOSE = 0.01  # by how much an `area` may differ from that of its box


def annotation_mask(annotation: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Pixels of one annotation, bool; `iscrowd` changes nothing, since a region is a region.

    ValueError if they cannot be read, or if the numbers are fractions of the image's sides, which COCO does not know.
    """
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        return segmentation_mask(segmentation, size)
    if not segmentation:
        return _box_mask(annotation, size)
    mask_HW = np.zeros(size, bool)
    for flat in of_type(annotation, "segmentation", list):
        if not isinstance(flat, list) or len(flat) % 2 or not all(isinstance(item, int | float) for item in flat):
            raise ValueError("a polygon is not a list of x, y, x, y, ...")
        mask_HW |= polygon_mask(list(zip(flat[::2], flat[1::2], strict=True)), size)
        if max(flat) <= 1:
            raise ValueError("a polygon lies within one pixel; COCO counts in pixels, not in fractions of the sides")
    return mask_HW


def _box_mask(annotation: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Pixels of a box (x, y, width, height), rotated about its centre where CVAT's attribute `rotation` says so."""
    box = of_type(annotation, "bbox", list)
    if len(box) != 4:
        raise ValueError("bbox is not x, y, width, height")
    x, y, width, height = (number({"bbox": item}, "bbox") for item in box)
    attributes = annotation.get("attributes")
    degrees = 0.0
    if isinstance(attributes, dict) and attributes.get("rotation") is not None:  # CVAT's issue 4745
        degrees = number(attributes, "rotation")
    rows, cols = size
    try:
        mask_HW = rectangle_mask((x, y), (width, height), degrees, (x + width / 2, y + height / 2), size)
    except ValueError as error:
        if x < width <= cols and y < height <= rows:
            raise ValueError(f"bbox: {error}; it fits as two corners, but COCO's is x, y, width, height") from None
        raise ValueError(f"bbox: {error}") from None
    if 0 < width <= 1 and 0 < height <= 1 and max(x + width, y + height) <= 1:
        raise ValueError("bbox lies within one pixel; COCO counts in pixels, not in fractions of the sides")
    if "area" in annotation and x < width and y < height:
        area, sides, corners = number(annotation, "area"), width * height, (width - x) * (height - y)
        if abs(area - corners) <= CLOSE * corners < abs(area - sides):
            raise ValueError(f"bbox has the area {area:g} as two corners, but COCO's is x, y, width, height")
    return mask_HW
