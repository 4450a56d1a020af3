"""Label Studio's JSON and JSON-MIN exports -> drawings, one per annotation and image.

Brushes come as Label Studio's own run lengths of RGBA bytes; polygons, rectangles and ellipses in percent of the
image's sides. An annotation submitted without a region that counts is a drawing without a pixel; a cancelled or skipped
one is counted and left out; predictions and drafts are nobody's. A task may show several images, each in an <Image> tag
of its own: a region lies on the image of its `to_name`. Format: https://labelstud.io/guide/task_format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.brush_rle import brush_mask
from sightline.formats.fields import MAX_NUMBER, name_of, number, of_type, one_line, read_json, size_from, text_of
from sightline.formats.file_names import image_at, looks_like_image
from sightline.formats.shapes import OVERSHOOT, ellipse_mask, polygon_mask, rectangle_mask
from sightline.study.errors import StudyError

NO_REGION = {"choices", "textarea", "rating", "number", "datetime", "taxonomy", "pairwise", "ranker", "relation"}
OF_A_SHAPE = {"rle", "points", "vertices", "radiusX", "width"}  # each shape of JSON-MIN has one of them

OTHER_VIEW = "regions on images that are not the study's, other views of a task, were left out"
NO_LABEL = "regions without a label were left out, since labels were chosen"
ERASED = "brushes without a pixel, erased again, were left out"
PROPOSED = "regions are a model's proposals that a reader accepted as they were; such readers are not independent"
NO_SIZE = "readings of a task's other view, without a region and of unknown size, were left out"

View = tuple[str, int]  # the key of a task's data, and the place where its value is a list of images


@dataclass(frozen=True)
class _Annotation:
    """One annotation that counts, of either form of the file."""

    where: str
    annotator: str
    created_at: str
    result: Any
    """The regions and answers, not yet checked."""
    views: dict[View, str]
    """The stem of each image of its task."""
    data_keys: set[str]


@dataclass
class _File:
    """What is collected while a file is read."""

    contents: FileContents = field(default_factory=FileContents)
    counts: Counter[str] = field(default_factory=Counter)
    """How often each note applies."""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    """(rows, columns) of each image on which something is drawn."""


def read_label_studio(path: Path, options: ImportOptions) -> FileContents:
    """The drawings of an export; what is wrong with single annotations goes into `problems`.

    Where `options` name the images, regions on a task's other images are left out with a note. An annotation gives a
    drawing on each image of its task.
    """
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise StudyError(f"{path}: not a list of tasks; export the project as JSON or JSON-MIN")
    file = _File()
    contents = file.contents
    empty: list[tuple[bool, dict[str, str]]] = []
    for place, task in enumerate(tasks, start=1):
        for annotation in _annotations_of(task, place, options, contents):
            try:
                drawn = _drawn(annotation, options, file)
            except ValueError as error:
                contents.problems.append(f"{annotation.where}: {error}")
                continue
            who = annotation.annotator or options.annotator or ""
            if not who:
                contents.num_nameless += 1
                continue
            fields = {"annotator": who, "created_at": annotation.created_at, "source": annotation.where}
            for image, mask_HW in drawn.items():
                if mask_HW is None:
                    empty.append((len(drawn) == 1, {"image": image, **fields}))
                else:
                    contents.drawings.append(Drawing.of(mask_HW, image=image, **fields))
    for is_only, fields in empty:  # an annotation without a shape states no size: another one of its image may
        size = options.size_of(fields["image"]) or file.sizes.get(fields["image"])
        if size is not None:
            contents.drawings.append(Drawing.of(np.zeros(size, bool), **fields))
        elif is_only:
            image = one_line(fields["image"])
            contents.problems.append(f"{fields['source']}: no region, and nothing states the size of image {image!r}")
        else:
            file.counts[NO_SIZE] += 1
    contents.notes += [f"{note}: {num:,}" for note, num in file.counts.items() if num]
    return contents


def _annotations_of(
    task: dict[str, Any], place: int, options: ImportOptions, contents: FileContents
) -> Iterator[_Annotation]:
    """Each annotation of a task that counts; the task's images go into `contents`, whether annotated or not."""
    of_task = f"task {one_line(task.get('id', place), 20)}"
    is_min = "annotations" not in task and ("annotation_id" in task or "annotator" in task)  # JSON-MIN: one annotation
    try:
        data = task if is_min else of_type(task, "data", dict)
        annotations = [task] if is_min else of_type(task, "annotations", list)
        views = _views(task, data, options)
    except ValueError as error:
        contents.problems.append(f"{of_task}: {error}")
        return
    contents.images.update(views.values())
    for annotation in annotations:
        fields = annotation if isinstance(annotation, dict) else {}
        if fields.get("was_cancelled"):
            contents.num_skipped += 1
            continue
        result = fields.get("result")
        if is_min:
            shapes = [shape for values in task.values() if isinstance(values, list) for shape in values]
            result = [{**s, "value": s} for s in shapes if isinstance(s, dict) and OF_A_SHAPE & s.keys()]
        yield _Annotation(
            where=f"{of_task}, annotation {one_line(fields.get('annotation_id' if is_min else 'id'), 20)}",
            annotator=name_of(fields.get("annotator" if is_min else "completed_by")),
            created_at=text_of(fields, "created_at"),
            result=result,
            views=views,
            data_keys=set(data),
        )


