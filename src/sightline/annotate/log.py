"""The study's log: who came in, and what was done to the study as a whole. Append-only; it names nobody.

It holds no token and no address. Of a reader who has withdrawn only the invitation and the withdrawal stay, as the
consent says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from sightline.annotate.schema import log
from sightline.annotate.sessions import moment

What = Literal[
    "sign-in",
    "failed sign-in",
    "sign-out by admin",
    "invitation",
    "new link",
    "revocation",
    "withdrawal",
    "export",
    "backup",
    "second round",
]
ADMIN, NOBODY = "admin", "none"
COLUMNS = ("number", "at", "who", "what", "detail")


def append(db: Connection, who: str, what: What, detail: str = "") -> None:
    """Appends a line. `who`: a pseudonym, ADMIN or NOBODY; `detail`: the reader concerned, a format or a kind of link.

    The number is one more than the newest line's: the caller's transaction holds the write lock.
    """
    number = db.scalar(select(func.coalesce(func.max(log.c.number), 0))) or 0
    db.execute(log.insert().values(number=number + 1, at=moment(), who=who, what=what, detail=detail))


def forget(db: Connection, pseudonym: str) -> None:
    """Deletes the lines by or about a reader but for the invitation."""
    concerned = (log.c.who == pseudonym) | (log.c.detail == pseudonym)
    db.execute(log.delete().where(concerned, log.c.what != "invitation"))


def newest(db: Connection, limit: int | None) -> Sequence[Row[Any]]:
    """The newest `limit` lines, all for None, newest first; columns COLUMNS."""
    return db.execute(select(log).order_by(log.c.number.desc()).limit(limit)).all()
