"""COCO's JSON, in and out. Format: https://cocodataset.org/#format-data, and pycocotools' mask.py for the run lengths.

COCO has no field for the annotator. Ours is in an annotation's `attributes`, where CVAT and Datumaro put theirs. Those
who saw no region, which an annotation cannot say, are in `info`. COCO readers ignore both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

from sightline.formats.annotations import Annotation, Drawing, FileContents, ImportOptions
from sightline.formats.coco_shapes import annotation_mask
from sightline.formats.fields import name_of, of_type, one_line, read_json, shown, size_from, text_of
from sightline.formats.file_names import image_at
from sightline.study.errors import StudyError

TOOLS = {"label studio", "roboflow"}  # write their own names as the contributor: all their users' marks in one
NO_CATEGORY = "annotations without a category were left out, since labels were chosen"
SCORED = "annotations with a score, as a model's detections have; check that a reader drew them"


@dataclass
class _Reading:
    """The annotations of an image by one reader at one time."""

    image: str
    size: tuple[int, int]
    annotator: str
    where: str
    """The first annotation's place in the file."""
    members: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Those that count, each with its place; none where the reader marked other findings alone."""
    first: dict[str, Any] = field(default_factory=dict)
    """The first annotation, counting or not."""


def read_coco(path: Path, options: ImportOptions) -> FileContents:
    """The drawings of a COCO file: all annotations of an image by one annotator united.

    Annotations whose attributes name different `annotation`s, as ours do, stay apart: they are repeated readings. The
    annotator is the one of the annotation or of its attributes, else the one the user names, else `info.contributor`
    unless that is a tool. Where labels are chosen, an image that someone annotated with others alone is an empty
    drawing. What is wrong with single images and annotations goes into `problems`.
    """
    document = read_json(path)
    try:
        images_list, annotations = of_type(document, "images", list), of_type(document, "annotations", list)
        categories = _categories(of_type(document, "categories", list) if "categories" in document else [])
    except ValueError as error:
        raise StudyError(f"{path}: not a COCO file: {error}") from None
    contents = FileContents(labels=set(categories.values()))
    images = _images(images_list, options, contents)
    notes: Counter[str] = Counter()
    readings: dict[tuple[str, str, str], _Reading] = {}
    for place, annotation in enumerate(annotations, start=1):
        where = f"annotation {one_line(annotation.get('id', place) if isinstance(annotation, dict) else place, 20)}"
        try:
            image, label = _references(annotation, images, categories)
        except ValueError as error:
            contents.problems.append(f"{where}: {error}")
            continue
        attributes = annotation.get("attributes")
        who = name_of(annotation.get("annotator")) or _annotator_of(attributes, document, options)
        if not who:
            contents.num_nameless += 1
            continue
        key = (image, who, text_of(attributes, "annotation"))
        if _is_left_out(attributes, options):
            continue
        reading = readings.setdefault(key, _Reading(*images[image], who, where, first=annotation))
        notes[SCORED] += isinstance(annotation.get("score"), float)
        if options.labels is None or label in options.labels:
            reading.members.append((where, annotation))
        else:
            notes[NO_CATEGORY] += label is None
    for reading in readings.values():
        _unite(reading, document, contents)
    _add_empty(document, images, contents, options)
    contents.notes += [f"{note}: {num:,}" for note, num in notes.items() if num]
    return contents


def _is_left_out(fields: Any, options: ImportOptions) -> bool:
    """Whether it is of a finding that does not count, in a file of ours that keeps each finding apart."""
    finding = text_of(fields, "finding") if isinstance(fields, dict) else ""
    return bool(finding) and options.labels is not None and finding not in options.labels


def _id(item: Any, key: str) -> str:
    """item[key] as text, so that 1, 1.0 and "1" are one id; ValueError unless it is a whole number or a text."""
    value = of_type(item, key, int, float, str)
    if isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{key} is {shown(value)}, expected a whole number or a text")
    return one_line(int(value) if isinstance(value, float) else value, 200)


def _categories(listed: list[Any]) -> dict[str, str]:
    """Each category's name by its id; ValueError where an id has two names. A name may have two ids."""
    categories: dict[str, str] = {}
    for item in listed:
        number_, name = _id(item, "id"), of_type(item, "name", str)
        if categories.setdefault(number_, name) != name:
            raise ValueError(f"category {number_} has two names, {shown(categories[number_])} and {shown(name)}")
    return categories


