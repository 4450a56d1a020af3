"""What the admin's page sends and gets; see messages.py for the reader's."""

from typing import Annotated

from pydantic import BaseModel, Field

from sightline.annotate.answers import Answer
from sightline.annotate.messages import Line, Strict


class ImageAnswer(BaseModel):
    reader: str
    repeat: int
    """0 for the first reading, 1 for the hidden second."""
    answer: Answer
    confidence: int | None
    counts: list[int] | None
    """COCO's run lengths of the mask; None without a region."""


class ImageAnswers(BaseModel):
    image: str
    height: int
    width: int
    answers: list[ImageAnswer]
    """The newest version of each, by reader."""


class AdminKnock(Strict):
    secret: Annotated[str, Field(min_length=1, max_length=100)]


class Invitation(Strict):
    name: Line | None = None
    """Whom the coordinator invites, for their own records; never exported."""


class Invited(BaseModel):
    reader: str
    token: str
    """Of the personal link; sent this once."""


class Round(BaseModel):
    images: int
    """With all first readings, and less agreement than the study asks for."""
    readings: int
    """New ones; 0 if all have been begun before."""


class LogLine(BaseModel):
    number: int
    at: str
    who: str
    what: str
    detail: str


class Log(BaseModel):
    lines: list[LogLine]


class AdminSession(BaseModel):
    csrf: str


class OpenSession(BaseModel):
    begun_at: str
    used_at: str
    ends_at: str
    locked: bool


class ReaderAccess(BaseModel):
    reader: str
    enrolled: bool
    withdrawn: bool
    link_ends_at: str | None
    """None: never."""
    link_open: bool
    sessions: list[OpenSession]


class Access(BaseModel):
    readers: list[ReaderAccess]


class Ended(BaseModel):
    sessions: int
