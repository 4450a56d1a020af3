"""The messages that the page sends: strict, bounded, described by OpenAPI; `replies` has what the server answers."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Literal, get_args

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from sightline.annotate.answers import Answer
from sightline.formats.fields import MAX_SIDE
from sightline.formats.strokes import Mode, Stroke, Tool, work_of

Profession = Literal["student", "resident", "physician", "radiologist", "pneumologist", "radiographer", "other"]
PROFESSIONS: tuple[Profession, ...] = get_args(Profession)
MAX_NUMBERS = 20_000  # of one stroke: two per point
MAX_RUNS = 400_000
MAX_WORK = 4e8  # of one stroke, see strokes.work_of: about 5 s of the server's time

Identity = Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{8,40}$")]
Line = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
Number = Annotated[float, Field(ge=0, le=MAX_SIDE, allow_inf_nan=False)]
Finding = Annotated[str, Field(min_length=1, max_length=60)]
Comment = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})?$")]
WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


def _as_written(value: object) -> object:
    if not isinstance(value, str) or not WRITTEN.fullmatch(
        value
    ):  # Pydantic takes a bare number for seconds since 1970
        raise ValueError("expected a date and time with its zone, such as 2026-11-23T21:00:00.000Z")
    return value


def _as_consented(value: object) -> object:
    if value is not True:  # 1 equals True and would pass as the literal
        raise ValueError("must be true")
    return value


Pin = Annotated[str, Field(pattern=r"^[0-9]{4,12}$")]
Consent = Annotated[Literal[True], BeforeValidator(_as_consented)]
ConsentVersion = Annotated[str, Field(min_length=1, max_length=40)]
Moment = Annotated[AwareDatetime, BeforeValidator(_as_written), Field(strict=False)]


class Strict(BaseModel):
    """Unknown fields are refused, and no type is converted but whole numbers to decimals."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Knock(Strict):
    token: Annotated[str, Field(min_length=1, max_length=100)]


class Enrolment(Strict):
    name: Line
    email: Annotated[str, Field(max_length=200, pattern=r"^[^@\s\x00]+@[^@\s\x00]+$")] | None = None
    profession: Profession
    years: Annotated[int, Field(ge=0, le=80)]
    language: Language
    consent_version: ConsentVersion
    consent: Consent
    pin: Pin | None = None


class AcceptedConsent(Strict):
    language: Language
    consent_version: ConsentVersion
    consent: Consent


class SentPin(Strict):
    pin: Pin


class ChosenLanguage(Strict):
    language: Language


class Withdrawal(Strict):
    confirm: Literal["withdraw"]


class Step(Strict):
    id: Identity
    seq: Annotated[int, Field(ge=0, le=100_000)]
    at: Moment


class StrokeStep(Step):
    kind: Literal["stroke"]
    tool: Tool
    mode: Mode
    radius: Annotated[float, Field(ge=0.5, le=512, allow_inf_nan=False)]
    points: Annotated[list[Number], Field(min_length=2, max_length=MAX_NUMBERS)]
    finding: Finding | None = None
    """What the stroke marks, in a study that names findings."""

    @model_validator(mode="after")
    def _has_whole_points(self) -> StrokeStep:
        exact = {"point": 2, "box": 4, "ellipse": 4}.get(self.tool)
        if exact and len(self.points) != exact:
            raise ValueError(f"points: x and y in turn, {exact} numbers for {self.tool}")
        least = 2 if self.tool == "brush" else exact or 6
        if len(self.points) % 2 or len(self.points) < least:
            raise ValueError(f"points: x and y in turn, at least {least} numbers for {self.tool}")
        if work_of(Stroke(tool=self.tool, mode=self.mode, radius=self.radius, points=self.points)) > MAX_WORK:
            raise ValueError("points: the stroke is too long for such a wide brush; send it in parts")
        return self


class OtherStep(Step):
    kind: Literal["undo", "redo", "clear"]


Event = Annotated[StrokeStep | OtherStep, Field(discriminator="kind")]


class Events(Strict):
    events: Annotated[list[Event], Field(min_length=1, max_length=200)]

    @field_validator("events")
    @classmethod
    def _are_in_order(cls, events: list[StrokeStep | OtherStep]) -> list[StrokeStep | OtherStep]:
        if any(after.seq != before.seq + 1 for before, after in pairwise(events)):
            raise ValueError("seq must increase by 1 from event to event")
        if len({event.id for event in events}) != len(events):
            raise ValueError("two events have the same id")
        return events


class Mask(Strict):
    size: Annotated[list[Annotated[int, Field(ge=1, le=MAX_SIDE)]], Field(min_length=2, max_length=2)]
    counts: Annotated[list[Annotated[int, Field(ge=0, le=MAX_SIDE**2)]], Field(min_length=1, max_length=MAX_RUNS)]


class FindingAnswer(Strict):
    finding: Finding
    answer: Literal["region", "none"]
    confidence: Annotated[int, Field(ge=1, le=5)]
    mask: Mask | None = None

    @model_validator(mode="after")
    def _fits_its_answer(self) -> FindingAnswer:
        if (self.answer == "region") != (self.mask is not None):
            raise ValueError("mask: required for the answer region and for no other")
        return self


class Submission(Strict):
    id: Identity
    base_version: Annotated[int, Field(ge=0, le=100_000)]
    answer: Answer
    confidence: Annotated[int, Field(ge=1, le=5)] | None = None
    num_events: Annotated[int, Field(ge=0, le=100_000)]
    mask: Mask | None = None
    opened_at: Moment
    submitted_at: Moment
    active_seconds: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]
    findings: Annotated[list[FindingAnswer], Field(max_length=20)] = []
    """In a study that names findings: each of them, in the study's order, unless the answer is cannot."""
    comment: Comment | None = None

    @model_validator(mode="after")
    def _fits_its_answer(self) -> Submission:
        if self.findings:
            marked = any(one.answer == "region" for one in self.findings)
            if self.answer != ("region" if marked else "none"):
                raise ValueError("answer: region where a finding is marked, none where none is")
            if self.mask is not None or self.confidence is not None:
                raise ValueError("mask, confidence: of each finding, not of the whole answer")
            return self
        if (self.answer == "region") != (self.mask is not None):
            raise ValueError("mask: required for the answer region and for no other")
        if (self.answer == "cannot") != (self.confidence is None):
            raise ValueError("confidence: 1 to 5 for region and none, null for cannot")
        return self
