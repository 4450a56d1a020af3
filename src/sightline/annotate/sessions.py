"""Sessions and the secrets that open them, in the caller's transaction; only hashes of both are stored."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select

from sightline.annotate import pins
from sightline.annotate.schema import ended_session, reader, secret, session
from sightline.annotate.security import hash_of, new_token

ADMIN_LASTS = timedelta(hours=12)
LINK_LASTS = timedelta(days=90)
"""Of a personal link, unless `invite --valid-days` says otherwise."""
NOTED_EVERY = timedelta(minutes=1)
"""A session's last use is written at most this often."""
SIGN_SHARE = 0.2
"""Of the time to the lock: the page reports so often that the reader is there, though only looking (page/lock.js)."""


@dataclass(frozen=True, kw_only=True)
class Stay:
    """How long a reader's session stays open."""

    lock_after: timedelta | None = timedelta(minutes=30)
    """Without a sign of the reader; None: it never locks."""
    lasts: timedelta = timedelta(days=30)
    """Until the personal link must be opened again, locked or not."""


class LinkEnded(Exception):
    """A personal link that was right and is past its end, or was revoked."""


def moment(ahead: timedelta = timedelta(0)) -> str:
    """Now, or `ahead` of now: UTC, ISO 8601, with milliseconds."""
    return (datetime.now(UTC) + ahead).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_admin_secret(db: Connection, renew: bool) -> str | None:
    """A new admin secret if there is none yet or with `renew`, else None; a new one ends the admin's sessions."""
    if db.execute(select(secret).where(secret.c.name == "admin")).first() and not renew:
        return None
    db.execute(secret.delete().where(secret.c.name == "admin"))
    db.execute(session.delete().where(session.c.reader.is_(None)))
    token = new_token()
    db.execute(secret.insert().values(name="admin", hash=hash_of(token)))
    return token


# opening and closing


def reader_with(db: Connection, token: str) -> str | None:
    """The reader whose personal link has this token, None for an unknown token; LinkEnded past the link's end."""
    row = db.execute(
        select(reader.c.reader, reader.c.link_ends_at).where(reader.c.token_hash == hash_of(token))
    ).first()
    if row is None:
        return None
    if row.link_ends_at is not None and row.link_ends_at < moment():
        raise LinkEnded
    return row.reader


def is_admin_secret(db: Connection, sent: str) -> bool:
    """Whether this is the admin secret."""
    return db.scalar(select(secret.c.name).where(secret.c.hash == hash_of(sent))) is not None


def open_reader_session(db: Connection, pseudonym: str, lasts: timedelta) -> str:
    """The cookie of a new session of the reader, who also has all tries of the PIN again."""
    pins.forget_failures(db, pseudonym)
    return _begun(db, pseudonym, lasts)


def open_admin_session(db: Connection) -> str:
    """The cookie of a new admin session."""
    return _begun(db, None, ADMIN_LASTS)


def _begun(db: Connection, pseudonym: str | None, lasts: timedelta) -> str:
    for table in (session, ended_session):
        db.execute(table.delete().where(table.c.ends_at < moment()))
    cookie = secrets.token_urlsafe(32)
    row = {"hash": hash_of(cookie), "reader": pseudonym, "begun_at": moment(), "ends_at": moment(lasts)}
    db.execute(session.insert().values(row))
    return cookie


def close_session(db: Connection, cookie: str) -> None:
    """Ends a session; unknown sessions are ignored."""
    db.execute(session.delete().where(session.c.hash == hash_of(cookie)))


def close_sessions(db: Connection, pseudonym: str) -> int:
    """Ends all sessions of a reader, and returns how many there were."""
    return db.execute(session.delete().where(session.c.reader == pseudonym)).rowcount


def end_link(db: Connection, pseudonym: str) -> None:
    """Ends the reader's personal link now."""
    db.execute(reader.update().where(reader.c.reader == pseudonym).values(link_ends_at=moment()))


def remember_withdrawn(db: Connection, pseudonym: str) -> None:
    """Notes the reader's sessions as ended by a withdrawal; to be called before they are deleted."""
    rows = select(session.c.hash, session.c.reader, session.c.ends_at).where(session.c.reader == pseudonym)
    db.execute(ended_session.insert().from_select(["hash", "reader", "ends_at"], rows))


# asking, using, locking


def reader_of(db: Connection, cookie: str) -> Row[Any] | None:
    """The row of the reader whose session this is; None if it is unknown or has ended.

    Also `used_at`, the session's last use, and `locked_at`, None unless it was locked.
    """
    used = func.coalesce(session.c.used_at, session.c.begun_at).label("used_at")
    query = select(reader, used, session.c.locked_at).join(session)
    return db.execute(query.where(session.c.hash == hash_of(cookie), session.c.ends_at >= moment())).one_or_none()


def withdrawn_reader_of(db: Connection, cookie: str) -> str | None:
    """The reader whose withdrawal ended this session; None if none did."""
    return db.scalar(select(ended_session.c.reader).where(ended_session.c.hash == hash_of(cookie)))


def is_admin(db: Connection, cookie: str) -> bool:
    """Whether this is a session of the admin that has not ended."""
    query = select(session.c.hash).where(
        session.c.hash == hash_of(cookie), session.c.reader.is_(None), session.c.ends_at >= moment()
    )
    return db.execute(query).first() is not None


def is_locked(row: Row[Any], lock_after: timedelta | None) -> bool:
    """Whether the session of a row of `reader_of` was locked, or has seen no use for `lock_after`.

    The page locks on time and reports it; without a page the server waits as long again as a report may take, so that
    it never locks first.
    """
    if row.locked_at is not None:
        return True
    return lock_after is not None and row.used_at < moment(-lock_after * (1 + SIGN_SHARE) - NOTED_EVERY)


def note_use(db: Connection, cookie: str) -> None:
    """Stores that a session is used now."""
    db.execute(session.update().where(session.c.hash == hash_of(cookie)).values(used_at=moment()))


def set_locked(db: Connection, cookie: str, locked: bool) -> None:
    """Locks a session, or opens it again, which is also a use."""
    values = {"locked_at": moment()} if locked else {"locked_at": None, "used_at": moment()}
    db.execute(session.update().where(session.c.hash == hash_of(cookie)).values(values))


def open_sessions(db: Connection) -> Sequence[Any]:
    """Rows of all sessions of readers that have not ended, by time: reader, begun_at, used_at, ends_at, locked_at."""
    columns = session.c.reader, session.c.begun_at, session.c.used_at, session.c.ends_at, session.c.locked_at
    query = select(*columns).where(session.c.reader.is_not(None), session.c.ends_at >= moment())
    return db.execute(query.order_by(session.c.begun_at)).all()
