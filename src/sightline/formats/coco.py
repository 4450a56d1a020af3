"""COCO's JSON, in and out. Format: https://cocodataset.org/#format-data, and pycocotools' mask.py for the run lengths.

COCO has no field for the annotator. Ours is in an annotation's `attributes`, where CVAT and Datumaro put theirs. Those
who saw no region, which an annotation cannot say, are in `info`. COCO readers ignore both.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask  # type: ignore[import-untyped]

from sightline.formats.annotations import Annotation, Drawing, FileContents, ImportOptions
from sightline.formats.fields import name_of, number, of_type, read_json, size_from, text_of
from sightline.formats.rle import segmentation_mask
from sightline.formats.shapes import polygon_mask, rectangle_mask
from sightline.names import stem_of
from sightline.study.errors import StudyError


def read_coco(path: Path, options: ImportOptions) -> FileContents:
    """The drawings of a COCO file: all annotations of an image by one annotator united.

    Annotations whose attributes name different `annotation`s, as ours do, stay apart: they are repeated readings. The
    annotator is the one of the annotation or of its attributes, else the one the user names, else `info.contributor`.
    What is wrong with single images and annotations goes into `problems`.
    """
    document = read_json(path)
    try:
        images_list, annotations = of_type(document, "images", list), of_type(document, "annotations", list)
        listed = of_type(document, "categories", list) if "categories" in document else []
        categories = {of_type(c, "id", int): of_type(c, "name", str) for c in listed}
    except ValueError as error:
        raise StudyError(f"{path}: not a COCO file: {error}") from None
    contents = FileContents(labels=set(categories.values()))
    images = _images(images_list, contents)
    groups: dict[tuple[int, str, str], list[dict[str, Any]]] = {}
    for place, annotation in enumerate(annotations, start=1):
        where = _where(annotation, place)
        try:
            image = of_type(annotation, "image_id", int)
            if image not in images:
                raise ValueError(f"image_id {image} is not among the images")
            category = of_type(annotation, "category_id", int) if categories else None
            if categories and category not in categories:
                raise ValueError(f"category_id {category} is not among the categories")
        except ValueError as error:
            contents.problems.append(f"{where}: {error}")
            continue
        if options.labels is not None and (category is None or categories[category] not in options.labels):
            continue
        attributes = annotation.get("attributes")
        who = name_of(annotation.get("annotator")) or _annotator_of(attributes, document, options)
        if not who:
            contents.num_nameless += 1
            continue
        key = (image, who, text_of(attributes, "annotation"))
        groups.setdefault(key, []).append({**annotation, "where": where})
    for (image, who, _), members in groups.items():
        _unite(members, *images[image], who, document, contents)
    _add_empty(document, images, contents)
    return contents


def _images(images_list: list[Any], contents: FileContents) -> dict[int, tuple[str, tuple[int, int]]]:
    """Stem and (rows, columns) of each image by its id."""
    images: dict[int, tuple[str, tuple[int, int]]] = {}
    stems: dict[str, int] = {}
    for place, image in enumerate(images_list, start=1):
        try:
            number_ = of_type(image, "id", int)
            stem = stem_of(of_type(image, "file_name", str))
            size = size_from(image.get("height"), image.get("width"))
            if number_ in images:
                raise ValueError(f"id {number_} belongs to an earlier image too")
            if stem in stems:
                raise ValueError(f"has the name {stem!r} of image {stems[stem]}; names must differ without folders")
        except ValueError as error:
            contents.problems.append(f"image {place}: {error}")
            continue
        images[number_], stems[stem] = (stem, size), number_
    return images


def _where(annotation: Any, place: int) -> str:
    return f"annotation {annotation.get('id', place) if isinstance(annotation, dict) else place}"


def _annotator_of(attributes: Any, document: dict[str, Any], options: ImportOptions) -> str:
    stated = name_of(attributes.get("annotator")) if isinstance(attributes, dict) else ""
    info = document.get("info")
    return stated or options.annotator or (name_of(info.get("contributor")) if isinstance(info, dict) else "")


def _unite(
    members: list[dict[str, Any]],
    stem: str,
    size: tuple[int, int],
    who: str,
    document: dict[str, Any],
    contents: FileContents,
) -> None:
    """Adds the drawing of all `members` to `contents`, or what is wrong with them."""
    mask_HW = np.zeros(size, bool)
    wrong = []
    for annotation in members:
        try:
            shape_HW = _segmentation_mask(annotation, size)
            if not shape_HW.any():
                raise ValueError("marks no pixel; remove it")
            mask_HW |= shape_HW
        except ValueError as error:
            wrong.append(f"{annotation['where']}: {error}")
    contents.problems += wrong
    if wrong:
        return
    attributes = members[0].get("attributes")
    info = document.get("info")
    created_at = text_of(attributes, "created_at") or text_of(members[0], "created_at") or text_of(info, "date_created")
    fields = {
        "image": stem,
        "annotator": who,
        "created_at": created_at,
        "profession": text_of(attributes, "profession"),
    }
    contents.drawings.append(Drawing.of(mask_HW, source=members[0]["where"], **fields))


def _segmentation_mask(annotation: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    """Pixels of one annotation: of its polygons or run lengths, or of its box if it has no segmentation."""
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        return segmentation_mask(segmentation, size)
    if segmentation:
        parts = of_type(annotation, "segmentation", list)
        mask_HW = np.zeros(size, bool)
        for flat in parts:
            if not isinstance(flat, list) or len(flat) % 2:
                raise ValueError("a polygon is not a list of x, y, x, y, ...")
            mask_HW |= polygon_mask(list(zip(flat[::2], flat[1::2], strict=True)), size)
        return mask_HW
    box = of_type(annotation, "bbox", list)
    if len(box) != 4:
        raise ValueError("bbox is not x, y, width, height")
    x, y, width, height = (number(dict(enumerate(box)), i) for i in range(4))  # type: ignore[arg-type]
    return rectangle_mask((x, y), (width, height), 0.0, (x, y), size)


def _add_empty(
    document: dict[str, Any], images: dict[int, tuple[str, tuple[int, int]]], contents: FileContents
) -> None:
    """Adds those who saw no region, which only our own files state."""
    info = document.get("info")
    stated = info.get("no_region") if isinstance(info, dict) else None
    for place, entry in enumerate(stated if isinstance(stated, list) else [], start=1):
        where = f"info.no_region {place}"
        try:
            stem, size = images[of_type(entry, "image_id", int)]
            who = of_type(entry, "annotator", str)
        except KeyError:
            contents.problems.append(f"{where}: image_id {entry['image_id']} is not among the images")
            continue
        except ValueError as error:
            contents.problems.append(f"{where}: {error}")
            continue
        fields = {key: text_of(entry, key) for key in ("created_at", "profession")}
        contents.drawings.append(Drawing.of(np.zeros(size, bool), image=stem, annotator=who, source=where, **fields))


def coco_document(rows: Iterable[Annotation], finding: str) -> dict[str, Any]:
    """A COCO document with one annotation per row, in the category `finding`, its run lengths compressed.

    Sorted by image and annotation, so that the same rows give the same document. An annotation without a region is an
    entry of info.no_region: {image_id, annotation, annotator, profession, created_at}. StudyError where the masks of an
    image differ in size.
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
    annotations: list[dict[str, Any]] = []
    no_region: list[dict[str, Any]] = []
    for row in ordered:
        who = {key: getattr(row, key) for key in ("annotation", "annotator", "profession", "created_at")}
        if not row.mask.any():
            no_region.append({"image_id": ids[row.image], **who})
            continue
        packed = coco_mask.encode(np.asfortranarray(row.mask, np.uint8))
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": ids[row.image],
                "category_id": 1,
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
        "info": {"description": f"Where readers saw {finding}", "version": "1.0", "no_region": no_region},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": finding, "supercategory": ""}],
    }
