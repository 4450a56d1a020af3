"""MD.ai's JSON -> drawings: per data set its annotations, each by one person, with a label of a label group.

Pixels and sizes are of the film: `height` is its rows, whatever the vendor's client does. An image is named by its
SOPInstanceUID, unless the user's images are named by the UID of its series or study. A label of a whole image marks no
region. Where its name says that there is nothing ("No finding", "Normal"), its author's reading is empty; by any other
name its author saw the finding but drew it nowhere, so it makes no reading. Format: docs.md.ai, and mdai-client,
common_utils.py.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.fields import name_of, number, of_type, read_json, shown, size_from, text_of
from sightline.formats.gather import Gathering, Patch, cut_out
from sightline.formats.shapes import boxes_mask, polygon_mask
from sightline.study.errors import StudyError

UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
NOTHING = {"no finding", "no findings", "normal", "negative", "nothing", "none", "no abnormality", "no abnormalities"}
AREAS = ("bbox", "polygon", "freeform", "mask")
NO_AREA = ("location", "line")


@dataclass(frozen=True)
class _Label:
    name: str
    mode: str

    @property
    def says_nothing(self) -> bool:
        return self.name.strip().casefold().replace("_", " ").replace("-", " ") in NOTHING


def read_mdai(path: Path, options: ImportOptions) -> FileContents:
    """One drawing per image and author, the shapes that count united; what is wrong with them goes into `problems`.

    An author who marked other findings alone, or said that there is nothing, has an empty drawing. Labels of whole
    images that name a finding are left out, with a note, and so are their authors' otherwise empty drawings.
    """
    document = read_json(path)
    try:
        datasets, groups = of_type(document, "datasets", list), of_type(document, "labelGroups", list)
        labels = {
            of_type(label, "id", str): _Label(of_type(label, "name", str), text_of(label, "annotationMode"))
            for group in groups
            for label in of_type(group, "labels", list)
        }
        annotations = [each for dataset in datasets for each in of_type(dataset, "annotations", list)]
    except ValueError as error:
        raise StudyError(f"{path}: not MD.ai's JSON: {error}") from None
    return _Reader(options, labels).read(annotations)


class _Reader:
    """Reads the annotations of one file."""

    def __init__(self, options: ImportOptions, labels: dict[str, _Label]) -> None:
        self.gathering = Gathering(options)
        self.labels = labels
        self.nothing: dict[tuple[str, str], str] = {}
        self.placeless: Counter[str] = Counter()
        self.seen: set[tuple[str, str]] = set()
        self.reach: dict[str, tuple[float, float]] = {}

    def read(self, annotations: list[Any]) -> FileContents:
        """What the annotations hold together."""
        num_imageless = 0
        for place, annotation in enumerate(annotations, start=1):
            where = f"annotation {shown(annotation['id']) if text_of(annotation, 'id') else place}"
            try:
                label_id = of_type(annotation, "labelId", str)
                if label_id not in self.labels:
                    raise ValueError(f"labelId {shown(label_id)} is in no label group")
                if not any(text_of(annotation, key) for key in UIDS[:2]) and not annotation.get("data"):
                    num_imageless += 1
                    continue
                self._add(annotation, self.labels[label_id], where)
            except ValueError as error:
                self.gathering.wrong(where, error)
        self._settle()
        if num_imageless:
            self.gathering.contents.notes.append(
                f"labels of whole studies, which name no image, were left out: {num_imageless:,}"
            )
        return self.gathering.finished()

    def _add(self, annotation: dict[str, Any], label: _Label, where: str) -> None:
        """Adds one annotation; ValueError for what is wrong with it."""
        image = self.gathering.image(self._image_name(annotation))
        reader = name_of(annotation.get("createdById"))
        reader = reader or self.gathering.options.annotator or ""
        stated = (annotation.get("height"), annotation.get("width"))
        if stated != (None, None):
            self.gathering.size(image, size_from(*stated))
        data = annotation.get("data")
        created_at = text_of(annotation, "createdAt")
        if data is None or data == {}:
            if label.mode in (*AREAS, *NO_AREA):
                raise ValueError(f"a {label.mode} without data; remove it")
            if label.says_nothing:
                self.gathering.reading(image, reader, where, created_at)
                self.nothing.setdefault((image, reader), where)
            elif self.gathering.counts([label.name]):
                self.placeless[label.name] += 1
                self.seen.add((image, reader))
            return
        self.gathering.reading(image, reader, where, created_at)
        if self.gathering.counts([label.name]):
            try:
                y, x = _reach(of_type(annotation, "data", dict), label.mode)
            except ValueError as error:
                self.gathering.wrong(f"{where} ({shown(label.name)})", error, image, reader)
                return
            known = self.reach.get(image, (1.0, 1.0))
            self.reach[image] = max(known[0], y), max(known[1], x)
            self.gathering.shape(image, reader, f"{where} ({shown(label.name)})", partial(_patch, data))

    def _image_name(self, annotation: dict[str, Any]) -> str:
        """The UID by which the user names the image, else the image's own."""
        uids = [uid for key in UIDS if (uid := text_of(annotation, key).strip())]
        if self.gathering.options.images is not None:
            uids = [uid for uid in uids if uid in self.gathering.options.images] or uids
        return uids[0] if uids else ""

    def _settle(self) -> None:
        """Sizes that no annotation of an image states, contradictions, and readings of which only a name is known."""
        gathering = self.gathering
        for image in gathering.contents.images - gathering.sized():
            try:
                gathering.size(image, gathering.options.frame_of(image, reach=self.reach.get(image, (1.0, 1.0))))
            except ValueError:
                continue  # `finished` names the images without a size that have a reading
        for (image, reader), where in self.nothing.items():
            if not gathering.is_empty(image, reader):
                gathering.wrong(where, f"says that image {image!r} has nothing, and its author marks a finding on it")
        for image, reader in sorted(self.seen):
            gathering.drop_empty(image, reader)
        if self.placeless:
            named = ", ".join(f"{name} ({num:,})" for name, num in self.placeless.most_common(6))
            gathering.contents.notes.append(
                f"labels of whole images mark no region and were left out: {named}; their authors' readings without a "
                "region of the finding were too"
            )


