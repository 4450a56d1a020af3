"""A reader's drawing -> a mask: from a log of strokes, undo and redo, exactly as the page's raster.js does it.

Coordinates are image-space pixels: (0, 0) is the corner of the first pixel, (W, H) the far corner of the last, and the
centre of pixel (row, col) is (x, y) = (col + 0.5, row + 0.5). Server and page do the same additions, multiplications
and comparisons on doubles, and take no roots, so their masks are equal in every pixel. H W image grid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from sightline.formats.exact_shapes import spans_of

Tool = Literal["brush", "outline", "polygon", "point", "box", "ellipse"]
Mode = Literal["add", "remove"]


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """One movement of the pen, or one shape."""

    tool: Tool
    """brush: a round pen along the points; outline and polygon: the region that the points enclose; point, box and
    ellipse: see exact_shapes.py."""
    mode: Mode
    """Whether the stroke marks its pixels or unmarks them."""
    radius: float
    """Of brush and point, image pixels; ignored for the other tools."""
    points: Sequence[float]
    """x0, y0, x1, y1, ... in image pixels."""
    finding: str = ""
    """What the stroke marks, in a study that names findings."""


class _Step(NamedTuple):
    """The last stroke that counts and the step before it: a log of n events then needs n steps, not n lists."""

    stroke: Mapping[str, Any]
    before: _Step | None


def effective_strokes(events: Sequence[Mapping[str, Any]]) -> list[Stroke]:
    """The strokes that count after a log of events, in order; see `effective_events`."""
    return [
        Stroke(
            tool=event["tool"],
            mode=event["mode"],
            radius=event.get("radius") or 0.0,
            points=event["points"],
            finding=event.get("finding") or "",
        )
        for event in effective_events(events)
    ]


def effective_events(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events of the strokes that count after a log of events, in order: kinds `stroke`, `undo`, `redo`, `clear`.

    `clear` removes all strokes and can itself be undone. After an undo, a stroke or a clear leaves nothing to redo. An
    undo or redo with nothing to do is ignored. ValueError for another kind.
    """
    done: list[_Step | None] = [None]  # what counted after each step that has not been undone
    undone: list[_Step | None] = []
    for event in events:
        kind = event["kind"]
        if kind == "stroke":
            done.append(_Step(event, done[-1]))
            undone.clear()
        elif kind == "clear":
            done.append(None)
            undone.clear()
        elif kind == "undo":
            if len(done) > 1:
                undone.append(done.pop())
        elif kind == "redo":
            if undone:
                done.append(undone.pop())
        else:
            raise ValueError(f"event kind {kind!r}: expected stroke, clear, undo or redo")
    strokes = []
    step = done[-1]
    while step is not None:
        strokes.append(step.stroke)
        step = step.before
    return strokes[::-1]


def work_of(stroke: Stroke, num_pixels: float = np.inf) -> float:
    """The cost of drawing a brush stroke: the pixels of its segments' bounding boxes, summed; 0 for other tools.

    `num_pixels`: of the image, at which each box is capped.
    """
    if stroke.tool != "brush":
        return 0.0
    points = np.asarray(stroke.points, np.float64).reshape(-1, 2)
    steps = np.abs(np.diff(points, axis=0)) if len(points) > 1 else np.zeros((1, 2))
    return float(np.minimum((steps + 2 * stroke.radius + 2).prod(axis=1), num_pixels).sum())


def drawn_mask(strokes: Sequence[Stroke], height: int, width: int) -> np.ndarray:
    """The mask that strokes, applied in order, leave on an empty image, bool `height` x `width`."""
    mask_HW = np.zeros((height, width), bool)
    for stroke in strokes:
        if stroke.tool in ("point", "box", "ellipse"):
            for row, start, end in spans_of(stroke.tool, stroke.points, stroke.radius, height, width):
                mask_HW[row, start:end] = stroke.mode == "add"
            continue
        points = np.asarray(stroke.points, np.float64).reshape(-1, 2)
        if stroke.tool == "brush":
            _pen(mask_HW, points, stroke.radius, stroke.mode == "add")
        else:
            _fill(mask_HW, points, stroke.mode == "add")
    return mask_HW


def region(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixels whose centres a closed curve encloses, bool `height` x `width`; `points` n x 2 as (x, y).

    The curve closes from its last point to its first. The nonzero winding rule applies, so that a hand-drawn curve that
    crosses itself has no hole. A centre on an edge is inside only for a left or an upper edge. Fewer than 3 points mark
    nothing.
    """
    mask_HW = np.zeros((height, width), bool)
    _fill(mask_HW, points, True)
    return mask_HW


def _fill(mask_HW: np.ndarray, points: np.ndarray, value: bool) -> None:
    """Sets the pixels of `region` in place; computes only within the curve's bounding box."""
    height, width = mask_HW.shape
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    top = np.maximum(0, np.ceil(np.minimum(y0, y1) - 0.5)).astype(np.int64)
    end = np.minimum(height, np.ceil(np.maximum(y0, y1) - 0.5)).astype(np.int64)
    num_rows = np.maximum(0, end - top)  # 0 for a horizontal edge, so nothing below divides by 0
    if not num_rows.any():
        return
    edge = np.repeat(np.arange(len(points)), num_rows)
    rows = np.arange(len(edge)) - np.repeat(np.cumsum(num_rows) - num_rows, num_rows) + top[edge]
    crossing = x0[edge] + (rows + 0.5 - y0[edge]) * (x1 - x0)[edge] / (y1 - y0)[edge]
    first = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)  # column of the first centre at or beyond it
    (low, high), (left, right) = (rows.min(), rows.max() + 1), (first.min(), first.max())
    winding = np.zeros((high - low, right - left + 1), np.int32)
    np.add.at(winding, (rows - low, first - left), np.where(y1 > y0, 1, -1)[edge])
    mask_HW[low:high, left:right][np.cumsum(winding[:, :-1], axis=1) != 0] = value


def _pen(mask_HW: np.ndarray, points: np.ndarray, radius: float, value: bool) -> None:
    """Sets the pixels whose centres lie within `radius` of the line through `points`; a single point gives a disc."""
    height, width = mask_HW.shape
    reach = radius * radius
    starts, ends = (points, points) if len(points) == 1 else (points[:-1], points[1:])
    for (x0, y0), (x1, y1) in zip(starts.tolist(), ends.tolist(), strict=True):
        top, bottom = _span(min(y0, y1) - radius, max(y0, y1) + radius, height)
        left, right = _span(min(x0, x1) - radius, max(x0, x1) + radius, width)
        dy = (np.arange(top, bottom) + 0.5 - y0)[:, None]
        dx = (np.arange(left, right) + 0.5 - x0)[None, :]
        ux, uy = x1 - x0, y1 - y0
        length = ux * ux + uy * uy
        along = dx * ux + dy * uy
        across = dx * uy - dy * ux
        ex, ey = dx - ux, dy - uy
        near = np.where(
            along <= 0,
            dx * dx + dy * dy <= reach,
            np.where(along >= length, ex * ex + ey * ey <= reach, across * across <= reach * length),
        )
        mask_HW[top:bottom, left:right][near] = value


def _span(low: float, high: float, side: int) -> tuple[int, int]:
    """The first pixel of a side that an interval may touch, and one past the last."""
    return max(0, int(np.floor(low))), max(0, min(side, int(np.ceil(high)) + 1))
