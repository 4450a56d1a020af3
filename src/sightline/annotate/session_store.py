"""The part of the store that knows who may come in: links, sessions, PINs, consent; one transaction per method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from sightline.annotate import consents, log, pins, sessions
from sightline.annotate.schema import person, reader
from sightline.annotate.sessions import Stay, moment
from sightline.annotate.transactions import Transactions


class SessionStore(Transactions):
    """Links, sessions, PINs and consent of a store."""

    def admin_secret(self, renew: bool) -> str | None:
        """A new admin secret if there is none yet or with `renew`, else None; only its hash is stored."""
        with self._writing() as db:
            return sessions.new_admin_secret(db, renew)

    # opening and closing

    def open_session(self, token: str, lasts: timedelta = Stay.lasts) -> str | None:
        """The cookie of a new session of the reader whose link has this token; None for an unknown token.

        LinkEnded past the link's end. An unknown token takes no write lock: guessing holds nobody up.
        """
        with self._reading() as db:
            if sessions.reader_with(db, token) is None:
                return None
        with self._writing() as db:
            pseudonym = sessions.reader_with(db, token)
            if pseudonym is None:
                return None
            log.append(db, pseudonym, "sign-in")
            return sessions.open_reader_session(db, pseudonym, lasts)

    def open_admin_session(self, sent: str) -> str | None:
        """The cookie of a new admin session; None for a wrong secret."""
        with self._reading() as db:
            if not sessions.is_admin_secret(db, sent):
                return None
        with self._writing() as db:
            if not sessions.is_admin_secret(db, sent):
                return None
            log.append(db, log.ADMIN, "sign-in")
            return sessions.open_admin_session(db)

    def close_session(self, cookie: str) -> None:
        """Ends a session; unknown sessions are ignored."""
        with self._writing() as db:
            sessions.close_session(db, cookie)

    def sign_out_everywhere(self, pseudonym: str) -> int | None:
        """Ends all sessions of a reader and returns their number; None for an unknown reader or one who withdrew."""
        with self._writing() as db:
            if not _is_here(db, pseudonym):
                return None
            log.append(db, log.ADMIN, "sign-out by admin", pseudonym)
            return sessions.close_sessions(db, pseudonym)

    def revoke(self, pseudonym: str) -> int | None:
        """As `sign_out_everywhere`; the personal link ends too."""
        with self._writing() as db:
            if not _is_here(db, pseudonym):
                return None
            sessions.end_link(db, pseudonym)
            log.append(db, log.ADMIN, "revocation", pseudonym)
            return sessions.close_sessions(db, pseudonym)

    # asking

    def reader_of(self, cookie: str) -> Row[Any] | None:
        """The row of the reader whose session this is, None if it has ended; see `sessions.reader_of`."""
        with self._reading() as db:
            return sessions.reader_of(db, cookie)

    def withdrawn_reader_of(self, cookie: str) -> str | None:
        """The reader whose withdrawal ended this session; None if none did."""
        with self._reading() as db:
            return sessions.withdrawn_reader_of(db, cookie)

    def is_admin(self, cookie: str) -> bool:
        """Whether this is a session of the admin that has not ended."""
        with self._reading() as db:
            return sessions.is_admin(db, cookie)

    def access_rows(self) -> list[dict[str, Any]]:
        """Who can come in: of each reader the link's end and the open sessions, in order of invitation."""
        with self._reading() as db:
            rows = db.execute(select(reader).order_by(reader.c.invited_at, reader.c.reader)).all()
            begun = sessions.open_sessions(db)
        now = moment()
        return [
            {
                "reader": row.reader,
                "enrolled": row.enrolled_at is not None,
                "withdrawn": row.withdrawn_at is not None,
                "link_ends_at": row.link_ends_at,
                "link_open": row.token_hash is not None and (row.link_ends_at is None or row.link_ends_at >= now),
                "sessions": [
                    {
                        "begun_at": one.begun_at,
                        "used_at": one.used_at or one.begun_at,
                        "ends_at": one.ends_at,
                        "locked": one.locked_at is not None,
                    }
                    for one in begun
                    if one.reader == row.reader
                ],
            }
            for row in rows
        ]

    # the log

    def note(self, who: str, what: log.What, detail: str = "") -> None:
        """Appends a line to the log; see `log.append`."""
        with self._writing() as db:
            log.append(db, who, what, detail)

    def log_lines(self, limit: int | None) -> Sequence[Row[Any]]:
        """The newest lines of the log, newest first; see `log.newest`."""
        with self._reading() as db:
            return log.newest(db, limit)

    # the lock

    def note_use(self, cookie: str) -> None:
        """Stores that a session is used now."""
        with self._writing() as db:
            sessions.note_use(db, cookie)

    def lock(self, cookie: str) -> None:
        """Locks a session until its PIN or the personal link opens it."""
        with self._writing() as db:
            sessions.set_locked(db, cookie, locked=True)

    def has_pin(self, pseudonym: str) -> bool:
        """Whether the reader has a PIN with tries left."""
        with self._reading() as db:
            return pins.has_tries(db, pseudonym)

    def unlock(self, cookie: str, pseudonym: str, sent: str) -> bool | None:
        """Opens the reader's locked session if `sent` is the PIN; None without a PIN, or without a try left."""
        with self._writing() as db:
            row = pins.begin_try(db, pseudonym)
        if row is None:
            return None
        if not pins.is_right(row, sent):
            return False
        with self._writing() as db:
            pins.forget_failures(db, pseudonym)
            sessions.set_locked(db, cookie, locked=False)
        return True

    # enrolment and consent

    def enrol(
        self,
        pseudonym: str,
        name: str,
        email: str | None,
        facts: Mapping[str, Any],
        consent_text: Mapping[str, str],
        pin: str | None = None,
    ) -> bool:
        """Stores who the reader is and the consent; False, and nothing stored, if the reader has already enrolled.

        `facts`: profession, years, language; `consent_text`: version, language and text as shown; `pin`: reopens a
        locked session.
        """
        with self._writing() as db:
            changed = db.execute(
                reader.update()
                .where(reader.c.reader == pseudonym, reader.c.enrolled_at.is_(None), reader.c.withdrawn_at.is_(None))
                .values(enrolled_at=moment(), **facts)
            )
            if not changed.rowcount:
                return False
            consents.accept(db, pseudonym, consent_text)
            pins.keep_pin(db, pseudonym, pin)
            db.execute(person.update().where(person.c.reader == pseudonym).values(name=name, email=email))
        return True

    def accept_consent(self, pseudonym: str, consent_text: Mapping[str, str]) -> None:
        """Stores that an enrolled reader accepts a version of the consent; see `consents.accept`."""
        with self._writing() as db:
            consents.accept(db, pseudonym, consent_text)


def _is_here(db: Connection, pseudonym: str) -> bool:
    """Whether there is such a reader, who has not withdrawn."""
    here = reader.c.reader == pseudonym, reader.c.withdrawn_at.is_(None)
    return "\0" not in pseudonym and db.execute(select(reader.c.reader).where(*here)).first() is not None
