"""Consent, in the caller's transaction: each text as it was shown, and each acceptance of one, append-only."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from sightline.annotate.schema import acceptance, consent, reader
from sightline.annotate.sessions import moment


def accept(db: Connection, pseudonym: str, text: Mapping[str, str]) -> None:
    """Stores that the reader accepts a text, and the text unless it is known; accepting it again changes nothing.

    `text`: version, language and text as shown. The reader's row names the version accepted last.
    """
    version, language = text["version"], text["language"]
    if not db.execute(select(consent).where(consent.c.version == version, consent.c.language == language)).first():
        db.execute(consent.insert().values(version=version, language=language, text=text["text"]))
    known = acceptance.c.reader == pseudonym, acceptance.c.version == version
    if not db.execute(select(acceptance).where(*known)).first():
        row = {"reader": pseudonym, "version": version, "language": language, "accepted_at": moment()}
        db.execute(acceptance.insert().values(row))
    db.execute(
        reader.update().where(reader.c.reader == pseudonym).values(consent_version=version, consent_language=language)
    )
