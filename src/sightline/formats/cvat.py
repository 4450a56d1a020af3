"""CVAT's `CVAT for images 1.1` XML, of a task, a job or a project -> drawings.

Format: https://docs.cvat.ai/docs/other/xml_format. A mask is run lengths row by row within its own box, the first of
pixels outside; boxes and ellipses rotate about their centre. CVAT cannot say that an annotator saw no region.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import MAX_NUMBER, MAX_SIDE, one_line, shown, size_from
from sightline.formats.shapes import ellipse_mask, polygon_mask, rectangle_mask
from sightline.names import stem_of
from sightline.study.errors import StudyError

NO_AREA = ("polyline", "points", "skeleton", "cuboid")
AREAS = ("polygon", "box", "ellipse", "mask")


TAGS = "images carry tags about the whole image, which are not read"
BY_MODEL = "shapes made by a model (source auto); check that a reader confirmed them"
OWNER = "images without an assignee count as read by the task's owner (if it was another, name the reader)"


@dataclass(frozen=True)
class _Task:
    """A task or job of the export."""

    assignee: str
    owner: str
    """The task's; "" for a job, whose replicas by several readers have one owner."""
    updated: str


@dataclass(frozen=True)
class _Reading:
    """An image as read in one task."""

    where: str
    updated: str
    mask_HW: np.ndarray


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type, and with it entities, before one is read: expat limits their growth only since 2.4.1."""

    def doctype(self, name: str, *_: str | None) -> NoReturn:
        raise ValueError(f"declares a document type {name!r}, which CVAT never writes")


def read_cvat(path: Path, options: ImportOptions) -> FileContents:
    """The drawings of an export: all shapes of an image in one task by one annotator united.

    Several tasks with one image give as many drawings, an annotator's in the order of the tasks' last change. The
    annotator is the assignee of the job or task, else the one the user names, else the owner of the task. Where labels
    are chosen, an image that holds others alone is an empty drawing. What is wrong with single images and shapes goes
    into `problems`.
    """
    root = _parsed(path)
    contents = FileContents(
        labels={text for label in root.iterfind("meta//label/name") if (text := (label.text or "").strip())}
    )
    tasks = _tasks(root)
    notes: Counter[str] = Counter()
    readings: dict[tuple[str, str], dict[str, _Reading]] = {}
    names: dict[str, str] = {}
    for place, image in enumerate(root.iterfind("image")):
        name = image.get("name", "")
        where = f"image {one_line(image.get('id', place), 20)} ({one_line(name)})"
        try:
            stem = stem_of(name)
            size = size_from(_whole(image, "height"), _whole(image, "width"))
            if not stem:
                raise ValueError("has no name")
            if names.setdefault(stem, name) != name:
                raise ValueError(f"has the stem of image {shown(names[stem])} too; names must differ without folders")
        except ValueError as error:
            contents.problems.append(f"{where}: {error}")
            continue
        notes[TAGS] += image.find("tag") is not None
        notes[BY_MODEL] += sum(shape.get("source") == "auto" for shape in image if shape.tag in AREAS)
        mask_HW = _image_mask(image, size, where, options, contents)
        if mask_HW is None:
            continue
        number = image.get("task_id", "")
        task = tasks.get(number) or tasks.get("") or _Task("", "", "")
        who = task.assignee or options.annotator or task.owner
        if not who:
            contents.num_nameless += 1
            continue
        notes[OWNER] += not task.assignee and not options.annotator
        of_tasks = readings.setdefault((stem, who), {})
        earlier = of_tasks.setdefault(number, _Reading(where, task.updated, mask_HW))
        if earlier.mask_HW.shape != mask_HW.shape:
            sizes = f"{mask_HW.shape} rows and columns, {earlier.where} has {earlier.mask_HW.shape}"
            contents.problems.append(f"{where}: {sizes}")
        else:
            earlier.mask_HW[mask_HW] = True
    contents.images.update(names)
    for (stem, who), of_tasks in readings.items():
        for reading in sorted(of_tasks.values(), key=lambda reading: _time(reading.updated)):
            fields = {"image": stem, "annotator": who, "created_at": reading.updated, "source": reading.where}
            contents.drawings.append(Drawing.of(reading.mask_HW, **fields))
    contents.notes += [f"{note}: {num:,}" for note, num in notes.items() if num]
    return contents


def _time(text: str) -> datetime:
    """The time that CVAT writes as text, in UTC where it names no zone; the last there is for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _parsed(path: Path) -> ElementTree.Element:
    """The document's root; StudyError unless it is CVAT's for images."""
    try:
        with open(path, "rb") as file:
            if file.read(2) == b"PK":
                raise StudyError(f"{path}: a ZIP; unpack it and name its annotations.xml")
            file.seek(0)
            root = ElementTree.parse(file, ElementTree.XMLParser(target=_NoDoctype())).getroot()
    except OSError as error:
        raise StudyError(f"{path}: could not be read ({error.strerror})") from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise StudyError(f"{path}: not an XML file of CVAT ({one_line(error, 200)})") from None
    if root.tag != "annotations":
        raise StudyError(f"{path}: its root is <{root.tag}>, expected CVAT's <annotations>")
    if root.find("track") is not None:
        raise StudyError(f"{path}: is `CVAT for video`; export it as `CVAT for images 1.1`")
    return root


