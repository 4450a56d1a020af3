"""Who is asking: cookies, the limits on failed and on frequent requests, and FastAPI dependencies that check a session.

A dependency is a function built here, not a method, because a cookie's name follows from how the page is served.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Cookie, Depends, Header, Request, Response
from sqlalchemy import Row

from sightline.annotate.codes import Code
from sightline.annotate.refusals import Refused, no_session, too_many
from sightline.annotate.security import Limits, csrf_of, hash_of, is_csrf
from sightline.annotate.sessions import NOTED_EVERY, is_locked, moment
from sightline.annotate.store import Store

READER_LINK, ADMIN_LINK = "your personal link", "the admin link"
FORGET_IMAGES = {"clear-site-data": '"cache"'}
"""Makes the browser drop the X-rays that it has kept. Not "storage": it holds strokes that the server still lacks."""


@dataclass(frozen=True)
class Cookies:
    """The names of the session cookies, and how they are set."""

    is_https: bool
    """Cookies are sent over TLS only, which their names tell the browser to enforce."""

    @property
    def reader(self) -> str:
        """Name of the reader's cookie."""
        return self._name("reader")

    @property
    def admin(self) -> str:
        """Name of the admin's cookie."""
        return self._name("admin")

    def _name(self, kind: str) -> str:
        return f"__Host-{kind}" if self.is_https else kind

    def set(self, response: Response, name: str, cookie: str, lasts: timedelta) -> None:
        """Gives the browser a cookie that no script can read and no other site can use."""
        seconds = int(lasts.total_seconds())
        response.set_cookie(
            name, cookie, max_age=seconds, httponly=True, samesite="strict", secure=self.is_https, path="/"
        )

    def drop(self, response: Response, name: str) -> None:
        """Takes the cookie and the cached images away from the browser."""
        response.delete_cookie(name, httponly=True, samesite="strict", secure=self.is_https)
        response.headers.update(FORGET_IMAGES)


def opened_session(
    request: Request,
    limits: Limits,
    opened: Callable[[], str | None],
    code: Code,
    message: str,
    failed: Callable[[], None],
) -> str:
    """The cookie of the session that `opened` opens.

    Refused with `code` and `message` if `opened` returns None, and with another code once many tries from this network
    address have failed. `failed` is called for each failure before that: it notes them, and guessing must not fill
    the disk. A right secret opens all the same: many readers may share one address, and no number of tries
    guesses 128 random bits.
    """
    cookie = opened()
    if cookie is not None:
        return cookie
    if not limits.failures.allows(request.client.host if request.client else ""):
        raise too_many("too many wrong links from this address; wait a few minutes")
    failed()
    raise Refused(401, code, message)


def visitor_access(store: Store, cookies: Cookies, limits: Limits) -> Callable[..., Row[Any]]:
    """A dependency: the row of `sessions.reader_of` for the session of the request, which may be locked."""

    def this_visitor(
        request: Request,
        cookie: Annotated[str | None, Cookie(alias=cookies.reader)] = None,
        sent: Annotated[str | None, Header(alias="X-CSRF-Token")] = None,
    ) -> Row[Any]:
        cookie = _checked(request, limits, cookie, sent, READER_LINK)
        row = store.reader_of(cookie)
        if row is None:
            withdrawn = store.withdrawn_reader_of(cookie)
            if withdrawn is not None:
                raise Refused(401, "withdrawn", "you have withdrawn from the study", reader=withdrawn)
            raise no_session(READER_LINK)
        return row

    return this_visitor


def reader_access(
    store: Store, cookies: Cookies, lock_after: timedelta | None, visitor: Callable[..., Row[Any]]
) -> Callable[..., Row[Any]]:
    """A dependency: the row that the dependency `visitor` gives, refused while the session is locked.

    The use is stored, at most once a minute.
    """

    def this_reader(request: Request, row: Annotated[Row[Any], Depends(visitor)]) -> Row[Any]:
        cookie = request.cookies[cookies.reader]
        if is_locked(row, lock_after):
            raise Refused(
                423,
                "locked",
                "this session is locked; open it with your PIN or your personal link",
                reader=row.reader,
                csrf=csrf_of(cookie),
                pin=store.has_pin(row.reader),
            )
        if row.used_at < moment(-NOTED_EVERY):
            store.note_use(cookie)
        return row

    return this_reader


def enrolled_access(reader: Callable[..., Row[Any]], consent_versions: Set[str]) -> Callable[..., Row[Any]]:
    """A dependency: the reader's row that the dependency `reader` gives.

    Refused before enrolment, and until the reader has accepted the consent as it is now (`consent_versions`).
    """

    def enrolled_reader(row: Annotated[Row[Any], Depends(reader)]) -> Row[Any]:
        if row.enrolled_at is None:
            raise Refused(403, "not_enrolled", "say who you are and consent first")
        if row.consent_version not in consent_versions:
            raise Refused(403, "consent_needed", "the consent text has changed; read and accept it first")
        return row

    return enrolled_reader


def admin_access(store: Store, cookies: Cookies, limits: Limits) -> Callable[..., str]:
    """A dependency: the cookie of the admin session that the request belongs to."""

    def this_admin(
        request: Request,
        cookie: Annotated[str | None, Cookie(alias=cookies.admin)] = None,
        sent: Annotated[str | None, Header(alias="X-CSRF-Token")] = None,
    ) -> str:
        cookie = _checked(request, limits, cookie, sent, ADMIN_LINK)
        if not store.is_admin(cookie):
            raise no_session(ADMIN_LINK)
        return cookie

    return this_admin


def _checked(request: Request, limits: Limits, cookie: str | None, sent: str | None, link: str) -> str:
    """The cookie, if there is one, it is not used too often, and a request that changes something has its token."""
    if not cookie:
        raise no_session(link)
    if not limits.requests.allows(hash_of(cookie)):  # hashed: an invented cookie may be long, and is kept for a while
        raise too_many("too many requests; wait a moment")
    if request.method not in ("GET", "HEAD") and not (sent and is_csrf(cookie, sent)):
        raise Refused(403, "csrf", "the header X-CSRF-Token is missing or belongs to another session; reload the page")
    return cookie
