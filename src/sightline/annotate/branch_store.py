"""Branches: strokes that another device's drawing has overtaken, kept beside the log until their reader decides.

A branch is stored once, as it was sent, and never deleted but by a withdrawal. It is no part of the log and of no
answer. Bringing it back appends its strokes to the log as new events; the log stays append-only, and a mask still
follows from its events alone.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, select

from sightline.annotate import task_log
from sightline.annotate.answers import Final, OutOfStep
from sightline.annotate.schema import branch, drawing, task
from sightline.annotate.session_store import SessionStore
from sightline.annotate.sessions import moment
from sightline.formats.strokes import effective_events

Decision = Literal["brought_back", "discarded"]


class NoBranch(Exception):
    """The task has no such branch, or the reader has decided otherwise about it."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A branch about which its reader has not decided."""

    id: str
    received_at: str
    strokes: list[Mapping[str, Any]]
    """Its strokes that count: what bringing it back would append."""


class BranchStore(SessionStore):
    """The part of the store with the branches."""

    def set_aside(self, name: str, branch_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Keeps events that do not continue the log of task `name`; nothing is stored twice.

        Events that the log already has make no branch. Raises Gone if the task no longer exists.
        """
        with self._writing() as db:
            task_log.must_exist(db, name)
            logged = {event["id"] for event in task_log.log_of(db, name)}
            known = select(branch.c.id).where(branch.c.task == name, branch.c.id == branch_id)
            if db.execute(known).first() or all(event["id"] in logged for event in events):
                return
            row = {"task": name, "id": branch_id, "base": events[0]["seq"], "content": json.dumps(list(events))}
            db.execute(branch.insert().values(**row, received_at=moment(), state="kept"))

    def waiting(self, name: str) -> list[Waiting]:
        """The branches of a task about which its reader has not decided, in order of arrival."""
        with self._reading() as db:
            rows = _undecided(db, branch.c.task == name)
            log = task_log.log_of(db, name) if rows else []
        return [
            Waiting(id=row.id, received_at=row.received_at, strokes=_strokes_of(row.base, row.content, log))
            for row in rows
        ]

    def decide(self, name: str, branch_id: str, decision: Decision, num_events: int) -> list[dict[str, Any]]:
        """Brings a branch back or discards it, and returns the task's log; the same decision again changes nothing.

        Raises NoBranch; and before bringing back, OutOfStep if the log's length is not `num_events`, Final if the
        answer to the task can no longer be changed.
        """
        if "\0" in branch_id:  # PostgreSQL refuses such a string
            raise NoBranch
        with self._writing() as db:
            one = (branch.c.task == name) & (branch.c.id == branch_id)
            row = db.execute(select(branch).where(one)).one_or_none()
            if row is None or row.state not in ("kept", decision):
                raise NoBranch
            if row.state == "kept":
                if decision == "brought_back":
                    _bring_back(db, name, row.base, row.content, num_events)
                db.execute(branch.update().where(one).values(state=decision, decided_at=moment()))
            return task_log.log_of(db, name)

    def waiting_by_reader(self) -> dict[str, int]:
        """How many branches wait for each reader's decision; readers without one are left out."""
        with self._reading() as db:
            return Counter(row.reader for row in _undecided(db))

    def waiting_by_task(self, pseudonym: str) -> dict[str, int]:
        """How many branches of each of a reader's tasks wait for a decision; tasks without one are left out."""
        with self._reading() as db:
            return Counter(row.task for row in _undecided(db, task.c.reader == pseudonym))


def _undecided(db: Connection, *where: ColumnElement[bool]) -> list[Row[Any]]:
    """Branches that wait for a decision, with their task's reader, in order of arrival.

    A branch whose events have all reached the log, by another window of the same device, needs none.
    """
    query = select(branch, task.c.reader).join(task).where(branch.c.state == "kept", *where)
    found = []
    for row in db.execute(query.order_by(branch.c.received_at, branch.c.id)):
        ids = {event["id"] for event in json.loads(row.content)}
        here = select(drawing.c.id).where(drawing.c.task == row.task, drawing.c.seq >= row.base)
        if not ids <= set(db.scalars(here)):
            found.append(row)
    return found


def _bring_back(db: Connection, name: str, base: int, content: str, num_events: int) -> None:
    if task_log.is_final(db, name):
        raise Final
    log = task_log.log_of(db, name)
    if len(log) != num_events:
        raise OutOfStep(log)
    at = moment()
    new = [
        {**event, "id": str(uuid.uuid4()), "seq": num_events + place, "at": at}
        for place, event in enumerate(_strokes_of(base, content, log))
    ]
    if new:
        task_log.append_events(db, name, new, at)


def _strokes_of(base: int, content: str, log: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The strokes of a branch that count at its end; those undone or cleared in it do not.

    What it undid or cleared of the log before it stays as it is in the log.
    """
    events = json.loads(content)
    own = {event["id"] for event in events}
    return [event for event in effective_events([*log[:base], *events]) if event["id"] in own]
