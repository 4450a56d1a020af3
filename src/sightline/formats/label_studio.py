"""Label Studio's JSON and JSON-MIN exports -> drawings, one per annotation.

Brushes come as Label Studio's own run lengths of RGBA bytes; polygons, rectangles and ellipses in percent of the
image's sides. An annotation submitted without a region that counts is a drawing without a pixel; a cancelled or skipped
one is counted and left out. Format: https://labelstud.io/guide/task_format, and label-studio-converter, brush.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from sightline.formats.annotations import Drawing, FileContents, ImportOptions
from sightline.formats.fields import name_of, number, of_type, read_json, size_from, text_of
from sightline.formats.shapes import ellipse_mask, polygon_mask, rectangle_mask
from sightline.names import SUFFIXES, stem_of
from sightline.study.errors import StudyError

NO_REGION = {"choices", "textarea", "rating", "number", "datetime", "taxonomy", "pairwise", "ranker", "relation"}
OF_A_SHAPE = {"rle", "points", "vertices", "radiusX", "width"}  # each shape of JSON-MIN has one of them
UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(.+)")  # an upload puts 8 digits before the file's name


def read_label_studio(path: Path, options: ImportOptions) -> FileContents:
    """The drawings of an export; what is wrong with single annotations goes into `problems`."""
    tasks = read_json(path)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise StudyError(f"{path}: not a list of tasks; export the project as JSON or JSON-MIN")
    contents = FileContents()
    sizes: dict[str, tuple[int, int]] = {}
    empty: list[tuple[str, dict[str, str]]] = []
    for task_number, task in enumerate(tasks, start=1):
        for annotation in _annotations_of(task, contents, task_number):
            where = f"task {task.get('id', task_number)}, annotation {annotation['id']}"
            try:
                image = _image_of(task, annotation["data"], options)
                size, mask_HW = _drawing(of_type(annotation, "result", list), options, contents)
            except ValueError as error:
                contents.problems.append(f"{where}: {error}")
                continue
            fields = {"image": image, "annotator": annotation["annotator"] or options.annotator or ""}
            fields |= {"created_at": annotation["created_at"], "source": where}
            if not fields["annotator"]:
                contents.num_nameless += 1
            elif size is None or mask_HW is None:
                empty.append((where, fields))
            else:
                sizes.setdefault(image, size)
                contents.drawings.append(Drawing.of(mask_HW, **fields))
    for where, fields in empty:  # an annotation without a shape states no size: another one of its image may
        size = options.size_of(fields["image"]) or sizes.get(fields["image"])
        if size is None:
            contents.problems.append(f"{where}: no region, and nothing states the size of image {fields['image']!r}")
        else:
            contents.drawings.append(Drawing.of(np.zeros(size, bool), **fields))
    return contents


def _annotations_of(task: dict[str, Any], contents: FileContents, task_number: int) -> Iterator[dict[str, Any]]:
    """Each annotation that counts, of either form: id, annotator, created_at, data and result."""
    if "annotations" not in task and ("annotation_id" in task or "annotator" in task):  # JSON-MIN: one annotation
        shapes = [shape for values in task.values() if isinstance(values, list) for shape in values]
        yield {
            "id": task.get("annotation_id"),
            "annotator": name_of(task.get("annotator")),
            "created_at": text_of(task, "created_at"),
            "data": task,
            "result": [{**s, "value": s} for s in shapes if isinstance(s, dict) and OF_A_SHAPE & s.keys()],
        }
        return
    try:
        annotations, data = of_type(task, "annotations", list), of_type(task, "data", dict)
    except ValueError as error:
        contents.problems.append(f"task {task.get('id', task_number)}: {error}")
        return
    for annotation in annotations:
        fields = annotation if isinstance(annotation, dict) else {}
        if fields.get("was_cancelled"):
            contents.num_skipped += 1
            continue
        yield {
            "id": fields.get("id"),
            "annotator": name_of(fields.get("completed_by")),
            "created_at": text_of(fields, "created_at"),
            "data": data,
            "result": fields.get("result"),
        }


def _image_of(task: dict[str, Any], data: dict[str, Any], options: ImportOptions) -> str:
    """The image's stem, from the task's data or the uploaded file's name; ValueError unless they name exactly one."""
    names = [name for name in data.values() if isinstance(name, str) and _looks_like_image(name)]
    names = names or [name for name in (text_of(data, "image"), text_of(task, "file_upload")) if name]
    stems = list(dict.fromkeys(stem_of(_file_in(name)) for name in names))
    if options.images is not None:
        stems = list(dict.fromkeys(_without_prefix(stem, options) for stem in stems))
        stems = [stem for stem in stems if stem in options.images] or stems
    if len(stems) != 1:
        raise ValueError(f"its data names {len(stems)} images ({', '.join(stems) or 'none'}), expected one")
    return stems[0]


def _file_in(address: str) -> str:
    """The file's path in a URL, a storage link (`/data/local-files/?d=<path>`) or a plain path."""
    parts = urlsplit(address)
    inner = parse_qs(parts.query).get("d")
    return unquote(inner[0] if inner else parts.path or address)