def _images(
    images_list: list[Any], options: ImportOptions, contents: FileContents
) -> dict[str, tuple[str, tuple[int, int]]]:
    """Stem and (rows, columns) of each image by its id. An entry that is there twice, word for word, is one image."""
    images: dict[str, tuple[str, tuple[int, int]]] = {}
    stems: dict[str, str] = {}
    for place, image in enumerate(images_list, start=1):
        try:
            number_ = _id(image, "id")
            stem = image_at(of_type(image, "file_name", str), options.images)
            size = size_from(image.get("height"), image.get("width"))
            if not stem:
                raise ValueError("its file_name is empty")
            if number_ in images and images[number_] != (stem, size):
                raise ValueError(f"id {number_} belongs to an earlier image too")
            if stems.setdefault(stem, number_) != number_:
                raise ValueError(
                    f"has the name {shown(stem)} of image {stems[stem]}; names must differ without folders, "
                    "and an image must have one id"
                )
        except ValueError as error:
            contents.problems.append(f"image {place}: {error}")
            continue
        images[number_] = (stem, size)
    contents.images.update(stems)
    return images


def _references(
    annotation: Any, images: Mapping[str, tuple[str, tuple[int, int]]], categories: Mapping[str, str]
) -> tuple[str, str | None]:
    """The id of an annotation's image, and its label; ValueError if the file has no such image or category."""
    image = _id(annotation, "image_id")
    if image not in images:
        raise ValueError(f"image_id {image} is not among the images")
    category = _id(annotation, "category_id") if categories else None
    if category is not None and category not in categories:
        raise ValueError(f"category_id {category} is not among the categories")
    return image, None if category is None else categories[category]


def _annotator_of(attributes: Any, document: dict[str, Any], options: ImportOptions) -> str:
    stated = name_of(attributes.get("annotator")) if isinstance(attributes, dict) else ""
    info = document.get("info")
    contributor = name_of(info.get("contributor")) if isinstance(info, dict) else ""
    return stated or options.annotator or ("" if contributor.lower() in TOOLS else contributor)


def _unite(reading: _Reading, document: dict[str, Any], contents: FileContents) -> None:
    """Adds the drawing of a reading to `contents`, or what is wrong with its annotations."""
    mask_HW = np.zeros(reading.size, bool)
    wrong = []
    for where, annotation in reading.members:
        try:
            shape_HW = annotation_mask(annotation, reading.size)
            if not shape_HW.any():
                raise ValueError("marks no pixel; remove it")
            mask_HW |= shape_HW
        except ValueError as error:
            wrong.append(f"{where}: {error}")
    contents.problems += wrong
    if wrong:
        return
    first = reading.members[0][1] if reading.members else reading.first
    attributes, info = first.get("attributes"), document.get("info")
    created_at = text_of(attributes, "created_at") or text_of(first, "created_at") or text_of(info, "date_created")
    fields = {"image": reading.image, "annotator": reading.annotator, "created_at": created_at}
    profession = text_of(attributes, "profession")
    fields |= {"repeat": _repeat_of(attributes), "finding": text_of(attributes, "finding")}
    contents.drawings.append(Drawing.of(mask_HW, source=reading.where, profession=profession, **fields))


