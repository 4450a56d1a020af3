"""The page's server: one FastAPI application over a store, the study's images and the page's files.

A reader's cookie opens that reader's tasks and images and nothing else; nothing in a request becomes a path. The routes
are in the modules whose names end in _routes; access.py decides who may use them. These modules do without postponed
annotations: FastAPI evaluates annotations, and theirs name local types.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI

from sightline.annotate import (
    admin_access_routes,
    admin_desk_routes,
    admin_image_routes,
    admin_routes,
    branch_routes,
    companion_routes,
    enrolment_routes,
    image_routes,
    reading_routes,
    session_routes,
)
from sightline.annotate.access import Cookies, admin_access, enrolled_access, reader_access, visitor_access
from sightline.annotate.companions import Companions
from sightline.annotate.health import Health
from sightline.annotate.images import Pictures
from sightline.annotate.page_files import consent_texts, serve_page
from sightline.annotate.refusals import answer_refusals
from sightline.annotate.security import Guard, Limits
from sightline.annotate.session_message import session_message
from sightline.annotate.sessions import Stay
from sightline.annotate.store import Store

TOOL_VERSION = version("sightline")
"""Of the installed package; stored with every answer."""


def create_app(
    store: Store,
    pictures: Pictures,
    overview: Callable[[], dict[str, Any]],
    contact: str = "",
    is_https: bool = False,
    hosts: Set[str] | None = None,
    limits: Limits | None = None,
    health: Health | None = None,
    stay: Stay | None = None,
    findings: tuple[str, ...] = (),
    asks_comment: bool = False,
    companions: Companions | None = None,
    desk: admin_desk_routes.Desk | None = None,
    shows_others: bool = False,
) -> FastAPI:
    """The application.

    `overview`: what the admin's page shows; `contact`: whom readers may ask; `is_https`: cookies are sent over TLS
    only; `hosts`: the host names that are answered, None for any; `limits`: None for the default ones; `health`: of the
    store's disk and backups, which the admin's page shows too;
    `stay`: how long sessions stay open; `findings`: that readers are asked about; `asks_comment`: whether they may
    comment; `companions`: films beside the images; `desk`: what the coordinator's desk needs to know, None for no desk;
    `shows_others`: whether a second round shows the other readers' outlines.
    """
    app = FastAPI(
        title="Sightline annotation",
        version=TOOL_VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.add_middleware(Guard, is_https=is_https, hosts=hosts)  # type: ignore[arg-type]
    health = health or Health()
    answer_refusals(app, health.is_full)
    limits = limits or Limits()
    cookies = Cookies(is_https)
    stay = stay or Stay()
    versions = {text["version"] for text in consent_texts().values()}
    visitor = visitor_access(store, cookies, limits)
    reader = reader_access(store, cookies, stay.lock_after, visitor)
    enrolled = enrolled_access(reader, versions)
    admin = admin_access(store, cookies, limits)
    message = session_message(store, contact, TOOL_VERSION, stay.lock_after, versions)
    app.include_router(session_routes.router(store, cookies, limits, visitor, reader, message, contact, stay.lasts))
    app.include_router(enrolment_routes.router(store, cookies, reader, message))
    app.include_router(
        reading_routes.router(store, pictures, enrolled, TOOL_VERSION, findings, asks_comment, companions, shows_others)
    )
    app.include_router(branch_routes.router(store, pictures, enrolled, findings))
    app.include_router(image_routes.router(store, pictures, enrolled))
    app.include_router(companion_routes.router(store, companions, enrolled))
    app.include_router(admin_routes.router(store, cookies, limits, admin, overview, health.report))
    app.include_router(admin_access_routes.router(store, admin))
    if desk is not None:
        app.include_router(admin_desk_routes.router(store, pictures, admin, desk, overview))
        app.include_router(admin_image_routes.router(store, pictures, admin, desk.plan))
    serve_page(app)
    return app