def _views(task: dict[str, Any], data: dict[str, Any], options: ImportOptions) -> dict[View, str]:
    """The stem of each image that the task's data names, or the uploaded file's; ValueError if there is none."""
    addresses: dict[View, str] = {}
    for key, value in data.items():
        for place, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, str) and looks_like_image(item):
                addresses[key, place] = item
    if not addresses:
        others = [address for address in (text_of(data, "image"), text_of(task, "file_upload")) if address]
        if not others:
            raise ValueError("its data names no image")
        addresses["image", 0] = max(others, key=looks_like_image)  # the first, unless the second alone looks like one
    return {view: image_at(address, options.images) for view, address in addresses.items()}


def _drawn(annotation: _Annotation, options: ImportOptions, file: _File) -> dict[str, np.ndarray | None]:
    """The pixels of an annotation on each image of its task that counts, bool, None where nothing is drawn.

    ValueError for a wrong shape. An image that is not among the study's counts only where its task has no other.
    """
    shapes = _shapes_of(annotation)
    stems = list(dict.fromkeys(annotation.views.values()))
    known = [stem for stem in stems if options.images is None or stem in options.images]
    drawn: dict[str, np.ndarray | None] = dict.fromkeys(known or stems)
    sizes: dict[str, tuple[int, int]] = {}
    labels = _labels_by_region(shapes)
    for shape in shapes:
        value = of_type(shape, "value", dict)
        names = labels.get(text_of(shape, "id"), set()) | _labels(value)
        file.contents.labels.update(names)
        image = _image_under(shape, annotation, shapes)
        if image not in drawn:
            file.counts[OTHER_VIEW] += 1
            continue
        if "image_rotation" in shape and number(shape, "image_rotation") % 360:
            raise ValueError("was drawn on a rotated image; rotate it back in Label Studio and export again")
        size = size_from(shape.get("original_height"), shape.get("original_width"))
        if sizes.setdefault(image, size) != size:
            raise ValueError(f"its shapes are of images of two sizes, {sizes[image]} and {size} (rows, columns)")
        mask_HW = drawn[image]
        if mask_HW is None:
            mask_HW = drawn[image] = np.zeros(size, bool)
        if options.labels is not None and not names & set(options.labels):
            file.counts[NO_LABEL] += not names
            continue
        shape_HW = _shape_mask(value, one_line(shape.get("type", "shape"), 20), size)
        file.counts[PROPOSED] += text_of(shape, "origin") == "prediction"
        if not shape_HW.any() and "rle" not in value:
            raise ValueError(f"a {one_line(shape.get('type', 'shape'), 20)} marks no pixel; remove it in Label Studio")
        file.counts[ERASED] += not shape_HW.any()
        mask_HW |= shape_HW
    file.sizes = sizes | file.sizes
    return drawn


def _shapes_of(annotation: _Annotation) -> list[dict[str, Any]]:
    """The regions among the results: no answers, and no spans of text or time."""
    result = annotation.result
    if not isinstance(result, list):
        of_type({"result": result}, "result", list)
    shapes = []
    for shape in result:
        if not isinstance(shape, dict):
            raise ValueError(f"a result is {one_line(repr(shape))}, expected an object")
        value = shape.get("value")
        is_span = isinstance(value, dict) and "start" in value and not OF_A_SHAPE & value.keys()
        if text_of(shape, "type") not in NO_REGION and not is_span:
            shapes.append(shape)
    return shapes


