"""What the page learns of a reader's session."""

from __future__ import annotations

from collections.abc import Callable, Set
from datetime import timedelta
from typing import Any

from sqlalchemy import Row

from sightline.annotate import messages, replies
from sightline.annotate.security import csrf_of
from sightline.annotate.store import Store

SessionMessage = Callable[[Row[Any], str], replies.Session]


def session_message(
    store: Store, contact: str, tool_version: str, lock_after: timedelta | None, consent_versions: Set[str]
) -> SessionMessage:
    """A function: the reader's row and the session's cookie -> the message.

    `contact`: whom readers may ask; `consent_versions`: of the consent as it is now.
    """

    def message(row: Row[Any], cookie: str) -> replies.Session:
        return replies.Session(
            reader=row.reader,
            csrf=csrf_of(cookie),
            enrolled=row.enrolled_at is not None,
            language=row.language,
            contact=contact,
            tool_version=tool_version,
            professions=list(messages.PROFESSIONS),
            consent_needed=row.enrolled_at is not None and row.consent_version not in consent_versions,
            pin=store.has_pin(row.reader),
            lock_seconds=lock_after.total_seconds() if lock_after is not None else None,
        )

    return message
