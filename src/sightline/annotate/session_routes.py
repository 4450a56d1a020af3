"""A reader's session: opening and closing it, enrolment with consent, language, withdrawal."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from sightline.annotate import messages
from sightline.annotate.access import READER_LINK, Cookies, opened_session
from sightline.annotate.page_files import consent_texts
from sightline.annotate.refusals import REFUSALS, Refused, no_session
from sightline.annotate.security import Limits, csrf_of
from sightline.annotate.sessions import READER_LASTS
from sightline.annotate.store import Store


def router(
    store: Store,
    cookies: Cookies,
    limits: Limits,
    reader: Callable[..., Row[Any]],
    contact: str,
    tool_version: str,
) -> APIRouter:
    """The routes under /api/session, and /api/enrolment, /api/language and /api/withdrawal.

    `reader`: the dependency that gives the reader's row; `contact`: whom readers may ask.
    """
    routes = APIRouter(responses=REFUSALS)
    texts = consent_texts()
    Reader = Annotated[Row[Any], Depends(reader)]

    def session_of(row: Row[Any], cookie: str) -> messages.Session:
        return messages.Session(
            reader=row.reader,
            csrf=csrf_of(cookie),
            enrolled=row.enrolled_at is not None,
            language=row.language,
            contact=contact,
            tool_version=tool_version,
            professions=list(messages.PROFESSIONS),
        )

    def consent_text(language: str) -> dict[str, str]:
        if language not in texts:
            raise Refused(422, "malformed", f"language: expected one of {', '.join(sorted(texts))}")
        return texts[language]

    @routes.post("/api/session")
    def open_session(sent: messages.Knock, request: Request, response: Response) -> messages.Session:
        cookie = opened_session(
            request, limits, lambda: store.open_session(sent.token), "invalid_token", "this link is not valid"
        )
        cookies.set(response, cookies.reader, cookie, READER_LASTS)
        row = store.reader_of(cookie)
        if row is None:
            raise no_session(READER_LINK)
        return session_of(row, cookie)

    @routes.get("/api/session")
    def current_session(request: Request, row: Reader) -> messages.Session:
        return session_of(row, request.cookies[cookies.reader])

    @routes.delete("/api/session", status_code=204)
    def close_session(request: Request, response: Response, row: Reader) -> None:  # noqa: ARG001
        store.close_session(request.cookies[cookies.reader])
        cookies.drop(response, cookies.reader)

    @routes.post("/api/enrolment")
    def enrol(sent: messages.Enrolment, request: Request, row: Reader) -> messages.Session:
        text = consent_text(sent.language)
        if text["version"] != sent.consent_version:
            raise Refused(409, "consent_changed", "the consent text has changed; reload the page and read it again")
        facts = {"profession": sent.profession, "years": sent.years, "language": sent.language}
        if not store.enrol(row.reader, sent.name.strip(), sent.email, facts, text):
            raise Refused(409, "already_enrolled", "you have already enrolled")
        cookie = request.cookies[cookies.reader]
        changed = store.reader_of(cookie)
        return session_of(changed if changed is not None else row, cookie)

    @routes.put("/api/language", status_code=204)
    def choose_language(sent: messages.ChosenLanguage, row: Reader) -> None:
        consent_text(sent.language)
        store.choose_language(row.reader, sent.language)

    @routes.post("/api/withdrawal", status_code=204)
    def withdraw(sent: messages.Withdrawal, response: Response, row: Reader) -> None:  # noqa: ARG001
        store.withdraw(row.reader)
        cookies.drop(response, cookies.reader)

    return routes
