"""Sessions and the secrets that open them, in the caller's transaction; only hashes of both are stored."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from sightline.annotate.schema import reader, secret, session
from sightline.annotate.security import hash_of, new_token

READER_LASTS, ADMIN_LASTS = timedelta(days=60), timedelta(hours=12)


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


def open_reader_session(db: Connection, token: str) -> str | None:
    """The cookie of a new session of the reader with this invite token; None for an unknown token."""
    pseudonym = db.scalar(select(reader.c.reader).where(reader.c.token_hash == hash_of(token)))
    return _begun(db, pseudonym, READER_LASTS) if pseudonym else None


def open_admin_session(db: Connection, sent: str) -> str | None:
    """The cookie of a new admin session; None for a wrong secret."""
    if not db.scalar(select(secret.c.name).where(secret.c.hash == hash_of(sent))):
        return None
    return _begun(db, None, ADMIN_LASTS)


def _begun(db: Connection, pseudonym: str | None, lasts: timedelta) -> str:
    db.execute(session.delete().where(session.c.ends_at < moment()))
    cookie = secrets.token_urlsafe(32)
    row = {"hash": hash_of(cookie), "reader": pseudonym, "begun_at": moment(), "ends_at": moment(lasts)}
    db.execute(session.insert().values(row))
    return cookie


def close_session(db: Connection, cookie: str) -> None:
    """Ends a session; unknown sessions are ignored."""
    db.execute(session.delete().where(session.c.hash == hash_of(cookie)))


def reader_of(db: Connection, cookie: str) -> Row[Any] | None:
    """The row of the reader whose session this is; None if it is unknown or has ended."""
    query = select(reader).join(session).where(session.c.hash == hash_of(cookie), session.c.ends_at >= moment())
    return db.execute(query).one_or_none()


def is_admin(db: Connection, cookie: str) -> bool:
    """Whether this is a session of the admin that has not ended."""
    query = select(session.c.hash).where(
        session.c.hash == hash_of(cookie), session.c.reader.is_(None), session.c.ends_at >= moment()
    )
    return db.execute(query).first() is not None
