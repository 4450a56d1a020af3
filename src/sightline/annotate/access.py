"""Who is asking: cookies, the limits on failed and on frequent requests, and FastAPI dependencies that check a session.

A dependency is a function built here, not a method, because a cookie's name follows from how the page is served.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Cookie, Depends, Header, Request, Response
from sqlalchemy import Row

from sightline.annotate.codes import Code
from sightline.annotate.refusals import Refused, no_session, too_many
from sightline.annotate.security import Limits, hash_of, is_csrf
from sightline.annotate.store import Store

READER_LINK, ADMIN_LINK = "your personal link", "the admin link"


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
        """Takes the cookie away from the browser."""
        response.delete_cookie(name, httponly=True, samesite="strict", secure=self.is_https)


def opened_session(request: Request, limits: Limits, opened: Callable[[], str | None], code: Code, message: str) -> str:
    """The cookie of the session that `opened` opens.

    Refused with `code` and `message` if `opened` returns None, and without a try if too many tries from this network
    address have failed.
    """
    address = request.client.host if request.client else ""
    if limits.failures.is_spent(address):
        raise too_many("too many wrong links from this address; wait a few minutes")
    cookie = opened()
    if cookie is None:
        limits.failures.allows(address)
        raise Refused(401, code, message)
    return cookie


def reader_access(store: Store, cookies: Cookies, limits: Limits) -> Callable[..., Row[Any]]:
    """A dependency: the row of the reader whose session the request belongs to."""

    def this_reader(
        request: Request,
        cookie: Annotated[str | None, Cookie(alias=cookies.reader)] = None,
        sent: Annotated[str | None, Header(alias="X-CSRF-Token")] = None,
    ) -> Row[Any]:
        row = store.reader_of(_checked(request, limits, cookie, sent, READER_LINK))
        if row is None:
            raise no_session(READER_LINK)
        return row

    return this_reader


def enrolled_access(reader: Callable[..., Row[Any]]) -> Callable[..., Row[Any]]:
    """A dependency: the reader's row that the dependency `reader` gives, refused before enrolment."""

    def enrolled_reader(row: Annotated[Row[Any], Depends(reader)]) -> Row[Any]:
        if row.enrolled_at is None:
            raise Refused(403, "not_enrolled", "say who you are and consent first")
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
