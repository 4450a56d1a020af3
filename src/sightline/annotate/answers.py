"""An answer to a task as the store takes it, and the ways in which the store cannot take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class OutOfStep(Exception):
    """The page's log is not the server's: somebody drew on another device, or a part is missing."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        """`events`: the whole log that the server has."""
        super().__init__("the drawing on this page is not the one that is saved")
        self.events = events


class Recorded(Exception):
    """A submission of this id is recorded already, as version `version`."""

    def __init__(self, version: int) -> None:
        super().__init__(f"recorded already, as version {version}")
        self.version = version


class Gone(Exception):
    """The task is no more: its reader withdrew meanwhile."""


class Conflict(Exception):
    """The submission answers another version of its task than the newest."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """One answer to one task, checked."""

    id: str
    base_version: int
    """Number of answers to this task that the page knew of."""
    answer: str
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
