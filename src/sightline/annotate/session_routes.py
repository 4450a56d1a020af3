"""A reader's session: opening, closing, locking and reopening it, and the language of its page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from sightline.annotate import messages, replies
from sightline.annotate.access import FORGET_IMAGES, READER_LINK, Cookies, opened_session
from sightline.annotate.page_files import text_in
from sightline.annotate.refusals import REFUSALS, Refused, no_session
from sightline.annotate.security import Limits
from sightline.annotate.session_message import SessionMessage
from sightline.annotate.sessions import LinkEnded
from sightline.annotate.store import Store


def router(
    store: Store,
    cookies: Cookies,
    limits: Limits,
    visitor: Callable[..., Row[Any]],
    reader: Callable[..., Row[Any]],
    message: SessionMessage,
    contact: str,
    lasts: timedelta,
) -> APIRouter:
    """The routes under /api/session, and /api/language.

    `visitor` and `reader`: the dependencies that give the reader's row, the first also while the session is locked;
    `contact`: whom readers may ask; `lasts`: how long a session stays open.
    """
    routes = APIRouter(responses=REFUSALS)
    Visitor = Annotated[Row[Any], Depends(visitor)]
    Reader = Annotated[Row[Any], Depends(reader)]

    def told(cookie: str) -> replies.Session:
        row = store.reader_of(cookie)
        if row is None:
            raise no_session(READER_LINK)
        return message(row, cookie)

    @routes.post("/api/session")
    def open_session(sent: messages.Knock, request: Request, response: Response) -> replies.Session:
        def opened() -> str | None:
            return store.open_session(sent.token, lasts)

        def failed() -> None:
            store.note("none", "failed sign-in", "reader")

        try:
            cookie = opened_session(request, limits, opened, "invalid_token", "this link is not valid", failed)
        except LinkEnded:
            raise Refused(401, "link_ended", "this link has expired; ask for a new one", contact=contact) from None
        before = request.cookies.get(cookies.reader)
        if before:  # another reader's, perhaps, who has left this device without signing out
            store.close_session(before)
        cookies.set(response, cookies.reader, cookie, lasts)
        return told(cookie)

    @routes.get("/api/session")
    def current_session(request: Request, row: Reader) -> replies.Session:
        return message(row, request.cookies[cookies.reader])

    @routes.delete("/api/session", status_code=204)
    def close_session(request: Request, response: Response, row: Visitor) -> None:  # noqa: ARG001
        store.close_session(request.cookies[cookies.reader])
        cookies.drop(response, cookies.reader)

    @routes.post("/api/session/lock", status_code=204)
    def lock(request: Request, response: Response, row: Visitor) -> None:  # noqa: ARG001
        store.lock(request.cookies[cookies.reader])
        response.headers.update(FORGET_IMAGES)

    @routes.post("/api/session/unlock")
    def unlock(sent: messages.SentPin, request: Request, row: Visitor) -> replies.Session:
        cookie = request.cookies[cookies.reader]
        is_right = store.unlock(cookie, row.reader, sent.pin)
        if is_right is None:
            raise Refused(409, "no_pin", "no PIN opens this session any more; open your personal link")
        if not is_right:
            raise Refused(409, "wrong_pin", "this is not the PIN", pin=store.has_pin(row.reader))
        return told(cookie)

    @routes.put("/api/language", status_code=204)
    def choose_language(sent: messages.ChosenLanguage, row: Reader) -> None:
        text_in(sent.language)
        store.choose_language(row.reader, sent.language)

    return routes
