"""The record of one task, in the caller's transaction: its log of events and the versions of its answer.

The rules that make it safe to save again live here. Event n of a task's log has seq n; an event that is sent twice is
stored once; a different event with the same seq raises OutOfStep. A submission is a version of its task's answer, and
its id is stored once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from sightline.annotate.answers import Conflict, Final, Gone, OutOfStep, Recorded, Submitted
from sightline.annotate.schema import drawing, submission, task


def log_of(db: Connection, name: str) -> list[dict[str, Any]]:
    """The events of task `name`, in order."""
    rows = db.scalars(select(drawing.c.content).where(drawing.c.task == name).order_by(drawing.c.seq))
    return [json.loads(content) for content in rows]


def append_events(db: Connection, name: str, events: Sequence[Mapping[str, Any]], at: str) -> int:
    """Appends events, received `at`, and returns the log's length; events already in the log are not stored again.

    `events` have id and seq, which increases by 1. Raises OutOfStep, and stores nothing, if the log has a different
    event at one of these seq or ends before the first; Gone if the task no longer exists.
    """
    must_exist(db, name)
    first, length = events[0]["seq"], _length(db, name)
    later = select(drawing.c.seq, drawing.c.id).where(drawing.c.task == name, drawing.c.seq >= first)
    logged = {row.seq: row.id for row in db.execute(later)}
    if first > length or any(logged.get(event["seq"], event["id"]) != event["id"] for event in events):
        raise OutOfStep(log_of(db, name))
    fresh = [event for event in events if event["seq"] not in logged]
    if not fresh:
        return length
    twice = select(drawing.c.seq).where(drawing.c.task == name, drawing.c.id.in_([event["id"] for event in fresh]))
    if db.execute(twice).first():
        raise OutOfStep(log_of(db, name))
    db.execute(
        drawing.insert(),
        [
            {"task": name, "seq": event["seq"], "id": event["id"], "received_at": at, "content": json.dumps(event)}
            for event in fresh
        ],
    )
    return length + len(fresh)


def append_answer(db: Connection, name: str, sent: Submitted, at: str) -> int:
    """Stores an answer, received `at`, as the task's next version and returns its number.

    Raises Recorded if this id is already stored, OutOfStep if the log's length differs from the answer's num_events,
    Conflict if the answer is not based on the newest version, Final if the answer can no longer be changed
    (`is_final`), Gone if the task no longer exists.
    """
    must_exist(db, name)
    before = db.execute(select(submission.c.task, submission.c.version).where(submission.c.id == sent.id)).one_or_none()
    if before is not None:
        if before.task != name:
            raise Conflict
        raise Recorded(before.version)
    versions = db.scalar(select(func.count()).where(submission.c.task == name)) or 0
    if versions != sent.base_version:
        raise Conflict
    if is_final(db, name):
        raise Final
    if _length(db, name) != sent.num_events:
        raise OutOfStep(log_of(db, name))
    values = {key: value for key, value in vars(sent).items() if key != "base_version"}
    db.execute(submission.insert().values(task=name, version=versions + 1, received_at=at, **values))
    return versions + 1


def is_final(db: Connection, name: str) -> bool:
    """Whether the task is answered and a later reading of its image, hidden or of a second round, has come up.

    It must not change any more. A reading has come up once every task before it has an answer, which makes it the
    reader's next one, or once it is begun.
    """
    this = db.execute(select(task).where(task.c.task == name)).one_or_none()
    answers = db.scalar(select(func.count()).where(submission.c.task == name))
    if this is None or not answers:
        return False
    mine = task.c.reader == this.reader
    later = select(task).where(mine, task.c.image == this.image, task.c.repeat > this.repeat)
    again = db.execute(later.order_by(task.c.number)).first()
    if again is None:
        return False
    is_answered = select(submission.c.task).where(submission.c.task == task.c.task).exists()
    if not db.scalar(select(func.count()).where(mine, task.c.number < again.number, ~is_answered)):
        return True
    answered = db.scalar(select(func.count()).where(submission.c.task == again.task))
    return bool(answered or _length(db, again.task))


def _length(db: Connection, name: str) -> int:
    return db.scalar(select(func.count()).where(drawing.c.task == name)) or 0


def must_exist(db: Connection, name: str) -> None:
    """Raises Gone if there is no task `name`."""
    if db.scalar(select(task.c.task).where(task.c.task == name)) is None:
        raise Gone