def _reach(data: dict[str, Any], mode: str) -> tuple[float, float]:
    """The furthest y and x of a shape; ValueError if it marks no area or is broken."""
    if mode in NO_AREA or data.keys() <= {"x", "y"}:
        raise ValueError(f"a {mode if mode in NO_AREA else 'location'} marks no area; use bbox, polygon or mask")
    if "width" in data or "height" in data:
        x, y, width, height = (number(data, key) for key in ("x", "y", "width", "height"))
        return y + height, x + width
    points = np.concatenate([_points(polygon) for polygon in _polygons(data)[0]])
    x, y = points.max(axis=0).tolist()
    return y, x


def _polygons(data: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Polygons that add pixels and those that take them away; ValueError unless some add."""
    if "vertices" in data:
        return [of_type(data, "vertices", list)], []
    if "foreground" not in data:
        raise ValueError(
            f"data has {', '.join(map(shown, data)) or 'nothing'}, expected a box, vertices or a foreground"
        )
    foreground = of_type(data, "foreground", list)
    if not foreground:
        raise ValueError("a mask without a foreground; remove it")
    return foreground, of_type(data, "background", list) if data.get("background") is not None else []


def _points(polygon: Any) -> np.ndarray:
    """float64 N x 2 as (x, y); ValueError unless it is a list of pairs of numbers."""
    try:
        points_N2 = np.asarray(polygon, np.float64).reshape(len(polygon), 2)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"a polygon is {shown(polygon)}, expected pairs of x and y") from None
    if not len(points_N2) or not np.isfinite(points_N2).all():
        raise ValueError(f"a polygon is {shown(polygon)}, expected finite pairs of x and y")
    return points_N2


def _patch(data: dict[str, Any], size: tuple[int, int]) -> Patch:
    """Pixels of a box, a polygon or a mask; ValueError if it is broken or leaves its image."""
    if "width" in data or "height" in data:
        x, y, width, height = (number(data, key) for key in ("x", "y", "width", "height"))
        return Patch(*boxes_mask([(x, y, x + width, y + height)], size))
    foreground, background = _polygons(data)
    mask_HW = np.logical_or.reduce([polygon_mask(_points(polygon), size) for polygon in foreground])
    for polygon in background:
        mask_HW &= ~polygon_mask(_points(polygon), size)
    return cut_out(mask_HW)