def _looks_like_image(name: str) -> bool:
    return PurePosixPath(_file_in(name)).suffix.lower() in SUFFIXES


def _without_prefix(stem: str, options: ImportOptions) -> str:
    """The stem, without the 8 digits of an upload if a known image has only the rest as its name."""
    match = UPLOAD_PREFIX.fullmatch(stem)
    known = options.images or ()
    return match[1] if match and stem not in known and match[1] in known else stem


def _drawing(
    result: list[Any], options: ImportOptions, contents: FileContents
) -> tuple[tuple[int, int] | None, np.ndarray | None]:
    """Size and bool mask of the shapes of a result, both None if it has none at all; ValueError for a wrong shape."""
    size: tuple[int, int] | None = None
    mask_HW: np.ndarray | None = None
    for shape in result:
        if not isinstance(shape, dict) or text_of(shape, "type") in NO_REGION:
            continue
        value = of_type(shape, "value", dict)
        if "image_rotation" in shape and number(shape, "image_rotation") % 360:
            raise ValueError("was drawn on a rotated image; rotate it back in Label Studio and export again")
        shape_size = size_from(shape.get("original_height"), shape.get("original_width"))
        if size is not None and shape_size != size:
            raise ValueError(f"its shapes are of images of two sizes, {size} and {shape_size} (rows, columns)")
        size = shape_size
        if mask_HW is None:
            mask_HW = np.zeros(size, bool)
        names = [name for key, list_ in value.items() if key.endswith("labels") for name in _texts(list_)]
        contents.labels.update(names)
        if options.labels is None or set(names) & set(options.labels):
            mask_HW |= _shape_mask(value, str(shape.get("type", "shape")), size)
    return size, mask_HW


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _shape_mask(value: dict[str, Any], kind: str, size: tuple[int, int]) -> np.ndarray:
    """Pixels of one shape, bool; ValueError if it has no readable area."""
    rows, cols = size
    if "rle" in value:
        return brush_mask(value["rle"], rows, cols)
    if "points" in value:
        if value.get("closed") is False:
            raise ValueError("a polygon that was not closed; close it in Label Studio")
        points = of_type(value, "points", list)
        pairs = [
            p for p in points if isinstance(p, list) and len(p) == 2 and all(isinstance(c, int | float) for c in p)
        ]
        if len(pairs) != len(points):
            raise ValueError("a polygon's points are not pairs of numbers")
        return polygon_mask([(x * cols / 100, y * rows / 100) for x, y in pairs], size)
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


def brush_mask(packed: Any, rows: int, cols: int) -> np.ndarray:
    """Pixels whose alpha is above 0 in Label Studio's run lengths, bool `rows` x `cols`.

    A stream of bits. Its head: 32 bits, the number of values; 5 bits, their width less 1; four times 4 bits, the widths
    less 1 that a count may have. Then come blocks until all values are there: one bit, 1 for a run of one value and 0
    for single values; two bits, which of the four widths the count has; the count less 1; and the one value, or all of
    them. ValueError unless the values are RGBA of the whole image.
    """
    if not isinstance(packed, list) or not all(isinstance(b, int) and 0 <= b <= 255 for b in packed):
        raise ValueError("a brush's rle is not a list of bytes")
    stream = bytes(packed) + b"\0" * 8  # so that reads near the end have enough bits; reads beyond it fail
    at = 0

    def read(num_bits: int) -> int:
        nonlocal at
        if at > len(packed) * 8:
            raise ValueError("a brush's rle ends too early")
        word = int.from_bytes(stream[at >> 3 : (at >> 3) + 5], "big")
        value = (word >> (40 - (at & 7) - num_bits)) & ((1 << num_bits) - 1)
        at += num_bits
        return value

    num = read(32)
    width = read(5) + 1
    counts = [read(4) + 1 for _ in range(4)]
    if width != 8 or num != rows * cols * 4:
        expected = f"{rows * cols * 4} of 8: RGBA of {rows} x {cols}"
        raise ValueError(f"a brush's rle holds {num} values of {width} bits, expected {expected}")
    values = np.zeros(num, np.uint8)
    done = 0
    while done < num:
        is_run = read(1)
        end = done + 1 + read(counts[read(2)])
        if end > num:
            raise ValueError("a brush's rle holds more values than its image")
        if is_run:
            values[done:end] = read(8)
        else:
            num_bytes = end - done
            window = stream[at >> 3 : (at >> 3) + num_bytes + 1]
            if at + 8 * num_bytes > len(packed) * 8:
                raise ValueError("a brush's rle ends too early")
            bits = int.from_bytes(window, "big") >> (8 - (at & 7))
            values[done:end] = np.frombuffer((bits & ((1 << 8 * num_bytes) - 1)).to_bytes(num_bytes, "big"), np.uint8)
            at += 8 * num_bytes
        done = end
    if at > len(packed) * 8:
        raise ValueError("a brush's rle ends too early")
    return values.reshape(rows, cols, 4)[:, :, 3] > 0
