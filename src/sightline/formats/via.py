"""The VGG Image Annotator's JSON, versions 1 and 2, a project or its region data -> drawings.

Each image has a name, its bytes and regions: a list, in version 1 an object. A region's label is the value of any of
its attributes, of which a study can have several: a text, or the names that are ticked. Angles are radians, clockwise
on the screen, as in a canvas. The file states no size, names nobody, and lists every image that was loaded whether or
not anyone looked at it: an image without regions is no reading. Format: www.robots.ox.ac.uk/~vgg/software/via.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import number, of_type, read_json, shown, size_from
from sightline.formats.gather import Gathering, Patch, cut_out
from sightline.formats.shapes import boxes_mask, ellipse_mask, polygon_mask
from sightline.study.errors import StudyError

PROJECT = "_via_img_metadata"
NO_AREA = ("point", "polyline")


def read_via(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per image that has regions, those that count united; what is wrong with them goes into `problems`.

    An image of which only other findings are marked has an empty drawing. Images without regions are left out, with a
    note.
    """
    document = read_json(path)
    images = document.get(PROJECT, document) if isinstance(document, dict) else None
    if not isinstance(images, dict):
        raise StudyError(f"{path}: not the VGG Image Annotator's JSON; expected images with filename and regions")
    gathering = Gathering(options)
    num_bare = 0
    for key, entry in images.items():
        where = f"image {shown(key)}"
        try:
            name = of_type(entry, "filename", str)
            regions = of_type(entry, "regions", list, dict)
            image = gathering.image(name)
        except ValueError as error:
            gathering.wrong(where, error)
            continue
        if not regions:
            num_bare += 1
            continue
        marks = list(regions.items()) if isinstance(regions, dict) else list(enumerate(regions, start=1))
        _add_regions(gathering, image, entry, where, marks)
    if num_bare:
        gathering.contents.notes.append(
            "images without a region were left out, since the file lists images whether or not they were read: "
            f"{num_bare:,}"
        )
    return gathering.finished()


def _add_regions(
    gathering: Gathering, image: str, entry: dict[str, Any], where: str, marks: list[tuple[Any, Any]]
) -> None:
    """Adds the regions of one image, or what is wrong with them."""
    gathering.reading(image, "", where)
    reach = (1.0, 1.0)
    wrong = False
    for name, region in marks:
        place = f"{where}, region {name if isinstance(name, int) else shown(name)}"
        try:
            shape = of_type(region, "shape_attributes", dict)
            if gathering.counts(_labels(region)):
                y, x = _reach(shape)
                reach = max(reach[0], y), max(reach[1], x)
                gathering.shape(image, "", place, partial(_patch, shape))
        except ValueError as error:
            gathering.wrong(place, error, image)
            wrong = True
    try:
        gathering.size(image, _size_of(entry, image, reach, gathering.options))
    except ValueError as error:
        if not wrong:  # without its shapes, how far the image reaches is not known either
            gathering.wrong(where, error, image)


def _labels(region: dict[str, Any]) -> list[str]:
    """Values of all attributes of a region; ValueError where one is not text, a number or a table of ticks."""
    labels = []
    attributes = region.get("region_attributes") or {}
    for key, value in of_type({"region_attributes": attributes}, "region_attributes", dict).items():
        if isinstance(value, dict):
            labels += [name for name, is_ticked in value.items() if is_ticked not in (False, None, "", 0)]
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            labels.append(str(value))
        elif value is True:
            labels.append(key)
        elif value not in (None, False):
            raise ValueError(f"attribute {shown(key)} is {shown(value)}, expected text")
    return [label.strip() for label in labels if label.strip()]


def _size_of(entry: dict[str, Any], image: str, reach: tuple[float, float], options: ImportOptions) -> tuple[int, int]:
    """(rows, columns): the height and width among the image's attributes, else as the user or the image says."""
    attributes = entry.get("file_attributes")
    stated = attributes if isinstance(attributes, dict) else {}
    sides = [str(stated.get(key, "")).strip() for key in ("height", "width")]
    if all(side.isdecimal() and len(side) < 9 for side in sides):
        return size_from(*map(int, sides))
    return options.frame_of(image, reach=reach)


def _reach(shape: dict[str, Any]) -> tuple[float, float]:
    """The furthest y and x of a shape; ValueError if it marks no area or lacks a number."""
    kind = of_type(shape, "name", str)
    if kind in NO_AREA:
        raise ValueError(f"a {kind} marks no area; draw a polygon, rect, circle or ellipse, or choose other findings")
    if kind == "rect":
        return number(shape, "y") + number(shape, "height"), number(shape, "x") + number(shape, "width")
    if kind in ("circle", "ellipse"):
        radius = max(number(shape, key) for key in (("r",) if kind == "circle" else ("rx", "ry")))
        return number(shape, "cy") + radius, number(shape, "cx") + radius
    if kind != "polygon":
        raise ValueError(f"a shape {shown(kind)}, expected polygon, rect, circle or ellipse")
    x, y = zip(*_points(shape), strict=True)
    return max(y), max(x)


def _points(shape: dict[str, Any]) -> list[tuple[float, float]]:
    """Pairs of x and y of a polygon; ValueError unless there are 3 or more."""
    x, y = of_type(shape, "all_points_x", list), of_type(shape, "all_points_y", list)
    if len(x) != len(y) or len(x) < 3:
        raise ValueError(f"a polygon of {len(x)} x and {len(y)} y, expected as many of both, and 3 or more")
    return [
        (number({"all_points_x": x_}, "all_points_x"), number({"all_points_y": y_}, "all_points_y"))
        for x_, y_ in zip(x, y, strict=True)
    ]


def _patch(shape: dict[str, Any], size: tuple[int, int]) -> Patch:
    """Pixels of a shape that `_reach` has checked; ValueError if it is broken or leaves its image."""
    kind = shape["name"]
    if kind == "polygon":
        return cut_out(polygon_mask(_points(shape), size))
    if kind == "rect":
        x, y, width, height = (number(shape, key) for key in ("x", "y", "width", "height"))
        return Patch(*boxes_mask([(x, y, x + width, y + height)], size))
    centre = number(shape, "cx"), number(shape, "cy")
    if kind == "circle":
        return cut_out(ellipse_mask(centre, (number(shape, "r"),) * 2, 0.0, size))
    degrees = math.degrees(number(shape, "theta")) if "theta" in shape else 0.0  # version 1 has none
    return cut_out(ellipse_mask(centre, (number(shape, "rx"), number(shape, "ry")), degrees, size))
