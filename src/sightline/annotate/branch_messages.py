"""The messages about branches, strokes that another device's drawing has overtaken."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from sightline.annotate.branch_store import Decision
from sightline.annotate.messages import Event, Identity, OtherStep, Strict, StrokeStep
from sightline.annotate.replies import Branch


class SentBranch(Strict):
    id: Identity
    events: Annotated[list[Event], Field(min_length=1, max_length=1000)]

    @field_validator("events")
    @classmethod
    def _are_in_order(cls, events: list[StrokeStep | OtherStep]) -> list[StrokeStep | OtherStep]:
        # not by 1: of strokes drawn in two windows of one device, a few may be in the log
        if any(after.seq < before.seq for before, after in pairwise(events)):
            raise ValueError("seq must not decrease from event to event")
        if len({event.id for event in events}) != len(events):
            raise ValueError("two events have the same id")
        return events


class SentDecision(Strict):
    decision: Decision
    num_events: Annotated[int, Field(ge=0, le=100_000)]
    """Of the log as the page knows it."""


class Branches(BaseModel):
    branches: list[Branch]
    """Of the task, waiting for a decision."""


class Decided(Branches):
    events: list[dict[str, Any]]
    """The task's log."""
