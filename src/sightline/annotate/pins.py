"""PINs that reopen a locked session, in the caller's transaction; only their salted scrypt hash is stored.

A PIN is short, so the tries are limited for each reader: after MAX_FAILURES wrong ones only the personal link opens.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from sqlalchemy import Connection, Row, select

from sightline.annotate.schema import pin

MAX_FAILURES = 5


def keep_pin(db: Connection, pseudonym: str, chosen: str | None) -> None:
    """Stores the reader's PIN in place of an earlier one; none for None."""
    db.execute(pin.delete().where(pin.c.reader == pseudonym))
    if chosen is not None:
        salt = secrets.token_hex(16)
        db.execute(pin.insert().values(reader=pseudonym, salt=salt, hash=_scrypt(chosen, salt), failures=0))


def has_tries(db: Connection, pseudonym: str) -> bool:
    """Whether the reader has a PIN that may still be tried."""
    return db.scalar(select(pin.c.failures).where(pin.c.reader == pseudonym, pin.c.failures < MAX_FAILURES)) is not None


def begin_try(db: Connection, pseudonym: str) -> Row[Any] | None:
    """Counts a try as failed before it is checked, and gives the row of the PIN; None without a try left.

    Counted first: tries at the same moment are then all counted.
    """
    row = db.execute(select(pin).where(pin.c.reader == pseudonym, pin.c.failures < MAX_FAILURES)).one_or_none()
    if row is not None:
        db.execute(pin.update().where(pin.c.reader == pseudonym).values(failures=row.failures + 1))
    return row


def forget_failures(db: Connection, pseudonym: str) -> None:
    """Gives the reader all tries again."""
    db.execute(pin.update().where(pin.c.reader == pseudonym).values(failures=0))


def is_right(row: Row[Any], sent: str) -> bool:
    """Whether `sent` is the PIN of this row; takes tens of milliseconds, so call it outside a transaction."""
    return secrets.compare_digest(_scrypt(sent, row.salt), row.hash)


def _scrypt(chosen: str, salt: str) -> str:
    return hashlib.scrypt(chosen.encode(), salt=bytes.fromhex(salt), n=2**14, r=8, p=1).hex()
