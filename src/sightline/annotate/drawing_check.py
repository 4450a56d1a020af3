"""Checks of a drawing that the page sends: its points lie in the image, and its mask follows from its saved strokes."""

from __future__ import annotations

import json
from typing import Any

from sightline.annotate import messages
from sightline.annotate.answers import OutOfStep
from sightline.annotate.refusals import Refused
from sightline.formats.rle import mask_of
from sightline.formats.strokes import drawn_mask, effective_strokes, work_of

MAX_TOTAL_WORK = 4e9  # of one drawing, see strokes.work_of: ten times the largest seen


def is_inside(points: list[float], height: int, width: int) -> bool:
    """Whether all of x0, y0, x1, y1, ... lie within the image; they are known to be 0 or more."""
    return max(points[::2]) <= width and max(points[1::2]) <= height


def checked_mask(sent: messages.Mask, events: list[dict[str, Any]], height: int, width: int) -> str:
    """The mask's run lengths as JSON; refused unless it fits the image and equals the mask of the saved drawing."""
    if sent.size != [height, width]:
        raise Refused(422, "malformed", f"mask: {sent.size[0]} x {sent.size[1]}, the image is {height} x {width}")
    try:
        mask = mask_of(sent.counts, height, width)
    except ValueError as error:
        raise Refused(422, "malformed", f"mask: {error}") from None
    if not mask.any():
        raise Refused(422, "nothing_marked", "mask: marks no pixel; answer none or cannot instead")
    strokes = effective_strokes(events)
    if sum(work_of(stroke, height * width) for stroke in strokes) > MAX_TOTAL_WORK:
        raise Refused(422, "too_wide", "mask: too many wide strokes; clear the drawing and use fewer")
    if (mask != drawn_mask(strokes, height, width)).any():
        raise OutOfStep(events)
    return json.dumps(sent.counts)