def _repeat_of(fields: Any) -> str:
    """Which reading of the image by the reader it is, "0" for the first; "" unless the file is one of ours.

    Ours name the `annotation` beside it; another tool's attribute of this name may mean anything.
    """
    # annotation tools that pass our attributes on may have made a text of the number
    text = str(fields.get("repeat")) if isinstance(fields, dict) and text_of(fields, "annotation") else ""
    return text if text.isascii() and text.isdigit() else ""


def _add_empty(
    document: dict[str, Any],
    images: Mapping[str, tuple[str, tuple[int, int]]],
    contents: FileContents,
    options: ImportOptions,
) -> None:
    """Adds those who saw no region, which only our own files state."""
    info = document.get("info")
    stated = info.get("no_region") if isinstance(info, dict) else None
    for place, entry in enumerate(stated if isinstance(stated, list) else [], start=1):
        where = f"info.no_region {place}"
        try:
            image, _ = _references(entry, images, {})
            who = of_type(entry, "annotator", str).strip()
        except ValueError as error:
            contents.problems.append(f"{where}: {error}")
            continue
        if not who:
            contents.num_nameless += 1
            continue
        if _is_left_out(entry, options):
            continue
        stem, size = images[image]
        fields = {key: text_of(entry, key) for key in ("created_at", "profession", "finding")}
        fields["repeat"] = _repeat_of(entry)
        contents.drawings.append(Drawing.of(np.zeros(size, bool), image=stem, annotator=who, source=where, **fields))


def coco_document(rows: Iterable[Annotation], finding: str) -> dict[str, Any]:
    """A COCO document with one annotation per row, its run lengths compressed, in the category of the row's finding.

    A row that states none is in the category `finding`; attributes repeat the finding that a row states.
    Sorted by image and annotation, so that the same rows give the same document. An annotation without a region is an
    entry of info.no_region: {image_id, annotation, annotator, profession, created_at}. Both state `repeat` where the
    row does. StudyError where the masks of an image differ in size.
    """
    ordered = sorted(rows, key=lambda row: (row.image, row.annotation))
    sizes: dict[str, tuple[int, ...]] = {}
    problems = []
    for row in ordered:
        if sizes.setdefault(row.image, row.mask.shape) != row.mask.shape:
            problems.append(f"image {row.image!r}: masks of {sizes[row.image]} and {row.mask.shape} rows and columns")
    if problems:
        raise StudyError("an image has one size in COCO; export the annotations of one copy of it", problems)
    ids = {image: number_ for number_, image in enumerate(sizes, start=1)}
    named = sorted({row.finding for row in ordered} - {""})
    names = named if named and all(row.finding for row in ordered) else [finding, *(n for n in named if n != finding)]
    categories = {name: number_ for number_, name in enumerate(names, start=1)}
    annotations: list[dict[str, Any]] = []
    no_region: list[dict[str, Any]] = []
    for row in ordered:
        who = {key: getattr(row, key) for key in ("annotation", "annotator", "profession", "created_at")}
        who |= {} if row.repeat is None else {"repeat": row.repeat}
        who |= {"finding": row.finding} if row.finding else {}
        if not row.mask.any():
            no_region.append({"image_id": ids[row.image], **who})
            continue
        packed = coco_mask.encode(np.asfortranarray(row.mask, np.uint8))
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": ids[row.image],
                "category_id": categories[row.finding or finding],
                "segmentation": {"size": list(row.mask.shape), "counts": packed["counts"].decode("ascii")},
                "area": int(row.mask.sum()),
                "bbox": [float(side) for side in coco_mask.toBbox(packed)],
                "iscrowd": 1,
                "attributes": who,
            }
        )
    images = [
        {"id": ids[image], "file_name": f"{image}.png", "width": size[1], "height": size[0]}
        for image, size in sizes.items()
    ]
    return {
        "info": {"description": f"Where readers saw {', '.join(names)}", "version": "1.0", "no_region": no_region},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number_, "name": name, "supercategory": ""} for name, number_ in categories.items()],
    }
