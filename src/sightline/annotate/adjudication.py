"""A second round: readers see again, blinded, the images on which they disagree most."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, exists, func, select

from sightline.annotate.schema import reader, submission, task

ROUND = 2  # the `repeat` of its tasks; 0 is the first reading, 1 the hidden second


def disputed(overview: Mapping[str, Any], below: float) -> list[str]:
    """The study images whose mean IoU of two readers is known and below `below`, and whose first readings are complete.

    `overview`: of `progress.overview`; by name.
    """
    return [
        row["image"]
        for row in overview["images"]
        if row["agreement"] is not None and row["agreement"] < below and row["submitted"] >= row["assigned"]
    ]


def begin_round(db: Connection, images: Sequence[str]) -> list[tuple[str, str]]:
    """Gives every reader who answered one of the images a further task on it; returns the new (reader, image) pairs.

    The tasks come after all others of the reader, in the order of `images`. A reader who has such a task on an image
    already gets no other.
    """
    answered = exists().where(submission.c.task == task.c.task)
    is_first = (task.c.kind == "study") & (task.c.repeat == 0) & task.c.image.in_(list(images))
    rows = db.execute(select(task.c.reader, task.c.image).join(reader).where(is_first, answered)).all()
    begun = {tuple(row) for row in db.execute(select(task.c.reader, task.c.image).where(task.c.repeat == ROUND))}
    place = {image: number for number, image in enumerate(images)}
    new = sorted(
        ((row.reader, row.image) for row in rows if tuple(row) not in begun), key=lambda pair: (pair[0], place[pair[1]])
    )
    last = {row.reader: row.last for row in db.execute(_last_numbers())}
    for name, image in new:
        last[name] += 1
        values = {"reader": name, "number": last[name], "image": image, "kind": "study", "repeat": ROUND}
        db.execute(task.insert().values(task=secrets.token_hex(12), **values))
    return new


def _last_numbers() -> Any:
    return select(task.c.reader, func.max(task.c.number).label("last")).group_by(task.c.reader)