def _tasks(root: ElementTree.Element) -> dict[str, _Task]:
    """Each task by the id that images refer to; the export of one task or job holds one, whose id is ""."""
    meta = root.find("meta")
    if meta is None:
        return {}
    dumped = _text(meta, "dumped")
    project = meta.find("project")
    elements = (
        {_text(task, "id"): task for task in project.iterfind("tasks/task")}
        if project is not None
        else {"": next((e for tag in ("job", "task") if (e := meta.find(tag)) is not None), meta)}
    )
    return {
        key: _Task(
            _person(task, "assignee"),
            "" if task.tag == "job" else _person(task, "owner"),
            _text(task, "updated") or dumped,
        )
        for key, task in elements.items()
    }


def _person(task: ElementTree.Element, role: str) -> str:
    return _text(task, f"{role}/username") or _text(task, f"{role}/email") or _text(task, role)


def _text(element: ElementTree.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _image_mask(
    image: ElementTree.Element, size: tuple[int, int], where: str, options: ImportOptions, contents: FileContents
) -> np.ndarray | None:
    """All shapes of an image that count, united; None without any shape, or if one is wrong (added to `problems`)."""
    mask_HW = np.zeros(size, bool)
    num_shapes = num_wrong = 0
    for shape in image:
        label = shape.get("label", "")
        if shape.tag not in AREAS + NO_AREA:
            continue  # a tag is about the whole image
        contents.labels.add(label)
        num_shapes += 1
        if options.labels is not None and label not in options.labels:
            continue
        try:
            shape_HW = _shape_mask(shape, size)
            if not shape_HW.any():
                raise ValueError("marks no pixel; remove it there")
            mask_HW |= shape_HW
        except ValueError as error:
            contents.problems.append(f"{where}, {shape.tag} {one_line(label)!r}: {error}")
            num_wrong += 1
    return mask_HW if num_shapes and not num_wrong else None


def _shape_mask(shape: ElementTree.Element, size: tuple[int, int]) -> np.ndarray:
    """Pixels of one shape, bool; ValueError if it marks no area or is broken."""
    if shape.tag in NO_AREA:
        raise ValueError(f"a {shape.tag} marks no area; use polygon, box, ellipse or mask")
    if shape.tag == "polygon":
        try:
            points = [[float(c) for c in pair.split(",")] for pair in shape.get("points", "").split(";")]
        except ValueError:
            raise ValueError(f"points {shown(shape.get('points'))} are not x,y;x,y;...") from None
        return polygon_mask(points, size)
    if shape.tag == "mask":
        return _mask_mask(shape, size)
    degrees = _real(shape, "rotation") if "rotation" in shape.keys() else 0.0  # noqa: SIM118 - an Element is not a dict
    if shape.tag == "ellipse":
        centre = _real(shape, "cx"), _real(shape, "cy")
        return ellipse_mask(centre, (_real(shape, "rx"), _real(shape, "ry")), degrees, size)
    left, top, right, bottom = (_real(shape, key) for key in ("xtl", "ytl", "xbr", "ybr"))
    centre = (left + right) / 2, (top + bottom) / 2
    return rectangle_mask((left, top), (right - left, bottom - top), degrees, centre, size)


def _mask_mask(shape: ElementTree.Element, size: tuple[int, int]) -> np.ndarray:
    left, top, width, height = (_whole(shape, key) for key in ("left", "top", "width", "height"))
    if min(left, top) < 0 or min(width, height) < 1 or left + width > size[1] or top + height > size[0]:
        raise ValueError(f"a mask of {width} x {height} at ({left}, {top}) is not inside {size[1]} x {size[0]}")
    try:
        runs = np.array([int(run) for run in shape.get("rle", "").split(",")], np.int64)
    except (ValueError, OverflowError):
        raise ValueError(f"rle {shown(shape.get('rle'))} is not a list of whole numbers") from None
    if (runs < 0).any() or (runs > MAX_SIDE**2).any() or runs.sum() != width * height:
        raise ValueError(f"rle sums to {runs.sum()}, its box has {width} x {height} = {width * height} pixels")
    mask_HW = np.zeros(size, bool)
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask_HW[top : top + height, left : left + width] = inside.reshape(height, width)
    return mask_HW


def _real(element: ElementTree.Element, key: str) -> float:
    try:
        value = float(element.get(key, ""))
    except ValueError:
        value = math.nan
    if not abs(value) <= MAX_NUMBER:  # written so that NaN fails
        raise ValueError(f"{key} is {shown(element.get(key))}, expected a number within {MAX_NUMBER:.0e}")
    return value


def _whole(element: ElementTree.Element, key: str) -> int:
    value = _real(element, key)
    if value != int(value):
        raise ValueError(f"{key} is {shown(element.get(key))}, expected a whole number")
    return int(value)
