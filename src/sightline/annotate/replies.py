"""What the server answers to the page, described by OpenAPI; `messages` has what the page sends."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from sightline.annotate.answers import Answer
from sightline.annotate.codes import Code


class Detail(BaseModel):
    code: Code
    message: str
    events: list[dict[str, Any]] | None = None
    version: int | None = None
    reader: str | None = None
    """Whose session is locked, or was ended by a withdrawal."""
    csrf: str | None = None
    """Of the locked session."""
    pin: bool | None = None
    """Whether a PIN reopens the locked session."""
    contact: str | None = None


class Refusal(BaseModel):
    detail: Detail


class Session(BaseModel):
    reader: str
    csrf: str
    enrolled: bool
    language: str | None
    contact: str
    tool_version: str
    professions: list[str]
    consent_needed: bool
    """Whether the consent has changed since the reader accepted it."""
    pin: bool
    """Whether a PIN with tries left reopens the session once it is locked."""
    lock_seconds: float | None
    """Without a sign of the reader, after which the page locks; None: never."""


class Place(BaseModel):
    task: str
    number: int
    practice: bool
    done: bool
    set_aside: int
    """Number of branches that wait for a decision."""


class Progress(BaseModel):
    done: int
    total: int
    practice: int
    tasks: list[Place]


class GivenFinding(BaseModel):
    finding: str
    answer: Literal["region", "none"]
    confidence: int


class CompanionFilm(BaseModel):
    image: str
    """Its address."""
    kind: str
    width: int
    height: int


class Branch(BaseModel):
    """Strokes that another device's drawing has overtaken, and about which the reader has not decided."""

    id: str
    received_at: str
    strokes: list[dict[str, Any]]
    """Those that bringing it back appends to the log."""


class Task(BaseModel):
    task: str
    number: int
    total: int
    practice: bool
    width: int
    height: int
    image: str
    events: list[dict[str, Any]]
    """The log; of a final answer, those events that it was given with."""
    branches: list[Branch] = []
    version: int
    answer: Answer | None
    confidence: int | None
    final: bool
    """Whether the answer can no longer be changed."""
    findings: list[str] = []
    """Which the study asks about, in order; none where it asks about one thing alone."""
    given: list[GivenFinding] = []
    """The newest answer about each finding."""
    companion: CompanionFilm | None = None
    """A film to be shown beside the image."""
    others: list[list[int]] | None = None
    """Run lengths of the other readers' masks, in a second round that shows them."""
    asks_comment: bool = False
    comment: str | None = None


class NoTask(BaseModel):
    task: None = None


class Saved(BaseModel):
    saved: int


class Recorded(BaseModel):
    version: int
    done: int
    total: int
