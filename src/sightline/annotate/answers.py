"""An answer to a task as the store takes it, and the errors with which the store refuses one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Answer = Literal["region", "none", "cannot"]
"""A region is marked; the reader sees none; the reader cannot judge the image."""


class OutOfStep(Exception):
    """The page's log differs from the server's: the reader drew on another device, or a part is missing."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        """`events`: the server's whole log."""
        super().__init__("the drawing on this page differs from the saved one")
        self.events = events


class Recorded(Exception):
    """A submission with this id is already recorded, as version `version`."""

    def __init__(self, version: int) -> None:
        super().__init__(f"recorded already, as version {version}")
        self.version = version


class Gone(Exception):
    """The task no longer exists: its reader has withdrawn."""


class Conflict(Exception):
    """The submission corrects a version of the answer that is not the newest."""


class Final(Exception):
    """The first reading of an image that the reader has been given again: it counts as it is."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """One answer to one task, checked."""

    id: str
    base_version: int
    """Number of answers to this task that the page knew."""
    answer: Answer
    confidence: int | None
    num_events: int
    height: int
    width: int
    counts: str | None
    """JSON, run lengths; None without a region."""
    opened_at: str
    submitted_at: str
    active_seconds: float
    tool_version: str
    findings: str | None = None
    """JSON, see findings.as_stored; None where the study names no findings."""
    comment: str | None = None
    """In the reader's own words; never in the consensus."""
