"""Annotation files as other tools write them, made in tests: on images of 6 rows and 8 columns."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from sightline.formats.annotations import FileContents

ROWS, COLS = 6, 8


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """Rows top..bottom-1 and columns left..right-1 of the 6 x 8 image."""
    mask = np.zeros((ROWS, COLS), bool)
    mask[top:bottom, left:right] = True
    return mask


def written(path: Path, document: Any) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def same(found: FileContents, expected: dict[tuple[str, str], np.ndarray]) -> bool:
    """Whether these are the drawings, pixel by pixel, of each (image, annotator), and nothing is wrong."""
    assert found.problems == []
    assert found.num_nameless == 0
    masks = {(drawing.image, drawing.annotator): drawing.mask for drawing in found.drawings}
    assert len(masks) == len(found.drawings)
    return masks.keys() == expected.keys() and all(np.array_equal(masks[key], expected[key]) for key in expected)


def packed(values: list[int], sizes: tuple[int, ...] = (3, 4, 8, 16)) -> list[int]:
    """Label Studio's run lengths, as its converter's encode_rle writes them: an inverse made apart from the decoder."""
    bits = f"{len(values):032b}{8 - 1:05b}" + "".join(f"{size - 1:04b}" for size in sizes)
    for value, run in groupby(values):
        left = len(list(run))
        while left:
            now = min(left, 1 << sizes[-1])
            which = next(i for i, size in enumerate(sizes) if now <= 1 << size)
            bits += ("1" if now > 1 else "0") + f"{which:02b}{now - 1:0{sizes[which]}b}{value:08b}"
            left -= now
    bits += "0" * (8 - len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def rgba(mask: np.ndarray, colour: tuple[int, int, int, int] = (255, 0, 0, 255)) -> list[int]:
    return np.where(mask[..., None], np.array(colour), 0).ravel().tolist()


def shape(kind: str, label: str, **value: Any) -> dict[str, Any]:
    return {
        "id": "Dx_aB91ISN", "from_name": "tag", "to_name": "img", "type": kind, "origin": "manual",
        "original_width": COLS, "original_height": ROWS, "image_rotation": 0,
        "value": {**value, kind: [label]},
    }  # fmt: skip


def annotation(number: int, result: list[dict[str, Any]], by: Any = 10, **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "completed_by": by, "result": result, "was_cancelled": False, "ground_truth": False,
        "created_at": "2026-03-09T22:16:08.728353Z", "updated_at": "2026-03-09T22:16:08.728378Z", "lead_time": 4.288,
        **fields,
    }  # fmt: skip


def task(number: int, image: str, *annotations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "data": {"image": image}, "annotations": list(annotations), "predictions": [], "drafts": [],
        "project": 83, "created_at": "2026-03-09T21:52:49.513742Z", **fields,
    }  # fmt: skip


BRUSH = shape("brushlabels", "Pneumonia", format="rle", rle=packed(rgba(box(1, 4, 2, 6))))
RECTANGLE = shape("rectanglelabels", "Pneumonia", x=25.0, y=50.0, width=50.0, height=100 / 3, rotation=0)


META = """<meta><task><id>7</id><name>lungs</name><size>2</size><mode>annotation</mode>
  <created>2026-05-01 10:00:00+00:00</created><updated>2026-05-02 10:00:00+00:00</updated>
  <labels><label><name>opacity</name><color>#ff0000</color><type>any</type></label>
  <label><name>device</name><type>any</type></label></labels>
  <owner><username>admin</username><email>admin@host</email></owner>{assignee}</task>
  <dumped>2026-05-03 10:00:00+00:00</dumped></meta>"""
ASSIGNEE = "<assignee><username>anna</username><email>anna@host</email></assignee>"


def cvat(images: str, meta: str = META.format(assignee=ASSIGNEE)) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}{images}</annotations>'


def cvat_image(shapes: str, name: str = "a.png", number: int = 0, extra: str = "") -> str:
    return f'<image id="{number}" name="{name}" {extra} width="{COLS}" height="{ROWS}">{shapes}</image>'


CVAT_BOX = '<box label="opacity" source="manual" occluded="0" xtl="2.00" ytl="3.00" xbr="6.00" ybr="5.00" z_order="0"/>'
CVAT_MASK = (
    '<mask label="opacity" source="manual" occluded="0" rle="1, 2, 2, 1" left="5" top="2" width="3" height="2" '
    'z_order="0"/>'
)


def coco(*annotations: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "info": {"year": 2026, "version": "1.0", "contributor": "anna", "date_created": "2026-05-01"},
        "images": [{"id": 5, "file_name": "images/a.png", "width": COLS, "height": ROWS}],
        "categories": [{"id": 1, "name": "opacity"}, {"id": 2, "name": "device"}],
        "annotations": [{"image_id": 5, "category_id": 1, "id": n, **a} for n, a in enumerate(annotations, start=1)],
        **fields,
    }


def polygon_of(top: float, bottom: float, left: float, right: float) -> list[float]:
    return [left, top, right, top, right, bottom, left, bottom]
