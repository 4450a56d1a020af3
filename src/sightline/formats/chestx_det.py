"""ChestX-Det's JSON -> drawings: a list with one entry per image, its findings, boxes and polygons by position.

Of three radiologists who drew together the file names none. Its images are NIH's, 1024 x 1024 pixels, under numbers of
its own. An image without a finding was read too. ChestX-Det10, its first version, has no polygons. Format:
Deepwise-AILab/ChestX-Det-Dataset, README.md and ChestX_Det_test.json.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import of_type, read_json, shown
from sightline.formats.gather import Gathering, Patch, cut_out
from sightline.formats.shapes import boxes_mask, polygon_mask
from sightline.study.errors import StudyError

SIZE = (1024, 1024)


def read_chestx_det(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per image, all its findings that count united: their polygons, or boxes where there are none.

    A polygon of fewer than 3 points, or between two pixel centres, counts as its box. What is wrong with single entries
    goes into `problems`.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise StudyError(f"{path}: not ChestX-Det's JSON; expected a list of file_name, syms, boxes and polygons")
    gathering = Gathering(options)
    places: dict[str, int] = {}
    for place, entry in enumerate(entries, start=1):
        where = f"entry {place}"
        try:
            name = of_type(entry, "file_name", str)
            where = f"entry {place} ({shown(name)})"
            image = gathering.image(name)
            if places.setdefault(image, place) != place:
                raise ValueError(f"is of the same image as entry {places[image]}; keep one")
            gathering.size(image, options.frame_of(image, SIZE))
            findings = _findings(entry)
        except ValueError as error:
            gathering.wrong(where, error)
            continue
        gathering.reading(image, "", where)
        for number, (finding, box, points) in enumerate(findings, start=1):
            if gathering.counts([finding]):
                draw = partial(_patch, box, points)
                gathering.shape(image, "", f"{where}, finding {number} ({shown(finding)})", draw)
    return gathering.finished()


def _findings(entry: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Name, box and points of each finding of an entry; ValueError unless its lists belong together."""
    findings, boxes = of_type(entry, "syms", list), of_type(entry, "boxes", list)
    polygons = of_type(entry, "polygons", list) if "polygons" in entry else [[]] * len(findings)
    if not len(findings) == len(boxes) == len(polygons):
        raise ValueError(f"has {len(findings)} syms, {len(boxes)} boxes and {len(polygons)} polygons; correct it")
    for finding in findings:
        if not isinstance(finding, str):
            raise ValueError(f"a sym is {shown(finding)}, expected the name of a finding")
    return list(zip(findings, boxes, polygons, strict=True))


def _patch(box: Any, points: Any, size: tuple[int, int]) -> Patch:
    """Pixels of a finding's polygon, else of its box; ValueError where what counts is broken or both are empty."""
    if not isinstance(points, list):
        raise ValueError(f"its polygon is {shown(points)}, expected a list of points")
    if len(points) >= 3:
        patch = cut_out(polygon_mask(points, size))
        if patch.mask_hw.size:
            return patch
    if not isinstance(box, list) or len(box) != 4:
        raise ValueError(f"its box is {shown(box)}, expected [x1, y1, x2, y2]")
    return Patch(*boxes_mask([box], size))
