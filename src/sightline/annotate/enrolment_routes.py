"""Coming into the study and leaving it: enrolment, consent to a new text, withdrawal."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from sightline.annotate import messages, replies
from sightline.annotate.access import READER_LINK, Cookies
from sightline.annotate.page_files import text_in
from sightline.annotate.refusals import REFUSALS, Refused, no_session
from sightline.annotate.session_message import SessionMessage
from sightline.annotate.store import Store


def router(store: Store, cookies: Cookies, reader: Callable[..., Row[Any]], message: SessionMessage) -> APIRouter:
    """The routes /api/enrolment, /api/consent and /api/withdrawal.

    `reader`: the dependency that gives the reader's row.
    """
    routes = APIRouter(responses=REFUSALS)
    Reader = Annotated[Row[Any], Depends(reader)]

    def told(request: Request) -> replies.Session:
        cookie = request.cookies[cookies.reader]
        row = store.reader_of(cookie)
        if row is None:
            raise no_session(READER_LINK)
        return message(row, cookie)

    @routes.post("/api/enrolment")
    def enrol(sent: messages.Enrolment, request: Request, row: Reader) -> replies.Session:
        text = _as_shown(sent.language, sent.consent_version)
        facts = {"profession": sent.profession, "years": sent.years, "language": sent.language}
        if not store.enrol(row.reader, sent.name.strip(), sent.email, facts, text, sent.pin):
            raise Refused(409, "already_enrolled", "you have already enrolled")
        return told(request)

    @routes.post("/api/consent")
    def consent(sent: messages.AcceptedConsent, request: Request, row: Reader) -> replies.Session:
        if row.enrolled_at is None:
            raise Refused(403, "not_enrolled", "say who you are and consent first")
        store.accept_consent(row.reader, _as_shown(sent.language, sent.consent_version))
        return told(request)

    @routes.post("/api/withdrawal", status_code=204)
    def withdraw(sent: messages.Withdrawal, response: Response, row: Reader) -> None:  # noqa: ARG001
        store.withdraw(row.reader)
        cookies.drop(response, cookies.reader)

    return routes


def _as_shown(language: str, version: str) -> dict[str, str]:
    """The consent text in a language; refused if the page showed another version."""
    text = text_in(language)
    if text["version"] != version:
        raise Refused(409, "consent_changed", "the consent text has changed; reload the page and read it again")
    return text
