"""Checks of a drawing that the page sends: its points lie in the image, and its mask follows from its saved strokes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from sightline.annotate import messages
from sightline.annotate.answers import OutOfStep
from sightline.annotate.findings import Given
from sightline.annotate.refusals import Refused
from sightline.formats.rle import counts_of, mask_of
from sightline.formats.strokes import Stroke, drawn_mask, effective_strokes, work_of

MAX_TOTAL_WORK = 4e9  # of one drawing, see strokes.work_of: ten times the largest seen


def is_inside(points: list[float], height: int, width: int) -> bool:
    """Whether all of x0, y0, x1, y1, ... lie within the image; they are known to be 0 or more."""
    return max(points[::2]) <= width and max(points[1::2]) <= height


def check_strokes(
    events: Sequence[messages.StrokeStep | messages.OtherStep], findings: Sequence[str], height: int, width: int
) -> None:
    """Refused where a stroke leaves the image, or marks something else than one of the study's findings.

    In a study that names none, no stroke may name one.
    """
    for event in events:
        if not isinstance(event, messages.StrokeStep):
            continue
        if not is_inside(event.points, height, width):
            raise Refused(422, "malformed", f"event {event.seq}: a point outside the {width} x {height} image")
        if event.finding not in (findings or (None,)):
            expected = f"one of {', '.join(findings)}" if findings else "none, the study names no findings"
            raise Refused(422, "malformed", f"event {event.seq}: finding {event.finding!r}, expected {expected}")


def checked_mask(sent: messages.Mask, events: list[dict[str, Any]], height: int, width: int) -> str:
    """The mask's run lengths as JSON; refused unless it fits the image and equals the mask of the saved drawing."""
    _checked(sent, _strokes_of(events, height, width), events, height, width)
    return json.dumps(sent.counts)


def checked_findings(
    sent: Sequence[messages.FindingAnswer],
    findings: Sequence[str],
    events: list[dict[str, Any]],
    height: int,
    width: int,
) -> tuple[list[Given], str | None]:
    """The answer about each finding, and the run lengths of all masks united, as JSON; None where none is marked.

    Refused unless the answers are about the study's findings, in its order, each mask equals that of its finding's
    saved strokes, and those of a finding that is not to be seen mark nothing.
    """
    if [one.finding for one in sent] != list(findings):
        raise Refused(422, "malformed", f"findings: expected {', '.join(findings) or 'none'}, each once, in this order")
    strokes = _strokes_of(events, height, width)
    together_HW = np.zeros((height, width), bool)
    given = []
    for one in sent:
        own = [stroke for stroke in strokes if stroke.finding == one.finding]
        if one.mask is not None:
            together_HW |= _checked(one.mask, own, events, height, width)
        elif drawn_mask(own, height, width).any():
            raise OutOfStep(events)
        counts = one.mask.counts if one.mask else None
        given.append(Given(finding=one.finding, answer=one.answer, confidence=one.confidence, counts=counts))
    return given, json.dumps(counts_of(together_HW)) if together_HW.any() else None


def _strokes_of(events: list[dict[str, Any]], height: int, width: int) -> list[Stroke]:
    """The strokes that count; refused where drawing them costs too much."""
    strokes = effective_strokes(events)
    if sum(work_of(stroke, height * width) for stroke in strokes) > MAX_TOTAL_WORK:
        raise Refused(422, "too_wide", "mask: too many wide strokes; clear the drawing and use fewer")
    return strokes


def _checked(
    sent: messages.Mask, strokes: Sequence[Stroke], events: list[dict[str, Any]], height: int, width: int
) -> np.ndarray:
    """The mask, bool `height` x `width`; refused unless it fits the image, marks it, and equals that of the strokes."""
    if sent.size != [height, width]:
        raise Refused(422, "malformed", f"mask: {sent.size[0]} x {sent.size[1]}, the image is {height} x {width}")
    try:
        mask_HW = mask_of(sent.counts, height, width)
    except ValueError as error:
        raise Refused(422, "malformed", f"mask: {error}") from None
    if not mask_HW.any():
        raise Refused(422, "nothing_marked", "mask: marks no pixel; answer none or cannot instead")
    if (mask_HW != drawn_mask(strokes, height, width)).any():
        raise OutOfStep(events)
    return mask_HW