def _image_under(shape: dict[str, Any], annotation: _Annotation, shapes: list[dict[str, Any]]) -> str:
    """The stem of the image on which a region lies; ValueError if the file does not say."""
    tag, place = text_of(shape, "to_name"), shape.get("item_index", 0)
    views = annotation.views
    keys = {key for key, _ in views}
    if tag not in annotation.data_keys:  # a tag may have another name than the data that it shows
        is_only_tag = len({text_of(other, "to_name") for other in shapes}) == 1
        if is_only_tag and len(set(views.values())) == 1:
            return next(iter(views.values()))
        tag = next(iter(keys)) if is_only_tag and len(keys) == 1 else tag
    of_tag = {at: stem for (key, at), stem in views.items() if key == tag}
    if not of_tag:
        named = ", ".join(sorted(one_line(key, 20) for key in keys))
        raise ValueError(
            f"its data names {len(views)} images ({named}), and to_name {one_line(tag, 20)!r} is none of them; "
            "name <Image> tags as the data's keys, or set to_name to one, and export JSON, which keeps it"
        )
    if len(of_tag) > 1 and "item_index" not in shape:
        raise ValueError(f"{one_line(tag, 20)} holds {len(of_tag)} images, and a region does not say on which it lies")
    if not isinstance(place, int) or place not in of_tag:
        raise ValueError(f"item_index {one_line(place, 20)} is none of the {len(of_tag)} images of {one_line(tag, 20)}")
    return of_tag[place]


def _labels_by_region(shapes: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Labels by a region's id: the tags Rectangle and Labels write a region as two results of one id."""
    labels: dict[str, set[str]] = {}
    for shape in shapes:
        region, value = text_of(shape, "id"), shape.get("value")
        if region and isinstance(value, dict):
            labels.setdefault(region, set()).update(_labels(value))
    return labels


def _labels(value: dict[str, Any]) -> set[str]:
    lists = [texts for key, texts in value.items() if key.endswith("labels") and isinstance(texts, list)]
    return {text for texts in lists for text in texts if isinstance(text, str)}


def _shape_mask(value: dict[str, Any], kind: str, size: tuple[int, int]) -> np.ndarray:
    """Pixels of one shape, bool; ValueError if it has no readable area or reaches out of its image."""
    if "rle" in value:
        return brush_mask(value["rle"], *size)
    try:
        return _of_percent(value, kind, size)
    except ValueError as error:
        numbers = [item for point in _listed(value.get("points")) for item in _listed(point)]
        numbers += [value.get(key) for key in ("x", "y", "width", "height", "radiusX", "radiusY")]
        largest = max((abs(item) for item in numbers if _is_number(item)), default=0)
        if largest <= 100 * (1 + OVERSHOOT):
            raise
        raise ValueError(f"{error}; its numbers are percent of the image's sides and reach {largest:g}") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= MAX_NUMBER  # NaN fails


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _of_percent(value: dict[str, Any], kind: str, size: tuple[int, int]) -> np.ndarray:
    rows, cols = size
    if "points" in value:
        if value.get("closed") is False:
            raise ValueError("a polygon that was not closed; close it in Label Studio")
        points = of_type(value, "points", list)
        if not all(isinstance(p, list) and len(p) == 2 and all(map(_is_number, p)) for p in points):
            raise ValueError("a polygon's points are not pairs of numbers")
        return polygon_mask([(x * cols / 100, y * rows / 100) for x, y in points], size)
    if not {"x", "y"} <= value.keys() or not ({"width", "height"} <= value.keys() or "radiusX" in value):
        raise ValueError(f"a {kind} marks no area that can be read; use brush, polygon, rectangle or ellipse")
    at = number(value, "x") * cols / 100, number(value, "y") * rows / 100
    degrees = number(value, "rotation") if "rotation" in value else 0.0
    if "radiusX" in value:  # (x, y) is the centre, contrary to the tag's documentation: it is a Konva ellipse
        return ellipse_mask(
            at, (number(value, "radiusX") * cols / 100, number(value, "radiusY") * rows / 100), degrees, size
        )
    sides = number(value, "width") * cols / 100, number(value, "height") * rows / 100
    # (x, y) is the corner, about which it is rotated: HumanSignal/label-studio issue 5274
    return rectangle_mask(at, sides, degrees, at, size)
