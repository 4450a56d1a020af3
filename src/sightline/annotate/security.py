"""Tokens, limits on the rate of requests, and the guard in front of every request.

A token is 128 random bits or more, and only its SHA-256 is stored: what cannot be guessed needs no slow hash.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sightline.annotate.codes import Code

MAX_BODY = 4 * 2**20  # bytes; a mask of a 3,000 x 3,000 image with a ragged outline takes about 100 kB
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def new_token() -> str:
    """A random token of 128 bits, safe in a URL."""
    return secrets.token_urlsafe(16)


def hash_of(token: str) -> str:
    """The hash of a token, which is all that is stored: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def csrf_of(cookie: str) -> str:
    """The token that the page must send with every request that changes something; derived from the cookie."""
    return hashlib.sha256(b"csrf:" + cookie.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def is_csrf(cookie: str, sent: str) -> bool:
    """Whether `sent` is the token of this session, compared in constant time."""
    return secrets.compare_digest(csrf_of(cookie).encode(), sent.encode("utf-8", "surrogatepass"))


class Limiter:
    """Allows each key `burst` actions at once and then `per_second`; forgotten when the process ends."""

    def __init__(self, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._clock = burst, per_second, clock
        self._left: dict[str, tuple[float, float]] = {}  # key -> actions left, and when that was
        self._lock = threading.Lock()

    def allows(self, key: str) -> bool:
        """Whether `key` may act now; if so, the action is counted."""
        with self._lock:
            now = self._clock()
            left, then = self._left.get(key, (self._burst, now))
            left = min(self._burst, left + (now - then) * self._rate)
            if left < 1:
                self._left[key] = (left, now)
                return False
            self._left[key] = (left - 1, now)
            if len(self._left) > 10_000:  # a key that has its full burst again need not be kept
                full = [k for k, (n, at) in self._left.items() if n + (now - at) * self._rate >= self._burst]
                for old in full:
                    del self._left[old]
            return True

    def is_spent(self, key: str) -> bool:
        """Whether `key` may not act now; nothing is counted."""
        with self._lock:
            left, then = self._left.get(key, (self._burst, self._clock()))
            return min(self._burst, left + (self._clock() - then) * self._rate) < 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits on the rate of requests; the page itself stays far below them."""

    failures: Limiter = field(default_factory=lambda: Limiter(burst=10, per_second=1 / 30))
    """Wrong tokens and secrets, per network address."""
    requests: Limiter = field(default_factory=lambda: Limiter(burst=100, per_second=20))
    """All requests, per session."""


class Guard:
    """Refuses unknown host names, requests from other sites and large bodies; adds the security headers."""

    def __init__(self, app: ASGIApp, is_https: bool, hosts: Set[str] | None) -> None:
        """`hosts`: the host names that are answered, None for any. Without this check, another site could point its
        name at this server, and its pages would count as ours (DNS rebinding)."""
        self._app = app
        self._hosts = hosts
        self._headers = dict(HEADERS)
        if is_https:
            self._headers["strict-transport-security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        is_begun = False

        async def with_headers(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                present = {name.lower() for name, _ in message["headers"]}
                for name, value in self._headers.items():
                    if name.encode() not in present:
                        message["headers"].append((name.encode(), value.encode()))
                if scope["path"].startswith("/api/") and b"cache-control" not in present:
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if self._hosts is not None and host not in self._hosts and host.rpartition(":")[0] not in self._hosts:
            await _refuse(with_headers, 400, "unknown_host", "this page is not served under that host name")
            return
        if scope["method"] in UNSAFE and not _is_same_origin(headers):
            await _refuse(with_headers, 403, "cross_site", "this request came from another site")
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 12 or int(length) > MAX_BODY:
            await _refuse(with_headers, 413, "too_large", f"more than {MAX_BODY} bytes")
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MAX_BODY:
                await _refuse(with_headers, 413, "too_large", f"more than {MAX_BODY} bytes")
                return
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        try:
            await self._app(scope, replay, with_headers)
        except Exception:
            if not is_begun:  # the framework's own answer would be text, and without the headers
                await _refuse(with_headers, 500, "failed", "the server failed; its log says why")
            raise  # for the server's log


def _is_same_origin(headers: dict[str, str]) -> bool:
    """Whether the browser says that the request comes from the page; other clients send neither header."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host", "")


async def _refuse(send: Callable[[Message], Any], status: int, code: Code, message: str) -> None:
    body = json.dumps({"detail": {"code": code, "message": message}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
