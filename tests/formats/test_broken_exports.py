"""Broken exports of Label Studio, CVAT, COCO and cheXlocalize: contents or a refusal, and no drawing lost in silence.

1,000 seeded mutations per reader: 500 of the structure and 500 of the bytes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from annotation_files import (
    ASSIGNEE,
    BRUSH,
    COLS,
    CVAT_BOX,
    CVAT_MASK,
    META,
    RECTANGLE,
    ROWS,
    annotation,
    coco,
    cvat,
    cvat_image,
    polygon_of,
    shape,
    task,
)
from mutations import STRANGE, answered, json_bytes, mutated_bytes, mutated_json
from sightline.formats.annotations import FileContents, ImportOptions
from sightline.formats.chexlocalize import read_chexlocalize
from sightline.formats.coco import read_coco
from sightline.formats.cvat import read_cvat
from sightline.formats.label_studio import read_label_studio
from sightline.study.errors import StudyError

ELLIPSE = shape("ellipselabels", "Effusion", x=50, y=50, radiusX=12.5, radiusY=50, rotation=3)
POLYGON = shape("polygonlabels", "Pneumonia", points=[[0, 0], [100, 0], [100, 50], [0, 50]], closed=True)
PLAIN = {"size": [ROWS, COLS], "counts": [5, 3, 40]}
PACKED = {"size": [ROWS, COLS], "counts": "1421R1"}
CVAT_SHAPES = (
    CVAT_BOX
    + CVAT_MASK
    + '<polygon label="device" points="0.00,0.00;8.00,0.00;8.00,3.00" occluded="0"/>'
    + '<ellipse label="opacity" cx="4.00" cy="3.00" rx="3.00" ry="1.00" rotation="90.00"/>'
)
DOCUMENTS: dict[str, Any] = {
    "label-studio": [
        task(1, "/data/upload/1/0badcafe-a.png", annotation(1, [BRUSH, RECTANGLE, ELLIPSE], by={"id": 1})),
        task(2, "b.png", annotation(2, [POLYGON]), annotation(3, [], by=2, was_cancelled=True), annotation(4, [])),
    ],
    "coco": coco(
        {"segmentation": [polygon_of(0, 2, 0, 2)], "attributes": {"annotator": "ben", "annotation": "a-1"}},
        {"segmentation": PLAIN, "iscrowd": 1},
        {"segmentation": [], "bbox": [2, 3, 4, 2], "area": 8},
    ),
    "chexlocalize": {"p.png": {"img_size": [6, 8], "E": [[[0, 0], [5, 0], [5, 5]]]}, "q": {"E": PLAIN, "F": PLAIN}},
    "cvat": cvat(
        cvat_image(CVAT_SHAPES) + cvat_image(CVAT_BOX, "b.png", 1), META.format(assignee=ASSIGNEE)
    ),
}  # fmt: skip
READERS: dict[str, Callable[[Path, ImportOptions], FileContents]] = {
    "label-studio": read_label_studio,
    "coco": read_coco,
    "chexlocalize": read_chexlocalize,
    "cvat": read_cvat,
}


def options_of(name: str, rng: np.random.Generator) -> ImportOptions:
    labels = {"label-studio": ["Pneumonia"], "coco": ["opacity"], "chexlocalize": ["E"], "cvat": ["opacity"]}[name]
    images = {"a": (ROWS, COLS), "b": (ROWS, COLS), "p": (ROWS, COLS), "q": (ROWS, COLS)}
    return ImportOptions(
        images=images if rng.random() < 0.5 else None,
        labels=labels if name == "chexlocalize" or rng.random() < 0.5 else None,
        annotator="x" if name == "chexlocalize" or rng.random() < 0.5 else None,
    )


def mutated_xml(text: str, rng: np.random.Generator) -> bytes:
    """An XML document with 1 to 3 changes: an element or attribute deleted, doubled, renamed, or its text replaced."""
    root = ElementTree.fromstring(text.encode())
    for _ in range(rng.integers(1, 4)):
        parents = [element for element in root.iter() if len(element)]
        if not parents:
            break
        parent = parents[rng.integers(len(parents))]
        child = parent[rng.integers(len(parent))]
        keys = sorted(child.keys())
        strange = "".join(c for c in str(STRANGE[rng.integers(len(STRANGE))]) if c.isprintable())
        kind = rng.integers(6)
        if kind == 0:
            parent.remove(child)
        elif kind == 1:
            parent.insert(int(rng.integers(len(parent))), copy.deepcopy(child))
        elif kind == 2 and rng.random() < 0.3:
            child.tag = ["image", "box", "tag", "track", "x"][rng.integers(5)]
        elif kind == 3 and keys:
            del child.attrib[keys[rng.integers(len(keys))]]
        elif keys:
            child.set(keys[rng.integers(len(keys))], strange)
        else:
            child.text = strange
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", READERS)
def test_a_thousand_broken_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    document = DOCUMENTS[name]
    whole = document.encode() if name == "cvat" else json_bytes(document)
    num_read = 0
    for number in range(1000):
        rng = np.random.default_rng([16, number])
        if number % 2:
            content = mutated_bytes(whole, rng)
        else:
            content = mutated_xml(document, rng) if name == "cvat" else json_bytes(mutated_json(document, rng))
        options = options_of(name, rng)
        found = answered(lambda path, options=options: READERS[name](path, options), tmp_path / "x", content)
        num_read += isinstance(found, FileContents) and not found.problems
    assert 50 < num_read < 950


JUNK = [None, True, -1, 1e308, float("nan"), 10**30, "", "\x00", [], [[]], [None], {}, [[1, 2], [3, 4]]]


def places_in(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value in a JSON document, of long lists to the first four."""
    yield path
    inside = document.items() if isinstance(document, dict) else enumerate(document[:4])
    for key, value in inside:
        if isinstance(value, dict | list):
            yield from places_in(value, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", ["label-studio", "coco", "chexlocalize"])
def test_junk_at_any_place_is_told_and_loses_no_drawing(tmp_path: Path, name: str) -> None:
    """Junk in place of a single value never makes a drawing vanish without a word; an empty list says there is none."""
    options = ImportOptions(labels=["E"] if name == "chexlocalize" else None, annotator="x")
    path = tmp_path / "x.json"
    path.write_bytes(json_bytes(DOCUMENTS[name]))
    before = READERS[name](path, options)
    num_read = num_told = 0
    for place in places_in(DOCUMENTS[name]):
        for junk in JUNK:
            document: Any = {"whole": copy.deepcopy(DOCUMENTS[name])}
            inner, key = document, "whole"
            for step in place:
                inner, key = inner[key], step
            is_single = not isinstance(inner[key], dict | list)
            inner[key] = junk
            found = answered(lambda path: READERS[name](path, options), path, json_bytes(document["whole"]))
            if isinstance(found, StudyError):
                num_told += 1
                continue
            is_told = bool(found.problems or found.num_nameless) or found.num_skipped > before.num_skipped
            num_told += is_told
            num_read += not is_told
            assert is_told or not is_single or found.notes != before.notes or num_drawn(found) == num_drawn(before)
    assert num_told > num_read / 4  # much is not looked at, as ids and dates, and may hold anything


def num_drawn(contents: FileContents) -> int:
    return sum(len(drawing.counts) > 1 for drawing in contents.drawings)
